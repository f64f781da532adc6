//! The rest of a log: what no column of the index holds, in few bytes.

use std::borrow::Cow;

use highwater_engine::{Level, Timestamp};
use highwater_operators::template_id;
use serde::{Deserialize, Serialize};

use crate::{LogId, StoredLog};

/// A log without what columns hold.
#[derive(Serialize, Deserialize)]
struct Rest<'a> {
    /// milliseconds from its time to its being read
    delay: i64,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow)]
    attributes: Cow<'a, str>,
    #[serde(borrow)]
    trace_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    span_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    correlation_id: Correlation<'a>,
}

#[derive(Serialize, Deserialize)]
enum Correlation<'a> {
    None,
    /// what stands for the trace
    Trace,
    #[serde(borrow)]
    Other(Cow<'a, str>),
}

/// What columns hold of a log.
pub(crate) struct Columns {
    pub(crate) id: LogId,
    pub(crate) timestamp: Timestamp,
    pub(crate) level: Level,
    pub(crate) service: String,
    pub(crate) latency_micros: Option<u64>,
}

/// The rest of a log.
pub(crate) fn encode(log: &StoredLog) -> Vec<u8> {
    let attributes = match log.attributes.is_empty() {
        true => Cow::Borrowed(""),
        // a map of JSON values is JSON
        false => serde_json::to_string(&log.attributes).unwrap_or_default().into(),
    };
    let rest = Rest {
        delay: millis(log.ingested_at).saturating_sub(millis(log.timestamp)),
        message: Cow::Borrowed(&log.message),
        host: log.host.as_deref().map(Cow::Borrowed),
        attributes,
        trace_id: log.trace_id.as_deref().map(Cow::Borrowed),
        span_id: log.span_id.as_deref().map(Cow::Borrowed),
        correlation_id: match &log.correlation_id {
            None => Correlation::None,
            same if *same == log.trace_id => Correlation::Trace,
            Some(other) => Correlation::Other(Cow::Borrowed(other)),
        },
    };
    // numbers and text into memory: nothing to fail
    postcard::to_stdvec(&rest).unwrap_or_default()
}

/// The log, put together again; nothing where these bytes are no rest of a log.
pub(crate) fn decode(columns: Columns, bytes: &[u8]) -> Option<StoredLog> {
    let rest: Rest<'_> = postcard::from_bytes(bytes).ok()?;
    let Columns { id, timestamp, level, service, latency_micros } = columns;
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let attributes = match &*rest.attributes {
        "" => serde_json::Map::new(),
        json => serde_json::from_str(json).ok()?,
    };
    let trace_id = owned(rest.trace_id);
    let correlation_id = match rest.correlation_id {
        Correlation::None => None,
        Correlation::Trace => trace_id.clone(),
        Correlation::Other(id) => Some(id.into_owned()),
    };
    Some(StoredLog {
        id,
        timestamp,
        level,
        service,
        template_id: template_text(template_id(&rest.message)),
        message: rest.message.into_owned(),
        host: owned(rest.host),
        trace_id,
        span_id: owned(rest.span_id),
        correlation_id,
        latency_ms: latency_micros.map(latency_ms),
        attributes,
        ingested_at: Timestamp::from_millis(millis(timestamp).saturating_add(rest.delay)),
    })
}

/// The number of a template as logs show it.
pub(crate) fn template_text(id: u64) -> String {
    format!("{id:016x}")
}

/// Milliseconds, exact to the microsecond.
pub(crate) fn latency_ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1000)
}
