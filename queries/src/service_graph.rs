//! View `service_graph`: who calls whom, how often, with what success and how fast, per minute; among a share of all
//! traces, which is decided by a trace's id before anything else, so that the other logs cost next to nothing.

use std::time::Duration;

use differential_dataflow::{VecCollection, difference::Semigroup};
use highwater_engine::{Epoch, Flow, Log, Name, OTHER, Window, hours, minutes};
use highwater_operators::{Call, EdgeStats, Histogram, Trace, TraceSample, calls, catalog, stable_hash, top_k};
use serde::{Deserialize, Serialize};

use crate::incidents::Calls;

/// Which traces the service graph is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceGraph {
    /// The share of all traces that is looked at, 0 to 1; with 0 there is no such view.
    pub share: f64,
}

impl Default for ServiceGraph {
    fn default() -> Self {
        ServiceGraph { share: 0.001 }
    }
}

/// Length of a window.
const WINDOW: Duration = minutes(1);
/// How long after a minute its logs may still correct its calls.
const CORRECTABLE: Duration = minutes(1);
/// Edges that a minute keeps: its busiest.
const MOST_EDGES: usize = 500;

/// Caller and callee.
type Edge = (Name, Name);
/// A call as far as edges tell calls apart: whether it failed, and its latency, rounded as histograms do.
type Outcome = (bool, Option<u64>);

/// Publishes the view; says who calls whom, where traces are looked at.
pub fn build<'s>(flow: &mut Flow<'s>, config: &ServiceGraph) -> Option<Calls<'s>> {
    if config.share <= 0.0 {
        return None;
    }
    let sample = TraceSample::of(config.share);
    let traces = flow
        .logs()
        .filter(move |log| sample.takes(log.trace_id()))
        .tumbling(WINDOW)
        // a call is found by the logs of its own minute and of the minutes beside it
        .keep_at_most(CORRECTABLE + WINDOW)
        .aggregate(by_trace, Trace::observe);
    let keep = flow.settings().retention.max(hours(1));
    let edges = traces.with_rows(busiest(edges(traces.rows()))).settled(CORRECTABLE, keep);
    flow.view(catalog::SERVICE_GRAPH, &edges);
    Some(edges.rows().map(|((call, _), _)| call).distinct())
}

/// The id itself may be of any length.
fn by_trace(log: &Log<'_>) -> Name {
    Name::from(format!("{:016x}", stable_hash(log.trace_id().as_bytes())))
}

type Rows<'s, K, V> = VecCollection<'s, Epoch, ((K, Window), V), isize>;

fn edges<'s>(traces: Rows<'s, Name, Trace>) -> Rows<'s, Edge, EdgeStats> {
    // beyond the bound, traces are folded into one, of which nothing can be told
    let whole = traces.filter(|((trace, _), _)| trace.as_str() != OTHER);
    let minutes_of_traces = whole.map(|((trace, window), part)| (trace, (window, part)));
    let calls = minutes_of_traces.reduce(|_, parts, calls| {
        for (at, ((window, _), _)) in parts.iter().enumerate() {
            let ended_here = |call: &Call| Window::containing(call.ended, WINDOW) == *window;
            let found = calls_around(parts, at, ended_here);
            calls.extend(found.into_iter().map(|(edge, outcome)| (((edge, *window), outcome), 1)));
        }
    });
    let outcomes = calls.map(|(_, (edge, outcome))| (edge, outcome));
    outcomes.reduce(|_, outcomes: &[(&Outcome, isize)], edge| {
        let mut stats = EdgeStats::default();
        for &((is_error, latency_micros), calls) in outcomes {
            stats.add(*is_error, *latency_micros, u64::try_from(calls).unwrap_or(0));
        }
        edge.push((stats, 1));
    })
}

/// The calls of a trace that are chosen, by what was logged in one minute and in those beside it.
fn calls_around(
    parts: &[(&(Window, Trace), isize)],
    at: usize,
    choose: impl Fn(&Call) -> bool,
) -> Vec<(Edge, Outcome)> {
    let ((window, own), _) = parts[at];
    let is_beside =
        |other: Window| other != *window && (other.later(WINDOW) == *window || window.later(WINDOW) == other);
    let mut beside = parts.iter().filter(|((other, _), _)| is_beside(*other)).peekable();
    let merged = beside.peek().is_some().then(|| {
        beside.fold(own.clone(), |mut whole, ((_, part), _)| {
            whole.plus_equals(part);
            whole
        })
    });
    let chosen = calls(merged.as_ref().unwrap_or(own)).filter(choose);
    chosen
        .map(|call| ((call.caller, call.callee), (call.is_error, call.latency_micros.map(Histogram::rounded))))
        .collect()
}

/// The busiest edges of each minute.
fn busiest<'s>(edges: Rows<'s, Edge, EdgeStats>) -> Rows<'s, Edge, EdgeStats> {
    let by_minute = edges.map(|((edge, window), stats)| (window, (edge, stats)));
    let busiest = by_minute.reduce(|_, edges, busiest| {
        let weighed = edges.iter().map(|(row, _)| (*row, row.1.calls));
        busiest.extend(top_k(MOST_EDGES, weighed).into_iter().map(|(row, _)| (row.clone(), 1)));
    });
    busiest.map(|(window, (edge, stats))| ((edge, window), stats))
}
