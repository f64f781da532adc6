//! What an alert's row says, as the dataflow's views show it.

use std::collections::BTreeMap;

use highwater_engine::{Name, Timestamp};
use highwater_operators::{Alert, AlertStatus};

use crate::{id::id_of, lifecycle::Said};

/// The views that are told of.
pub(crate) const ALERTS: &str = "alerts";
pub(crate) const PENDING: &str = "pending_alerts";

/// The same for all alerts of one rule and key.
pub(crate) fn fingerprint(alert: &Alert) -> Name {
    id_of(&[alert.rule_id.as_bytes(), alert.key.as_bytes()])[..16].into()
}

pub(crate) fn said(alert: &Alert) -> Said {
    match alert.status {
        AlertStatus::Pending => Said::Pending,
        AlertStatus::Firing => Said::Firing,
        AlertStatus::NoData => Said::NoData,
        AlertStatus::Resolved => Said::Resolved,
    }
}

/// Since when it stands as it does, in event time.
pub(crate) fn at(alert: &Alert) -> Timestamp {
    match alert.status {
        AlertStatus::Pending => alert.since,
        AlertStatus::Firing | AlertStatus::NoData => alert.firing_from,
        AlertStatus::Resolved => alert.resolved_at.unwrap_or(alert.firing_from),
    }
}

/// What grouping and silences go by: its labels, and its rule.
pub(crate) fn labels(alert: &Alert) -> BTreeMap<String, String> {
    let mut labels = alert.labels.clone();
    labels.insert("rule_id".to_owned(), alert.rule_id.to_string());
    labels
}
