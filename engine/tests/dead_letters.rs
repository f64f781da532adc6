//! Dead letters arrive exactly once, however often a job stops or fails, and wait for sinks within bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use highwater_engine::{
    Batch, Epoch, Everything, Flow, Intake, Job, Log, Name, Positions, Progress, Query, Reader, Sink, SinkError,
    Source, SourceError, seconds,
};
use proptest::prelude::*;

/// Partitions of records, every third of which is no log. Each is read up to `end`, and then there may be more.
#[derive(Clone)]
struct Records {
    partitions: u32,
    end: i64,
    over: bool,
    length: usize,
    read: Arc<AtomicUsize>,
}

struct RecordsReader {
    records: Records,
    next: Vec<(u32, i64)>,
}

fn is_no_log(offset: i64) -> bool {
    offset % 3 == 0
}

impl Source for Records {
    fn name(&self) -> Name {
        "records".into()
    }
    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let mine = (0..self.partitions).filter(|partition| *partition as usize % workers == worker);
        let next = mine.map(|partition| (partition, resume.get(&partition).copied().unwrap_or(0))).collect();
        Ok(Box::new(RecordsReader { records: self.clone(), next }))
    }
}

impl Reader for RecordsReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let Records { end, over, length, read, .. } = &self.records;
        for (partition, next) in &mut self.next {
            let slot = intake.partition(*partition);
            while *next < *end && !intake.is_full() {
                let mark = if is_no_log(*next) { '{' } else { '-' };
                *next += 1;
                intake.record(slot, *next, None, format!("{mark}{}", "x".repeat(*length)).as_bytes());
                read.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(match self.next.iter().all(|(_, next)| next == end) {
            false => Progress::More,
            true if *over => Progress::Finished,
            true => Progress::Idle,
        })
    }
}

struct Count;

impl Query for Count {
    fn name(&self) -> &str {
        "count"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let count = flow.logs().tumbling(seconds(60)).aggregate(Everything, |count: &mut u64, _: &Log<'_>| *count += 1);
        flow.view("count", &count);
    }
}

/// What the world has got, as a sink with transactions keeps it.
#[derive(Default)]
struct World {
    epoch: Option<Epoch>,
    letters: Vec<(u32, i64)>,
}

/// Fails for good at its `fails`th delivery, before or after it has happened.
struct Letters {
    world: Arc<Mutex<World>>,
    fails: Option<(usize, bool)>,
}

impl Sink for Letters {
    fn name(&self) -> Name {
        "letters".into()
    }
    fn takes_dead_letters(&self) -> bool {
        true
    }
    fn resume(&mut self, _: &Name, delivered: Option<Epoch>) -> Result<Option<Epoch>, SinkError> {
        Ok(self.world.lock().unwrap().epoch.max(delivered))
    }
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        let happens = match &mut self.fails {
            Some((0, happens)) => Some(*happens),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        let mut world = self.world.lock().unwrap();
        if happens != Some(false) {
            for batch in batches.iter().filter(|batch| Some(batch.epoch) > world.epoch).collect::<Vec<_>>() {
                world.epoch = Some(batch.epoch);
                world
                    .letters
                    .extend(batch.dead_letters.iter().map(|letter| (letter.partition, letter.next_offset - 1)));
            }
        }
        if happens.is_some() { Err(SinkError::new(self.name(), "out of order")) } else { Ok(()) }
    }
}

fn job(folder: Option<&Path>, workers: usize, records: &Records, sink: impl Sink + 'static) -> Job {
    let mut job = Job { state: folder.map(Path::to_owned), ..Job::default() };
    job.settings.workers = workers;
    job.settings.tick = Duration::from_millis(2);
    job.settings.commit_interval = Duration::from_millis(4);
    job.settings.batch_bytes = 2000;
    job.sources.push(Box::new(records.clone()));
    job.queries.push(Box::new(Count));
    job.sinks.push((Vec::new(), Box::new(sink)));
    job
}

fn expected(partitions: u32, end: i64) -> Vec<(u32, i64)> {
    let of = |partition| (0..end).filter(|offset| is_no_log(*offset)).map(move |offset| (partition, offset));
    (0..partitions).flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_arrives_once_however_a_job_ends(
        lives in prop::collection::vec((1..=3_usize, 1..400_i64, prop::option::of((0..4_usize, any::<bool>()))), 1..5)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(Mutex::new(World::default()));
        let mut records =
            Records { partitions: 4, end: 0, over: false, length: 50, read: Arc::default() };
        for (workers, more, fails) in lives {
            records.end += more;
            let before = records.read.load(Ordering::Relaxed);
            let running = job(Some(folder.path()), workers, &records, Letters { world: world.clone(), fails }).start();
            let running = running.unwrap();
            while !running.is_stopping() && records.read.load(Ordering::Relaxed) < before + more.min(5) as usize {
                std::thread::yield_now();
            }
            running.stopper()();
            let _ = running.join();
        }
        records.over = true;
        job(Some(folder.path()), 2, &records, Letters { world: world.clone(), fails: None }).start().unwrap().join().unwrap();
        let mut letters = std::mem::take(&mut world.lock().unwrap().letters);
        letters.sort_unstable();
        prop_assert_eq!(letters, expected(4, records.end));
    }
}

/// Takes its time, and notes how many letters, a third of the records, have been read and not arrived.
struct Slow {
    read: Arc<AtomicUsize>,
    arrived: usize,
    most: Arc<AtomicUsize>,
}

impl Sink for Slow {
    fn name(&self) -> Name {
        "slow".into()
    }
    fn takes_dead_letters(&self) -> bool {
        true
    }
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        std::thread::park_timeout(Duration::from_millis(5));
        self.most.fetch_max((self.read.load(Ordering::Relaxed) / 3).saturating_sub(self.arrived), Ordering::Relaxed);
        self.arrived += batches.iter().map(|batch| batch.dead_letters.len()).sum::<usize>();
        Ok(())
    }
}

#[test]
fn sources_wait_for_a_sink_that_is_behind() {
    const OUTBOX: usize = 1 << 20;
    let (read, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let records = Records { partitions: 2, end: 30_000, over: true, length: 1000, read: read.clone() };
    let sink = Slow { read, arrived: 0, most: most.clone() };
    let mut job = job(None, 2, &records, sink);
    job.settings.max_outbox_bytes = OUTBOX;
    // nothing else slows it
    job.settings.max_epochs_in_flight = u64::MAX;
    let metrics = job.metrics.clone();
    job.start().unwrap().join().unwrap();
    let reason = highwater_engine::metrics::ReasonLabel { reason: "invalid_json".into() };
    assert_eq!(metrics.dead_letters.get(&reason).unwrap().get(), 20_000);
    // the outbox may be exceeded by one commit, and what is delivered waits too
    let letters = most.load(Ordering::Relaxed);
    assert!(letters * 1000 < 4 * OUTBOX, "{letters} letters waited");
}
