//! [`Tally`]: logs, errors and the sum of latencies, in 48 bytes.

use std::time::Duration;

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::{Level, Log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Ratio;

/// How many logs, how many of them errors, and what their latencies come to. The everyday aggregate of a window.
///
/// ```
/// use highwater_engine::Level;
/// use highwater_operators::Tally;
/// let mut tally = Tally::default();
/// tally.add(Level::Info, Some(1_000));
/// tally.add(Level::Error, Some(3_000));
/// tally.add(Level::Info, None);
/// assert_eq!((tally.count(), tally.errors()), (3, 1));
/// assert_eq!(tally.mean_latency().unwrap().as_micros(), 2_000); // of the two that have a latency
/// assert_eq!(tally.max_latency().unwrap().as_micros(), 3_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Logs.
    pub count: u64,
    /// Logs of level ERROR or FATAL.
    pub errors: u64,
    /// Their latencies.
    pub latency: LatencySum,
}

impl Tally {
    /// Takes one log in.
    pub fn observe(&mut self, log: &Log<'_>) {
        self.add(log.level(), log.latency_micros());
    }

    /// Takes one log in, by its level and its latency in microseconds.
    pub fn add(&mut self, level: Level, latency_micros: Option<u64>) {
        self.count = self.count.saturating_add(1);
        self.errors = self.errors.saturating_add(u64::from(level.is_error()));
        if let Some(micros) = latency_micros {
            self.latency.plus_equals(&LatencySum::of(micros));
        }
    }

    /// Logs.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Logs of level ERROR or FATAL.
    pub const fn errors(&self) -> u64 {
        self.errors
    }

    /// Errors over logs.
    pub const fn error_rate(&self) -> Ratio {
        Ratio::new(self.errors, self.count)
    }

    /// The mean of the latencies, in whole microseconds rounded down; `None` where no log had one.
    pub fn mean_latency(&self) -> Option<Duration> {
        self.latency.mean_micros().map(Duration::from_micros)
    }

    /// The greatest latency; `None` where no log had one.
    pub fn max_latency(&self) -> Option<Duration> {
        (self.latency.count > 0).then(|| Duration::from_micros(self.latency.max_micros))
    }

    /// The least latency; `None` where no log had one.
    pub fn min_latency(&self) -> Option<Duration> {
        (self.latency.count > 0).then(|| Duration::from_micros(self.latency.min_micros))
    }
}

impl IsZero for Tally {
    fn is_zero(&self) -> bool {
        self.count == 0
    }
}

impl Semigroup for Tally {
    fn plus_equals(&mut self, more: &Self) {
        self.count = self.count.saturating_add(more.count);
        self.errors = self.errors.saturating_add(more.errors);
        self.latency.plus_equals(&more.latency);
    }
}

impl Monoid for Tally {
    fn zero() -> Self {
        Tally::default()
    }
}

/// Latencies: how many, their sum, the least and the greatest. With none, every field is zero.
///
/// The sum saturates at 584 thousand years; saturating addition of unsigned numbers stays associative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct LatencySum {
    /// Logs with a latency.
    pub count: u64,
    /// All of them together, in microseconds.
    pub sum_micros: u64,
    /// The least, in microseconds.
    pub min_micros: u64,
    /// The greatest, in microseconds.
    pub max_micros: u64,
}

impl LatencySum {
    /// One latency of so many microseconds.
    pub const fn of(micros: u64) -> Self {
        LatencySum { count: 1, sum_micros: micros, min_micros: micros, max_micros: micros }
    }

    /// The mean in whole microseconds, rounded down; `None` where there is none.
    pub const fn mean_micros(&self) -> Option<u64> {
        self.sum_micros.checked_div(self.count)
    }
}

impl IsZero for LatencySum {
    fn is_zero(&self) -> bool {
        self.count == 0
    }
}

impl Semigroup for LatencySum {
    fn plus_equals(&mut self, more: &Self) {
        if self.count == 0 {
            *self = *more;
        } else if more.count > 0 {
            self.count = self.count.saturating_add(more.count);
            self.sum_micros = self.sum_micros.saturating_add(more.sum_micros);
            self.min_micros = self.min_micros.min(more.min_micros);
            self.max_micros = self.max_micros.max(more.max_micros);
        }
    }
}

impl Monoid for LatencySum {
    fn zero() -> Self {
        LatencySum::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_stays_small() {
        assert!(size_of::<Tally>() <= 48);
    }

    #[test]
    fn nothing_has_neither_mean_nor_extremes() {
        let mut tally = Tally::default();
        assert!(tally.is_zero());
        tally.add(Level::Warn, None);
        assert!(!tally.is_zero());
        assert_eq!((tally.mean_latency(), tally.min_latency(), tally.max_latency()), (None, None, None));
        assert_eq!(Tally::default().error_rate().value(), 0.0);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(logs in prop::collection::vec((0usize..6, prop::option::of(any::<u64>())), 0..40), cut in 0usize..40) {
            let tally = |logs: &[(usize, Option<u64>)]| {
                let mut tally = Tally::default();
                logs.iter().for_each(|&(level, latency)| tally.add(Level::ALL[level], latency));
                tally
            };
            let (left, right) = logs.split_at(cut.min(logs.len()));
            let (mut ab, mut ba) = (tally(left), tally(right));
            ab.plus_equals(&tally(right));
            ba.plus_equals(&tally(left));
            prop_assert_eq!(ab, tally(&logs));
            prop_assert_eq!(ba, ab);
        }
    }
}
