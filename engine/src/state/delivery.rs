//! Delivery: a sink's thread, which takes the sink's outbox to where it belongs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

use super::{committer::from_json, store::Store};
use crate::{
    Epoch,
    metrics::{Metrics, SinkLabel},
    sink::{Batch, Sink, SinkError},
};

/// Most bytes of an outbox that are delivered at once.
const AT_ONCE: usize = 4 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What a sink's thread works with.
pub(crate) struct Delivery {
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    /// there may be something in the outbox; gone when nothing will be any more
    pub(crate) wake: Receiver<()>,
    /// how long a sink that is behind is waited for when the job ends
    pub(crate) patience: Duration,
    /// the job ends
    pub(crate) stopping: Arc<AtomicBool>,
}

/// Delivers until the job is over and the outbox is empty, or patience is. What is left is delivered next time, where
/// state is durable.
///
/// # Errors
/// Where the sink fails for good.
pub(crate) fn deliver(
    sink: &mut dyn Sink,
    delivery: &Delivery,
    mut delivered: impl FnMut(Epoch),
) -> Result<(), SinkError> {
    let Delivery { store, metrics, wake, .. } = delivery;
    let name = sink.name();
    let written = metrics.sink_records.get_or_create(&SinkLabel { sink: name.to_string() }).clone();
    let unreadable = |cause| SinkError::new(name.clone(), "its outbox cannot be read").because(store.failed(cause));
    let known = store.delivered(&name).map_err(unreadable)?;
    let Some(resumed) = delivery.insist(sink, |sink| sink.resume(store.job(), known))? else { return Ok(()) };
    let mut done = resumed.unwrap_or(0);
    if resumed > known {
        delivered(done);
    }
    let mut over = false;
    loop {
        let waiting = store.outbox(&name, done, AT_ONCE).map_err(unreadable)?;
        if waiting.is_empty() {
            if over {
                return Ok(());
            }
            over = wake.recv().is_err();
            continue;
        }
        let batches: Result<Vec<Batch>, _> = waiting.iter().map(|(_, bytes)| from_json(bytes)).collect();
        let batches = batches.map_err(unreadable)?;
        if delivery.insist(sink, |sink| sink.deliver(&batches))?.is_none() {
            tracing::warn!(sink = %name, "the job ends while the sink is behind: it gets the rest next time");
            return Ok(());
        }
        written.inc_by(batches.iter().map(|batch| (batch.changes.len() + batch.dead_letters.len()) as u64).sum());
        if let Some((epoch, _)) = waiting.last() {
            done = *epoch;
            delivered(done);
        }
    }
}

impl Delivery {
    /// Tries until it succeeds or the job has ended for longer than its patience, which gives `None`.
    fn insist<T>(
        &self,
        sink: &mut dyn Sink,
        mut attempt: impl FnMut(&mut dyn Sink) -> Result<T, SinkError>,
    ) -> Result<Option<T>, SinkError> {
        let mut pause = FIRST_PAUSE;
        let mut give_up = None;
        loop {
            let error = match attempt(sink) {
                Ok(done) => return Ok(Some(done)),
                Err(error) => error,
            };
            let Some(at_least) = error.again else { return Err(error) };
            // spread, so that many jobs do not come back at once
            let wait = at_least.max(pause.mul_f64(0.5 + 0.5 * spread()));
            pause = (pause * 2).min(LONGEST_PAUSE);
            tracing::warn!(sink = %sink.name(), wait_ms = wait.as_millis(), "{error}; trying again");
            self.metrics.sink_retries.get_or_create(&SinkLabel { sink: sink.name().to_string() }).inc();
            self.metrics.pipeline.note_mishap(sink.name(), error.what);
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if self.stopping.load(Ordering::Relaxed) {
                    let end = *give_up.get_or_insert_with(|| Instant::now() + self.patience);
                    if Instant::now() >= end {
                        return Ok(None);
                    }
                }
                // in short steps: an end is noticed soon
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
    }
}

/// A number from 0 to 1 that differs from call to call.
fn spread() -> f64 {
    use std::hash::BuildHasher;
    let random = foldhash::fast::RandomState::default().hash_one(Instant::now());
    random as f64 / u64::MAX as f64
}
