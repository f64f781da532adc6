//! Incremental = batch: every view at every epoch equals what a plain program computes over all logs so far, whatever
//! order logs come in, however they are cut into epochs, on any number of workers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use highwater_engine::{
    Everything, Flow, Log, Name, Query, Service, Settings, Snapshot, Timestamp, Windowed, minutes, seconds,
    testing::{replay, replay_in_parts},
};
use proptest::prelude::*;

const SERVICES: [&str; 3] = ["cart", "payment", "search"];

/// (logs, sum of latencies)
type Sum = (u64, u64);

struct Views;

impl Query for Views {
    fn name(&self) -> &str {
        "views"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let observe = |sum: &mut Sum, log: &Log<'_>| {
            sum.0 += 1;
            sum.1 += log.latency_micros().unwrap_or(0);
        };
        let folded = flow.logs().tumbling(seconds(10)).fold(Service, observe);
        let tumbling = folded.windows();
        flow.view("tumbling", &tumbling);
        let young = flow.expire(tumbling.rows(), seconds(30), |((_, window), _)| window.end(seconds(10)));
        flow.view("young", &tumbling.with_rows(young));
        flow.view("closed", &tumbling.closed((0, 0)));
        flow.view("ended", &tumbling.ended());
        flow.view("rollup", &folded.rollup(minutes(1), minutes(5)));
        flow.view("all", &folded.regroup(|_| ()).windows());
        let sliding = flow.logs().sliding(seconds(30), seconds(10)).aggregate(Service, observe);
        flow.view("sliding", &sliding);
        flow.view("sliding_ended", &sliding.ended());
        let odd = flow.logs().filter(|log| log.latency_micros() == Some(1000));
        flow.view("filtered", &odd.tumbling(seconds(10)).aggregate(Everything, observe));
    }
}

#[derive(Clone, Debug)]
struct Entry {
    partition: u32,
    second: i64,
    service: usize,
    latency_ms: u64,
}

impl Entry {
    fn record(&self) -> (u32, String) {
        let at = Timestamp::from_millis(self.second * 1000);
        let (service, latency) = (SERVICES[self.service], self.latency_ms);
        let json = format!(r#"{{"timestamp":"{at}","service":"{service}","latency_ms":{latency},"message":"m"}}"#);
        (self.partition, json)
    }
}

fn settings(workers: usize) -> Settings {
    Settings { workers, lateness: seconds(5), retention: seconds(60), ..Settings::default() }
}

/// What the engine is to show, written without it: all in whole seconds.
#[derive(Default)]
struct Batch {
    newest: BTreeMap<u32, i64>,
    watermark: Option<i64>,
    logs: Vec<Entry>,
}

type Rows = BTreeMap<(String, i64), Sum>;

impl Batch {
    fn epoch(&mut self, entries: &[Entry]) {
        for entry in entries {
            let newest = self.newest.get(&entry.partition).copied();
            if newest.is_none_or(|newest| entry.second >= newest - 5 - 60) {
                self.logs.push(entry.clone());
                self.newest.insert(entry.partition, newest.map_or(entry.second, |newest| newest.max(entry.second)));
            }
        }
        self.watermark = self.watermark.max(self.newest.values().min().map(|newest| newest - 5));
    }

    fn end(&mut self) {
        self.watermark = self.watermark.max(self.newest.values().max().map(|newest| newest + 10));
    }

    fn rows(&self, size: i64, slide: i64, keep: i64, choose: impl Fn(&Entry) -> Option<String>) -> Rows {
        let mut rows = Rows::new();
        for log in &self.logs {
            let Some(key) = choose(log) else { continue };
            let last = log.second.div_euclid(slide) * slide;
            for start in (0..size / slide).map(|back| last - back * slide) {
                if self.watermark.is_none_or(|watermark| start + size + keep > watermark) {
                    let sum = rows.entry((key.clone(), start)).or_default();
                    sum.0 += 1;
                    sum.1 += log.latency_ms * 1000;
                }
            }
        }
        rows
    }

    fn ended(&self, size: i64) -> Rows {
        let mut rows = self.rows(size, 10, 60, service);
        rows.retain(|(_, start), _| self.watermark.is_some_and(|watermark| start + size <= watermark));
        rows
    }

    fn closed(&self) -> Rows {
        let rows = self.rows(10, 10, 60, service);
        let mut closed = Rows::new();
        let Some(watermark) = self.watermark else { return closed };
        let keys: BTreeSet<_> = rows.keys().map(|(key, _)| key.clone()).collect();
        for key in keys {
            let first = rows.keys().filter(|(k, _)| *k == key).map(|(_, start)| *start).min().unwrap();
            let mut start = first;
            while start + 10 <= watermark {
                closed.insert((key.clone(), start), rows.get(&(key.clone(), start)).copied().unwrap_or_default());
                start += 10;
            }
        }
        closed
    }
}

fn service(entry: &Entry) -> Option<String> {
    Some(SERVICES[entry.service].to_owned())
}

fn shown(snapshot: &Snapshot, view: &str) -> Rows {
    let second = |at: Timestamp| at.as_micros() / 1_000_000;
    if let Some(rows) = snapshot.rows::<Windowed<Name>, Sum>(view) {
        return rows.iter().map(|(row, sum)| ((row.key.to_string(), second(row.window.start)), *sum)).collect();
    }
    let rows = snapshot.rows::<Windowed<()>, Sum>(view).expect("a view of sums");
    rows.iter().map(|(row, sum)| ((String::new(), second(row.window.start)), *sum)).collect()
}

fn check(batch: &Batch, snapshot: &Snapshot, context: &str) {
    let all = |_: &Entry| Some(String::new());
    let filtered = |entry: &Entry| (entry.latency_ms == 1).then(String::new);
    for (view, expected) in [
        ("tumbling", batch.rows(10, 10, 60, service)),
        ("young", batch.rows(10, 10, 30, service)),
        ("closed", batch.closed()),
        ("ended", batch.ended(10)),
        ("sliding_ended", batch.ended(30)),
        ("rollup", batch.rows(60, 60, 300, service)),
        ("all", batch.rows(10, 10, 60, all)),
        ("sliding", batch.rows(30, 10, 60, service)),
        ("filtered", batch.rows(10, 10, 60, filtered)),
    ] {
        assert_eq!(shown(snapshot, view), expected, "view {view}, {context}");
    }
}

fn entries() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    // event time drifts on with the epochs; within one it jumps back and forth, sometimes past lateness and retention
    let entry = (0u32..4, -90i64..30, 0usize..3, 0u64..3);
    prop::collection::vec(prop::collection::vec(entry, 0..12), 1..12).prop_map(|epochs| {
        let drift = |(number, entries): (usize, Vec<(u32, i64, usize, u64)>)| {
            let now = 1_000 + number as i64 * 25;
            let entry = |(partition, offset, service, latency_ms)| Entry {
                partition,
                second: now + if offset < -60 { offset } else { offset / 4 },
                service,
                latency_ms,
            };
            entries.into_iter().map(entry).collect()
        };
        epochs.into_iter().enumerate().map(drift).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_view_at_every_epoch_equals_the_batch(epochs in entries()) {
        let script: Vec<Vec<_>> = epochs.iter().map(|entries| entries.iter().map(Entry::record).collect()).collect();
        for workers in [1, 2, 4] {
            let snapshots = replay(Views, &settings(workers), &script).unwrap();
            assert_eq!(snapshots.len(), epochs.len() + 1);
            let mut batch = Batch::default();
            for (number, entries) in epochs.iter().enumerate() {
                batch.epoch(entries);
                check(&batch, &snapshots[number], &format!("epoch {number}, {workers} workers"));
            }
            batch.end();
            check(&batch, snapshots.last().unwrap(), &format!("the end, {workers} workers"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn a_job_that_is_killed_and_goes_on_shows_what_one_never_killed_shows(
        epochs in entries(),
        lengths in prop::collection::vec((1usize..5, 1usize..4), 1..5),
    ) {
        let records = |entries: &Vec<Entry>| entries.iter().map(Entry::record).collect::<Vec<_>>();
        let mut rest = &epochs[..];
        let mut parts = Vec::new();
        for (length, workers) in lengths {
            let (part, later) = rest.split_at(rest.len().min(length));
            parts.push((settings(workers), part.iter().map(records).collect()));
            rest = later;
        }
        parts.push((settings(2), rest.iter().map(records).collect()));
        let snapshots = replay_in_parts(Views, &parts).unwrap();
        let mut batch = Batch::default();
        let mut epochs = epochs.iter();
        for (number, (snapshots, (_, script))) in snapshots.iter().zip(&parts).enumerate() {
            let mut snapshots = snapshots.iter();
            if number > 0 {
                check(&batch, snapshots.next().unwrap(), &format!("restored for part {number}"));
            }
            for _ in script {
                batch.epoch(epochs.next().unwrap());
                check(&batch, snapshots.next().unwrap(), &format!("part {number}"));
            }
            if number + 1 == parts.len() {
                batch.end();
                check(&batch, snapshots.next().unwrap(), "the end");
            }
            prop_assert!(snapshots.next().is_none());
        }
    }
}

#[test]
fn one_late_log_corrects_its_window() {
    let log = |second| Entry { partition: 0, second, service: 0, latency_ms: 7 };
    let epochs = [vec![log(100), log(104)], vec![log(131)], vec![log(103)]];
    let script: Vec<Vec<_>> = epochs.iter().map(|entries| entries.iter().map(Entry::record).collect()).collect();
    let snapshots = replay(Views, &settings(1), &script).unwrap();
    let cart = |epoch: usize| shown(&snapshots[epoch], "closed");
    assert_eq!(cart(0), Rows::new());
    let at = |start| ("cart".to_owned(), start);
    assert_eq!(cart(1), Rows::from([(at(100), (2, 14_000)), (at(110), (0, 0))]));
    assert_eq!(cart(2), Rows::from([(at(100), (3, 21_000)), (at(110), (0, 0))]));
}

#[test]
fn keys_beyond_the_bound_are_folded_and_nothing_is_lost() {
    struct PerService;
    impl Query for PerService {
        fn name(&self) -> &str {
            "per_service"
        }
        fn build(&self, flow: &mut Flow<'_>) {
            let counts = flow.logs().tumbling(seconds(10)).aggregate(Service, |n: &mut u64, _: &Log<'_>| *n += 1);
            flow.view("counts", &counts);
        }
    }
    let record = |n: usize| (0, format!(r#"{{"timestamp":"2025-10-23T14:32:15Z","service":"s{n}","message":"m"}}"#));
    let script = vec![(0..1000).map(record).collect()];
    let settings = Settings { max_keys: 10, ..Settings::default() };
    let snapshots = replay(PerService, &settings, &script).unwrap();
    let rows = snapshots[0].rows::<Windowed<Name>, u64>("counts").unwrap();
    assert_eq!(rows.len(), 11);
    assert_eq!(rows.values().copied().sum::<u64>(), 1000);
    let other = rows.iter().find(|(row, _)| &*row.key == highwater_engine::OTHER).unwrap();
    assert_eq!(*other.1, 990);
}
