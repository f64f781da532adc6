//! The words that a rule is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a rule measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleMetric {
    /// Logs.
    #[default]
    Count,
    /// Errors in percent of logs.
    ErrorRate,
    /// The 95th percentile of latencies, in milliseconds.
    LatencyP95,
    /// The score of the worst anomaly.
    AnomalyScore,
    /// That there are no logs.
    Absence,
}

/// What a rule has an alert for each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Each service.
    Service,
    /// Each host.
    Host,
    /// Each level.
    Level,
    /// Each template of messages.
    Template,
}

/// What it means that nothing is logged any more while a rule fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// Nothing: silence is no sign of recovery.
    #[default]
    Keep,
    /// That it is over.
    Resolve,
    /// That something else is wrong: status `no_data`.
    Alert,
}

/// Which windows a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evaluate {
    /// Those that the watermark has passed.
    #[default]
    Final,
    /// Those that are still open, too: earlier, and it may be taken back.
    Provisional,
}
