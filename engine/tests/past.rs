//! Past logs that are read faster than they came by more than anything is kept: what they come to is told all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use highwater_engine::{
    Batch, Everything, Flow, Intake, Job, Log, Name, Positions, Progress, Query, Reader, Settings, Sink, SinkError,
    Source, SourceError, Timestamp, seconds,
};

/// Two hours of a log a second, from each worker's own partition, as fast as they are taken.
struct Hours;

const LOGS: i64 = 7200;

struct HoursReader {
    partition: u32,
    next: i64,
}

impl Source for Hours {
    fn name(&self) -> Name {
        "hours".into()
    }
    fn open(&self, worker: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(HoursReader { partition: worker as u32, next: 0 }))
    }
}

impl Reader for HoursReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(self.partition);
        while self.next < LOGS {
            if intake.is_full() {
                return Ok(Progress::More);
            }
            let at = Timestamp::from_millis(self.next * 1000);
            self.next += 1;
            intake.record(slot, self.next, None, format!(r#"{{"timestamp":"{at}","message":"m"}}"#).as_bytes());
        }
        Ok(Progress::Finished)
    }
}

struct Counts;

impl Query for Counts {
    fn name(&self) -> &str {
        "counts"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let count = |count: &mut u64, _: &Log<'_>| *count += 1;
        flow.view("counts", &flow.logs().tumbling(seconds(10)).aggregate(Everything, count));
    }
}

/// The windows that it was told of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<BTreeSet<Timestamp>>>);

impl Sink for Told {
    fn name(&self) -> Name {
        "told".into()
    }
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        let records = batches.iter().flat_map(|batch| &batch.changes).map(|change| &change.record);
        let counted = records.filter(|record| record.value.is_some());
        self.0.lock().unwrap().extend(counted.filter_map(|record| record.window_start));
        Ok(())
    }
}

#[test]
fn every_window_of_hours_is_told_though_windows_are_kept_for_a_minute() {
    for workers in [1, 2] {
        let told = Told::default();
        let job = Job {
            settings: Settings { workers, retention: seconds(60), ..Settings::default() },
            sources: vec![Box::new(Hours)],
            queries: vec![Box::new(Counts)],
            sinks: vec![(vec!["counts".into()], Box::new(told.clone()))],
            ..Job::default()
        };
        job.start().unwrap().join().unwrap();
        let told = told.0.lock().unwrap();
        let missed = (0..LOGS / 10)
            .map(|window| Timestamp::from_millis(window * 10_000))
            .filter(|window| !told.contains(window));
        assert_eq!(missed.collect::<Vec<_>>(), [], "{workers} workers");
    }
}
