//! Processes of one job: what they agree on before logs are read, and what they tell each other while they run.
//!
//! Every process reads its share of the partitions, keeps its share of the keys, and serves every view. Process 0 keeps
//! the durable state, all of it: rows of base collections travel there as they change. So there is one store and one
//! committer, a commit is one transaction, and the next start may have other processes, or other workers.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use timely::{
    dataflow::{
        InputHandle,
        operators::{Input, Inspect, Probe, vec::Broadcast},
    },
    worker::Worker,
};

use crate::{Epoch, state::Committed};

/// Where a process stands among those of its job. All have the same queries, the same configuration and the same number
/// of workers.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// This process, from 0.
    pub process: usize,
    /// Where each process listens for the others, `host:port`, in the order of their numbers.
    pub addresses: Vec<String>,
}

/// What worker 0 knows and all begin with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) committed: Option<Committed>,
    pub(crate) first_epoch: Epoch,
}

/// What a worker tells all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The newest epoch that it knows to need no reading again.
    pub(crate) flushed: Epoch,
    /// Whether the job is to end.
    pub(crate) stop: bool,
    /// Its last epoch, once it ends.
    pub(crate) last: Epoch,
    /// The newest epoch that it knows to have begun.
    pub(crate) begun: Epoch,
}

/// Tells all workers what worker 0 knows. Waits until it is known here.
pub(crate) fn agree(worker: &mut Worker, mine: Start) -> Start {
    let known = Rc::new(RefCell::new(None));
    let learnt = known.clone();
    let mut input = InputHandle::<u64, _>::new();
    let probe = worker.dataflow(|scope| {
        let learnt = scope
            .input_from(&mut input)
            .broadcast()
            .inspect(move |start: &Start| *learnt.borrow_mut() = Some(start.clone()));
        learnt.probe().0
    });
    if worker.index() == 0 {
        input.send(mine.clone());
    }
    input.close();
    while !probe.done() {
        worker.step_or_park(None);
    }
    known.take().unwrap_or(mine)
}

/// A worker's clock: an epoch begins with each tick of wall time, and as soon as another worker has begun it. Workers do not
/// start at the same moment, so those behind are taken along by the one ahead, who would else wait for them for ever: as in
/// Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Epoch,
    began: Instant,
    tick: Duration,
}

impl Clock {
    pub(crate) fn new(first_epoch: Epoch, tick: Duration, now: Instant) -> Self {
        Clock { epoch: first_epoch, began: now, tick: tick.max(Duration::from_micros(1)) }
    }

    /// The epoch under way, where `begun` is the newest that any worker is known to have begun.
    pub(crate) fn epoch_at(&mut self, now: Instant, begun: Epoch) -> Epoch {
        let passed = now.saturating_duration_since(self.began);
        if begun > self.epoch {
            (self.epoch, self.began) = (begun, now);
        } else if passed >= self.tick {
            self.epoch += 1;
            // in step, even where some ticks were missed
            self.began = now - Duration::from_nanos((passed.as_nanos() % self.tick.as_nanos()) as u64);
        }
        self.epoch
    }

    pub(crate) fn time_to_next_tick(&self, now: Instant) -> Duration {
        self.tick.saturating_sub(now.saturating_duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    #[test]
    fn an_epoch_begins_with_each_tick_in_step() {
        let start = Instant::now();
        let mut clock = Clock::new(100, TICK, start);
        let mut at = |millis| clock.epoch_at(start + Duration::from_millis(millis), 0);
        assert_eq!([0, 9, 10, 11, 19, 20].map(&mut at), [100, 100, 101, 101, 101, 102]);
        // late by more than two ticks; the next is at 60 again
        assert_eq!([55, 59, 60].map(&mut at), [103, 103, 104]);
        assert_eq!(clock.time_to_next_tick(start + Duration::from_millis(64)), Duration::from_millis(6));
    }

    #[test]
    fn who_is_behind_is_taken_along_and_neither_runs_away() {
        let start = Instant::now();
        let (mut one, mut other) = (Clock::new(0, TICK, start), Clock::new(0, TICK, start + 57 * TICK / 10));
        let mut begun = 0;
        for millis in 57..1057 {
            let now = start + Duration::from_millis(millis);
            for clock in [&mut one, &mut other] {
                begun = begun.max(clock.epoch_at(now, begun));
            }
            assert!(one.epoch.abs_diff(other.epoch) <= 1, "{one:?} {other:?}");
        }
        assert!((100..=102).contains(&begun), "{begun}");
    }
}
