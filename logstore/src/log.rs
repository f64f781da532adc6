//! From a log of a batch to one that is stored.

use highwater_engine::{Log, LogBatch, Stretch, Timestamp};
use highwater_operators::template_id;

use crate::{
    LogId, StoredLog,
    rest::{latency_ms, template_text},
};

/// The logs of a stretch, each with where it was read.
pub(crate) fn places<'s>(stretch: &'s Stretch) -> impl Iterator<Item = (LogId, Log<'s>)> {
    let source = LogId::new(&stretch.source, 0, 0);
    let id = move |(partition, next_offset): &(u32, i64)| LogId {
        partition: *partition,
        next_offset: *next_offset,
        ..source
    };
    let logs: &LogBatch = &stretch.logs;
    stretch.places.iter().map(id).zip(logs.iter())
}

/// A log as it is stored, and the number of its template.
pub(crate) fn stored(id: LogId, log: Log<'_>, ingested_at: Timestamp) -> (StoredLog, u64) {
    let said = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
    let template = template_id(log.message());
    let correlation_id = log.correlation_id().map(|id| id.into_owned());
    let mut attributes = log.attributes();
    if correlation_id.is_some() {
        // it has a place of its own
        attributes.remove("correlation_id").or_else(|| attributes.remove("correlationId"));
    }
    let log = StoredLog {
        id,
        timestamp: log.timestamp(),
        level: log.level(),
        service: log.service().to_owned(),
        message: log.message().to_owned(),
        host: said(log.host()),
        trace_id: said(log.trace_id()),
        span_id: said(log.span_id()),
        correlation_id,
        latency_ms: log.latency_micros().map(latency_ms),
        attributes,
        template_id: template_text(template),
        ingested_at,
    };
    (log, template)
}
