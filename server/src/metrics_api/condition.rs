//! How a service is: healthy or not, and how much at risk.

use std::collections::BTreeMap;

use highwater_engine::{Name, RowFilter};
use highwater_operators::{Health, ServiceStats, Severity, catalog, risk_score};
use serde_json::Value as Json;

use super::period::Period;
use crate::anomalies::{self, Found};

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

    /// How grave a service's anomalies of the period are.
    fn anomalies_of(&self, service: &str) -> Vec<Severity> {
        let found = self.anomalies.get(service).map_or(&[][..], Vec::as_slice);
        found.iter().map(|anomaly| severity(anomaly.text("severity"))).collect()
    }

    /// How grave a service's open alerts are.
    fn alerts_of(&self, service: &str) -> Vec<Severity> {
        let open = self.alerts.get(service).map_or(&[][..], Vec::as_slice);
        open.iter().map(|alert| severity(alert.get("severity").and_then(Json::as_str))).collect()
    }
}

/// How a service is: see [`Health::of`] and [`risk_score`].
pub(super) struct Condition {
    pub(super) anomalies: usize,
    pub(super) alerts: usize,
    pub(super) health: &'static str,
    pub(super) risk: f64,
}

impl Condition {
    pub(super) fn of(service: &Name, stats: &ServiceStats, signs: &Signs) -> Self {
        let anomalies = signs.anomalies_of(service);
        let alerts = signs.alerts_of(service);
        let error_rate = stats.levels.error_rate().percent();
        Condition {
            anomalies: anomalies.len(),
            alerts: alerts.len(),
            health: Health::of(error_rate, &anomalies, &alerts).as_str(),
            risk: risk_score(error_rate, &anomalies, alerts.len()),
        }
    }
}

/// A severity as views spell it; what cannot be read counts least.
fn severity(name: Option<&str>) -> Severity {
    name.and_then(|name| serde_json::from_value(name.into()).ok()).unwrap_or(Severity::Low)
}
