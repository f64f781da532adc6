//! `/logs/search`, `/logs/recent` and `/logs/{id}`.

use std::time::Instant;

use highwater_engine::Snapshot;
use highwater_logstore::{Found, LogId, LogStore, Search};
use serde_json::{Value as Json, json};
use warp::reply::Response;

use super::{asked::Asked, failed, marks::Marks};
use crate::{
    error::{Problem, shorten},
    metrics_api::now,
    params::Params,
    routes::json_at,
};

/// Bars of a histogram, at most.
const BUCKETS: usize = 60;

/// `GET /logs/search`.
pub(crate) fn search(store: &LogStore, snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    found(store, snapshot, &Asked::from_params(params)?)
}

/// `POST /logs/search`.
pub(crate) fn search_by_body(store: &LogStore, snapshot: &Snapshot, body: &[u8]) -> Result<Response, Problem> {
    found(store, snapshot, &Asked::from_body(body)?)
}

fn found(store: &LogStore, snapshot: &Snapshot, asked: &Asked) -> Result<Response, Problem> {
    let search = asked.search(now(snapshot, None), asked.page()?)?;
    // the pages after the first count nothing anew but their logs
    let search = Search { aggregate: search.after.is_none(), buckets: BUCKETS, ..search };
    let started = Instant::now();
    let mut found = store.search(&search).map_err(failed)?;
    found.logs.drain(..asked.offset().min(found.logs.len()));
    let marks = Marks::of(snapshot);
    let mut answer = json!({
        "total": found.total,
        "logs": marks.show_all(&found.logs),
        "next_cursor": found.next.map(|place| asked.cursor_after(place)),
        "query_time_ms": millis_since(started),
    });
    if search.aggregate {
        answer["aggregations"] = aggregations(&found);
    }
    Ok(json_at(snapshot.epoch, &answer))
}

fn aggregations(found: &Found) -> Json {
    let by_service = found.by_service.top.iter().map(|(service, count)| (service.clone(), json!(count)));
    let histogram = found.histogram.iter().map(|(start, count)| json!({ "start": start, "count": count }));
    json!({
        "by_level": found.by_level,
        "by_service": by_service.collect::<serde_json::Map<_, _>>(),
        "other_services": found.by_service.rest,
        "histogram": histogram.collect::<Vec<_>>(),
        "histogram_seconds": found.bucket.as_secs_f64(),
    })
}

/// `GET /logs/recent`.
pub(crate) fn recent(store: &LogStore, snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let asked = Asked::from_params(params)?;
    let search = asked.search(now(snapshot, None), asked.page()?)?;
    let started = Instant::now();
    let found = store.search(&search).map_err(failed)?;
    let marks = Marks::of(snapshot);
    let answer = json!({ "logs": marks.show_all(&found.logs), "query_time_ms": millis_since(started) });
    Ok(json_at(snapshot.epoch, &answer))
}

/// `GET /logs/{id}`.
pub(crate) fn one(store: &LogStore, snapshot: &Snapshot, id: &str) -> Result<Response, Problem> {
    let missing =
        || Problem::not_found(format!("no log `{}` is kept (yet); an id looks like 5f1c2a90-0-12345", shorten(id)));
    let id: LogId = id.parse().map_err(|_| missing())?;
    let log = store.get(id).map_err(failed)?.ok_or_else(missing)?;
    Ok(json_at(snapshot.epoch, &Marks::of(snapshot).show(&log)))
}

pub(super) fn millis_since(started: Instant) -> f64 {
    started.elapsed().as_micros() as f64 / 1000.0
}
