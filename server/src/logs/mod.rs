//! `/logs/..` and `/traces/..`: logs themselves, out of the log store.
//!
//! **Now**, for `time_range` and for `now` in queries, is what it is for metrics. Every log names the anomalies that it
//! lies in, as they stand in the views.

mod asked;
mod export;
mod live_tail;
mod marks;
mod search;
mod sheet;
mod tail;
mod traces;

use highwater_logstore::{LogStore, StoreError};

use crate::{
    error::Problem,
    identity::Access,
    operation::{Answer, Body, CURSOR, Handle, Kind, Operation, Param, Verb, of, pieces_of},
    params::SERVICE,
    rates::Class,
    state::State,
};

use asked::{Asked, END, LEVELS, LIMIT, QUERY, RANGE, SERVICES, SORT, START, TRACE_ID};
pub(crate) use asked::{Filter, service};
pub(crate) use live_tail::{Batch, LiveTail};

/// Most bytes of a search that comes as a body.
const MOST: Option<usize> = Some(64 << 10);

const SEARCH: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/logs/search"],
    tag: "Logs",
    about: "Search logs: a page of them, and counts of all",
    params: &[QUERY, SERVICES, LEVELS, TRACE_ID, START, END, RANGE, SORT, LIMIT, CURSOR],
    body: None,
    answer: Answer::at_epoch(&[("application/json", Some(of::<search::SearchAnswer<'_>>))]),
    access: Access::Read,
    class: Class::Search,
    handle: Handle::Logs(search::search),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    SEARCH,
    Operation {
        verb: Verb::Post,
        about: "The same, of a search that is too long for an address",
        params: &[],
        body: Some(Body { kinds: &[("application/json", Some(of::<Asked>))], required: true, most: MOST }),
        handle: Handle::Steps(|call| Box::pin(search::search_by_body(call))),
        ..SEARCH
    },
    Operation {
        paths: &["/api/v1/logs/recent"],
        about: "The newest logs",
        params: &[SERVICES, LEVELS, LIMIT],
        answer: Answer::at_epoch(&[("application/json", Some(of::<search::Recent<'_>>))]),
        handle: Handle::Logs(search::recent),
        ..SEARCH
    },
    Operation {
        paths: &["/api/v1/logs/tail"],
        about: "Logs as they are read, as server-sent events",
        params: &[QUERY, SERVICES, LEVELS, TRACE_ID, tail::LAST],
        answer: Answer {
            about: "Events whose data is JSON, `{\"logs\": [..]}`; one called `lagged` says how many were missed, one \
                    called `closed` why the stream ends",
            ..Answer::new(&[("text/event-stream", Some(pieces_of::<tail::Tailed<'_>>))])
        },
        handle: Handle::Stream(|call| Box::pin(async move { tail::tail(&call) })),
        ..SEARCH
    },
    Operation {
        paths: &["/api/v1/logs/export"],
        about: "Any number of logs, as lines of JSON or as CSV",
        params: &[QUERY, SERVICES, LEVELS, TRACE_ID, START, END, RANGE, SORT, export::LIMIT, export::FORMAT],
        answer: Answer::at_epoch(&[("application/x-ndjson", Some(pieces_of::<marks::Shown<'_>>)), ("text/csv", None)]),
        handle: Handle::Stream(|call| Box::pin(export::export(call))),
        ..SEARCH
    },
    Operation {
        paths: &["/api/v1/logs/{id}"],
        about: "One log",
        params: &[Param::path("id", "The log, like `5f1c2a90-0-12345`")],
        answer: Answer::at_epoch(&[("application/json", Some(of::<marks::Shown<'_>>))]),
        class: Class::Lookup,
        handle: Handle::Logs(search::one),
        ..SEARCH
    },
    Operation {
        paths: &["/api/v1/traces"],
        tag: "Traces",
        about: "The traces of the newest logs",
        params: &[
            SERVICE,
            Param::query("min_duration", Kind::Length, "Only those that took as long, as `250ms`"),
            traces::ERRORS,
            RANGE,
            traces::LIMIT,
            CURSOR,
        ],
        answer: Answer::at_epoch(&[("application/json", Some(of::<traces::Traces>))]),
        handle: Handle::Logs(traces::traces),
        ..SEARCH
    },
    Operation {
        paths: &["/api/v1/traces/{id}", "/api/v1/correlation/trace/{id}"],
        tag: "Traces",
        about: "One trace: its spans as a waterfall, and its logs",
        params: &[Param::path("id", "The trace, or a correlation id")],
        answer: Answer::at_epoch(&[("application/json", Some(of::<traces::TraceAnswer<'_>>))]),
        class: Class::Lookup,
        handle: Handle::Logs(traces::trace),
        ..SEARCH
    },
];

/// The log store, where this process keeps one.
pub(crate) fn store(state: &State) -> Result<LogStore, Problem> {
    state.logs.clone().ok_or_else(|| {
        Problem::unavailable("no logs are kept by this process; configure a log store, or ask the process that has one")
    })
}

/// What a client is told when the store fails; the paths on our disk are for the server's log.
fn failed(error: StoreError) -> Problem {
    match error {
        StoreError::TooSlow(_) | StoreError::TooMany { .. } => Problem::unavailable(error.to_string()),
        error => {
            tracing::warn!(%error, "logs could not be read");
            Problem::unavailable("the log store cannot be read now; /health says more")
        }
    }
}
