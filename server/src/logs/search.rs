//! `/logs/search`, `/logs/recent` and `/logs/{id}`.

use std::{collections::BTreeMap, time::Instant};

use highwater_engine::{Level, Snapshot, Timestamp};
use highwater_logstore::{Found, LogId, LogStore, Search};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    asked::{Asked, LIMIT},
    failed,
    marks::{Marks, Shown},
};
use crate::{
    call::{Call, search as read_store},
    error::{Problem, shorten},
    metrics_api::now,
    reply::{Response, json_at},
};

/// Bars of a histogram, at most.
const BUCKETS: usize = 60;

#[derive(Serialize, JsonSchema)]
pub(super) struct SearchAnswer<'a> {
    /// How many logs there are in all.
    total: u64,
    logs: Vec<Shown<'a>>,
    next_cursor: Option<String>,
    query_time_ms: f64,
    /// Of the first page alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregations: Option<Aggregations>,
}

#[derive(Serialize, JsonSchema)]
struct Aggregations {
    by_level: BTreeMap<Level, u64>,
    /// Those with most logs.
    by_service: BTreeMap<String, u64>,
    /// Logs of all others.
    other_services: u64,
    /// Bars that are not empty.
    histogram: Vec<Bar>,
    /// How wide a bar is.
    histogram_seconds: f64,
}

#[derive(Serialize, JsonSchema)]
struct Bar {
    start: Timestamp,
    count: u64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Recent<'a> {
    logs: Vec<Shown<'a>>,
    query_time_ms: f64,
}

/// `GET /logs/search`.
pub(super) fn search(call: &Call, store: &LogStore, snapshot: &Snapshot) -> Result<Response, Problem> {
    found(store, snapshot, &Asked::from_params(&call.params, &LIMIT)?)
}

/// `POST /logs/search`.
pub(super) async fn search_by_body(mut call: Call) -> Result<Response, Problem> {
    let asked: Asked = call.json(r#"{"query": "level:ERROR"}, or {} for every log"#).await?;
    read_store(&call.state, move |store, snapshot| found(store, snapshot, &asked)).await
}

fn found(store: &LogStore, snapshot: &Snapshot, asked: &Asked) -> Result<Response, Problem> {
    let search = asked.search(now(snapshot, None), asked.page()?)?;
    // the pages after the first count nothing anew but their logs
    let search = Search { aggregate: search.after.is_none(), buckets: BUCKETS, ..search };
    let started = Instant::now();
    let mut found = store.search(&search).map_err(failed)?;
    found.logs.drain(..asked.offset().min(found.logs.len()));
    let marks = Marks::of(snapshot);
    let answer = SearchAnswer {
        total: found.total,
        logs: marks.show_all(&found.logs),
        next_cursor: found.next.map(|place| asked.cursor_after(place)),
        query_time_ms: millis_since(started),
        aggregations: search.aggregate.then(|| aggregations(&found)),
    };
    Ok(json_at(snapshot.epoch, &answer))
}

fn aggregations(found: &Found) -> Aggregations {
    Aggregations {
        by_level: found.by_level.clone(),
        by_service: found.by_service.top.iter().cloned().collect(),
        other_services: found.by_service.rest,
        histogram: found.histogram.iter().map(|&(start, count)| Bar { start, count }).collect(),
        histogram_seconds: found.bucket.as_secs_f64(),
    }
}

/// `GET /logs/recent`.
pub(super) fn recent(call: &Call, store: &LogStore, snapshot: &Snapshot) -> Result<Response, Problem> {
    let asked = Asked::from_params(&call.params, &LIMIT)?;
    let search = asked.search(now(snapshot, None), asked.page()?)?;
    let started = Instant::now();
    let found = store.search(&search).map_err(failed)?;
    let marks = Marks::of(snapshot);
    let answer = Recent { logs: marks.show_all(&found.logs), query_time_ms: millis_since(started) };
    Ok(json_at(snapshot.epoch, &answer))
}

/// `GET /logs/{id}`.
pub(super) fn one(call: &Call, store: &LogStore, snapshot: &Snapshot) -> Result<Response, Problem> {
    let id = call.params.segment("id");
    let missing =
        || Problem::not_found(format!("no log `{}` is kept (yet); an id looks like 5f1c2a90-0-12345", shorten(id)));
    let id: LogId = id.parse().map_err(|_| missing())?;
    let log = store.get(id).map_err(failed)?.ok_or_else(missing)?;
    Ok(json_at(snapshot.epoch, &Marks::of(snapshot).show(&log)))
}

pub(super) fn millis_since(started: Instant) -> f64 {
    started.elapsed().as_micros() as f64 / 1000.0
}
