//! When work arrives: a Poisson process whose rate follows the hour, the day and chance.
//!
//! Time is cut into ticks of a second, counted from the anchor. What arrives in a tick depends on the seed and the
//! tick's number alone, so a generator may begin anywhere and still agree with every other.

use std::f64::consts::TAU;

use fastrand::Rng;
use highwater_engine::Timestamp;

const TICK_MICROS: i64 = 1_000_000;

/// The arrivals, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    seed: u64,
    anchor: i64,
    /// the tick under way, counted from the anchor
    tick: i64,
    /// microseconds into the tick, where the last arrival was
    into: f64,
    /// arrivals in a microsecond of this tick
    rate: f64,
    rng: Rng,
}

impl Arrivals {
    /// Arrivals from the beginning of the tick that holds `start`, at no rate yet: see [`Arrivals::next`].
    pub(super) fn new(seed: u64, anchor: Timestamp, start: Timestamp) -> Self {
        let since = start.as_micros().saturating_sub(anchor.as_micros());
        let tick = since.div_euclid(TICK_MICROS) - 1;
        Arrivals { seed, anchor: anchor.as_micros(), tick, into: 0.0, rate: 0.0, rng: Rng::with_seed(seed) }
    }

    /// The next arrival. At the beginning of each tick `rate` says how many are to be expected in a second.
    pub(super) fn next(&mut self, mut rate: impl FnMut(Timestamp) -> f64) -> Timestamp {
        loop {
            // Exponential gaps have no memory, so one that leaves the tick is dropped and thrown anew in the next.
            self.into -= (1.0 - self.rng.f64()).ln() / self.rate;
            if self.into < TICK_MICROS as f64 {
                let at = self.tick_start().as_micros() + self.into as i64;
                return Timestamp::from_micros(at);
            }
            self.tick += 1;
            self.into = 0.0;
            self.rate = rate(self.tick_start()) / TICK_MICROS as f64;
            self.rng = numbers(self.seed, self.tick);
        }
    }

    /// The random numbers of the tick under way; they decide what has arrived.
    pub(super) fn numbers(&mut self) -> &mut Rng {
        &mut self.rng
    }

    fn tick_start(&self) -> Timestamp {
        Timestamp::from_micros(self.anchor + self.tick * TICK_MICROS)
    }
}

/// Random numbers that belong to the `n`th stretch of time.
fn numbers(seed: u64, n: i64) -> Rng {
    // The odd constant (2^64 over the golden ratio) keeps neighbouring stretches' seeds far apart.
    Rng::with_seed(seed ^ (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// How busy the shop is at an instant, 1 on average: most in the afternoon (UTC), a little more in the middle of the
/// week, and by half of `noise` at most up and down by chance, from minute to minute.
pub(super) fn season(seed: u64, noise: f64, at: Timestamp) -> f64 {
    const MINUTE: f64 = 60e6;
    let minutes = at.as_micros() as f64 / MINUTE;
    let hours = minutes / 60.0;
    let daily = 0.45 * (TAU * (hours - 15.0) / 24.0).cos();
    // 1970-01-01 was a Thursday, so the first Wednesday noon is 156 hours later
    let weekly = 0.08 * (TAU * (hours - 156.0) / (7.0 * 24.0)).cos();
    let chance = |minute: i64| numbers(!seed, minute).f64() - 0.5;
    let (minute, fraction) = (minutes.floor() as i64, minutes - minutes.floor());
    let noise = noise * (chance(minute) * (1.0 - fraction) + chance(minute + 1) * fraction);
    (1.0 + daily) * (1.0 + weekly) * (1.0 + noise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_engine::{hours, minutes, seconds};

    #[test]
    fn as_many_arrive_as_the_rate_says_with_a_poisson_spread() {
        let start = Timestamp::from_millis(1_761_229_935_500);
        let mut arrivals = Arrivals::new(1, Timestamp::from_millis(7), start);
        let mut counts = vec![0_f64; 1000];
        let mut last = Timestamp::MIN;
        loop {
            let at = arrivals.next(|_| 200.0);
            assert!(at >= last);
            last = at;
            let second = (at.as_micros() - start.as_micros()).div_euclid(1_000_000);
            match second {
                ..0 => {}
                0..1000 => counts[second as usize] += 1.0,
                _ => break,
            }
        }
        let mean = counts.iter().sum::<f64>() / 1000.0;
        let variance = counts.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 1000.0;
        assert!((198.0..202.0).contains(&mean), "{mean}");
        assert!((0.85..1.15).contains(&(variance / mean)), "{variance}");
    }

    #[test]
    fn arrivals_do_not_depend_on_where_one_begins() {
        let anchor = Timestamp::from_millis(0);
        let from = |start: u64| {
            let mut arrivals = Arrivals::new(5, anchor, anchor.plus(seconds(start)));
            std::iter::repeat_with(move || arrivals.next(|_| 50.0))
                .skip_while(move |at| *at < anchor.plus(seconds(20)))
                .take(100)
                .collect::<Vec<_>>()
        };
        assert_eq!(from(3), from(17));
    }

    #[test]
    fn afternoons_are_busy_nights_are_quiet_and_the_mean_is_one() {
        let midnight: Timestamp = "2025-10-22T00:00:00Z".parse().unwrap();
        assert!(season(1, 0.08, midnight.plus(hours(15))) > 1.3);
        assert!(season(1, 0.08, midnight.plus(hours(3))) < 0.7);
        let week = 7 * 24 * 60;
        let mean = (0..week).map(|m| season(1, 0.08, midnight.plus(minutes(m)))).sum::<f64>() / week as f64;
        assert!((0.99..1.01).contains(&mean), "{mean}");
    }
}
