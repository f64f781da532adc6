//! How a service is: healthy or not, and how much at risk.

use std::collections::BTreeMap;

use highwater_engine::{Name, RowFilter};
use highwater_operators::{ServiceStats, catalog};
use serde_json::Value as Json;

use super::period::Period;
use crate::anomalies::{self, Found};

/// From here on, in percent of errors, a service is degraded, and from here on unhealthy.
const DEGRADED_FROM: f64 = 15.0;
const UNHEALTHY_FROM: f64 = 40.0;

/// Anomalies of a period and alerts that are open, of all services.
pub(super) struct Signs {
    anomalies: BTreeMap<String, Vec<Found>>,
    alerts: BTreeMap<String, Vec<Json>>,
}

impl Signs {
    pub(super) fn read(period: &Period<'_>) -> Self {
        let mut signs = Signs { anomalies: BTreeMap::new(), alerts: BTreeMap::new() };
        for anomaly in anomalies::all(period.snapshot).unwrap_or_default() {
            if let Some(service) = anomaly.text("service").map(str::to_owned)
                && anomaly.is_within(period.from, period.to)
            {
                signs.anomalies.entry(service).or_default().push(anomaly);
            }
        }
        let alerts = period.snapshot.view(catalog::ALERTS).map(|view| view.rows(&RowFilter::default(), usize::MAX));
        for alert in alerts.into_iter().flatten().filter_map(|record| record.value) {
            let text = |name: &str| alert.get(name).and_then(Json::as_str);
            let is_open = !matches!(text("state").or(text("status")), Some("resolved" | "pending"));
            if let Some(service) = text("key").map(str::to_owned).filter(|_| is_open) {
                signs.alerts.entry(service).or_default().push(alert);
            }
        }
        signs
    }
}

/// How a service is.
///
/// *Unhealthy*: 40 % errors or more, a critical anomaly, or an open critical alert. *Degraded*: 15 % errors or more, an
/// anomaly of high severity, or any open alert. *Healthy* otherwise.
///
/// The risk score, 0 to 10, is 5 × errors/20 % + 3 × anomalies/4 + 2 × alerts/2, each fraction at most 1; an anomaly
/// counts ¼, ½, 1 or 2 by its severity (low, medium, high, critical).
pub(super) struct Condition {
    pub(super) anomalies: usize,
    pub(super) alerts: usize,
    pub(super) health: &'static str,
    pub(super) risk: f64,
}

impl Condition {
    pub(super) fn of(service: &Name, stats: &ServiceStats, signs: &Signs) -> Self {
        let anomalies = signs.anomalies.get(service.as_str()).map_or(&[][..], Vec::as_slice);
        let alerts = signs.alerts.get(service.as_str()).map_or(&[][..], Vec::as_slice);
        let error_rate = stats.levels.error_rate().percent();
        let any = |severity: &str| anomalies.iter().any(|anomaly| anomaly.text("severity") == Some(severity));
        let critical_alert =
            alerts.iter().any(|alert| alert.get("severity").and_then(Json::as_str) == Some("critical"));
        let health = if error_rate >= UNHEALTHY_FROM || any("critical") || critical_alert {
            "unhealthy"
        } else if error_rate >= DEGRADED_FROM || any("high") || !alerts.is_empty() {
            "degraded"
        } else {
            "healthy"
        };
        let weight: f64 = anomalies
            .iter()
            .map(|anomaly| match anomaly.text("severity") {
                Some("critical") => 2.0,
                Some("high") => 1.0,
                Some("medium") => 0.5,
                _ => 0.25,
            })
            .sum();
        let risk = 5.0 * (error_rate / 20.0).min(1.0)
            + 3.0 * (weight / 4.0).min(1.0)
            + 2.0 * (alerts.len() as f64 / 2.0).min(1.0);
        Condition { anomalies: anomalies.len(), alerts: alerts.len(), health, risk: (risk * 10.0).round() / 10.0 }
    }
}
