//! The service graph equals what a plain program finds in all logs, whatever order they come in, read twice or once, on
//! any number of workers, across restarts, and long after the traces themselves are gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{
    Flow, Level, Name, Query, Settings, Snapshot, Timestamp, Window, Windowed, minutes, seconds,
    testing::{replay, replay_in_parts},
};
use highwater_operators::{EdgeStats, Histogram, Trace, Visit, calls, catalog};
use highwater_queries::{ServiceGraph, service_graph};
use proptest::prelude::*;

struct Graph;

impl Query for Graph {
    fn name(&self) -> &str {
        "graph"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        service_graph::build(flow, &ServiceGraph { share: 1.0 });
    }
}

const SERVICES: [&str; 4] = ["cart", "gateway", "payment", "search"];

#[derive(Clone, Debug)]
struct Entry {
    /// milliseconds
    at: i64,
    trace: u8,
    service: usize,
    level: Level,
    latency_ms: Option<u64>,
    /// milliseconds until it is read
    delay: i64,
}

impl Entry {
    fn record(&self) -> (u32, String) {
        let latency = self.latency_ms.map(|ms| format!(r#","latency_ms":{ms}"#)).unwrap_or_default();
        let (at, service) = (Timestamp::from_millis(self.at), SERVICES[self.service]);
        let (trace, level) = (self.trace, self.level);
        let json = format!(
            r#"{{"timestamp":"{at}","service":"{service}","level":"{level}","trace_id":"t{trace}","message":"m"{latency}}}"#
        );
        (u32::from(trace) % 3, json)
    }
}

type Edges = BTreeMap<(String, String, Timestamp), EdgeStats>;

/// The same by a plain program that has all logs at hand.
fn batch(logs: &[Entry]) -> Edges {
    let minute = |at: Timestamp| Window::containing(at, minutes(1));
    let mut traces: BTreeMap<u8, BTreeMap<Window, Trace>> = BTreeMap::new();
    for log in logs {
        let last = Timestamp::from_millis(log.at);
        let latency_micros = log.latency_ms.map(|ms| ms * 1000);
        let first = last.minus(std::time::Duration::from_micros(latency_micros.unwrap_or(0)));
        let visit = Visit { first, last, worst: log.level, latency_micros, parent: 0 };
        let of_minute = traces.entry(log.trace).or_default().entry(minute(last)).or_default();
        of_minute.add(SERVICES[log.service], 0, visit);
    }
    let mut edges = Edges::new();
    for parts in traces.values() {
        for window in parts.keys() {
            let from = Window { start: window.start.minus(minutes(1)) };
            let around = parts.range(from..=window.later(minutes(1)));
            let mut whole = Trace::default();
            around.for_each(|(_, part)| whole.plus_equals(part));
            for call in calls(&whole).filter(|call| minute(call.ended) == *window) {
                let edge = (call.caller.to_string(), call.callee.to_string(), window.start);
                let latency = call.latency_micros.map(Histogram::rounded);
                edges.entry(edge).or_default().add(call.is_error, latency, 1);
            }
        }
    }
    edges
}

fn shown(snapshot: &Snapshot) -> Edges {
    let rows = snapshot.rows::<Windowed<(Name, Name)>, EdgeStats>(catalog::SERVICE_GRAPH).unwrap();
    let edge = |row: &Windowed<(Name, Name)>| (row.key.0.to_string(), row.key.1.to_string(), row.window.start);
    rows.iter().map(|(row, stats)| (edge(row), stats.clone())).collect()
}

fn settings(workers: usize) -> Settings {
    Settings { workers, lateness: seconds(5), ..Settings::default() }
}

/// Traces over eight minutes, many of them across the end of one, whose logs come up to 40 seconds late.
fn logs() -> impl Strategy<Value = Vec<Entry>> {
    let offset = prop_oneof![0i64..400, 0i64..30_000];
    let latency = prop::option::of(0u64..300);
    let entry = (0u8..24, offset, 0usize..4, 0usize..6, latency, 0i64..40_000);
    prop::collection::vec(entry, 0..80).prop_map(|entries| {
        let log = |(trace, offset, service, level, latency_ms, delay)| Entry {
            at: 1_000_000 + i64::from(trace) * 20_000 - 200 + offset,
            trace,
            service,
            level: Level::ALL[level],
            latency_ms,
            delay,
        };
        entries.into_iter().map(log).collect()
    })
}

/// The logs by when they are read, cut into epochs.
fn read(mut logs: Vec<Entry>, epochs: usize) -> Vec<Vec<(u32, String)>> {
    logs.sort_by_key(|log| log.at + log.delay);
    let size = logs.len().div_ceil(epochs).max(1);
    logs.chunks(size).map(|epoch| epoch.iter().map(Entry::record).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn it_equals_the_batch_whatever_order_logs_come_in(
        logs in logs(),
        twice in prop::collection::vec((any::<prop::sample::Index>(), 0i64..40_000), 0..20),
        epochs in 1usize..20,
    ) {
        let expected = batch(&logs);
        let mut all = logs.clone();
        if !logs.is_empty() {
            all.extend(twice.iter().map(|(at, delay)| Entry { delay: *delay, ..at.get(&logs).clone() }));
        }
        let script = read(all, epochs);
        for workers in [1, 2] {
            let snapshots = replay(Graph, &settings(workers), &script).unwrap();
            prop_assert_eq!(shown(snapshots.last().unwrap()), expected.clone(), "{} workers", workers);
        }
    }

    #[test]
    fn a_restart_changes_nothing(logs in logs(), epochs in 2usize..20, cut in any::<prop::sample::Index>()) {
        let expected = batch(&logs);
        let script = read(logs, epochs);
        let cut = cut.index(script.len() + 1);
        let (before, after) = script.split_at(cut);
        let parts = [(settings(1), before.to_vec()), (settings(2), after.to_vec())];
        let snapshots = replay_in_parts(Graph, &parts).unwrap();
        prop_assert_eq!(shown(snapshots.last().unwrap().last().unwrap()), expected);
    }
}

#[test]
fn every_epoch_equals_the_batch_over_the_logs_so_far() {
    let log = |at, service, latency_ms| Entry { at, trace: 1, service, level: Level::Info, latency_ms, delay: 0 };
    // the callee, its caller, and then one that stands between the two, late
    let logs = [log(90, 2, Some(20)), log(120, 1, Some(110)), log(110, 0, Some(60))];
    let script: Vec<Vec<_>> = logs.iter().map(|log| vec![log.record()]).collect();
    let snapshots = replay(Graph, &settings(1), &script).unwrap();
    for read in 1..=logs.len() {
        assert_eq!(shown(&snapshots[read - 1]), batch(&logs[..read]), "after {read} logs");
    }
    let edges: Vec<_> = shown(&snapshots[2]).into_keys().map(|(caller, callee, _)| (caller, callee)).collect();
    assert_eq!(edges, [("cart".to_owned(), "payment".to_owned()), ("gateway".to_owned(), "cart".to_owned())]);
}
