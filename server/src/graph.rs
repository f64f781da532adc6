//! `/services/graph`: who calls whom.

use std::collections::BTreeMap;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Name, Snapshot, Timestamp, Windowed, minutes};
use highwater_operators::{EdgeStats, catalog};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    metrics_api::{Of, Period, millis, tidy},
    operation::{Answer, Handle, Operation, Verb, of},
    params::TIME_RANGE,
    rates::Class,
    reply::Response,
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/services/graph"],
    tag: "Metrics",
    about: "Who calls whom, how often, and how it goes",
    params: &[TIME_RANGE],
    body: None,
    answer: Answer::at_epoch(&[("application/json", Some(of::<Of<Graph>>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Views(graph),
}];

/// Services, and the calls between them.
#[derive(Serialize, JsonSchema)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The share of traces that is looked at, which numbers of calls are scaled by.
    trace_share: f64,
}

#[derive(Serialize, JsonSchema)]
struct Node {
    service: Name,
    /// Logs a minute.
    rate: f64,
    /// In percent.
    error_rate: f64,
}

#[derive(Serialize, JsonSchema)]
struct Edge {
    caller: Name,
    callee: Name,
    /// An estimate,
    calls: f64,
    /// made of these.
    sampled_calls: u64,
    /// Calls a minute.
    rate: f64,
    /// In percent.
    error_rate: f64,
    /// The callee's.
    latency_p50_ms: Option<f64>,
    latency_p95_ms: Option<f64>,
}

/// Services with their logs, and the calls between them in the share of traces that is looked at, scaled to all: numbers
/// of calls are estimates, `sampled_calls` is what they were estimated from. Rates are per minute, error rates in percent,
/// latencies are the callee's.
fn graph(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let share = call.state.trace_share;
    let period = Period::over(snapshot, call.state.kept, call.params.range()?)?;
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
    let edges = edges
        .into_iter()
        .map(|((caller, callee), stats)| Edge {
            caller: caller.clone(),
            callee: callee.clone(),
            calls: scaled(stats.calls).round(),
            sampled_calls: stats.calls,
            rate: tidy(scaled(stats.calls) / covered),
            error_rate: tidy(stats.error_rate().percent()),
            latency_p50_ms: millis(stats.latency.quantile(0.5)),
            latency_p95_ms: millis(stats.latency.quantile(0.95)),
        })
        .collect();
    let nodes = period.by_service().into_iter().map(|(service, stats)| Node {
        service,
        rate: period.per_minute(stats.levels.total()),
        error_rate: tidy(stats.levels.error_rate().percent()),
    });
    Ok(period.answer(Graph { nodes: nodes.collect(), edges, trace_share: share }))
}
