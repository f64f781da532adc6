//! Sources read outside of a dataflow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use highwater_engine::{Follower, Intake, Name, Positions, Progress, Reader, Settings, Source, SourceError, Timestamp};

/// Records of two partitions, two at a time.
struct Records {
    name: &'static str,
    records: [Vec<String>; 2],
    committed: Arc<Mutex<Positions>>,
}

struct RecordReader {
    records: [Vec<String>; 2],
    next: Positions,
    committed: Arc<Mutex<Positions>>,
}

impl Source for Records {
    fn name(&self) -> Name {
        self.name.into()
    }

    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        assert_eq!((worker, workers), (0, 1));
        let (records, committed) = (self.records.clone(), self.committed.clone());
        Ok(Box::new(RecordReader { records, next: resume.clone(), committed }))
    }
}

impl Reader for RecordReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        for (partition, records) in (0..).zip(&self.records) {
            let next = self.next.entry(partition).or_default();
            let slot = intake.partition(partition);
            let fresh = records.iter().skip(*next as usize).take(2);
            let before = *next;
            for record in fresh {
                *next += 1;
                intake.record(slot, *next, Some(Timestamp::from_millis(1)), record.as_bytes());
            }
            if *next > before {
                return Ok(Progress::More);
            }
        }
        Ok(Progress::Finished)
    }

    fn commit(&mut self, positions: &Positions) -> Result<(), SourceError> {
        self.committed.lock().unwrap().clone_from(positions);
        Ok(())
    }
}

fn records(name: &'static str) -> Records {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    // an hour and a day are far beyond the retention
    let first = lines(&[
        r#"{"timestamp":"2025-10-23T14:00:00Z","message":"a"}"#,
        r#"{"timestamp":"2025-10-22T14:00:00Z","message":"b"}"#,
        "",
        "{broken",
        r#"{"timestamp":"2999-01-01T00:00:00Z","message":"ahead"}"#,
    ]);
    Records { name, records: [first, lines(&["c"])], committed: Arc::default() }
}

/// Everything that is read: source, partition, offset and message of each log.
fn read_all(follower: &mut Follower, reached: &mut BTreeMap<Name, Positions>) -> Vec<(String, u32, i64, String)> {
    let mut logs = Vec::new();
    while !follower.is_finished() {
        let Some(stretch) = follower.next(Duration::ZERO).unwrap() else { continue };
        assert_eq!(stretch.places.len(), stretch.logs.len());
        for ((partition, offset), log) in stretch.places.iter().zip(stretch.logs.iter()) {
            logs.push((stretch.source.to_string(), *partition, *offset, log.message().to_owned()));
        }
        reached.insert(stretch.source, stretch.positions);
    }
    logs.sort();
    logs
}

#[test]
fn every_log_comes_with_its_place_and_what_is_none_is_passed() {
    let sources: Vec<Box<dyn Source>> = vec![Box::new(records("x")), Box::new(records("y"))];
    let mut follower = Follower::open(&sources, &Settings::default(), &BTreeMap::new()).unwrap();
    let mut reached = BTreeMap::new();
    let logs = read_all(&mut follower, &mut reached);
    let of = |source: &str| {
        [(0, 1, "a"), (0, 2, "b"), (1, 1, "c")].map(|(p, at, text)| (source.to_owned(), p, at, text.to_owned()))
    };
    assert_eq!(logs, [of("x"), of("y")].concat());
    assert_eq!(reached.values().collect::<Vec<_>>(), [&Positions::from([(0, 5), (1, 1)]); 2]);
    assert!(follower.next(Duration::ZERO).unwrap().is_none());
}

#[test]
fn reading_goes_on_where_it_is_told_and_sources_hear_of_commits() {
    let source = records("x");
    let committed = source.committed.clone();
    let sources: Vec<Box<dyn Source>> = vec![Box::new(source)];
    let resume = BTreeMap::from([(Name::from("x"), Positions::from([(0, 1)]))]);
    let mut follower = Follower::open(&sources, &Settings::default(), &resume).unwrap();
    let mut reached = BTreeMap::new();
    let logs = read_all(&mut follower, &mut reached);
    assert_eq!(logs.into_iter().map(|log| log.3).collect::<Vec<_>>(), ["b", "c"]);
    follower.commit(&reached).unwrap();
    assert_eq!(*committed.lock().unwrap(), Positions::from([(0, 5), (1, 1)]));
}
