//! [`Plan`]: what the seed decides about a run.

use std::{fmt, time::Duration};

use fastrand::Rng;

/// Most processes a job is started with.
pub const MAX_PROCESSES: usize = 3;
/// Most workers of all its processes.
pub const MAX_WORKERS: usize = 4;
/// How many processes starts have, in turn, before they are shuffled: a cluster takes a second or two to come together,
/// so that not every start is one, but every few starts have each number for certain.
const TURNS: [usize; 4] = [1, 2, 1, MAX_PROCESSES];

/// For how long there are logs after the last fault.
const TAIL: Duration = Duration::from_secs(5);

/// What happens when, as how many processes the job is started each time, how many logs there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The first start.
    pub first: Shape,
    /// What happens to it, and to the starts after it.
    pub faults: Vec<Fault>,
    /// Which process of the last start is asked to end in the end.
    pub asked: usize,
    /// Logs produced in the end: those until the last fault, and some for the last start, so that it has more to do than
    /// to catch up.
    pub logs: u64,
}

/// Of what a start consists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Processes.
    pub processes: usize,
    /// Workers of each.
    pub workers: usize,
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
    /// SIGKILL to one process, and another start once all are gone.
    Kill {
        /// The process.
        victim: usize,
        /// The next start.
        next: Shape,
    },
    /// The broker is stopped and started while the job runs.
    BrokerRestart,
}

impl Plan {
    /// What `seed` decides.
    pub fn new(seed: u64, kills: usize, broker_restarts: usize, logs_per_second: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut is_kill: Vec<bool> = (0..kills + broker_restarts).map(|fault| fault < kills).collect();
        rng.shuffle(&mut is_kill);
        let (first, mut nexts) = shapes(&mut rng, kills);
        let (mut running, mut time, mut faults) = (first, Duration::ZERO, Vec::new());
        let count = |time: Duration| logs_per_second * time.as_millis() as u64 / 1000;
        for is_kill in is_kill {
            let after = after(&mut rng, running);
            time += after;
            let next = if is_kill { nexts.pop() } else { None };
            let what = next.map_or(What::BrokerRestart, |next| {
                let victim = rng.usize(..running.processes);
                running = next;
                What::Kill { victim, next }
            });
            faults.push(Fault { after, logs: count(time), what });
        }
        Plan { first, faults, asked: rng.usize(..running.processes), logs: count(time + TAIL) }
    }

    /// How many of the faults are kills.
    pub fn kills(&self) -> usize {
        self.faults.iter().filter(|fault| matches!(fault.what, What::Kill { .. })).count()
    }
}

impl Shape {
    /// One process with one worker.
    pub const ALONE: Shape = Shape { processes: 1, workers: 1 };
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "processes: {}, workers of each: {}", self.processes, self.workers)
    }
}

/// Of the first start and of so many more.
fn shapes(rng: &mut Rng, more: usize) -> (Shape, Vec<Shape>) {
    let mut processes: Vec<usize> = TURNS.into_iter().cycle().take(1 + more).collect();
    rng.shuffle(&mut processes);
    let shape = |processes| Shape { processes, workers: rng.usize(1..=MAX_WORKERS / processes) };
    let mut shapes: Vec<Shape> = processes.into_iter().map(shape).collect();
    (shapes.pop().unwrap_or(Shape::ALONE), shapes)
}

/// A third of the faults hits the start and the recovery, the others hit the work. That of a cluster begins later.
fn after(rng: &mut Rng, running: Shape) -> Duration {
    let start = if running.processes > 1 { 2000 } else { 500 };
    Duration::from_millis(if rng.u8(0..3) == 0 { rng.u64(50..start) } else { start + rng.u64(..3000) })
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
    fn kills_hit_the_start_and_the_work_and_every_process_of_every_shape() {
        let plan = Plan::new(1, 200, 5, 1000);
        assert_eq!((plan.kills(), plan.faults.len()), (200, 205));
        assert!(plan.faults.iter().any(|fault| fault.after < Duration::from_millis(300)));
        assert!(plan.faults.iter().any(|fault| fault.after > Duration::from_secs(2)));
        let mut running = plan.first;
        let mut hit = Vec::new();
        for fault in &plan.faults {
            if let What::Kill { victim, next } = fault.what {
                hit.push((running.processes, running.workers, victim));
                running = next;
            }
        }
        hit.sort_unstable();
        hit.dedup();
        // one process with 1 to 4 workers, either of two with 1 or 2, any of three with 1
        assert_eq!(hit.len(), 4 + 2 * 2 + 3);
        assert!(plan.asked < running.processes);
    }

    #[test]
    fn a_few_kills_are_enough_for_starts_of_several_processes() {
        for seed in 0..100 {
            let plan = Plan::new(seed, 3, 0, 1000);
            let next = plan.faults.iter().filter_map(|fault| match fault.what {
                What::Kill { next, .. } => Some(next),
                What::BrokerRestart => None,
            });
            let mut processes: Vec<usize> = next.chain([plan.first]).map(|shape| shape.processes).collect();
            processes.sort_unstable();
            assert_eq!(processes, [1, 1, 2, 3]);
        }
    }
}
