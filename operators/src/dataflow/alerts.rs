//! Alert rules over series.

use std::{collections::BTreeMap, time::Duration};

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Key, Name, Series, Timestamp, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AlertRule, AlertSpan, AlertState, Real, RuleSpec, Severity, alert_spans};

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

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// The rule's condition holds, not yet for as long as the rule asks.
    Pending,
    /// It has, for as long as the rule asks.
    Firing,
    /// The alert lasts because nothing can be measured any more.
    NoData,
    /// The condition held, and holds no longer.
    Resolved,
}

/// One alert: a stretch of time over which a rule's condition held. Its id stays the same from pending to resolved, so a
/// compacted topic keeps its last state.
///
/// An alert that vanishes without being resolved has lost its rule: that was deleted, switched off, or edited so that it
/// holds no longer. Who told somebody that it fires should tell that it is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// `rule:key:since`, where the rule is named by its id.
    pub id: Name,
    /// The rule's id; its name, if it is built in.
    pub rule_id: Name,
    /// The rule's name.
    pub rule: Name,
    /// What the rule means.
    pub description: String,
    /// How grave it is.
    pub severity: Severity,
    /// The series it is about, mostly a service; `*` for all together.
    pub key: Name,
    /// The rule's labels, `alertname`, `severity`, and what the rule groups by with the key.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub status: AlertStatus,
    /// The start of the first step in which the condition held, in event time.
    pub since: Timestamp,
    /// When the rule fired, or, while it is pending, fires at the earliest, in event time.
    pub firing_from: Timestamp,
    /// When the condition was found to hold no longer, in event time.
    pub resolved_at: Option<Timestamp>,
    /// The value furthest beyond the threshold; 0 where nothing could be measured.
    pub peak: Real,
    /// The last value for which the condition held; 0 where nothing could be measured.
    pub last: Real,
}

/// What alerts of one rule and key have in common.
struct Subject<'a> {
    rule_id: &'a Name,
    rule: &'a Name,
    description: &'a str,
    severity: Severity,
    key: &'a Name,
    labels: BTreeMap<String, String>,
    hold: Duration,
}

impl Subject<'_> {
    fn alert(&self, span: AlertSpan) -> Alert {
        let since = span.since.start;
        Alert {
            id: Name::from(format!("{}:{}:{since}", self.rule_id, self.key)),
            rule_id: self.rule_id.clone(),
            rule: self.rule.clone(),
            description: self.description.to_owned(),
            severity: self.severity,
            key: self.key.clone(),
            labels: self.labels.clone(),
            status: match span.state() {
                AlertState::Pending => AlertStatus::Pending,
                AlertState::Firing => AlertStatus::Firing,
                AlertState::NoData => AlertStatus::NoData,
                AlertState::Resolved => AlertStatus::Resolved,
            },
            since,
            firing_from: span.firing_from.unwrap_or(since.plus(self.hold)),
            resolved_at: span.until,
            peak: span.peak.unwrap_or_default(),
            last: span.last.unwrap_or_default(),
        }
    }
}

/// The labels that alerts have besides those of their rule.
fn labels(rule: &Name, severity: Severity) -> [(String, String); 2] {
    [("alertname", rule.as_str()), ("severity", severity.as_str())].map(|(label, value)| (label.into(), value.into()))
}

impl RuleSpec {
    /// The alert that tells of a stretch over which the rule held of a group.
    pub fn alert(&self, group: &Name, span: AlertSpan) -> Alert {
        let mut labels: BTreeMap<_, _> =
            self.labels.clone().into_iter().chain(labels(&self.name, self.severity)).collect();
        labels.extend(self.group_by.map(|by| (by.as_str().to_owned(), group.to_string())));
        let Self { id, name, description, severity, hold, .. } = self;
        let subject =
            Subject { rule_id: id, rule: name, description, severity: *severity, key: group, labels, hold: *hold };
        subject.alert(span)
    }
}

impl AlertWhen {
    /// The alerts of this rule over a closed series, by id, pending ones left out: a pure function of each key's rows.
    /// `key_of` names a key.
    pub fn alerts<'s, K: Key>(
        self,
        series: &Series<'s, K, Real>,
        key_of: impl Fn(&K) -> Name + 'static,
    ) -> VecCollection<'s, Epoch, (Name, Alert), isize> {
        let size = series.window();
        let spans =
            series.rows().map(|((key, window), value)| (key, (window, value))).reduce(move |key, points, out| {
                let points: Vec<(Window, f64)> = points.iter().map(|((window, value), _)| (*window, value.0)).collect();
                let spans = alert_spans(&points, size, &self.rule);
                let told = spans.into_iter().filter(|span| span.state() != AlertState::Pending);
                out.extend(told.map(|span| (self.alert(&key_of(key), span), 1)));
            });
        spans.map(|(_, alert)| (alert.id.clone(), alert))
    }

    fn alert(&self, key: &Name, span: AlertSpan) -> Alert {
        let Self { name, description, severity, rule } = self;
        let labels = labels(name, *severity).into_iter().chain([("key".to_owned(), key.to_string())]).collect();
        let (severity, hold) = (*severity, rule.for_at_least);
        Subject { rule_id: name, rule: name, description, severity, key, labels, hold }.alert(span)
    }
}
