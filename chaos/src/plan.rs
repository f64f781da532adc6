//! [`Plan`]: what the seed decides about a run.

use std::time::Duration;

use fastrand::Rng;

/// Most workers a job is started with.
pub const MAX_WORKERS: usize = 3;

/// For how long there are logs after the last fault.
const TAIL: Duration = Duration::from_secs(5);

/// What happens when, with how many workers the job is started each time, how many logs there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Workers of the first start.
    pub workers: usize,
    /// What happens to it, and to the starts after it.
    pub faults: Vec<Fault>,
    /// Logs produced in the end: those until the last fault, and some for the last start, so that it has more to do than
    /// to catch up.
    pub logs: u64,
}

/// Something that happens to a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// So long after the one before, or after the first start.
    pub after: Duration,
    /// How many logs there are until then.
    pub logs: u64,
    /// What it is.
    pub what: What,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// SIGKILL, and another start with so many workers.
    Kill {
        /// Of the next start.
        workers: usize,
    },
    /// The broker is stopped and started while the job runs.
    BrokerRestart,
}

impl Plan {
    /// What `seed` decides.
    pub fn new(seed: u64, kills: usize, broker_restarts: usize, logs_per_second: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut whats: Vec<What> = (0..kills).map(|_| What::Kill { workers: workers(&mut rng) }).collect();
        whats.resize(kills + broker_restarts, What::BrokerRestart);
        rng.shuffle(&mut whats);
        let count = |time: Duration| logs_per_second * time.as_millis() as u64 / 1000;
        let mut time = Duration::ZERO;
        let mut fault = |what| {
            let after = after(&mut rng);
            time += after;
            Fault { after, logs: count(time), what }
        };
        let faults = whats.into_iter().map(&mut fault).collect();
        Plan { faults, logs: count(time + TAIL), workers: workers(&mut rng) }
    }

    /// How many of the faults are kills.
    pub fn kills(&self) -> usize {
        self.faults.iter().filter(|fault| matches!(fault.what, What::Kill { .. })).count()
    }
}

fn workers(rng: &mut Rng) -> usize {
    rng.usize(1..=MAX_WORKERS)
}

/// A third of the faults hits the start and the recovery, the others hit the work.
fn after(rng: &mut Rng) -> Duration {
    Duration::from_millis(if rng.u8(0..3) == 0 { rng.u64(50..500) } else { rng.u64(500..3500) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_its_plan() {
        assert_eq!(Plan::new(7, 50, 3, 1000), Plan::new(7, 50, 3, 1000));
        assert_ne!(Plan::new(7, 50, 3, 1000), Plan::new(8, 50, 3, 1000));
    }

    #[test]
    fn kills_hit_the_start_and_the_work_with_every_width() {
        let plan = Plan::new(1, 100, 5, 1000);
        assert_eq!((plan.kills(), plan.faults.len()), (100, 105));
        assert!(plan.faults.iter().any(|fault| fault.after < Duration::from_millis(300)));
        assert!(plan.faults.iter().any(|fault| fault.after > Duration::from_secs(2)));
        for workers in 1..=MAX_WORKERS {
            assert!(plan.faults.iter().any(|fault| fault.what == What::Kill { workers }));
        }
    }
}
