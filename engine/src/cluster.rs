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
    /// Epochs that it knows to have ended before their tick.
    pub(crate) hurried: u64,
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

/// A worker's clock: epochs are ticks of wall time, counted from when all began, and those that were ended before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
    first_epoch: Epoch,
    tick: Duration,
}

impl Clock {
    pub(crate) fn new(first_epoch: Epoch, tick: Duration) -> Self {
        Clock { began: Instant::now(), first_epoch, tick: tick.max(Duration::from_micros(1)) }
    }

    pub(crate) fn first_epoch(&self) -> Epoch {
        self.first_epoch
    }

    pub(crate) fn epoch_at(&self, now: Instant, hurried: u64) -> Epoch {
        let ticks = now.duration_since(self.began).as_micros() / self.tick.as_micros();
        self.first_epoch + u64::try_from(ticks).unwrap_or(u64::MAX / 2) + hurried
    }

    pub(crate) fn time_to_next_tick(&self, now: Instant) -> Duration {
        let tick = self.tick.as_micros();
        let into = now.duration_since(self.began).as_micros() % tick;
        Duration::from_micros(u64::try_from(tick - into).unwrap_or(0))
    }
}
