//! A job that counts logs by their message.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod broker;
pub(crate) mod gate;
pub(crate) mod kafka;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use highwater_engine::{
    Batch, DeadLetter, Flow, Job, Log, Name, Query, RowFilter, Running, Sink, SinkError, Source, Views, seconds,
};

pub(crate) struct Messages;

impl Query for Messages {
    fn name(&self) -> &str {
        "messages"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let messages = flow
            .logs()
            .tumbling(seconds(3600))
            .aggregate(|log: &Log<'_>| Name::from(log.message()), |count: &mut u64, _: &Log<'_>| *count += 1);
        flow.view("messages", &messages);
    }
}

#[derive(Clone, Default)]
pub(crate) struct Letters(pub(crate) Arc<Mutex<Vec<DeadLetter>>>);

impl Sink for Letters {
    fn name(&self) -> Name {
        "letters".into()
    }
    fn takes_dead_letters(&self) -> bool {
        true
    }
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend(batches.iter().flat_map(|batch| batch.dead_letters.iter().cloned()));
        Ok(())
    }
}

pub(crate) fn job(workers: usize, source: impl Source + 'static) -> (Job, Letters) {
    let letters = Letters::default();
    let mut job = Job { sinks: vec![(Vec::new(), Box::new(letters.clone()))], ..Job::default() };
    job.settings.workers = workers;
    job.settings.tick = Duration::from_millis(20);
    job.settings.max_record_bytes = 1000;
    job.sources.push(Box::new(source));
    job.queries.push(Box::new(Messages));
    (job, letters)
}

/// Message → how many logs have it.
pub(crate) fn counts(views: &Views) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    if let Some(view) = views.snapshot().view("messages") {
        for row in view.rows(&RowFilter::default(), usize::MAX) {
            *counts.entry(row.key.as_str().unwrap().to_owned()).or_default() +=
                row.value.and_then(|value| value.as_u64()).unwrap();
        }
    }
    counts
}

pub(crate) fn total(views: &Views) -> u64 {
    counts(views).values().sum()
}

/// How long anything may take on a machine that has much else to do: only what never comes waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until it is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn stop(running: Running) {
    running.stopper()();
    running.join().unwrap();
}

/// What a job ends with that cannot go on.
pub(crate) fn failure(running: Running) -> String {
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(running.join().unwrap_err().to_string()));
    ended.recv_timeout(PATIENCE).expect("the job goes on")
}
