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

use std::sync::Arc;

use highwater_engine::Snapshot;
use highwater_logstore::{LogStore, StoreError};
use warp::reply::Response;

use crate::{
    error::Problem,
    routes::{State, make},
};

pub(crate) use asked::{Filter, service};
pub(crate) use export::export;
pub(crate) use live_tail::{Batch, LiveTail};
pub(crate) use search::{one, recent, search, search_by_body};
pub(crate) use tail::tail;
pub(crate) use traces::{trace, traces};

// the parameters that each call takes
pub(crate) const SEARCH: &[&str] =
    &["query", "service", "level", "trace_id", "start_time", "end_time", "time_range", "sort", "limit", "cursor"];
pub(crate) const RECENT: &[&str] = &["service", "level", "limit"];
pub(crate) const TAIL: &[&str] = &["query", "service", "level", "trace_id"];
pub(crate) const EXPORT: &[&str] =
    &["query", "service", "level", "trace_id", "start_time", "end_time", "time_range", "sort", "limit", "format"];
pub(crate) const TRACES: &[&str] = &["service", "min_duration", "errors", "time_range", "limit", "cursor"];

/// The log store, where this process keeps one.
pub(crate) fn store(state: &State) -> Result<LogStore, Problem> {
    state.logs.clone().ok_or_else(|| {
        Problem::unavailable("no logs are kept by this process; configure a log store, or ask the process that has one")
    })
}

/// Reads the store on a thread that may take its time, few at once.
pub(crate) async fn read(
    state: &Arc<State>,
    answer: impl FnOnce(&LogStore, &Snapshot) -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let (store, views) = (store(state)?, state.views.clone());
    make(state, &state.searching, move || answer(&store, &views.snapshot())).await
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
