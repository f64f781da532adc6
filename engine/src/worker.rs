//! A worker's loop: read, step, close epochs on the tick.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use timely::worker::Worker;

use crate::{
    Epoch, Timestamp,
    dataflow::Dataflow,
    intake::Intake,
    job::JobError,
    metrics::{Metrics, ReasonLabel},
    publish::{Output, Views},
    settings::Settings,
    source::{Positions, Progress, Reader, SourceError},
    state::{Backlog, Event, Store},
    watermark::Mark,
};

/// What all workers of a job share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) views: Views,
    pub(crate) outputs: Sender<Output>,
    pub(crate) events: Sender<Event>,
    /// of dead letters
    pub(crate) backlog: Backlog,
    pub(crate) store: Arc<Store>,
    /// the newest epoch that need not be read again
    pub(crate) flushed: AtomicU64,
    /// the last epoch that any worker had, once they end
    pub(crate) last_epoch: AtomicU64,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) failed: AtomicBool,
    pub(crate) started: Instant,
    pub(crate) first_epoch: Epoch,
}

impl Shared {
    fn epoch_at(&self, now: Instant) -> Epoch {
        let ticks = now.duration_since(self.started).as_micros() / self.settings.tick.as_micros().max(1);
        self.first_epoch + u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    fn time_to_next_tick(&self, now: Instant) -> Duration {
        let tick = self.settings.tick.as_micros().max(1);
        let into = now.duration_since(self.started).as_micros() % tick;
        Duration::from_micros(u64::try_from(tick - into).unwrap_or(0))
    }
}

impl Shared {
    /// Epochs that wait to be seen by readers, or to be committed, beyond what is usual.
    fn behind(&self, epoch: Epoch) -> u64 {
        let seen = self.views.published().max(self.first_epoch);
        let usual = self.settings.commit_interval.as_micros() / self.settings.tick.as_micros().max(1);
        let usual = 2 * u64::try_from(usual).unwrap_or(u64::MAX / 2);
        let committed = self.flushed.load(Ordering::Acquire).max(self.first_epoch).saturating_add(usual);
        epoch.saturating_sub(seen.min(committed))
    }
}

/// One source's reader on this worker, with what it has handed over.
struct Inlet {
    name: crate::Name,
    reader: Box<dyn Reader>,
    intake: Intake,
    finished: bool,
    committed: Positions,
    /// (epoch, positions at its end), oldest first, until sinks have flushed it
    pending: VecDeque<(Epoch, Positions)>,
}

/// Longest that a reader may make the worker wait: a dataflow message of another worker may be there.
const PATIENCE: Duration = Duration::from_millis(1);

/// Longest that a job that ends waits for its sinks; what they have not taken by then is read again next time.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the dataflow until every source is finished or the job is stopped.
pub(crate) fn run(
    worker: &mut Worker,
    shared: &Shared,
    mut dataflow: Dataflow,
    readers: Vec<(crate::Name, Box<dyn Reader>)>,
) -> Result<(), JobError> {
    let mut inlets: Vec<Inlet> = readers.into_iter().map(|(name, reader)| Inlet::new(name, reader, shared)).collect();
    let mut ended: VecDeque<(Epoch, Instant)> = VecDeque::new();
    if let Some(restored) = dataflow.restore(worker, &shared.store)? {
        ended.push_back((restored, Instant::now()));
    }
    dataflow.advance(None, shared.first_epoch);
    let mut outcome = Ok(());
    loop {
        let now = Instant::now();
        let epoch = shared.epoch_at(now);
        if epoch > dataflow.epoch() {
            ended.push_back((dataflow.epoch(), now));
            end_epoch(shared, &mut dataflow, &mut inlets, epoch, now);
            report_complete(worker, shared, &dataflow, &mut ended);
            outcome = commit(shared, &mut inlets);
        }
        let over = shared.stop.load(Ordering::Relaxed) || inlets.iter().all(|inlet| inlet.finished);
        if over || outcome.is_err() {
            break;
        }
        let behind = shared.behind(dataflow.epoch()) > shared.settings.max_epochs_in_flight;
        let quiet = if behind || shared.backlog.is_full() {
            true
        } else {
            match read(shared, &mut dataflow, &mut inlets) {
                Ok(quiet) => quiet,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        };
        worker.step();
        report_complete(worker, shared, &dataflow, &mut ended);
        if quiet {
            worker.step_or_park(Some(shared.time_to_next_tick(Instant::now()).min(PATIENCE)));
        }
    }
    if outcome.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    drain(worker, shared, dataflow, &mut inlets);
    outcome?;
    Ok(commit(shared, &mut inlets)?)
}

/// Reads a batch from every source; true where none had anything.
fn read(shared: &Shared, dataflow: &mut Dataflow, inlets: &mut [Inlet]) -> Result<bool, SourceError> {
    let mut quiet = true;
    for inlet in inlets.iter_mut().filter(|inlet| !inlet.finished) {
        inlet.intake.at(Timestamp::now());
        let progress = inlet.reader.read(&mut inlet.intake, Duration::ZERO)?;
        quiet &= progress != Progress::More;
        inlet.hand_over(shared, dataflow);
        if progress == Progress::Finished {
            inlet.intake.finish();
            inlet.finished = true;
        }
    }
    Ok(quiet)
}

fn end_epoch(shared: &Shared, dataflow: &mut Dataflow, inlets: &mut [Inlet], next: Epoch, now: Instant) {
    let epoch = dataflow.epoch();
    let mut mark = Mark::NOTHING;
    for inlet in inlets.iter_mut() {
        mark = mark.join(inlet.intake.mark(now));
        let partitions = inlet.intake.reached();
        let positions = partitions.iter().map(|(partition, reached)| (*partition, reached.next_offset)).collect();
        inlet.pending.push_back((epoch, positions));
        if !partitions.is_empty() {
            let _ = shared.events.send(Event::Reached { epoch, source: inlet.name.clone(), partitions });
        }
    }
    let delay = Timestamp::now().since(dataflow.watermark());
    shared.metrics.watermark_delay_ms.set(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
    dataflow.advance(Some(mark), next);
}

/// Worker 0 tells the publisher which epochs are complete: every worker's changes of them have been sent by then.
fn report_complete(worker: &Worker, shared: &Shared, dataflow: &Dataflow, ended: &mut VecDeque<(Epoch, Instant)>) {
    let mut newest = None;
    while let Some((epoch, at)) = ended.pop_front_if(|(epoch, _)| dataflow.is_complete(*epoch)) {
        newest = Some((epoch, at));
    }
    if let Some((epoch, ended)) = newest.filter(|_| worker.index() == 0) {
        let _ = shared.outputs.send(Output::Complete { epoch, ended, watermark: dataflow.watermark() });
    }
}

/// Tells sources what sinks have made durable.
fn commit(shared: &Shared, inlets: &mut [Inlet]) -> Result<(), SourceError> {
    let flushed = shared.flushed.load(Ordering::Acquire);
    for inlet in inlets {
        let mut newest = None;
        while let Some((_, positions)) = inlet.pending.pop_front_if(|(epoch, _)| *epoch <= flushed) {
            newest = Some(positions);
        }
        if let Some(positions) = newest.filter(|positions| *positions != inlet.committed) {
            inlet.reader.commit(&positions)?;
            inlet.committed = positions;
        }
    }
    Ok(())
}

/// Ends the last epoch, lets everything under way on any worker reach views and sinks, and waits for both.
fn drain(worker: &mut Worker, shared: &Shared, mut dataflow: Dataflow, inlets: &mut [Inlet]) {
    for inlet in inlets.iter_mut() {
        inlet.hand_over(shared, &mut dataflow);
    }
    let last = dataflow.epoch();
    end_epoch(shared, &mut dataflow, inlets, last + 1, Instant::now());
    shared.last_epoch.fetch_max(last, Ordering::AcqRel);
    let (probe, watermark) = dataflow.close();
    while !probe.done() {
        worker.step_or_park(Some(PATIENCE));
    }
    // no worker has an input left, so every worker's last epoch is known
    let (last, now) = (shared.last_epoch.load(Ordering::Acquire), Instant::now());
    if worker.index() == 0 {
        let _ = shared.outputs.send(Output::Complete { epoch: last, ended: now, watermark: watermark.get() });
    }
    let is_flushed = || shared.flushed.load(Ordering::Acquire) >= last || shared.failed.load(Ordering::Relaxed);
    while !is_flushed() && now.elapsed() < FLUSH_PATIENCE {
        worker.step_or_park(Some(PATIENCE));
    }
}

impl Inlet {
    fn new(source: crate::Name, reader: Box<dyn Reader>, shared: &Shared) -> Self {
        let restored = shared.store.committed().and_then(|committed| committed.sources.get(&source).cloned());
        let intake = Intake::new(source.clone(), &shared.settings, restored.unwrap_or_default());
        Inlet { name: source, reader, intake, finished: false, committed: Positions::new(), pending: VecDeque::new() }
    }

    fn hand_over(&mut self, shared: &Shared, dataflow: &mut Dataflow) {
        let metrics = &shared.metrics;
        metrics.log_bytes.inc_by(self.intake.take_bytes_read() as u64);
        if let Some(batch) = self.intake.take_batch() {
            metrics.logs.inc_by(batch.len() as u64);
            dataflow.send(batch);
        }
        let letters = self.intake.take_dead_letters();
        if !letters.is_empty() {
            for letter in &letters {
                let reason = letter.reason.label().to_owned();
                metrics.dead_letters.get_or_create(&ReasonLabel { reason }).inc();
            }
            let letters = shared.backlog.add(letters);
            let _ = shared.events.send(Event::DeadLetters { epoch: dataflow.epoch(), letters });
        }
    }
}
