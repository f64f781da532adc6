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
    backlog::Backlog,
    cluster::{Clock, Notice, Start},
    dataflow::Dataflow,
    intake::Intake,
    job::JobError,
    metrics::{Metrics, ReasonLabel},
    pipeline::PartitionReport,
    profile::Profile,
    publish::{Output, Views},
    settings::Settings,
    sink::DeadLetter,
    source::{Positions, Progress, Reader, SourceError},
    state::{Event, Store},
    watermark::Mark,
};

/// What all workers of a job share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) views: Views,
    pub(crate) outputs: Sender<Output>,
    pub(crate) events: Sender<Event>,
    /// process 0's
    pub(crate) store: Option<Arc<Store>>,
    /// the newest epoch that need not be read again
    pub(crate) flushed: AtomicU64,
    /// the last epoch that any worker had, once they end
    pub(crate) last_epoch: AtomicU64,
    /// the newest epoch that any worker has begun
    pub(crate) begun: AtomicU64,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) failed: AtomicBool,
}

impl Shared {
    /// Epochs that wait to be seen by readers, or to be committed, beyond what is usual.
    fn behind(&self, epoch: Epoch, first_epoch: Epoch) -> u64 {
        let seen = self.views.published().max(first_epoch);
        let usual = self.settings.commit_interval.as_micros() / self.settings.tick.as_micros().max(1);
        let usual = 2 * u64::try_from(usual).unwrap_or(u64::MAX / 2);
        let committed = self.flushed.load(Ordering::Acquire).max(first_epoch).saturating_add(usual);
        epoch.saturating_sub(seen.min(committed))
    }

    /// Whether a worker is its process's first.
    fn is_first(&self, worker: &Worker) -> bool {
        worker.index().is_multiple_of(self.settings.workers.max(1))
    }

    /// What other processes should know; `last` is a worker's last epoch, once it ends.
    fn notice(&self, last: Epoch) -> Notice {
        let (flushed, stop) = (self.flushed.load(Ordering::Acquire), self.stop.load(Ordering::Relaxed));
        Notice { flushed, stop, last, begun: self.begun.load(Ordering::Acquire) }
    }

    /// Takes over what another process said.
    pub(crate) fn noticed(&self, notice: &Notice) {
        self.flushed.fetch_max(notice.flushed, Ordering::AcqRel);
        self.last_epoch.fetch_max(notice.last, Ordering::AcqRel);
        self.begun.fetch_max(notice.begun, Ordering::AcqRel);
        if notice.stop {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// One source's reader on this worker, with what it has handed over.
struct Inlet {
    name: crate::Name,
    reader: Box<dyn Reader>,
    intake: Intake,
    /// of the epoch under way
    dead_letters: Vec<DeadLetter>,
    finished: bool,
    committed: Positions,
    /// (epoch, positions at its end), oldest first, until sinks have flushed it
    pending: VecDeque<(Epoch, Positions)>,
}

/// Longest that a reader may make the worker wait: a dataflow message of another worker may be there.
const PATIENCE: Duration = Duration::from_millis(1);

/// The part of what may wait for sinks that dead letters may make, before they are committed.
const DEAD_LETTERS_SHARE: usize = 16;

/// Longest that a job that ends waits for its sinks; what they have not taken by then is read again next time.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the dataflow until every source is finished or the job is stopped.
pub(crate) fn run(
    worker: &mut Worker,
    shared: &Shared,
    mut dataflow: Dataflow,
    readers: Vec<(crate::Name, Box<dyn Reader>)>,
    start: &Start,
    mut profile: Profile,
) -> Result<(), JobError> {
    let inlet = |(name, reader)| Inlet::new(name, reader, shared, start);
    let mut inlets: Vec<Inlet> = readers.into_iter().map(inlet).collect();
    let mut ended: VecDeque<(Epoch, Instant)> = VecDeque::new();
    let is_first = shared.is_first(worker);
    let restored = dataflow.restore(worker, shared.store.as_deref(), start.committed.as_ref(), |epoch| {
        if is_first {
            let _ = shared.outputs.send(Output::Restored { epoch });
        }
    })?;
    if let Some(restored) = restored {
        ended.push_back((restored, Instant::now()));
    }
    dataflow.advance(None, start.first_epoch);
    let mut clock = Clock::new(start.first_epoch, shared.settings.tick, Instant::now());
    let max_bytes = shared.settings.max_outbox_bytes / DEAD_LETTERS_SHARE / worker.peers().max(1);
    let mut backlog = Backlog::new(max_bytes as u64);
    let mut stretch = Backlog::new(micros(shared.settings.uncommitted_span()));
    let mut outcome = Ok(());
    loop {
        let now = Instant::now();
        let epoch = clock.epoch_at(now, shared.begun.load(Ordering::Acquire));
        if epoch > dataflow.epoch() {
            shared.begun.fetch_max(epoch, Ordering::AcqRel);
            ended.push_back((dataflow.epoch(), now));
            let gone_by = inlets.iter().map(|inlet| inlet.intake.stretch()).max().unwrap_or_default();
            stretch.add(dataflow.epoch(), micros(gone_by));
            end_epoch(shared, &mut dataflow, &mut inlets, epoch, now);
            report_complete(worker, shared, &dataflow, &mut ended);
            profile.report(worker, now, || partitions(&inlets, now));
            outcome = commit(shared, &mut inlets);
        }
        let over = shared.stop.load(Ordering::Relaxed) || inlets.iter().all(|inlet| inlet.finished);
        if over || outcome.is_err() {
            break;
        }
        let flushed = shared.flushed.load(Ordering::Acquire);
        backlog.release(flushed);
        stretch.release(flushed);
        let behind = shared.behind(epoch, start.first_epoch) > shared.settings.max_epochs_in_flight;
        let is_held_back = behind || backlog.is_full() || stretch.is_full();
        profile.turn(now, is_held_back);
        let quiet = if is_held_back {
            true
        } else {
            let began = Instant::now();
            let done = read(shared, &mut dataflow, &mut inlets, &mut backlog);
            profile.has_read(began.elapsed());
            match done {
                Ok(quiet) => {
                    if inlets.iter().any(|inlet| inlet.intake.is_ahead()) {
                        shared.begun.fetch_max(epoch + 1, Ordering::AcqRel);
                    }
                    quiet
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        };
        worker.step();
        report_complete(worker, shared, &dataflow, &mut ended);
        if quiet {
            worker.step_or_park(Some(clock.time_to_next_tick(Instant::now()).min(PATIENCE)));
        }
    }
    if outcome.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    drain(worker, shared, dataflow, &mut inlets, backlog);
    let now = Instant::now();
    profile.report_now(worker, now, partitions(&inlets, now));
    outcome?;
    Ok(commit(shared, &mut inlets)?)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How far all partitions of this worker have been read.
fn partitions(inlets: &[Inlet], now: Instant) -> Vec<PartitionReport> {
    inlets.iter().flat_map(|inlet| inlet.intake.partitions(now)).collect()
}

/// Reads a batch from every source; true where none had anything.
fn read(
    shared: &Shared,
    dataflow: &mut Dataflow,
    inlets: &mut [Inlet],
    backlog: &mut Backlog,
) -> Result<bool, SourceError> {
    let mut quiet = true;
    for inlet in inlets.iter_mut().filter(|inlet| !inlet.finished) {
        inlet.intake.at(Timestamp::now());
        let progress = inlet.reader.read(&mut inlet.intake, Duration::ZERO)?;
        quiet &= progress != Progress::More;
        inlet.hand_over(shared, dataflow, backlog);
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
            dataflow.reached(inlet.name.clone(), partitions, std::mem::take(&mut inlet.dead_letters));
        }
    }
    let delay = Timestamp::now().since(dataflow.watermark());
    shared.metrics.watermark_delay_ms.set(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
    dataflow.tell(shared.notice(0));
    dataflow.feed();
    dataflow.advance(Some(mark), next);
}

/// A process's first worker tells its publisher which epochs are complete: every worker's changes of them have been sent by then.
fn report_complete(worker: &Worker, shared: &Shared, dataflow: &Dataflow, ended: &mut VecDeque<(Epoch, Instant)>) {
    let mut newest = None;
    while let Some((epoch, at)) = ended.pop_front_if(|(epoch, _)| dataflow.is_complete(*epoch)) {
        newest = Some((epoch, at));
    }
    let Some((epoch, ended)) = newest else { return };
    // asked on every worker: it forgets the older ones
    let watermark = dataflow.watermark_at(epoch);
    if shared.is_first(worker) {
        let _ = shared.outputs.send(Output::Complete { epoch, ended, watermark });
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
fn drain(worker: &mut Worker, shared: &Shared, mut dataflow: Dataflow, inlets: &mut [Inlet], mut backlog: Backlog) {
    for inlet in inlets.iter_mut() {
        inlet.hand_over(shared, &mut dataflow, &mut backlog);
    }
    let last = dataflow.epoch();
    dataflow.tell(shared.notice(last));
    end_epoch(shared, &mut dataflow, inlets, last + 1, Instant::now());
    let (probe, watermark) = dataflow.close();
    // what is before may be rows that are being restored, which nobody is to see yet
    let mut seen = last.saturating_sub(1);
    while !probe.done() {
        worker.step_or_park(Some(PATIENCE));
        // workers that read on wait for what they have ended to be seen
        let complete = probe.with_frontier(|frontier| frontier.first().map_or(0, |epoch| epoch.saturating_sub(1)));
        if complete > seen && shared.is_first(worker) {
            seen = complete;
            let (epoch, watermark) = (complete, watermark.at(complete));
            let _ = shared.outputs.send(Output::Complete { epoch, ended: Instant::now(), watermark });
        }
    }
    // no worker has an input left, so every worker's last epoch has been told
    let (last, now) = (shared.last_epoch.load(Ordering::Acquire), Instant::now());
    if shared.is_first(worker) {
        let _ = shared.outputs.send(Output::Complete { epoch: last, ended: now, watermark: watermark.at(last) });
    }
    // another process commits
    if shared.store.is_none() {
        return;
    }
    let is_flushed = || shared.flushed.load(Ordering::Acquire) >= last || shared.failed.load(Ordering::Relaxed);
    while !is_flushed() && now.elapsed() < FLUSH_PATIENCE {
        worker.step_or_park(Some(PATIENCE));
    }
}

impl Inlet {
    fn new(source: crate::Name, reader: Box<dyn Reader>, shared: &Shared, start: &Start) -> Self {
        let restored = start.committed.as_ref().and_then(|committed| committed.sources.get(&source).cloned());
        let intake = Intake::new(source.clone(), &shared.settings, restored.unwrap_or_default());
        let (committed, pending) = (Positions::new(), VecDeque::new());
        Inlet { name: source, reader, intake, dead_letters: Vec::new(), finished: false, committed, pending }
    }

    fn hand_over(&mut self, shared: &Shared, dataflow: &mut Dataflow, backlog: &mut Backlog) {
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
            backlog.add(dataflow.epoch(), letters.iter().map(DeadLetter::weight).sum::<usize>() as u64);
            self.dead_letters.extend(letters);
        }
    }
}
