//! [`Row`]: an alert as the dataflow's views show it.

use std::collections::BTreeMap;

use highwater_engine::{Name, Timestamp};
use highwater_operators::{Real, Severity};
use serde::{Deserialize, Serialize};

use crate::{id::id_of, lifecycle::Said};

/// Views that are told of.
pub(crate) const ALERTS: &str = "alerts";
pub(crate) const PENDING: &str = "pending_alerts";

/// What the sink reads of a row of `alerts` or `pending_alerts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: Name,
    pub(crate) rule: Name,
    /// none of what is no stored rule's
    #[serde(default)]
    rule_id: Option<Name>,
    pub(crate) description: String,
    pub(crate) severity: Severity,
    pub(crate) key: Name,
    pub(crate) status: RowStatus,
    pub(crate) since: Timestamp,
    #[serde(default)]
    pub(crate) firing_from: Option<Timestamp>,
    #[serde(default)]
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) peak: Real,
    pub(crate) last: Real,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowStatus {
    Pending,
    Firing,
    NoData,
    Resolved,
}

impl Row {
    /// The rule's id, or the name of one that is built in.
    pub(crate) fn rule_id(&self) -> &Name {
        self.rule_id.as_ref().unwrap_or(&self.rule)
    }

    /// The same for all alerts of one rule and key.
    pub(crate) fn fingerprint(&self) -> Name {
        id_of(&[self.rule_id().as_bytes(), self.key.as_bytes()])[..16].into()
    }

    pub(crate) fn said(&self) -> Said {
        match self.status {
            RowStatus::Pending => Said::Pending,
            RowStatus::Firing => Said::Firing,
            RowStatus::NoData => Said::NoData,
            RowStatus::Resolved => Said::Resolved,
        }
    }

    /// Since when it stands as it does, in event time.
    pub(crate) fn at(&self) -> Timestamp {
        match self.status {
            RowStatus::Pending => self.since,
            RowStatus::Firing => self.firing_from.unwrap_or(self.since),
            RowStatus::NoData | RowStatus::Resolved => self.resolved_at.or(self.firing_from).unwrap_or(self.since),
        }
    }

    /// What grouping and silences go by.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        let mut add = |name: &str, value: &str| {
            labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        };
        add("alertname", &self.rule);
        add("severity", self.severity.as_str());
        add("rule_id", self.rule_id());
        if self.labels.is_empty() && &*self.key != "*" {
            add("service", &self.key);
        }
        labels
    }
}
