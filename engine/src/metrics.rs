//! What a job counts about itself, in the names that `/metrics` shows.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::pipeline::Pipeline;

/// The counters and gauges of one job. All are touched per batch or per epoch, never per log.
#[derive(Debug)]
pub struct Metrics {
    /// Logs that entered the dataflow.
    pub logs: Counter,
    /// Bytes of records read, dead letters included.
    pub log_bytes: Counter,
    /// Records that are no log, by reason.
    pub dead_letters: Family<ReasonLabel, Counter>,
    /// Partial aggregates that came after their window was gone.
    pub late_updates: Counter,
    /// Keys beyond the bound of an aggregate, folded into `__other__`.
    pub keys_folded: Counter,
    /// The newest epoch that readers see.
    pub epoch: Gauge,
    /// From the end of an epoch to its being seen, in seconds.
    pub epoch_seconds: Histogram,
    /// How far the watermark is behind the wall clock, in milliseconds.
    pub watermark_delay_ms: Gauge,
    /// Rows, by view.
    pub view_rows: Family<ViewLabel, Gauge>,
    /// Records handed to sinks.
    pub sink_records: Family<SinkLabel, Counter>,
    /// Attempts that sinks had to repeat.
    pub sink_retries: Family<SinkLabel, Counter>,
    /// The newest epoch that is committed.
    pub committed_epoch: Gauge,
    /// How long a commit takes, in seconds.
    pub commit_seconds: Histogram,
    /// Bytes that wait for a sink.
    pub outbox_bytes: Family<SinkLabel, Gauge>,
    /// Offsets that were gone before they were read, by partition.
    pub lost_records: Family<PartitionLabel, Counter>,
    /// Records between where a source reads and its end, by partition, where the source can tell.
    pub source_lag: Family<PartitionLabel, Gauge>,
    /// Time that workers spent, in seconds, by operator.
    pub operator_seconds: Family<OperatorLabel, Counter<f64, AtomicU64>>,
    /// Records of arrangements, by the operator that keeps them: what differential dataflow holds.
    pub arrangement_records: Family<OperatorLabel, Gauge>,
    /// What the parts of the dataflow say of themselves; not shown by `/metrics`.
    pub pipeline: Pipeline,
}

/// `reason="invalid_json"`
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReasonLabel {
    /// See [`Reason`](crate::format::Reason).
    pub reason: String,
}

/// `view="error_rate"`
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ViewLabel {
    /// The view's name.
    pub view: String,
}

/// `sink="kafka:highwater.anomalies"`
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SinkLabel {
    /// The sink's name.
    pub sink: String,
}

/// `source="kafka:logs",partition="3"`
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PartitionLabel {
    /// The source's name.
    pub source: String,
    /// The partition's number.
    pub partition: u32,
}

/// `operator="41 Reduce"`
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OperatorLabel {
    /// The operator's number, the same on every worker, and what kind it is.
    pub operator: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
        Metrics {
            logs: Counter::default(),
            log_bytes: Counter::default(),
            dead_letters: Family::default(),
            late_updates: Counter::default(),
            keys_folded: Counter::default(),
            epoch: Gauge::default(),
            epoch_seconds: Histogram::new(seconds),
            watermark_delay_ms: Gauge::default(),
            view_rows: Family::default(),
            sink_records: Family::default(),
            sink_retries: Family::default(),
            committed_epoch: Gauge::default(),
            commit_seconds: Histogram::new(seconds),
            outbox_bytes: Family::default(),
            lost_records: Family::default(),
            source_lag: Family::default(),
            operator_seconds: Family::default(),
            arrangement_records: Family::default(),
            pipeline: Pipeline::default(),
        }
    }
}

impl Metrics {
    /// Makes these known to an exposition.
    pub fn register(&self, to: &mut Registry) {
        to.register("highwater_logs", "Logs that entered the dataflow", self.logs.clone());
        to.register("highwater_log_bytes", "Bytes of records read", self.log_bytes.clone());
        to.register("highwater_dead_letters", "Records that are no log, by reason", self.dead_letters.clone());
        to.register("highwater_late_updates", "Partial aggregates past their retention", self.late_updates.clone());
        to.register("highwater_keys_folded", "Keys beyond the bound, folded", self.keys_folded.clone());
        to.register("highwater_epoch", "Newest epoch that readers see", self.epoch.clone());
        to.register("highwater_epoch_seconds", "End of an epoch to its being seen", self.epoch_seconds.clone());
        to.register("highwater_watermark_delay_ms", "Watermark behind the wall clock", self.watermark_delay_ms.clone());
        to.register("highwater_view_rows", "Rows, by view", self.view_rows.clone());
        to.register("highwater_sink_records", "Records handed to sinks", self.sink_records.clone());
        to.register("highwater_sink_retries", "Attempts that sinks repeated", self.sink_retries.clone());
        to.register("highwater_committed_epoch", "Newest committed epoch", self.committed_epoch.clone());
        to.register("highwater_commit_seconds", "How long a commit takes", self.commit_seconds.clone());
        to.register("highwater_outbox_bytes", "Bytes that wait for a sink", self.outbox_bytes.clone());
        to.register("highwater_lost_records", "Records gone before they were read", self.lost_records.clone());
        to.register("highwater_source_lag", "Records behind the end of the source", self.source_lag.clone());
        to.register("highwater_operator_seconds", "Time of workers, by operator", self.operator_seconds.clone());
        let help = "Records of arrangements, by operator";
        to.register("highwater_arrangement_records", help, self.arrangement_records.clone());
    }
}
