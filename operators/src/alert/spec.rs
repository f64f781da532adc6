//! [`RuleSpec`]: an alert rule as people write it, as plain data.

use std::{collections::BTreeMap, time::Duration};

use highwater_engine::{Level, Name, hours, minutes, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertRule, Condition, Predicate};
use crate::{Real, Severity};

/// What a rule measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleMetric {
    /// Logs. None is a number, too: zero.
    #[default]
    Count,
    /// The share of the logs, in percent, that are of the rule's levels; ERROR and FATAL where it names none. Nothing where
    /// there is no log.
    ErrorRate,
    /// The 95th percentile of the latencies, in milliseconds. Nothing where no log has one.
    LatencyP95,
    /// The score of the strangest anomaly, 0 to 1, and 0 where there is none. Nothing where there is no log.
    AnomalyScore,
    /// That there is no log. Condition and threshold say nothing here.
    Absence,
}

/// What the logs of a rule are grouped by: each group has alerts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// By service.
    Service,
    /// By host, where the job folds logs by host.
    Host,
    /// By level.
    Level,
    /// By the template of the message, its id.
    Template,
}

impl Dimension {
    /// `service` and the like: the label that a group's alerts have.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dimension::Service => "service",
            Dimension::Host => "host",
            Dimension::Level => "level",
            Dimension::Template => "template",
        }
    }
}

/// What becomes of an alert where nothing can be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// One that fires goes on firing, for silence is no sign of recovery; one that is pending starts over.
    #[default]
    Keep,
    /// As if the condition did not hold.
    Resolve,
    /// As if the condition held: after the rule's `hold` there is an alert, whose status says so.
    Alert,
}

/// Which windows a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evaluate {
    /// Those that the watermark has passed.
    #[default]
    Final,
    /// Those under way, too: sooner, and taken back where it was too soon.
    Provisional,
}

/// An alert rule: a row of the input collection `rules`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RuleSpec {
    /// Stays the same while the rule is edited.
    pub id: Name,
    /// What people call it.
    pub name: Name,
    /// What it means that it fires.
    pub description: String,
    /// How grave that is.
    pub severity: Severity,
    /// Passed on to its alerts.
    pub labels: BTreeMap<String, String>,
    /// What is measured.
    pub metric: RuleMetric,
    /// How that compares with the threshold.
    pub condition: Condition,
    /// In the metric's unit.
    pub threshold: Real,
    /// Hysteresis: stands in for the threshold once the alert fires.
    pub clear_threshold: Option<Real>,
    /// The window that is measured: 10 s to 24 h, a multiple of 10 s. It slides by [`Measure::step`](super::Measure::step).
    pub time_window: Duration,
    /// How long the condition must hold before the alert fires.
    pub hold: Duration,
    /// How long the condition must not hold before the alert is resolved.
    pub keep_firing_for: Duration,
    /// The levels that count; all where it is empty.
    pub levels: Vec<Level>,
    /// The services that count, `*` at the end for any ending; all where it is empty.
    pub services: Vec<Name>,
    /// What makes alerts of their own; none: all logs that count together.
    pub group_by: Option<Dimension>,
    /// What silence means.
    pub no_data: NoData,
    /// Whether windows under way count.
    pub evaluate: Evaluate,
}

/// What is wrong with a field of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct SpecProblem {
    /// The field, as [`RuleSpec`] has it.
    pub field: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
}

/// The longest `hold` and `keep_firing_for`.
const LONGEST: Duration = hours(24);
/// Most services that a rule names.
const MOST_SERVICES: usize = 1_000;

impl RuleSpec {
    /// Everything that is wrong with the rule; a rule with any of it never fires.
    pub fn problems(&self) -> Vec<SpecProblem> {
        use RuleMetric::{Absence, AnomalyScore, Count, ErrorRate, LatencyP95};
        let by = |dimension| self.group_by == Some(dimension);
        let window = self.time_window;
        let is_multiple_of = |step: Duration| window.as_micros().is_multiple_of(step.as_micros());
        let rises = matches!(self.condition, Condition::GreaterThan | Condition::GreaterThanOrEqual);
        let clears_apart = |clear: Real| match self.condition {
            Condition::GreaterThan | Condition::GreaterThanOrEqual => clear <= self.threshold,
            Condition::LessThan | Condition::LessThanOrEqual => clear >= self.threshold,
            Condition::Equals => false,
        };
        let checks = [
            (!self.id.is_empty(), "id", "must not be empty"),
            (!self.name.is_empty(), "name", "must not be empty"),
            (self.threshold.is_finite(), "threshold", "must be a number"),
            (self.clear_threshold.is_none_or(|clear| clear.is_finite()), "clear_threshold", "must be a number"),
            (
                self.metric == Absence || self.clear_threshold.is_none_or(clears_apart),
                "clear_threshold",
                "must lie on the other side of the threshold, and means nothing where the condition is `equals`",
            ),
            (window >= seconds(10) && window <= hours(24), "time_window", "must be 10 s to 24 h"),
            (is_multiple_of(seconds(10)), "time_window", "must be a multiple of 10 s"),
            (window <= hours(1) || is_multiple_of(minutes(1)), "time_window", "above 1 h, must be a multiple of 1 min"),
            (self.hold <= LONGEST, "hold", "must be 24 h at most"),
            (self.keep_firing_for <= LONGEST, "keep_firing_for", "must be 24 h at most"),
            (self.services.len() <= MOST_SERVICES, "services", "must be 1,000 at most"),
            (
                self.levels.is_empty() || !matches!(self.metric, LatencyP95 | AnomalyScore),
                "levels",
                "latencies and anomalies are not told apart by level",
            ),
            (
                !by(Dimension::Level) || matches!(self.metric, Count | Absence),
                "group_by",
                "only counts and absence can be grouped by level",
            ),
            (
                !by(Dimension::Template) || matches!(self.metric, Count | ErrorRate | Absence),
                "group_by",
                "only counts, error rates and absence can be grouped by template",
            ),
            (
                !by(Dimension::Template) || (window <= minutes(30) && is_multiple_of(minutes(1))),
                "time_window",
                "by template, must be 1 to 30 whole minutes",
            ),
            (!by(Dimension::Host) || self.metric != AnomalyScore, "group_by", "anomalies are not told apart by host"),
            (!by(Dimension::Host) || window <= hours(1), "time_window", "by host, must be 1 h at most"),
            (
                self.evaluate == Evaluate::Final || (rises && self.metric != Absence),
                "evaluate",
                "`provisional` needs a condition that a window under way does not meet for being unfilled",
            ),
        ];
        checks.into_iter().filter(|(ok, ..)| !ok).map(|(_, field, what)| SpecProblem { field, what }).collect()
    }

    /// When its alerts fire and when they are over.
    pub fn rule(&self) -> AlertRule {
        let predicate = match self.metric {
            RuleMetric::Absence => Predicate::Absent,
            _ => Predicate::Compare { condition: self.condition, threshold: self.threshold },
        };
        AlertRule {
            predicate,
            for_at_least: self.hold,
            clear: self.clear_threshold,
            keep_firing_for: self.keep_firing_for,
            no_data: self.no_data,
        }
    }

    /// Whether a service is among those that count.
    pub fn selects(&self, service: &str) -> bool {
        selects(&self.services, service)
    }
}

/// Whether a service is one of these, `*` at the end standing for any ending; none of them stands for all.
pub fn selects(services: &[Name], service: &str) -> bool {
    let is_one = |pattern: &Name| match pattern.strip_suffix('*') {
        Some(beginning) => service.starts_with(beginning),
        None => **pattern == *service,
    };
    services.is_empty() || services.iter().any(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RuleSpec {
        RuleSpec {
            id: Name::from("1"),
            name: Name::from("errors"),
            description: String::new(),
            severity: Severity::High,
            labels: BTreeMap::new(),
            metric: RuleMetric::Count,
            condition: Condition::GreaterThan,
            threshold: Real::from(5.0),
            clear_threshold: None,
            time_window: minutes(5),
            hold: Duration::ZERO,
            keep_firing_for: Duration::ZERO,
            levels: Vec::new(),
            services: Vec::new(),
            group_by: Some(Dimension::Service),
            no_data: NoData::Keep,
            evaluate: Evaluate::Final,
        }
    }

    #[test]
    fn problems_name_the_field() {
        let fields = |change: fn(&mut RuleSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.problems().into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(|_| ()), [""; 0]);
        assert_eq!(fields(|spec| spec.time_window = seconds(15)), ["time_window"]);
        assert_eq!(fields(|spec| spec.time_window = seconds(3610)), ["time_window"]);
        assert_eq!(fields(|spec| spec.time_window = hours(25)), ["time_window"]);
        assert_eq!(fields(|spec| spec.threshold = Real::from(f64::NAN)), ["threshold"]);
        assert_eq!(fields(|spec| spec.clear_threshold = Some(Real::from(6.0))), ["clear_threshold"]);
        assert_eq!(fields(|spec| spec.clear_threshold = Some(Real::from(4.0))), [""; 0]);
        assert_eq!(fields(|spec| (spec.metric, spec.levels) = (RuleMetric::LatencyP95, vec![Level::Warn])), ["levels"]);
        let by_level = |spec: &mut RuleSpec| {
            (spec.metric, spec.group_by) = (RuleMetric::ErrorRate, Some(Dimension::Level));
        };
        assert_eq!(fields(by_level), ["group_by"]);
        for metric in [RuleMetric::Count, RuleMetric::Absence] {
            let mut spec = RuleSpec { metric, evaluate: Evaluate::Provisional, ..spec() };
            assert_eq!(spec.problems().is_empty(), metric == RuleMetric::Count);
            spec.condition = Condition::LessThan;
            assert_eq!(spec.problems()[0].field, "evaluate");
        }
    }

    #[test]
    fn services_are_chosen_by_name_or_beginning() {
        let spec = RuleSpec { services: vec![Name::from("pay*"), Name::from("cart")], ..spec() };
        let chosen = ["payment", "pay", "cart", "carts", "p", ""].map(|service| spec.selects(service));
        assert_eq!(chosen, [true, true, true, false, false, false]);
    }
}
