//! A source of given records, and a store in a folder of its own.

#![allow(dead_code, unreachable_pub)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Settings, Source, SourceError, Timestamp, seconds};
use highwater_logstore::{Indexer, LogStore, Status, StoreSettings};
use prometheus_client::registry::Registry;

/// Records by partition. The offset after a record is its number, counted from 1; to begin with they are all there are,
/// and more may be added.
#[derive(Clone, Default)]
pub struct Records {
    pub partitions: Arc<Mutex<Vec<Vec<String>>>>,
    /// most records that are read at once
    pub at_once: usize,
    /// whether the source ends after them
    pub ends: bool,
}

impl Records {
    pub fn new(partitions: Vec<Vec<String>>) -> Self {
        Records { partitions: Arc::new(Mutex::new(partitions)), at_once: 100, ends: true }
    }

    /// One that goes on.
    pub fn open() -> Self {
        Records { ends: false, ..Records::new(vec![Vec::new()]) }
    }

    pub fn push(&self, partition: usize, record: impl Into<String>) {
        self.partitions.lock().unwrap()[partition].push(record.into());
    }
}

impl Source for Records {
    fn name(&self) -> Name {
        "records".into()
    }

    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        assert_eq!((worker, workers), (0, 1));
        Ok(Box::new(RecordReader { records: self.clone(), next: resume.clone() }))
    }
}

struct RecordReader {
    records: Records,
    next: Positions,
}

impl Reader for RecordReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let partitions = self.records.partitions.lock().unwrap();
        let mut left = self.records.at_once;
        for (partition, records) in (0..).zip(partitions.iter()) {
            let next = self.next.entry(partition).or_default();
            let slot = intake.partition(partition);
            for record in records.iter().skip(*next as usize) {
                if left == 0 || intake.is_full() {
                    return Ok(Progress::More);
                }
                left -= 1;
                *next += 1;
                intake.record(slot, *next, Some(Timestamp::from_millis(1_700_000_000_000)), record.as_bytes());
            }
        }
        Ok(if self.records.ends { Progress::Finished } else { Progress::Idle })
    }
}

/// A store of these records in this folder.
pub fn start(records: &Records, settings: &StoreSettings) -> (Indexer, LogStore) {
    let sources: Vec<Box<dyn Source>> = vec![Box::new(records.clone())];
    Indexer::start(sources, Settings::default(), settings.clone(), &mut Registry::default()).unwrap()
}

/// Settings for a folder: bounds that are small, and a retention that no log of a test is older than.
pub fn settings(folder: &std::path::Path) -> StoreSettings {
    StoreSettings {
        retention: seconds(100 * 365 * 86_400),
        memory: StoreSettings::MIN_MEMORY,
        commit_interval: Duration::from_millis(20),
        ..StoreSettings::new(folder.join("store"))
    }
}

/// Waits until the store is so, and fails if it is not within a minute.
pub fn wait_until(store: &LogStore, mut is_so: impl FnMut(&Status) -> bool) -> Status {
    let start = Instant::now();
    loop {
        let status = store.status();
        if is_so(&status) {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{status:?}");
        std::thread::yield_now();
        let _ = crossbeam_channel::after(Duration::from_millis(2)).recv();
    }
}

/// Everything is read and can be found.
pub fn wait_for_all(store: &LogStore) -> Status {
    wait_until(store, |status| status.finished)
}
