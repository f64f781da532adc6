//! [`StoredLog`]: a log as the store gives it back.

use std::{fmt, str::FromStr};

use highwater_engine::{Level, Timestamp};
use highwater_operators::stable_hash;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A log as the store gives it back: what the HTTP API shows of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoredLog {
    /// Where it was read from, which no other log shares.
    pub id: LogId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// How grave it is.
    pub level: Level,
    /// Who logged it.
    pub service: String,
    /// What it says.
    pub message: String,
    /// Where it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The trace it belongs to; of a record without one, the correlation or request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The span it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The correlation it belongs to, where the record names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// How long what it speaks of took, in milliseconds, exact to the microsecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Every other field of the record, as it nests there.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Json>,
    /// What its message has in common with others: [`highwater_operators::template_id`] in 16 hexadecimal digits.
    pub template_id: String,
    /// When it was read.
    pub ingested_at: Timestamp,
}

/// Where a log was read from: source, partition, and the offset after it. As text `<source>-<partition>-<offset>`, the
/// source as eight hexadecimal digits of the hash of its name.
///
/// The same record has the same id whenever it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The upper half of [`stable_hash`] of the source's name.
    pub source: u32,
    /// The partition within the source.
    pub partition: u32,
    /// Where reading goes on after it.
    pub next_offset: i64,
}

impl JsonSchema for LogId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LogId".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{8}-[0-9]+-(-?)[0-9]+$" })
    }
}

impl LogId {
    /// The id of a log of the source called `source`.
    pub fn new(source: &str, partition: u32, next_offset: i64) -> Self {
        LogId { source: (stable_hash(source.as_bytes()) >> 32) as u32, partition, next_offset }
    }

    /// A number that no two logs of a store are likely to share: what the index finds a log by, and what puts logs of
    /// the same millisecond in order.
    pub fn key(&self) -> u64 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.source.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.partition.to_le_bytes());
        bytes[8..].copy_from_slice(&self.next_offset.to_le_bytes());
        stable_hash(&bytes)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}-{}", self.source, self.partition, self.next_offset)
    }
}

/// The text is no id of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a log: one looks like 5f1c2a90-0-12345")]
pub struct ParseLogIdError;

impl FromStr for LogId {
    type Err = ParseLogIdError;
    fn from_str(text: &str) -> Result<Self, ParseLogIdError> {
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or(ParseLogIdError);
        let id = LogId {
            source: u32::from_str_radix(part()?, 16).map_err(|_| ParseLogIdError)?,
            partition: part()?.parse().map_err(|_| ParseLogIdError)?,
            next_offset: part()?.parse().map_err(|_| ParseLogIdError)?,
        };
        // one way to write it: `+1` and `007` parse too
        if id.to_string() == text { Ok(id) } else { Err(ParseLogIdError) }
    }
}

impl Serialize for LogId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text() {
        for id in [LogId::new("kafka:logs", 3, 12_345), LogId::new("", u32::MAX, i64::MIN), LogId::new("f", 0, -1)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "1-2", "5f1c2a90-0-+1", "5f1c2a90-00-1", "5F1C2A90-0-1", "5f1c2a90-0-1-", "x-0-1"] {
            assert_eq!(text.parse::<LogId>(), Err(ParseLogIdError), "{text}");
        }
    }
}
