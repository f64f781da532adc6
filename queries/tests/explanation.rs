//! What an anomaly says of itself, and what is one incident, the same on any number of workers and through a kill.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use highwater_engine::{
    Name, Plain, Settings, Snapshot, Timestamp, Value, seconds,
    testing::{replay, replay_in_parts},
};
use highwater_operators::{Anomaly, IncidentRecord, Shift, catalog};
use highwater_queries::Standard;

/// A record of a partition.
type Record = (u32, String);

/// The window in which the disk fails.
const FAILS: i64 = 24;

fn at(window: i64, milli: i64) -> Timestamp {
    Timestamp::from_millis(1_761_229_800_000 + window * 10_000 + milli)
}

/// Twenty orders a window and service; when the disk fails, the store has half of them and thirty errors, all of which the
/// shop reports too.
fn window(window: i64) -> Vec<Record> {
    let log = |n: i64, level: &str, service: &str, message: String| {
        let (at, trace) = (at(window, n * 100), window * 1000 + n);
        let json = format!(
            r#"{{"timestamp":"{at}","level":"{level}","service":"{service}","message":"{message}","trace_id":"t{trace}"}}"#
        );
        ((n % 2) as u32, json)
    };
    let fails = window == FAILS;
    let orders = if fails { 10 } else { 20 };
    let mut logs: Vec<Record> = (0..orders)
        .flat_map(|n| {
            [log(n, "INFO", "shop", format!("order {n} taken")), log(n, "INFO", "store", format!("{n} items kept"))]
        })
        .collect();
    for n in (0..30).filter(|_| fails) {
        logs.push(log(n, "ERROR", "store", format!("disk {n} is gone")));
        logs.push(log(n, "ERROR", "shop", format!("the store does not take order {n}")));
    }
    logs
}

fn script() -> Vec<Vec<Record>> {
    (0..30).map(window).collect()
}

fn rows<V: Value>(snapshot: &Snapshot, view: &str) -> BTreeMap<String, V> {
    let rows = snapshot.rows::<Plain<Name>, V>(view).unwrap();
    rows.iter().map(|(row, value)| (row.key.to_string(), value.clone())).collect()
}

fn error_rate_of<'a>(anomalies: &'a BTreeMap<String, Anomaly>, service: &str) -> &'a Anomaly {
    let id = format!("error_rate:{service}:{}:spike", at(FAILS, 0));
    anomalies.get(&id).unwrap_or_else(|| panic!("no {id}: {:?}", anomalies.keys()))
}

fn told(shift: &Shift) -> String {
    let Shift { dimension, value, share, share_before, count, .. } = shift;
    format!("{dimension:?} {value}: {share_before} to {share}, {count}")
}

#[test]
fn an_anomaly_tells_which_messages_and_levels_it_is_made_of() {
    let mut seen = None;
    for workers in [1, 2, 4] {
        let settings = Settings { workers, ..Settings::default() };
        let snapshots = replay(Standard::default(), &settings, &script()).unwrap();
        let anomalies = rows::<Anomaly>(snapshots.last().unwrap(), catalog::ANOMALIES);
        let shifts = &error_rate_of(&anomalies, "store").shifts;
        let found: BTreeSet<String> = shifts.iter().map(told).collect();
        let expected = [
            "Level ERROR: 0 to 0.75, 30",
            "Level INFO: 1 to 0.25, 10",
            "Template <num> items kept: 1 to 0.25, 10",
            "Template disk <num> is gone: 0 to 0.75, 30",
        ];
        assert_eq!(found, expected.map(str::to_owned).into());
        let disk = shifts.iter().find(|shift| &*shift.value == "disk <num> is gone").unwrap();
        assert_eq!(disk.example.as_deref(), Some("disk 0 is gone"));
        // whatever comes later, and on however many workers
        let before = seen.get_or_insert_with(|| shifts.clone());
        assert_eq!(before, shifts);
    }
}

#[test]
fn an_explanation_outlives_a_kill_and_the_counts_that_it_is_made_of() {
    let settings = |workers| Settings { workers, ..Settings::default() };
    let script = script();
    let (before, after) = script.split_at(27);
    // then a quarter of an hour goes by
    let later = vec![window(FAILS + 90), window(FAILS + 91)];
    let parts = [(settings(1), before.to_vec()), (settings(2), [after.to_vec(), later].concat())];
    let snapshots = replay_in_parts(Standard::default(), &parts).unwrap();
    let shifts = |snapshot: &Snapshot| {
        let anomalies = rows::<Anomaly>(snapshot, catalog::ANOMALIES);
        error_rate_of(&anomalies, "store").shifts.clone()
    };
    let told = shifts(snapshots[0].last().unwrap());
    assert_eq!(told.len(), 4);
    assert_eq!(shifts(snapshots[1].last().unwrap()), told);
}

#[test]
fn what_happens_at_the_same_service_at_the_same_time_is_one_incident() {
    let snapshots = replay(Standard::default(), &Settings::default(), &script()).unwrap();
    let incidents = rows::<IncidentRecord>(snapshots.last().unwrap(), catalog::INCIDENTS);
    let of_store: Vec<_> =
        incidents.values().filter(|incident| incident.suspects.iter().any(|of| &*of.service == "store")).collect();
    let [incident] = &of_store[..] else { panic!("{incidents:?}") };
    assert_eq!(incident.started_at, at(FAILS, 0));
    assert!(incident.ended_at <= at(FAILS, 0).plus(seconds(30)), "{incident:?}");
    assert!(incident.anomalies.iter().any(|id| id.starts_with("error_rate:store:")), "{incident:?}");
}
