//! [`Rule`]: when somebody is to be told of what logs say, and how.

mod checks;
mod provision;
mod spec;
mod store;

use std::{collections::BTreeMap, time::Duration};

use highwater_engine::{Level, Name, Timestamp};
use highwater_operators::{Condition, Dimension, Evaluate, NoData, RuleMetric, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::{checks::is_label_name, store::load};
pub use self::{provision::CONFIGURATION, store::Rules};
use crate::{
    channel::ChannelKind, duration, duration::DurationText, notify::NotifyOptions, problem, problem::Problem,
    secret::ChannelConfig,
};

/// A rule as somebody gives it. What it leaves out has the default that is said here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDraft {
    /// What the rule is called; label `alertname` of its alerts.
    pub name: String,
    /// What it means that it fires; none by default.
    #[serde(default)]
    pub description: String,
    /// What is measured: the count of logs by default.
    #[serde(default)]
    pub metric: RuleMetric,
    /// How it is compared with the threshold: `greater_than` by default. Absence needs neither.
    #[serde(default = "greater_than")]
    pub condition: Condition,
    /// What it is compared with: logs, percent, milliseconds or a score, as the metric is.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// From where on it is over, where that is not the threshold: a rule that hovers about its threshold does not flap.
    #[serde(default)]
    pub clear_threshold: Option<f64>,
    /// Over what length of time it is measured: `5m` by default, 10 s to 24 h in steps of 10 s.
    #[serde(with = "duration", default = "five_minutes")]
    #[schemars(with = "DurationText")]
    pub time_window: Duration,
    /// Of which levels; of all by default.
    #[serde(default)]
    pub levels: Vec<Level>,
    /// Of which services; of all by default. `*` at the end stands for any ending.
    #[serde(default)]
    pub services: Vec<Name>,
    /// For how long the condition must hold; `0s` by default.
    #[serde(rename = "for", with = "duration", default)]
    #[schemars(with = "DurationText")]
    pub hold: Duration,
    /// For how long it goes on firing after the condition held last; `0s` by default.
    #[serde(with = "duration", default)]
    #[schemars(with = "DurationText")]
    pub keep_firing_for: Duration,
    /// How grave it is; medium by default.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Labels of its alerts, for grouping and silences.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// An alert for each of what: for each service by default, `null` for all matching logs together.
    #[serde(default = "by_service")]
    pub group_by: Option<Dimension>,
    /// What silence means while it fires; `keep` by default.
    #[serde(default)]
    pub no_data: NoData,
    /// Whether it looks at windows that are still open; `final` by default.
    #[serde(default)]
    pub evaluate: Evaluate,
    /// Where notices go; by default to the receivers of the configuration, where it has some.
    #[serde(default)]
    pub notification_channel: Option<ChannelKind>,
    /// How they get there, as the channel has it.
    #[serde(default)]
    pub notification_config: ChannelConfig,
    /// How alerts become notices.
    #[serde(default)]
    pub notification: NotifyOptions,
    /// Whether it is on, as it is by default.
    #[serde(default = "on")]
    pub is_active: bool,
}

fn greater_than() -> Condition {
    Condition::GreaterThan
}
fn five_minutes() -> Duration {
    Duration::from_secs(300)
}
fn medium() -> Severity {
    Severity::Medium
}
fn by_service() -> Option<Dimension> {
    Some(Dimension::Service)
}
fn on() -> bool {
    true
}

impl RuleDraft {
    /// Reads a rule from JSON.
    ///
    /// # Errors
    /// Where a field is missing, unknown or of the wrong kind: says which.
    pub fn read(json: &Value) -> Result<RuleDraft, Problem> {
        problem::read(json)
    }

    /// All that is wrong with it; nothing for a rule that can be stored.
    pub fn problems(&self) -> Vec<Problem> {
        checks::problems(self)
    }
}

/// A rule as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Rule {
    /// Made when the rule is; part of its alerts' ids.
    pub id: Name,
    /// Who made it.
    pub owner: String,
    /// Grows by one with each change, from one. A change names the version that it changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The rule itself.
    #[serde(flatten)]
    pub draft: RuleDraft,
}
