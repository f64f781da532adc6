//! Ways out: what a connector implements to take changes of views, and dead letters.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Epoch, Name, Timestamp, format::Reason, view::Place};

/// A way out for the changes of views: upserts by key, tombstones on retraction; and for dead letters, where it takes
/// those. It runs on a thread of its own, so it may block. What it has not taken yet waits in its outbox; when that is full, sources wait: nothing is dropped.
///
/// A sink gets each batch at least once, always with the same content under the same epoch. To have it exactly once, a
/// sink remembers the epoch together with what it writes, and says so in [`Sink::resume`].
pub trait Sink: Send {
    /// What the sink is called in configuration, metrics, and durable state: it must be the same from start to start.
    fn name(&self) -> Name;

    /// Whether batches bring it dead letters too.
    fn takes_dead_letters(&self) -> bool {
        false
    }

    /// Asked where a job goes on from durable state, before anything is delivered: of which views does the sink hold
    /// nothing at all, be it that they were lost, or that nothing has arrived yet? What it was told of them is forgotten,
    /// and it is told all of them with the first commit.
    ///
    /// # Errors
    /// The job does not start.
    fn empty_views(&mut self) -> Result<Vec<Name>, SinkError> {
        Ok(Vec::new())
    }

    /// Asked before the first delivery: up to which epoch has everything arrived? `delivered` is what the job's state
    /// knows, which is that or less. `job` tells this job's state from any other's; it outlives restarts.
    ///
    /// # Errors
    /// Ends the job, unless it says that trying again may help.
    fn resume(&mut self, job: &Name, delivered: Option<Epoch>) -> Result<Option<Epoch>, SinkError> {
        let _ = job;
        Ok(delivered)
    }

    /// Delivers batches, in their order; what it says has succeeded is as durable as the sink can make it.
    ///
    /// # Errors
    /// Ends the job, unless it says that trying again may help: then the same batches come again after a pause.
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError>;
}

/// What one commit has for a sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The epoch that was committed; it may stand for several that were closed since the last commit.
    pub epoch: Epoch,
    /// The changes, at most one per view and key.
    pub changes: Vec<Change>,
    /// The records since the last commit that are no log, for a sink that takes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead_letters: Vec<DeadLetter>,
}

/// A change of one row of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The view.
    pub view: Name,
    /// The row, as it is now.
    pub record: Record,
}

/// A change of a view, as sinks see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The row's key.
    pub key: Value,
    /// Where the row's window starts, for rows of a series.
    pub window_start: Option<Timestamp>,
    /// The row's value now; `None` is a tombstone: the row is gone.
    pub value: Option<Value>,
}

impl Record {
    /// Where the row stands in its view.
    pub fn place(&self) -> Place {
        Place { key: self.key.clone(), window_start: self.window_start }
    }

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

/// A sink that failed.
#[derive(Debug, thiserror::Error)]
#[error("sink {sink_name}: {what}")]
#[non_exhaustive]
pub struct SinkError {
    /// The sink's name.
    pub sink_name: Name,
    /// What failed and what to do about it.
    pub what: String,
    /// Whether trying again may help, and how long to wait at least.
    pub again: Option<Duration>,
    /// What the connector's library said.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SinkError {
    /// A failure of the sink called `sink_name`, for good.
    pub fn new(sink_name: Name, what: impl Into<String>) -> Self {
        SinkError { sink_name, what: what.into(), again: None, cause: None }
    }

    /// Trying again may help, after this pause at the earliest.
    #[must_use]
    pub fn again(mut self, after: Duration) -> Self {
        self.again = Some(after);
        self
    }

    /// With what the library underneath said.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// A record that is no log: where it came from, why it is none, and its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    #[serde(with = "base64")]
    pub bytes: Vec<u8>,
    /// How long it was, in bytes.
    pub length: usize,
    /// When it was read.
    pub received: Timestamp,
}

impl DeadLetter {
    /// Most bytes of a record that a dead letter keeps.
    pub const MAX_BYTES: usize = 64 << 10;

    /// How much memory it takes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<DeadLetter>() + self.bytes.len()
    }
}

/// Bytes as JSON has them: a third longer, where an array of numbers would be four times as long.
mod base64 {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}
