//! `/traces` and `/traces/{id}`.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use highwater_engine::{Level, Snapshot, Timestamp};
use highwater_logstore::{
    Clause, Cursor, Field, LogStore, Order, Predicate, Query, Search, StoredLog,
    trace::{Span, Summary, Trace, summary, waterfall},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    asked::Asked,
    failed,
    marks::{Marks, Shown},
    search::millis_since,
};
use crate::{
    call::Call,
    error::{Problem, shorten},
    metrics_api::now,
    operation::{Kind, Param},
    reply::{Response, json_at},
};

pub(super) const LIMIT: Param = Param::limit(LOOKED_AT, USUAL);
pub(super) const ERRORS: Param =
    Param::query("errors", Kind::OneOf(|| vec!["true", "false"], Some("false")), "Only those with an error");

/// Logs of one trace that are shown.
const LOGS: usize = 5000;
/// Traces of a list where no limit is given.
const USUAL: usize = 20;
/// For a list, at most: traces that are looked at, logs of each, and logs that lead to them.
const LOOKED_AT: usize = 100;
const LISTED_LOGS: usize = 1000;
const SCANNED: usize = 10_000;
const SCANNED_AT_ONCE: usize = 500;

/// One trace.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TraceWithLogs")]
pub(super) struct TraceAnswer<'a> {
    /// As it was asked for: an id of a trace, or a correlation id.
    trace_id: &'a str,
    /// When its first span began.
    start: Timestamp,
    /// From there to its last end, in milliseconds.
    duration_ms: f64,
    /// Whose logs it has, in the order of their first.
    services: Vec<String>,
    /// Whose its first outermost span is.
    root: String,
    /// How many of its logs are errors.
    errors: usize,
    /// Its spans, by their beginning, the longer first.
    spans: Vec<Span>,
    /// How many more there are.
    spans_left_out: usize,
    logs: Vec<Shown<'a>>,
    /// Whether there are more logs: those are the youngest.
    truncated: bool,
    query_time_ms: f64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Traces {
    traces: Vec<Summary>,
    next_cursor: Option<String>,
    query_time_ms: f64,
}

/// `GET /traces/{id}`.
pub(super) fn trace(call: &Call, store: &LogStore, snapshot: &Snapshot) -> Result<Response, Problem> {
    let started = Instant::now();
    let id = call.params.segment("id");
    let mut logs = store.trace(id, LOGS + 1).map_err(failed)?;
    let truncated = logs.len() > LOGS;
    logs.truncate(LOGS);
    let missing = || Problem::not_found(format!("no logs of a trace `{}` are kept (yet)", shorten(id)));
    let Trace { summary, spans, spans_left_out } = waterfall(&logs).ok_or_else(missing)?;
    let Summary { start, duration_ms, services, root, errors, .. } = summary;
    let marks = Marks::of(snapshot);
    let answer = TraceAnswer {
        trace_id: id,
        start,
        duration_ms,
        services,
        root,
        errors,
        spans,
        spans_left_out,
        logs: marks.show_all(&logs),
        truncated,
        query_time_ms: millis_since(started),
    };
    Ok(json_at(snapshot.epoch, &answer))
}

/// `GET /traces`: the traces of the newest logs, each where its newest log is that fits.
///
/// A page ends early where that takes too many logs or traces to look at; its cursor goes on from there.
pub(super) fn traces(call: &Call, store: &LogStore, snapshot: &Snapshot) -> Result<Response, Problem> {
    let started = Instant::now();
    let params = &call.params;
    let mut asked = Asked::from_params(params, &LIMIT)?;
    if params.choice(ERRORS.name, &[("true", true), ("false", false)])? == Some(true) {
        asked.levels = [Level::Error, Level::Fatal].map(|level| level.to_string()).to_vec();
    }
    let least = params.duration("min_duration")?.unwrap_or(Duration::ZERO);
    let limit = params.whole(&LIMIT)?.unwrap_or(USUAL);
    let mut search = asked.search(now(snapshot, None), SCANNED_AT_ONCE)?;
    let has_trace = Query::Clause(Clause { field: Field::TraceId, predicate: Predicate::Exists });
    search.query = Query::And(vec![has_trace, search.query]);
    let (traces, next) = list(store, search, least, limit)?;
    let next_cursor = next.map(|place| asked.cursor_after(place));
    Ok(json_at(snapshot.epoch, &Traces { traces, next_cursor, query_time_ms: millis_since(started) }))
}

/// The traces of a page, and where the next one begins.
fn list(
    store: &LogStore,
    mut search: Search,
    least: Duration,
    limit: usize,
) -> Result<(Vec<Summary>, Option<Cursor>), Problem> {
    let begin = search.after;
    let (mut traces, mut seen, mut scanned) = (Vec::new(), HashSet::new(), 0);
    loop {
        let found = store.search(&search).map_err(failed)?;
        for log in &found.logs {
            scanned += 1;
            let Some(id) = log.trace_id.as_ref().filter(|id| seen.insert(id.to_lowercase())) else { continue };
            let logs = store.trace(id, LISTED_LOGS).map_err(failed)?;
            let was_listed = begin.is_some_and(|begin| logs.iter().any(|log| is_before(log, begin, &search)));
            let summary = summary(&logs).filter(|summary| summary.duration_ms >= least.as_secs_f64() * 1000.0);
            traces.extend(summary.filter(|_| !was_listed));
            if traces.len() == limit || seen.len() == LOOKED_AT {
                return Ok((traces, Some(Cursor { timestamp: log.timestamp, key: log.id.key() })));
            }
        }
        search.after = found.next;
        if search.after.is_none() || scanned >= SCANNED {
            return Ok((traces, search.after));
        }
    }
}

/// Whether a log fits and was on a page before this place.
fn is_before(log: &StoredLog, place: Cursor, search: &Search) -> bool {
    let at = (log.timestamp, log.id.key());
    let passed = match search.order {
        Order::Newest => at >= (place.timestamp, place.key),
        Order::Oldest => at <= (place.timestamp, place.key),
    };
    passed && search.to.is_none_or(|to| log.timestamp < to) && search.query.matches(log)
}
