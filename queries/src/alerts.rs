//! View `alerts`: the built-in threshold alerts, firing and resolved.

use std::time::Duration;

use highwater_engine::{Flow, Name, Series, seconds};
use highwater_operators::{AlertRule, AlertWhen, Condition, Detect, History, Real, ServiceStats, Severity, catalog};
use serde::{Deserialize, Serialize};

use crate::Stats;

/// From where on the built-in alerts fire.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Errors over logs of a service, in percent, for at least 30 seconds.
    pub error_rate_percent: f64,
    /// The 95th percentile of a service's latencies, in milliseconds, for at least 30 seconds.
    pub latency_p95_ms: f64,
    /// Seconds without a log of a service that had some.
    pub silence_seconds: u64,
    /// How many standard deviations from its own past a service's volume must be, for at least 20 seconds.
    pub volume_deviations: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { error_rate_percent: 40.0, latency_p95_ms: 5_000.0, silence_seconds: 30, volume_deviations: 8.0 }
    }
}

/// Long enough that a single odd window does not wake anybody.
const LASTING: Duration = seconds(30);

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, stats: &Stats<'s>, thresholds: &Thresholds) {
    let errors = of(&stats.closed, |stats| Some(stats.levels.error_rate().percent()));
    let above = |threshold: f64| AlertRule::compare(Condition::GreaterThan, threshold);
    let limit = thresholds.error_rate_percent;
    let rule = above(limit).for_at_least(LASTING).clear_at(limit / 2.0);
    add(flow, &errors, "high_error_rate", format!("more than {limit} % of the logs are errors"), Severity::High, rule);

    let latency = of(&stats.closed, |stats| stats.latency.quantile(0.95).map(|micros| micros as f64 / 1000.0));
    let limit = thresholds.latency_p95_ms;
    let rule = above(limit).for_at_least(LASTING).clear_at(limit * 0.8);
    add(flow, &latency, "slow", format!("the 95th percentile of latencies is above {limit} ms"), Severity::High, rule);

    let volume = of(&stats.closed, |stats| Some(stats.levels.total() as f64));
    let limit = thresholds.silence_seconds;
    let rule = AlertRule::absent_for(seconds(limit));
    add(flow, &volume, "silent", format!("no log for {limit} s"), Severity::Critical, rule);

    let limit = thresholds.volume_deviations;
    let rule = AlertRule::beyond(limit).for_at_least(seconds(20)).clear_at(limit / 2.0);
    let unusual = volume.z_score(History::windows(60));
    let text = format!("the volume is more than {limit} standard deviations from that of the last 10 minutes");
    add(flow, &unusual, "unusual_volume", text, Severity::Medium, rule);
}

fn of<'s>(closed: &Series<'s, Name, ServiceStats>, value: fn(ServiceStats) -> Option<f64>) -> Series<'s, Name, Real> {
    closed.with_rows(closed.rows().flat_map(move |(at, stats)| value(stats).map(|value| (at, Real::from(value)))))
}

fn add<'s>(
    flow: &mut Flow<'s>,
    series: &Series<'s, Name, Real>,
    name: &str,
    description: String,
    severity: Severity,
    rule: AlertRule,
) {
    let when = AlertWhen { name: Name::from(name), description, severity, rule };
    let found = when.alerts(series, Name::clone);
    let kept = flow.expire(found, flow.settings().retention, |(_, alert)| alert.since);
    flow.table(catalog::ALERTS, kept);
}
