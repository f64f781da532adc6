//! [`Answer`]: what a question was understood as.

use std::collections::BTreeMap;

use highwater_engine::{Level, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a question was understood as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// What to look for.
    pub filters: Filters,
    /// What was understood, and what was not, in a sentence or two.
    pub explanation: String,
}

/// Conditions on logs; all of them must hold. What is empty or none asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Filters {
    /// Any of these levels.
    pub severity: Vec<Level>,
    /// Any of these services.
    pub source: Vec<String>,
    /// What messages say.
    pub text: Option<String>,
    /// When.
    pub time_range: Option<TimeRange>,
    /// How long it took.
    pub latency: Option<Latency>,
    /// Fields that have a value: `trace_id`, `host` and the like.
    pub fields: BTreeMap<String, String>,
    /// What must not hold: none of it.
    pub exclude: Excluded,
    /// All of it but the time range, in the syntax of the log search.
    pub query: String,
}

/// From one time to another; an end that is missing is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimeRange {
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub to: Option<Timestamp>,
}

/// Bounds of a latency, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Latency {
    /// Slower than this.
    pub min_ms: Option<f64>,
    /// Faster than this.
    pub max_ms: Option<f64>,
    /// Whether the bounds themselves count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inclusive: bool,
}

/// What is not looked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Excluded {
    /// None of these levels.
    pub severity: Vec<Level>,
    /// None of these services.
    pub source: Vec<String>,
    /// Nothing that says any of these.
    pub text: Vec<String>,
}

impl Excluded {
    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.severity.is_empty() && self.source.is_empty() && self.text.is_empty()
    }
}
