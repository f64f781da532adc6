//! Building a worker's part of the dataflow: inputs, queries, probe.

use std::{collections::HashSet, rc::Rc, sync::Arc, time::Duration};

use crossbeam_channel::Sender;
use timely::{
    container::{CapacityContainerBuilder, NoopBuilder},
    dataflow::{
        InputHandle, ProbeHandle, StreamVec,
        channels::pact::Exchange,
        operators::{
            Concatenate, Input, Inspect, Operator, Probe,
            core::input::Handle,
            vec::{Broadcast, Map},
        },
    },
    worker::Worker,
};

use crate::{
    Epoch, LogBatch, Name, Query, Timestamp,
    cluster::Notice,
    flow::{Flow, LongestWindow},
    input::Feeder,
    metrics::Metrics,
    publish::Output,
    settings::Settings,
    sink::DeadLetter,
    state::{Committed, Event, Keep, Reached, Restorer, State, StateError, Store},
    view::Publisher,
    watermark::{Known, Mark, watermarks},
};

/// Rows that are restored in one epoch, few where tests are to see many epochs, and most epochs that are used for it;
/// rows beyond share the last.
const RESTORE_ROWS: usize = if cfg!(debug_assertions) { 8 } else { 1 << 16 };
const RESTORE_EPOCHS: Epoch = 1 << 16;
/// Of these, epochs that may be under way before more rows are fed.
const EPOCHS_UNDER_WAY: Epoch = 3;

/// The worker that feeds a stored row. Any would do: rows are exchanged by key.
fn share(row: &[u8], threads: usize) -> usize {
    row.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte))) % threads.max(1)
}

/// A worker's ends of the dataflow.
pub(crate) struct Dataflow {
    logs: Handle<Epoch, NoopBuilder<Rc<LogBatch>>>,
    marks: InputHandle<Epoch, CapacityContainerBuilder<Vec<(usize, Mark)>>>,
    notices: InputHandle<Epoch, CapacityContainerBuilder<Vec<Notice>>>,
    read: InputHandle<Epoch, CapacityContainerBuilder<Vec<Read>>>,
    probe: ProbeHandle<Epoch>,
    watermark: Known,
    restorers: Vec<Box<dyn Restorer>>,
    feeders: Vec<Feeder>,
    parts: Vec<(usize, Option<Name>)>,
    worker: usize,
    /// this process's
    threads: usize,
}

/// A source, and how far its partitions have been read.
pub(crate) type SourceReached = (Name, Vec<(u32, Reached)>);

/// What a worker has read of a source in an epoch: how far, and what is no log.
type Read = (SourceReached, Vec<DeadLetter>);

impl Dataflow {
    pub(crate) fn build(
        worker: &mut Worker,
        settings: &Settings,
        metrics: &Arc<Metrics>,
        queries: &[Box<dyn Query>],
        outputs: Sender<Output>,
        keep: Keep,
        noticed: impl Fn(&Notice) + 'static,
    ) -> Dataflow {
        let (index, workers) = (worker.index(), worker.peers());
        let (_, processes) = settings.process();
        let threads = workers / processes.max(1);
        worker.dataflow::<Epoch, _, _>(|scope| {
            let (logs_handle, logs) = scope.new_input_with_builder::<NoopBuilder<Rc<LogBatch>>>();
            let (marks_handle, marks) = scope.new_input::<Vec<(usize, Mark)>>();
            let longest = Rc::new(LongestWindow::default());
            let watermark = Known::default();
            let (longest_seen, watermark_seen) = (longest.clone(), watermark.clone());
            let watermarks = watermarks(marks, workers, move || longest_seen.get())
                .inspect_time(move |epoch: &Epoch, at: &Timestamp| watermark_seen.learn(*epoch, *at));
            let (notices_handle, notices) = scope.new_input::<Vec<Notice>>();
            let (read_handle, read) = scope.new_input::<Vec<Read>>();
            let told = [notices.broadcast().inspect(noticed).map(|_| ()), report(read, keep.events.clone())];
            let publisher = Publisher { outputs, ends: Vec::new(), names: HashSet::new(), threads, processes };
            let state = State::new(scope, keep);
            let (settings, metrics) = (settings.clone(), metrics.clone());
            let (only, feeders, parts, all_watermarks) = (None, Vec::new(), Vec::new(), watermarks.clone());
            let mut flow =
                Flow { logs, only, watermarks, settings, metrics, longest, state, feeders, parts, publisher };
            for query in queries {
                flow.state.of_query(query.name());
                (flow.only, flow.watermarks) = (None, all_watermarks.clone());
                flow.part(query.name());
                query.build(&mut flow);
            }
            let Flow { state, feeders, publisher, mut parts, .. } = flow;
            parts.push((scope.worker().peek_identifier(), None));
            let ends = publisher
                .ends
                .into_iter()
                .chain(state.take_ends())
                .chain(told)
                .chain([all_watermarks.map(|_: Timestamp| ())]);
            let (probe, _) = scope.concatenate(ends).probe();
            let restorers = state.take_restorers();
            Dataflow {
                logs: logs_handle,
                marks: marks_handle,
                notices: notices_handle,
                read: read_handle,
                probe,
                watermark,
                restorers,
                feeders,
                parts,
                worker: index,
                threads,
            }
        })
    }

    /// Feeds this worker's share of the base collections in the store, which process 0 has, in epochs before the
    /// committed one, so that what is under way stays bounded; `restored` is called with each that is complete. At the
    /// committed epoch, which it gives, everything is as it was; the next one is under way then. Without one, nothing is
    /// restored.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn restore(
        &mut self,
        worker: &mut Worker,
        store: Option<&Store>,
        committed: Option<&Committed>,
        mut restored: impl FnMut(Epoch),
    ) -> Result<Option<Epoch>, StateError> {
        let mut restorers = std::mem::take(&mut self.restorers);
        let Some(committed) = committed else { return Ok(None) };
        let mut epoch = committed.epoch.saturating_sub(RESTORE_EPOCHS);
        let mut complete = epoch;
        let mut fed = 0_usize;
        self.begin(epoch, &mut restorers);
        let names: Vec<Name> = restorers.iter().map(|restorer| restorer.collection().clone()).collect();
        for (at, name) in names.iter().enumerate() {
            let Some(store) = store else { break };
            let rows = store.rows(name, |row, value| {
                let Some(restorer) = restorers.get_mut(at).filter(|_| share(row, self.threads) == self.worker) else {
                    return Ok(());
                };
                restorer.row(row, value)?;
                fed += 1;
                if fed.is_multiple_of(RESTORE_ROWS) && epoch < committed.epoch {
                    epoch += 1;
                    self.begin(epoch, &mut restorers);
                    worker.step();
                    while complete + EPOCHS_UNDER_WAY < epoch {
                        worker.step_or_park(Some(Duration::from_millis(1)));
                        while self.is_complete(complete) {
                            restored(complete);
                            complete += 1;
                        }
                    }
                }
                Ok(())
            });
            rows.map_err(|cause| store.failed(cause))?;
        }
        tracing::info!(worker = self.worker, rows = fed, epoch = committed.epoch, "base collections restored");
        self.advance(None, committed.epoch);
        self.advance(Some(Mark::Idle(committed.watermark)), committed.epoch + 1);
        Ok(Some(committed.epoch))
    }

    /// Begins an epoch in which rows are restored: nothing may hold back the one before.
    fn begin(&mut self, epoch: Epoch, restorers: &mut [Box<dyn Restorer>]) {
        self.advance(None, epoch);
        restorers.iter_mut().for_each(|restorer| restorer.advance_to(epoch));
    }

    /// Which part of which query the operators from a number on belong to; none for what carries all of them.
    pub(crate) fn parts(&self) -> Vec<(usize, Option<Name>)> {
        self.parts.clone()
    }

    /// The epoch under way.
    pub(crate) fn epoch(&self) -> Epoch {
        *self.logs.time()
    }

    pub(crate) fn send(&mut self, mut batch: Rc<LogBatch>) {
        self.logs.send_batch(&mut batch);
    }

    /// Ends the epoch under way with what this worker's partitions say of the watermark, and begins `next`.
    pub(crate) fn advance(&mut self, mark: Option<Mark>, next: Epoch) {
        if let Some(mark) = mark {
            self.marks.send((self.worker, mark));
        }
        self.logs.advance_to(next);
        self.marks.advance_to(next);
        self.notices.advance_to(next);
        self.read.advance_to(next);
        self.feeders.iter_mut().for_each(|feeder| feeder.advance_to(next));
    }

    /// Lets edits of inputs in, in the epoch under way.
    pub(crate) fn feed(&mut self) {
        self.feeders.iter_mut().for_each(Feeder::feed);
    }

    /// Tells all workers, before the epoch under way is complete.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.notices.send(notice);
    }

    /// Tells the committer how far a source has been read in the epoch under way, and what of it is no log.
    pub(crate) fn reached(&mut self, source: Name, partitions: Vec<(u32, Reached)>, letters: Vec<DeadLetter>) {
        self.read.send(((source, partitions), letters));
    }

    /// Whether nothing will change any more at `epoch` or before, on any worker.
    pub(crate) fn is_complete(&self, epoch: Epoch) -> bool {
        !self.probe.less_equal(&epoch)
    }

    /// The watermark that this worker knows of.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark.newest()
    }

    /// The watermark of a complete epoch: a start at that epoch begins with it.
    pub(crate) fn watermark_at(&self, epoch: Epoch) -> Timestamp {
        self.watermark.at(epoch)
    }

    /// Ends this worker's inputs; the probe is done when every worker's are ended and nothing is under way.
    pub(crate) fn close(self) -> (ProbeHandle<Epoch>, Known) {
        (self.probe, self.watermark)
    }
}

/// Hands what workers have read to the committer, which process 0 has.
fn report<'s>(read: StreamVec<'s, Epoch, Read>, events: Sender<Event>) -> StreamVec<'s, Epoch, ()> {
    let to_worker_0 = Exchange::new(|_: &Read| 0);
    read.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(to_worker_0, "Read", move |_, _| {
        move |input, _| {
            input.for_each_time(|cap, batches| {
                let epoch = *cap.time();
                for ((source, partitions), letters) in batches.flat_map(|batch| batch.drain(..)) {
                    // a job that is over commits nothing any more
                    let _ = events.send(Event::DeadLetters { epoch, letters });
                    let _ = events.send(Event::Reached { epoch, source, partitions });
                }
            });
        }
    })
}
