//! What the logs of one trace say of it: [`waterfall`] and [`summary`].
//!
//! A log with a latency is the end of what it speaks of, which began its latency earlier; any other is a moment.
//! Spans are, in this order:
//!
//! 1. of logs with a span id, one for each id, from the first beginning among its logs to the last end;
//! 2. of logs with a latency alone, one for each log;
//! 3. of the other logs of a service that lie within none of its spans, one from the first to the last.
//!
//! The latter two are inferred, and go by the id of their first log. A log of the last kind that does lie within spans of
//! its service belongs to the shortest. A span lies in the one that its logs name as parent, and else in the shortest
//! that was under way as long as it was.

mod nesting;
mod spans;
#[cfg(test)]
mod tests;

use std::time::Duration;

use highwater_engine::{Level, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{LogId, StoredLog};

/// Most spans of one trace; those that begin last are left out.
pub const MAX_SPANS: usize = 2000;

/// One trace as a row of a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// Its id; of logs with none, their correlation id.
    pub trace_id: String,
    /// When its first span began.
    pub start: Timestamp,
    /// From there to its last end, in milliseconds.
    pub duration_ms: f64,
    /// Whose logs it has, in the order of their first.
    pub services: Vec<String>,
    /// Whose its first outermost span is.
    pub root: String,
    /// How many of its logs are errors.
    pub errors: usize,
    /// How many logs it has.
    pub logs: usize,
}

/// One trace as a waterfall.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Trace {
    /// What a list shows of it.
    #[serde(flatten)]
    pub summary: Summary,
    /// Its spans, by their beginning, the longer first.
    pub spans: Vec<Span>,
    /// How many more there are, beyond [`MAX_SPANS`].
    pub spans_left_out: usize,
}

/// A part of a trace that one service was busy with.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Span {
    /// Its id; of one that is inferred, the id of its first log.
    pub id: String,
    /// The service of its first log.
    pub service: String,
    /// When it began.
    pub start: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// The gravest level among its logs.
    pub level: Level,
    /// The id of the span that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its logs, by time.
    pub logs: Vec<LogId>,
    /// Whether no log names it: it is read off times and latencies.
    pub inferred: bool,
}

impl Span {
    fn end(&self) -> Timestamp {
        self.start.plus(length(self.duration_ms))
    }
}

/// The waterfall of the logs of one trace, whatever their order; of none, none.
pub fn waterfall(logs: &[StoredLog]) -> Option<Trace> {
    let mut logs: Vec<_> = logs.iter().collect();
    logs.sort_by_key(|log| (log.timestamp, log.id));
    logs.dedup_by_key(|log| log.id);
    let mut spans = spans::spans(&logs);
    spans.sort_by(|a, b| (a.start, b.end(), &a.id).cmp(&(b.start, a.end(), &b.id)));
    let start = spans.first()?.start;
    let end = spans.iter().map(Span::end).max()?;
    let spans_left_out = spans.len().saturating_sub(MAX_SPANS);
    spans.truncate(MAX_SPANS);
    nesting::nest(&mut spans, &spans::parents(&logs));
    let root = spans.iter().find(|span| span.parent.is_none())?.service.clone();
    let mut services: Vec<String> = Vec::new();
    for log in &logs {
        if !services.contains(&log.service) {
            services.push(log.service.clone());
        }
    }
    let summary = Summary {
        trace_id: trace_id(&logs),
        start,
        duration_ms: millis(end.since(start)),
        services,
        root,
        errors: logs.iter().filter(|log| log.level.is_error()).count(),
        logs: logs.len(),
    };
    Some(Trace { summary, spans, spans_left_out })
}

/// What a list of traces shows of the logs of one; of none, none.
pub fn summary(logs: &[StoredLog]) -> Option<Summary> {
    waterfall(logs).map(|trace| trace.summary)
}

fn trace_id(logs: &[&StoredLog]) -> String {
    let named = logs.iter().find_map(|log| log.trace_id.clone());
    named.or_else(|| logs.iter().find_map(|log| log.correlation_id.clone())).unwrap_or_default()
}

fn millis(length: Duration) -> f64 {
    length.as_micros() as f64 / 1000.0
}

fn length(millis: f64) -> Duration {
    Duration::from_micros((millis * 1000.0).round() as u64)
}
