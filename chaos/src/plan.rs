//! [`Plan`]: what the seed decides about a run.

use std::time::Duration;

use fastrand::Rng;

/// Most workers a job is started with.
pub const MAX_WORKERS: usize = 3;

/// Logs go on for so long after the last kill, so that the last start has more to do than to catch up.
const TAIL: Duration = Duration::from_secs(5);

/// When the job is killed, how many workers it has each time, how many logs there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// From a start to a kill, in order.
    pub rounds: Vec<Round>,
    /// Workers of the last start, which is left alone.
    pub last_workers: usize,
    /// Logs produced over all rounds together and a little longer.
    pub logs: u64,
}

/// A start that ends with a kill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Worker threads.
    pub workers: usize,
    /// From the start to the kill.
    pub lifetime: Duration,
}

impl Plan {
    /// What `seed` decides.
    pub fn new(seed: u64, kills: usize, logs_per_second: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rounds: Vec<Round> = (0..kills)
            .map(|_| {
                // a third of the kills hits the start and the recovery, the others hit the work
                let millis = if rng.u8(0..3) == 0 { rng.u64(50..500) } else { rng.u64(500..3500) };
                Round { workers: rng.usize(1..=MAX_WORKERS), lifetime: Duration::from_millis(millis) }
            })
            .collect();
        let length = rounds.iter().map(|round| round.lifetime).sum::<Duration>() + TAIL;
        let logs = logs_per_second * length.as_millis() as u64 / 1000;
        Plan { rounds, last_workers: rng.usize(1..=MAX_WORKERS), logs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_its_plan() {
        assert_eq!(Plan::new(7, 50, 1000), Plan::new(7, 50, 1000));
        assert_ne!(Plan::new(7, 50, 1000), Plan::new(8, 50, 1000));
    }

    #[test]
    fn kills_hit_the_start_and_the_work_with_every_width() {
        let Plan { rounds, .. } = Plan::new(1, 100, 1000);
        assert!(rounds.iter().any(|round| round.lifetime < Duration::from_millis(300)));
        assert!(rounds.iter().any(|round| round.lifetime > Duration::from_secs(2)));
        (1..=MAX_WORKERS).for_each(|workers| assert!(rounds.iter().any(|round| round.workers == workers)));
    }
}
