//! Ways out: what a connector implements to take changes of views, or dead letters.

use serde_json::Value;

use crate::{Epoch, Name, Timestamp, format::Reason};

/// A way out for the changes of one view: upserts by key, tombstones on retraction. It runs on a thread of its own,
/// so it may block; a sink that stays behind slows the sources, nothing is dropped.
pub trait Sink: Send {
    /// What the sink is called in configuration and metrics.
    fn name(&self) -> Name;

    /// Takes what changed in one epoch, at most one record per key. May hold it back until [`Sink::flush`].
    ///
    /// # Errors
    /// Ends the job; what can be retried the sink retries by itself.
    fn write(&mut self, epoch: Epoch, records: &[Record]) -> Result<(), SinkError>;

    /// Returns when everything written is as durable as the sink can make it.
    ///
    /// # Errors
    /// Ends the job.
    fn flush(&mut self) -> Result<(), SinkError>;
}

/// A change of a view, as sinks see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The row's key.
    pub key: Value,
    /// Where the row's window starts, for rows of a series.
    pub window_start: Option<Timestamp>,
    /// The row's value now; `None` is a tombstone: the row is gone.
    pub value: Option<Value>,
}

impl Record {
    /// The key as a compactable topic needs it: plain text for a text key without a window, else JSON
    /// (`{"key":..,"window_start":..}` for rows of a series). Equal rows have equal bytes.
    ///
    /// ```
    /// # use highwater_engine::{Record, Timestamp};
    /// let row = Record { key: "cart".into(), window_start: None, value: None };
    /// assert_eq!(row.key_text(), "cart");
    /// let row = Record { window_start: Some(Timestamp::from_millis(0)), ..row };
    /// assert_eq!(row.key_text(), r#"{"key":"cart","window_start":"1970-01-01T00:00:00.000Z"}"#);
    /// ```
    pub fn key_text(&self) -> String {
        match (&self.key, self.window_start) {
            (Value::String(text), None) => text.clone(),
            (key, None) => key.to_string(),
            (key, Some(start)) => serde_json::json!({ "key": key, "window_start": start }).to_string(),
        }
    }
}

/// A sink that failed for good.
#[derive(Debug, thiserror::Error)]
#[error("sink {sink_name}: {what}")]
#[non_exhaustive]
pub struct SinkError {
    /// The sink's name.
    pub sink_name: Name,
    /// What failed and what to do about it.
    pub what: String,
    /// What the connector's library said.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SinkError {
    /// A failure of the sink called `sink_name`.
    pub fn new(sink_name: Name, what: impl Into<String>) -> Self {
        SinkError { sink_name, what: what.into(), cause: None }
    }

    /// With what the library underneath said.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// A record that is no log: where it came from, why it is none, and its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Why.
    pub reason: Reason,
    /// The source it came from.
    pub source: Name,
    /// Its partition there.
    pub partition: u32,
    /// The offset that follows it there.
    pub next_offset: i64,
    /// Its first bytes, at most [`DeadLetter::MAX_BYTES`].
    pub bytes: Vec<u8>,
    /// How long it was, in bytes.
    pub length: usize,
    /// When it was read.
    pub received: Timestamp,
}

impl DeadLetter {
    /// Most bytes of a record that a dead letter keeps.
    pub const MAX_BYTES: usize = 64 << 10;
}

/// Where dead letters go. Runs on a thread of its own.
pub trait DeadLetterSink: Send {
    /// What the sink is called in configuration and metrics.
    fn name(&self) -> Name;

    /// Keeps these.
    ///
    /// # Errors
    /// Ends the job.
    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError>;
}
