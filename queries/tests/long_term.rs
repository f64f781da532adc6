//! What days and weeks say of a minute: told whatever epochs logs come in, on any number of workers and through a kill.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;

use highwater_engine::{
    Flow, Name, Plain, Query, Settings, Snapshot, Timestamp, minutes,
    testing::{replay, replay_in_parts},
};
use highwater_operators::{Anomaly, Detection, LongTerm, Method, Weights, catalog};
use highwater_queries::{Detectors, Rollups, anomalies, stats};

struct OfAnomalies;

impl Query for OfAnomalies {
    fn name(&self) -> &str {
        "of_anomalies"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let stats = stats::build(flow, &Rollups::default());
        // eight hours are no long past, and the threshold is for one
        let long_term = LongTerm { threshold: 0.5, ..LongTerm::default() };
        // forests depend on when they were trained
        let weights = Weights { isolation_forest: 0.0, ..Weights::default() };
        let log_volume = Detection { weights, ..Detection::counts() };
        let detectors = Detectors { log_volume, long_term, ..Detectors::default() };
        let found = anomalies::find(flow, &stats.closed, &stats.minutes, &detectors);
        let _ = anomalies::build(flow, found);
    }
}

const MINUTES: u64 = 480;
/// Minutes that have three times as many logs, evenly: ten seconds of them are nothing that chance would not do.
const BUSY: [u64; 3] = [170, 320, 450];

fn at(minute: u64) -> Timestamp {
    Timestamp::from_millis(1_761_229_800_000).plus(minutes(minute))
}

type Records = Vec<(u32, String)>;

/// Logs of two services, one of which is always the same.
fn minute(minute: u64) -> Records {
    let busy = if BUSY.contains(&minute) { 64 } else { 20 + minute * 7 % 5 };
    let logs = |service: &str, count: u64| -> Records {
        let log = |n: u64| {
            let at = Timestamp::from_micros(at(minute).as_micros() + (n * 60_000_000 / count) as i64);
            ((n % 2) as u32, format!(r#"{{"timestamp":"{at}","level":"INFO","service":"{service}","message":"m"}}"#))
        };
        (0..count).map(log).collect()
    };
    let mut records = logs("cart", busy);
    records.extend(logs("clock", 6));
    // as they would be read
    records.sort_by(|(_, one), (_, other)| one.cmp(other));
    records
}

fn script(minutes_an_epoch: u64) -> Vec<Records> {
    let begins = (0..MINUTES).step_by(minutes_an_epoch as usize);
    begins.map(|from| (from..(from + minutes_an_epoch).min(MINUTES)).flat_map(minute).collect()).collect()
}

fn settings(workers: usize) -> Settings {
    Settings { workers, ..Settings::default() }
}

fn found(snapshot: &Snapshot) -> BTreeMap<String, Anomaly> {
    let rows = snapshot.rows::<Plain<Name>, Anomaly>(catalog::ANOMALIES).unwrap();
    rows.iter().map(|(row, anomaly)| (row.key.to_string(), anomaly.clone())).collect()
}

#[test]
fn a_minute_unlike_all_before_it_is_told_where_no_window_of_it_is() {
    let snapshots = replay(OfAnomalies, &settings(1), &script(5)).unwrap();
    let last = found(snapshots.last().unwrap());
    let start = at(BUSY[2]);
    for service in ["cart", "*"] {
        let id = format!("log_volume:{service}:{start}:spike");
        let anomaly = last.get(&id).unwrap_or_else(|| panic!("no {id}: {:?}", last.keys()));
        assert_eq!((anomaly.window_start, anomaly.window_end), (start, at(BUSY[2] + 1)));
        assert_eq!((anomaly.detected_at, &anomaly.methods[..]), (at(BUSY[2] + 1), &[Method::LongTerm][..]));
        let expected = if service == "*" { 28.0 } else { 22.0 };
        assert!((*anomaly.expected_value - expected).abs() < 1.0 && *anomaly.score >= 0.5, "{anomaly:?}");
        assert!(*anomaly.evidence.long_term.unwrap().level > 5.0, "{anomaly:?}");
    }
    assert_eq!(last.len(), 2, "{:?}", last.keys());
    // it came and went with the retention
    let ever = |busy: u64| {
        let id = format!("log_volume:cart:{}:spike", at(busy));
        snapshots.iter().filter(|snapshot| found(snapshot).contains_key(&id)).count()
    };
    assert!(ever(BUSY[1]) > 10 && ever(BUSY[1]) < 16, "{}", ever(BUSY[1]));
}

#[test]
fn however_many_workers_read_and_whatever_they_read_at_once() {
    let expected = found(replay(OfAnomalies, &settings(1), &script(5)).unwrap().last().unwrap());
    assert!(!expected.is_empty());
    for (workers, minutes_an_epoch) in [(2, 5), (4, 7), (2, 30), (1, MINUTES)] {
        let snapshots = replay(OfAnomalies, &settings(workers), &script(minutes_an_epoch)).unwrap();
        let found = found(snapshots.last().unwrap());
        assert_eq!(found, expected, "{workers} workers, {minutes_an_epoch} minutes an epoch");
    }
}

#[test]
fn a_kill_changes_nothing() {
    let script = script(5);
    let whole: Vec<_> = replay(OfAnomalies, &settings(1), &script).unwrap().iter().map(|of| found(of)).collect();
    // in an hour of checkpoints, right after a busy minute, while it is shown, and twice
    for cuts in [vec![41], vec![65, 66], vec![91, 95]] {
        let ends = cuts.iter().copied().chain([script.len()]);
        let begins = [0].into_iter().chain(cuts.iter().copied());
        let parts: Vec<_> = begins
            .zip(ends)
            .enumerate()
            .map(|(part, (from, to))| (settings(1 + part % 3), script[from..to].to_vec()))
            .collect();
        let snapshots = replay_in_parts(OfAnomalies, &parts).unwrap();
        let last = found(snapshots.last().unwrap().last().unwrap());
        assert_eq!(&last, whole.last().unwrap(), "killed after {cuts:?}");
        // a start shows what was shown
        for (part, cut) in snapshots.iter().skip(1).zip(&cuts) {
            assert_eq!(found(part.first().unwrap()), whole[cut - 1], "restored after {cut} of {cuts:?}");
        }
    }
}
