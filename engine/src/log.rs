//! Logs: [`LogBatch`], columns over one text buffer, and [`Log`], a view of a row.

use std::{borrow::Cow, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use timely::Accountable;

use crate::{Timestamp, format::Format};

/// How grave a log is. The order is the order of gravity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// OpenTelemetry severity 1 to 4.
    Trace,
    /// OpenTelemetry severity 5 to 8.
    Debug,
    /// OpenTelemetry severity 9 to 12, and what a log without a level counts as.
    #[default]
    Info,
    /// OpenTelemetry severity 13 to 16.
    Warn,
    /// OpenTelemetry severity 17 to 20.
    Error,
    /// OpenTelemetry severity 21 to 24 and syslog's critical, alert and emergency.
    Fatal,
}

impl Level {
    /// Every level, least grave first; a level's place is `level as usize`.
    pub const ALL: [Level; 6] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];

    /// Whether a log of this level counts as an error: ERROR and FATAL (which is also CRITICAL).
    pub const fn is_error(self) -> bool {
        matches!(self, Level::Error | Level::Fatal)
    }

    /// `INFO` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
            Level::Fatal => "FATAL",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a parser reads out of one record; text borrows from the record where it stands there verbatim.
#[derive(Debug, Default, PartialEq)]
pub struct Fields<'a> {
    /// When it happened; `None` where the record does not say.
    pub timestamp: Option<Timestamp>,
    /// Its level; `None` where the record does not say.
    pub level: Option<Level>,
    /// Who logged it.
    pub service: Option<Cow<'a, str>>,
    /// What it says.
    pub message: Option<Cow<'a, str>>,
    /// Where it ran.
    pub host: Option<Cow<'a, str>>,
    /// The trace, correlation or request it belongs to.
    pub trace_id: Option<Cow<'a, str>>,
    /// The span it belongs to.
    pub span_id: Option<Cow<'a, str>>,
    /// How long what it speaks of took, in microseconds; never negative, never NaN.
    pub latency_micros: Option<u64>,
    /// The parser that read it; [`Log::field`] finds further fields by it.
    pub format: Format,
}

/// A stretch of a batch's text.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

const NO_LATENCY: u64 = u64::MAX;

/// Logs of one source on one worker, read together: a column a field, text as stretches of one buffer, nothing copied
/// per field.
///
/// It is a container that timely moves as it is (`Rc<LogBatch>` on a pipelined stream), shared by every query.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    text: String,
    /// text that does not stand verbatim in its record (JSON escapes), moved behind the record once it is read
    unescaped: String,
    records: Vec<Span>,
    formats: Vec<Format>,
    timestamps: Vec<Timestamp>,
    levels: Vec<Level>,
    services: Vec<Span>,
    messages: Vec<Span>,
    hosts: Vec<Span>,
    trace_ids: Vec<Span>,
    span_ids: Vec<Span>,
    latencies: Vec<u64>,
}

/// Most text a batch holds, in bytes: spans are 32 bits wide.
pub const MAX_BATCH_BYTES: usize = 1 << 30;

impl LogBatch {
    /// An empty batch with room for `logs` logs in `bytes` bytes of text.
    pub fn with_capacity(logs: usize, bytes: usize) -> Self {
        LogBatch {
            text: String::with_capacity(bytes),
            unescaped: String::new(),
            records: Vec::with_capacity(logs),
            formats: Vec::with_capacity(logs),
            timestamps: Vec::with_capacity(logs),
            levels: Vec::with_capacity(logs),
            services: Vec::with_capacity(logs),
            messages: Vec::with_capacity(logs),
            hosts: Vec::with_capacity(logs),
            trace_ids: Vec::with_capacity(logs),
            span_ids: Vec::with_capacity(logs),
            latencies: Vec::with_capacity(logs),
        }
    }

    /// The same memory without a log in it.
    pub(crate) fn emptied(mut self) -> Self {
        let LogBatch { text, unescaped, records, formats, timestamps, levels, .. } = &mut self;
        text.clear();
        unescaped.clear();
        records.clear();
        formats.clear();
        timestamps.clear();
        levels.clear();
        for spans in [&mut self.services, &mut self.messages, &mut self.hosts, &mut self.trace_ids, &mut self.span_ids]
        {
            spans.clear();
        }
        self.latencies.clear();
        self
    }

    /// Bytes of text that it has memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// How many logs.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Bytes of text held.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The logs, in the order they were read.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Log<'_>> + Clone {
        (0..self.len()).map(|row| Log { batch: self, row })
    }

    /// Adds one record, read by `parse`, and gives back what it was judged by; where `admit` refuses, nothing is
    /// added. `received` stands in where the record names no time, `unknown` where it names no service.
    ///
    /// # Errors
    /// Whatever `parse` or `admit` answers; the batch is then as it was.
    pub(crate) fn push<E>(
        &mut self,
        record: &str,
        defaults: &Defaults,
        parse: impl for<'r> FnOnce(&'r str) -> Result<Fields<'r>, E>,
        admit: impl FnOnce(Timestamp) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.text.len();
        self.text.push_str(record);
        let end = self.text.len();
        match self.push_columns(start, defaults, parse, admit) {
            Ok(()) => {
                self.records.push(Span { start: start as u32, end: end as u32 });
                Ok(())
            }
            Err(refused) => {
                self.text.truncate(start);
                Err(refused)
            }
        }
    }

    fn push_columns<E>(
        &mut self,
        start: usize,
        defaults: &Defaults,
        parse: impl for<'r> FnOnce(&'r str) -> Result<Fields<'r>, E>,
        admit: impl FnOnce(Timestamp) -> Result<(), E>,
    ) -> Result<(), E> {
        let LogBatch { text, unescaped, .. } = self;
        unescaped.clear();
        let record = &text[start..];
        let fields = parse(record)?;
        let timestamp = fields.timestamp.unwrap_or(defaults.received);
        admit(timestamp)?;
        let mut place = |field: &Option<Cow<'_, str>>, default: &str| -> Span {
            let value = match field {
                Some(Cow::Borrowed(value)) => {
                    // The parser borrows from the record, so its distance from the text's start is its place; what
                    // lies elsewhere (a constant of the parser) is copied like any other text.
                    let offset = (value.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
                    if offset + value.len() <= text.len() && offset >= start {
                        return Span { start: offset as u32, end: (offset + value.len()) as u32 };
                    }
                    *value
                }
                Some(Cow::Owned(value)) => value,
                None if default.is_empty() => return Span::default(),
                None => default,
            };
            let start = text.len() + unescaped.len();
            unescaped.push_str(value);
            Span { start: start as u32, end: (start + value.len()) as u32 }
        };
        self.services.push(place(&fields.service, &defaults.service));
        self.messages.push(place(&fields.message, ""));
        self.hosts.push(place(&fields.host, ""));
        self.trace_ids.push(place(&fields.trace_id, ""));
        self.span_ids.push(place(&fields.span_id, ""));
        self.timestamps.push(timestamp);
        self.levels.push(fields.level.unwrap_or_default());
        self.latencies.push(fields.latency_micros.unwrap_or(NO_LATENCY));
        self.formats.push(fields.format);
        drop(fields);
        self.text.push_str(&self.unescaped);
        Ok(())
    }

    fn text(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }
}

impl Accountable for LogBatch {
    fn record_count(&self) -> i64 {
        self.len() as i64
    }
}

/// What stands in where a record is silent.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The time of a record without one: when it was received, or its broker's timestamp.
    pub received: Timestamp,
    /// The service of a record without one.
    pub service: Cow<'static, str>,
}

/// One log of a [`LogBatch`]: a place in its columns. Every accessor borrows from the batch.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    batch: &'a LogBatch,
    row: usize,
}

impl<'a> Log<'a> {
    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        self.batch.timestamps[self.row]
    }

    /// How grave it is; INFO where the record does not say.
    pub fn level(&self) -> Level {
        self.batch.levels[self.row]
    }

    /// Whether its level is ERROR or FATAL.
    pub fn is_error(&self) -> bool {
        self.level().is_error()
    }

    /// Who logged it; `unknown` (or what the source is configured to say) where the record does not tell.
    pub fn service(&self) -> &'a str {
        self.batch.text(self.batch.services[self.row])
    }

    /// What it says; empty where it says nothing.
    pub fn message(&self) -> &'a str {
        self.batch.text(self.batch.messages[self.row])
    }

    /// Where it ran; empty where unknown.
    pub fn host(&self) -> &'a str {
        self.batch.text(self.batch.hosts[self.row])
    }

    /// The trace, correlation or request it belongs to; empty where there is none.
    pub fn trace_id(&self) -> &'a str {
        self.batch.text(self.batch.trace_ids[self.row])
    }

    /// The span it belongs to; empty where there is none.
    pub fn span_id(&self) -> &'a str {
        self.batch.text(self.batch.span_ids[self.row])
    }

    /// How long what it speaks of took, in whole microseconds.
    pub fn latency_micros(&self) -> Option<u64> {
        Some(self.batch.latencies[self.row]).filter(|&micros| micros != NO_LATENCY)
    }

    /// How long what it speaks of took.
    pub fn latency(&self) -> Option<Duration> {
        self.latency_micros().map(Duration::from_micros)
    }

    /// The record as it came.
    pub fn record(&self) -> &'a str {
        self.batch.text(self.batch.records[self.row])
    }

    /// Any other field of the record, by its name; dots step into nested JSON. Looked up when asked for, so a field
    /// nobody asks for costs nothing.
    pub fn field(&self, name: &str) -> Option<Cow<'a, str>> {
        self.batch.formats[self.row].field(self.record(), name)
    }

    /// Every field of the record that is none of the above, nested as there. A field whose name would do for one of
    /// them, but that a better name came before, is among these. Read when asked for.
    pub fn attributes(&self) -> Map<String, Value> {
        self.batch.formats[self.row].attributes(self.record())
    }

    /// The correlation it belongs to, where the record names one, whatever else it belongs to.
    pub fn correlation_id(&self) -> Option<Cow<'a, str>> {
        memchr::memmem::find(self.record().as_bytes(), b"correlation")?;
        let named = |name| self.field(name).filter(|id| !id.is_empty());
        named("correlation_id").or_else(|| named("correlationId"))
    }
}
