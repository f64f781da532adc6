//! Durable state as a job's owner sees it: what sinks are told across restarts and changed queries, what becomes of
//! sinks that fail or stand still, and states that cannot be read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use highwater_engine::{
    Batch, Flow, Intake, Job, Log, Name, Positions, Progress, Query, Reader, Service, Settings, Sink, SinkError,
    Source, SourceError, seconds,
};
use serde_json::{Value, json};

/// Lines, by position; read on where state ends.
#[derive(Clone)]
struct Lines(Arc<Vec<String>>);

impl Lines {
    /// A log of each service, in order.
    fn of(services: &[&str]) -> Self {
        let line =
            |service: &&str| format!(r#"{{"timestamp":"2025-10-23T14:32:15Z","service":"{service}","message":"m"}}"#);
        Lines(Arc::new(services.iter().map(line).collect()))
    }
}

struct LinesReader(Option<Lines>, usize);

impl Source for Lines {
    fn name(&self) -> Name {
        "lines".into()
    }
    fn open(&self, worker: usize, _: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let next = resume.get(&0).map_or(0, |next| *next as usize);
        Ok(Box::new(LinesReader((worker == 0).then(|| self.clone()), next)))
    }
}

impl Reader for LinesReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let LinesReader(Some(Lines(lines)), next) = self else { return Ok(Progress::Finished) };
        let slot = intake.partition(0);
        // a line at a time, so that there are many epochs
        if let Some(line) = lines.get(*next) {
            *next += 1;
            intake.record(slot, *next as i64, None, line.as_bytes());
            return Ok(Progress::Idle);
        }
        Ok(Progress::Finished)
    }
}

/// Counts of services that have at least so many logs.
struct AtLeast(u64);

impl Query for AtLeast {
    fn name(&self) -> &str {
        "at_least"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let least = self.0;
        let counts = flow.logs().tumbling(seconds(10)).aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1);
        let rows = counts.rows().filter(move |(_, count)| *count >= least);
        flow.table("counts", rows.map(|((service, _), count)| (service, count)));
    }
}

/// Keeps what it is told; fails as often as it is to, and waits as long as it is to.
#[derive(Clone, Default)]
struct Told {
    batches: Arc<Mutex<Vec<Batch>>>,
    failures: Arc<AtomicUsize>,
    closed: Arc<Mutex<()>>,
    refuses: Arc<AtomicBool>,
    /// says that it has lost everything
    is_empty: Arc<AtomicBool>,
}

impl Sink for Told {
    fn name(&self) -> Name {
        "told".into()
    }
    fn empty_views(&mut self) -> Result<Vec<Name>, SinkError> {
        Ok(self.is_empty.load(Ordering::SeqCst).then(|| "counts".into()).into_iter().collect())
    }
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(SinkError::new(self.name(), "never"));
        }
        let fails = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(SinkError::new(self.name(), "not yet").again(Duration::ZERO));
        }
        drop(self.closed.lock().unwrap());
        self.batches.lock().unwrap().extend_from_slice(batches);
        Ok(())
    }
}

impl Told {
    /// What was told since last asked, in order.
    fn take(&self) -> Vec<(String, Option<Value>)> {
        let batches = std::mem::take(&mut *self.batches.lock().unwrap());
        batches.into_iter().flat_map(|b| b.changes).map(|c| (c.record.key_text(), c.record.value)).collect()
    }
}

fn job(folder: &Path, lines: &Lines, least: u64, told: &Told) -> Job {
    Job {
        settings: Settings {
            tick: Duration::from_millis(1),
            commit_interval: Duration::from_millis(1),
            ..Settings::default()
        },
        sources: vec![Box::new(lines.clone())],
        queries: vec![Box::new(AtLeast(least))],
        sinks: vec![(vec!["counts".into()], Box::new(told.clone()))],
        state: Some(folder.to_owned()),
        ..Job::default()
    }
}

fn run(job: Job) {
    job.start().unwrap().join().unwrap();
}

fn newest(told: &[(String, Option<Value>)]) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    for (key, value) in told {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
    rows
}

#[test]
fn after_a_restart_and_a_changed_query_exactly_the_difference_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = Told::default();
    let lines = Lines::of(&["cart", "search", "cart", "cart", "search", "pay"]);
    run(job(folder.path(), &lines, 1, &told));
    let first = told.take();
    let rows = |rows: Value| serde_json::from_value::<BTreeMap<String, Value>>(rows).unwrap();
    assert_eq!(newest(&first), rows(json!({ "cart": 3, "search": 2, "pay": 1 })));

    run(job(folder.path(), &lines, 1, &told));
    assert_eq!(told.take(), [], "nothing has changed");

    let more = Lines(Arc::new(lines.0.iter().chain(Lines::of(&["pay"]).0.iter()).cloned().collect()));
    run(job(folder.path(), &more, 1, &told));
    assert_eq!(told.take(), [("pay".to_owned(), Some(json!(2)))]);

    run(job(folder.path(), &more, 3, &told));
    assert_eq!(told.take(), [("pay".to_owned(), None), ("search".to_owned(), None)]);

    run(job(folder.path(), &more, 2, &told));
    assert_eq!(told.take(), [("pay".to_owned(), Some(json!(2))), ("search".to_owned(), Some(json!(2)))]);
}

#[test]
fn a_sink_that_holds_nothing_is_told_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let told = Told::default();
    let lines = Lines::of(&["cart", "search", "cart"]);
    run(job(folder.path(), &lines, 1, &told));
    let all = newest(&told.take());

    told.is_empty.store(true, Ordering::SeqCst);
    run(job(folder.path(), &lines, 1, &told));
    let again = told.take();
    assert_eq!((again.len(), newest(&again)), (2, all.clone()));
    told.is_empty.store(false, Ordering::SeqCst);
    run(job(folder.path(), &lines, 1, &told));
    assert_eq!(told.take(), [], "it is known what it was told");

    // what waits for it is told with everything, not besides
    let more = Lines(Arc::new(lines.0.iter().chain(Lines::of(&["pay"]).0.iter()).cloned().collect()));
    told.refuses.store(true, Ordering::SeqCst);
    job(folder.path(), &more, 1, &told).start().unwrap().join().unwrap_err();
    told.refuses.store(false, Ordering::SeqCst);
    told.is_empty.store(true, Ordering::SeqCst);
    run(job(folder.path(), &more, 1, &told));
    let again = told.take();
    assert_eq!((again.len(), newest(&again).len()), (3, 3));
    assert!(all.iter().all(|row| newest(&again).get(row.0) == Some(row.1)));
}

#[test]
fn a_sink_that_fails_is_told_again_and_one_that_stands_still_stops_the_sources() {
    let folder = tempfile::tempdir().unwrap();
    let told = Told::default();
    told.failures.store(3, Ordering::SeqCst);
    let many: Vec<&str> = std::iter::repeat_n(["cart", "search", "pay"], 400).flatten().collect();
    let lines = Lines::of(&many);
    let held = told.closed.lock().unwrap();
    let job = job(folder.path(), &lines, 1, &told);
    let job = Job { settings: Settings { max_outbox_bytes: 2_000, ..job.settings }, ..job };
    let running = job.start().unwrap();
    let (views, metrics) = (running.views(), running.metrics());
    // it stands still: epochs pass and no further log is read
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut logs, mut since) = (0, views.published());
    while views.published() < since + 200 {
        if metrics.logs.get() != logs {
            (logs, since) = (metrics.logs.get(), views.published());
        }
        assert!(Instant::now() < deadline, "epochs pass no longer");
        std::thread::yield_now();
    }
    assert!(logs < many.len() as u64, "all was read though the sink had taken nothing");
    drop(held);
    running.join().unwrap();
    let told = told.take();
    assert_eq!(newest(&told)["pay"], json!(400));
    for service in ["cart", "search", "pay"] {
        let counts: Vec<_> = told.iter().filter(|(key, _)| key == service).map(|(_, v)| v.as_ref().unwrap()).collect();
        assert!(counts.is_sorted_by(|a, b| a.as_u64() < b.as_u64()), "{service}: {counts:?}");
    }
}

#[test]
fn a_state_that_cannot_be_read_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, told) = (Lines::of(&["cart"]), Told::default());
    run(job(folder.path(), &lines, 1, &told));
    let file = folder.path().join("state.redb");
    let whole = std::fs::read(&file).unwrap();

    let running = job(folder.path(), &Lines::of(&["cart"; 1_000]), 1, &told).start().unwrap();
    let second = job(folder.path(), &lines, 1, &told).start().err().unwrap().to_string();
    assert!(second.contains("another process uses it"), "{second}");
    running.stopper()();
    running.join().unwrap();

    for damaged in [vec![0; 4096], whole[..100].to_vec(), b"no store".to_vec()] {
        std::fs::write(&file, &damaged).unwrap();
        let refused = job(folder.path(), &lines, 1, &told).start().err().unwrap().to_string();
        assert!(refused.contains("state.redb") && refused.contains("move it away"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), damaged);
    }
}
