//! Waterfalls by hand, and what holds of any.

use highwater_engine::{Level, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::{LogId, StoredLog};

/// A log so many milliseconds into the trace.
fn log(offset: i64, service: &str, at: i64) -> StoredLog {
    StoredLog {
        id: LogId::new("test", 0, offset),
        timestamp: Timestamp::from_millis(1_761_229_935_000 + at),
        level: Level::Info,
        service: service.to_owned(),
        message: "m".to_owned(),
        host: None,
        trace_id: Some("T".to_owned()),
        span_id: None,
        correlation_id: None,
        latency_ms: None,
        attributes: serde_json::Map::new(),
        template_id: String::new(),
        ingested_at: Timestamp::MIN,
    }
}

fn took(latency_ms: f64, log: StoredLog) -> StoredLog {
    StoredLog { latency_ms: Some(latency_ms), ..log }
}

fn span(id: &str, attributes: Json, log: StoredLog) -> StoredLog {
    StoredLog { span_id: Some(id.to_owned()), attributes: attributes.as_object().unwrap().clone(), ..log }
}

/// Each span as service, start, duration, parent's place, number of logs.
fn drawn(logs: &[StoredLog]) -> Vec<(String, i64, f64, Option<usize>, usize)> {
    let trace = waterfall(logs).unwrap();
    let place = |id: &String| trace.spans.iter().position(|span| span.id == *id).unwrap();
    let drawn = trace.spans.iter().map(|span| {
        let start = span.start.as_micros() / 1000 - 1_761_229_935_000;
        (span.service.clone(), start, span.duration_ms, span.parent.as_ref().map(place), span.logs.len())
    });
    drawn.collect()
}

#[test]
fn no_logs_are_no_trace() {
    assert_eq!(waterfall(&[]), None);
    assert_eq!(summary(&[]), None);
}

#[test]
fn spans_nest_as_their_logs_say() {
    let logs = [
        span("A", json!({}), log(1, "gateway", 0)),
        took(100.0, span("a", json!({}), log(2, "gateway", 100))),
        took(30.0, span("B", json!({ "parent_span_id": "A" }), log(3, "orders", 60))),
        // beyond its parent's end, as clocks differ
        took(20.0, span("C", json!({ "parent": { "id": "b" } }), log(4, "stock", 120))),
        span("D", json!({ "parentSpanId": "unknown" }), log(5, "orders", 40)),
    ];
    let expected = [
        ("gateway".to_owned(), 0, 100.0, None, 2),
        ("orders".to_owned(), 30, 30.0, Some(0), 1),
        ("orders".to_owned(), 40, 0.0, Some(1), 1),
        ("stock".to_owned(), 100, 20.0, Some(1), 1),
    ];
    assert_eq!(drawn(&logs), expected);
    let summary = summary(&logs).unwrap();
    assert_eq!((summary.trace_id.as_str(), summary.duration_ms, summary.root.as_str()), ("T", 120.0, "gateway"));
    assert_eq!(summary.services, ["gateway", "orders", "stock"]);
}

#[test]
fn without_span_ids_times_and_latencies_tell() {
    let mut failed = log(3, "payment", 70);
    failed.level = Level::Error;
    let logs = [
        took(100.0, log(1, "gateway", 100)),
        took(60.0, log(2, "payment", 80)),
        failed,
        log(4, "gateway", 50),
        log(5, "mail", 90),
        log(6, "mail", 130),
    ];
    let expected = [
        ("gateway".to_owned(), 0, 100.0, None, 2),
        ("payment".to_owned(), 20, 60.0, Some(0), 2),
        ("mail".to_owned(), 90, 40.0, None, 2),
    ];
    assert_eq!(drawn(&logs), expected);
    let trace = waterfall(&logs).unwrap();
    assert!(trace.spans.iter().all(|span| span.inferred));
    assert_eq!((trace.spans[1].level, &trace.spans[1].id), (Level::Error, &logs[2].id.to_string()));
    assert_eq!((trace.summary.errors, trace.summary.logs, trace.summary.duration_ms), (1, 6, 130.0));
}

#[test]
fn circles_are_broken() {
    let logs = [
        span("a", json!({ "parent_id": "b" }), log(1, "x", 0)),
        span("b", json!({ "parent_id": "c" }), log(2, "x", 1)),
        span("c", json!({ "parent_id": "a" }), log(3, "x", 2)),
        span("d", json!({ "parent_id": "d" }), log(4, "x", 3)),
    ];
    let parents: Vec<_> = drawn(&logs).into_iter().map(|span| span.3).collect();
    assert_eq!(parents, [Some(1), Some(2), None, None]);
}

#[test]
fn a_trace_of_very_many_spans_is_cut() {
    let logs: Vec<_> = (0..MAX_SPANS as i64 + 5).map(|n| took(0.5, log(n, "x", n))).collect();
    let trace = waterfall(&logs).unwrap();
    assert_eq!((trace.spans.len(), trace.spans_left_out, trace.summary.logs), (MAX_SPANS, 5, MAX_SPANS + 5));
}

fn any_log() -> impl Strategy<Value = StoredLog> {
    let id = || proptest::sample::select(vec!["a", "b", "C", "c", "d"]);
    let service = proptest::sample::select(vec!["x", "y", "z"]);
    let (latency, span_id, parent) = (prop::option::of(0..50_000_u32), prop::option::of(id()), prop::option::of(id()));
    (service, 0..60_i64, latency, span_id, parent, 0..6_usize).prop_map(
        |(service, at, latency, span_id, parent, level)| {
            let mut log = log(0, service, at);
            log.latency_ms = latency.map(|micros| f64::from(micros) / 1000.0);
            log.span_id = span_id.map(str::to_owned);
            log.level = Level::ALL[level];
            log.attributes.extend(parent.map(|parent| ("parent_id".to_owned(), json!(parent))));
            log
        },
    )
}

fn any_logs() -> impl Strategy<Value = (Vec<StoredLog>, Vec<StoredLog>)> {
    let logs = prop::collection::vec(any_log(), 1..40).prop_map(|mut logs| {
        for (place, log) in logs.iter_mut().enumerate() {
            log.id = LogId::new("test", 0, place as i64);
        }
        logs
    });
    logs.prop_flat_map(|logs| (Just(logs.clone()), Just(logs).prop_shuffle()))
}

proptest! {
    #[test]
    fn a_waterfall_holds_every_log_once_whatever_their_order((logs, shuffled) in any_logs()) {
        let trace = waterfall(&logs).unwrap();
        prop_assert_eq!(waterfall(&shuffled), Some(trace.clone()));

        let mut found: Vec<_> = trace.spans.iter().flat_map(|span| span.logs.clone()).collect();
        let mut all: Vec<_> = logs.iter().map(|log| log.id).collect();
        found.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(found, all);

        let end = trace.summary.start.plus(length(trace.summary.duration_ms));
        for span in &trace.spans {
            prop_assert!(trace.summary.start <= span.start && span.end() <= end);
            let own = || logs.iter().filter(|log| span.logs.contains(&log.id));
            prop_assert_eq!(own().map(|log| log.level).max(), Some(span.level));
            prop_assert!(own().all(|log| span.start <= log.timestamp && log.timestamp <= span.end()));
            // parents lead to the outermost span, never back
            let parent = |span: &&Span| trace.spans.iter().find(|other| Some(&other.id) == span.parent.as_ref());
            prop_assert!(std::iter::successors(Some(span), parent).take(trace.spans.len() + 1).count() <= trace.spans.len());
        }
    }
}
