//! `/services/graph`: who calls whom.

use std::collections::BTreeMap;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Name, Snapshot, Timestamp, Windowed, minutes};
use highwater_operators::{EdgeStats, catalog};
use serde_json::json;
use warp::reply::Response;

use crate::{
    error::Problem,
    metrics_api::{Kept, Period, millis, tidy},
    params::Params,
};

pub(crate) const GRAPH: &[&str] = &["time_range"];

/// Services with their logs, and the calls between them in the share of traces that is looked at, scaled to all: numbers
/// of calls are estimates, `sampled_calls` is what they were estimated from. Rates are per minute, error rates in percent,
/// latencies are the callee's.
pub(crate) fn graph(snapshot: &Snapshot, kept: Kept, share: f64, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, kept, params.range()?)?;
    let rows = snapshot
        .rows::<Windowed<(Name, Name)>, EdgeStats>(catalog::SERVICE_GRAPH)
        .ok_or_else(|| Problem::no_view(catalog::SERVICE_GRAPH))?;
    let from = period.from.align(minutes(1));
    let mut edges = BTreeMap::<&(Name, Name), EdgeStats>::new();
    let mut oldest = Timestamp::MAX;
    for (row, stats) in rows.iter().filter(|(row, _)| row.window.start >= from && row.window.start < period.to) {
        oldest = oldest.min(row.window.start);
        edges.entry(&row.key).or_default().plus_equals(stats);
    }
    // less than the range where the first call is younger
    let covered = period.now.since(oldest.max(from)).max(minutes(1)).min(period.span.length).as_secs_f64() / 60.0;
    let scaled = |calls: u64| calls as f64 / share.clamp(f64::MIN_POSITIVE, 1.0);
    let edges: Vec<_> = edges
        .into_iter()
        .map(|((caller, callee), stats)| {
            json!({
                "caller": caller,
                "callee": callee,
                "calls": scaled(stats.calls).round(),
                "sampled_calls": stats.calls,
                "rate": tidy(scaled(stats.calls) / covered),
                "error_rate": tidy(stats.error_rate().percent()),
                "latency_p50_ms": millis(stats.latency.quantile(0.5)),
                "latency_p95_ms": millis(stats.latency.quantile(0.95)),
            })
        })
        .collect();
    let nodes: Vec<_> = period
        .by_service()
        .iter()
        .map(|(service, stats)| {
            json!({
                "service": service,
                "rate": period.per_minute(stats.levels.total()),
                "error_rate": tidy(stats.levels.error_rate().percent()),
            })
        })
        .collect();
    Ok(period.answer(json!({ "nodes": nodes, "edges": edges, "trace_share": share })))
}
