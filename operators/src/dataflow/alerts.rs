//! Alert rules over series.

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Key, Name, Series, Timestamp, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AlertRule, AlertState, Real, Severity, alert_spans};

/// A rule that a query alerts by.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertWhen {
    /// What the rule is called; part of its alerts' ids.
    pub name: Name,
    /// What it means that it fires, as a sentence.
    pub description: String,
    /// How grave that is.
    pub severity: Severity,
    /// When it fires and when that is over.
    pub rule: AlertRule,
}

/// Firing, or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// The rule's condition holds, and has for as long as the rule asks.
    Firing,
    /// It held, and holds no longer.
    Resolved,
}

/// One alert: a stretch of time over which a rule's condition held. Its id stays the same from firing to resolved, so a
/// compacted topic keeps its last state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// `rule:key:since`.
    pub id: Name,
    /// The rule's name.
    pub rule: Name,
    /// What the rule means.
    pub description: String,
    /// How grave it is.
    pub severity: Severity,
    /// The series it is about, mostly a service; `*` for all together.
    pub key: Name,
    /// Where it stands.
    pub status: AlertStatus,
    /// The start of the first window in which the condition held, in event time.
    pub since: Timestamp,
    /// When the rule fired, in event time.
    pub firing_from: Timestamp,
    /// When the condition was found to hold no longer, in event time.
    pub resolved_at: Option<Timestamp>,
    /// The value furthest beyond the threshold.
    pub peak: Real,
    /// The last value for which the condition held.
    pub last: Real,
}

impl AlertWhen {
    /// The alerts of this rule over a closed series, by id: a pure function of each key's rows. `key_of` names a key.
    pub fn alerts<'s, K: Key>(
        self,
        series: &Series<'s, K, Real>,
        key_of: impl Fn(&K) -> Name + 'static,
    ) -> VecCollection<'s, Epoch, (Name, Alert), isize> {
        let size = series.window();
        let spans =
            series.rows().map(|((key, window), value)| (key, (window, value))).reduce(move |key, points, out| {
                let points: Vec<(Window, f64)> = points.iter().map(|((window, value), _)| (*window, value.0)).collect();
                let name = key_of(key);
                let spans = alert_spans(&points, size, &self.rule);
                let alerts = spans.into_iter().filter_map(|span| {
                    let status = match span.state() {
                        AlertState::Pending => return None,
                        AlertState::Firing => AlertStatus::Firing,
                        AlertState::Resolved => AlertStatus::Resolved,
                    };
                    let since = span.since.start;
                    Some(Alert {
                        id: Name::from(format!("{}:{name}:{since}", self.name)),
                        rule: self.name.clone(),
                        description: self.description.clone(),
                        severity: self.severity,
                        key: name.clone(),
                        status,
                        since,
                        firing_from: span.firing_from?,
                        resolved_at: span.until,
                        peak: span.peak,
                        last: span.last,
                    })
                });
                out.extend(alerts.map(|alert| (alert, 1)));
            });
        spans.map(|(_, alert)| (alert.id.clone(), alert))
    }
}
