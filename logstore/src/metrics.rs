//! What the store counts about itself, in the names that `/metrics` shows.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Touched per batch or per commit, never per log.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) indexed: Counter,
    pub(crate) left_out: Counter,
    pub(crate) failures: Counter,
    pub(crate) bytes: Gauge,
    pub(crate) slices: Gauge,
    pub(crate) commit_seconds: Histogram,
    pub(crate) behind_ms: Gauge,
}

impl Metrics {
    /// New ones, known to an exposition.
    pub(crate) fn register(to: &mut Registry) -> Self {
        let metrics = Metrics {
            indexed: Counter::default(),
            left_out: Counter::default(),
            failures: Counter::default(),
            bytes: Gauge::default(),
            slices: Gauge::default(),
            commit_seconds: Histogram::new([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]),
            behind_ms: Gauge::default(),
        };
        let Metrics { indexed, left_out, failures, bytes, slices, commit_seconds, behind_ms } = &metrics;
        to.register("highwater_store_logs", "Logs added to the store", indexed.clone());
        to.register("highwater_store_left_out", "Logs that the store does not keep", left_out.clone());
        to.register("highwater_store_failures", "Attempts to add logs that failed", failures.clone());
        to.register("highwater_store_bytes", "Bytes of the store on disk", bytes.clone());
        to.register("highwater_store_slices", "Slices of the store", slices.clone());
        to.register("highwater_store_commit_seconds", "How long a commit of the store takes", commit_seconds.clone());
        to.register("highwater_store_behind_ms", "Newest stored log behind the wall clock", behind_ms.clone());
        metrics
    }
}
