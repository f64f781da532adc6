//! How a service is: healthy or not, and how much at risk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Severity;

/// From here on, in percent of errors, a service is degraded, and from here on unhealthy.
const DEGRADED_FROM: f64 = 15.0;
const UNHEALTHY_FROM: f64 = 40.0;

/// The judgement about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing speaks against it.
    Healthy,
    /// 15 % errors or more, an anomaly of high severity, or any open alert.
    Degraded,
    /// 40 % errors or more, a critical anomaly, or an open critical alert.
    Unhealthy,
}

impl Health {
    /// `healthy` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
        }
    }

    /// The judgement by a period's errors in percent of its logs, its anomalies, and the alerts that are open.
    pub fn of(error_percent: f64, anomalies: &[Severity], alerts: &[Severity]) -> Self {
        let is_critical = |severities: &[Severity]| severities.contains(&Severity::Critical);
        if error_percent >= UNHEALTHY_FROM || is_critical(anomalies) || is_critical(alerts) {
            Health::Unhealthy
        } else if error_percent >= DEGRADED_FROM || anomalies.contains(&Severity::High) || !alerts.is_empty() {
            Health::Degraded
        } else {
            Health::Healthy
        }
    }
}

/// The risk score of a service, 0 to 10, to one decimal: 5 × errors/20 % + 3 × anomalies/4 + 2 × alerts/2, each fraction
/// at most 1; an anomaly counts ¼, ½, 1 or 2 by its severity (low, medium, high, critical).
///
/// ```
/// use highwater_operators::{Severity, risk_score};
/// assert_eq!(risk_score(0.0, &[], 0), 0.0);
/// assert_eq!(risk_score(10.0, &[Severity::High], 1), 4.3); // 2.5 + 0.75 + 1
/// assert_eq!(risk_score(90.0, &[Severity::Critical; 5], 7), 10.0);
/// ```
pub fn risk_score(error_percent: f64, anomalies: &[Severity], open_alerts: usize) -> f64 {
    let weight = |severity: &Severity| match severity {
        Severity::Critical => 2.0,
        Severity::High => 1.0,
        Severity::Medium => 0.5,
        Severity::Low => 0.25,
    };
    let weighed: f64 = anomalies.iter().map(weight).sum();
    let risk = 5.0 * (error_percent / 20.0).clamp(0.0, 1.0)
        + 3.0 * (weighed / 4.0).min(1.0)
        + 2.0 * (open_alerts as f64 / 2.0).min(1.0);
    (risk * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_enough_to_be_worse() {
        for (error_percent, anomalies, alerts, health) in [
            (14.9, &[Severity::Medium][..], &[][..], Health::Healthy),
            (15.0, &[], &[], Health::Degraded),
            (0.0, &[Severity::High], &[], Health::Degraded),
            (0.0, &[], &[Severity::Low], Health::Degraded),
            (40.0, &[], &[], Health::Unhealthy),
            (0.0, &[Severity::Critical], &[], Health::Unhealthy),
            (0.0, &[], &[Severity::Critical], Health::Unhealthy),
        ] {
            assert_eq!(
                Health::of(error_percent, anomalies, alerts),
                health,
                "{error_percent} {anomalies:?} {alerts:?}"
            );
        }
    }
}
