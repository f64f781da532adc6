//! Workers do not begin at the same moment: a source takes its time to open on one of them. All go on together all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    thread,
    time::{Duration, Instant},
};

use highwater_engine::{
    Everything, Flow, Intake, Job, Log, Name, Positions, Progress, Query, Reader, RowFilter, Settings, Source,
    SourceError, seconds,
};

const RECORDS: i64 = 1000;

/// A partition for each worker, one record each time that it is asked, and never an end; the last worker opens its own late.
struct Late(Duration);

struct Records {
    partition: u32,
    next: i64,
}

impl Source for Late {
    fn name(&self) -> Name {
        "late".into()
    }
    fn open(&self, worker: usize, workers: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let ready = Instant::now() + if worker + 1 == workers { self.0 } else { Duration::ZERO };
        while Instant::now() < ready {
            thread::park_timeout(ready - Instant::now());
        }
        Ok(Box::new(Records { partition: worker as u32, next: 0 }))
    }
}

impl Reader for Records {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        if self.next == RECORDS {
            return Ok(Progress::Idle);
        }
        let slot = intake.partition(self.partition);
        self.next += 1;
        intake.record(slot, self.next, None, br#"{"message":"m"}"#);
        Ok(Progress::Idle)
    }
}

struct Counts;

impl Query for Counts {
    fn name(&self) -> &str {
        "counts"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let count = |count: &mut u64, _: &Log<'_>| *count += 1;
        flow.view("counts", &flow.logs().tumbling(seconds(3600)).aggregate(Everything, count));
    }
}

#[test]
fn a_worker_that_begins_late_does_not_hold_the_others_up_for_ever() {
    let tick = Duration::from_millis(2);
    let settings = Settings { workers: 2, tick, ..Settings::default() };
    // by many more epochs than may be in flight
    let late = tick * 10 * u32::try_from(settings.max_epochs_in_flight).unwrap();
    let job = Job { settings, sources: vec![Box::new(Late(late))], queries: vec![Box::new(Counts)], ..Job::default() };
    let running = job.start().unwrap();
    let views = running.views();
    let counted = || -> u64 {
        let snapshot = views.snapshot();
        let rows = snapshot.view("counts").map(|view| view.rows(&RowFilter::default(), usize::MAX)).unwrap_or_default();
        rows.iter().filter_map(|row| row.value.as_ref()?.as_u64()).sum()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while counted() < 2 * RECORDS as u64 {
        assert!(Instant::now() < deadline, "only {} of {} records are read", counted(), 2 * RECORDS);
        thread::park_timeout(Duration::from_millis(5));
    }
    running.stopper()();
    running.join().unwrap();
}
