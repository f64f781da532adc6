//! How a service is: healthy or not, and how much at risk.

use std::collections::BTreeMap;

use highwater_ask::Incident;
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

    /// A service's anomalies of the period.
    pub(super) fn incidents(&self, service: &str) -> Vec<Incident> {
        let found = self.anomalies.get(service).map_or(&[][..], Vec::as_slice);
        let incident =
            |anomaly| Incident { severity: severity(Found::text(anomaly, "severity")), what: in_words(anomaly) };
        found.iter().map(incident).collect()
    }

    /// A service's open alerts.
    pub(super) fn open_alerts(&self, service: &str) -> Vec<Incident> {
        let open = self.alerts.get(service).map_or(&[][..], Vec::as_slice);
        let text = |alert: &Json, name: &str| alert.get(name).and_then(Json::as_str).map(str::to_owned);
        let what = |alert: &Json| text(alert, "description").or_else(|| text(alert, "rule")).unwrap_or_default();
        let incident = |alert| Incident { severity: severity(text(alert, "severity").as_deref()), what: what(alert) };
        open.iter().map(incident).collect()
    }
}

/// How a service is: see [`Health::of`] and [`risk_score`].
pub(super) struct Condition {
    pub(super) anomalies: usize,
    pub(super) alerts: usize,
    pub(super) health: Health,
    pub(super) risk: f64,
}

impl Condition {
    pub(super) fn of(service: &Name, stats: &ServiceStats, signs: &Signs) -> Self {
        let severities =
            |incidents: Vec<Incident>| incidents.iter().map(|incident| incident.severity).collect::<Vec<_>>();
        let (anomalies, alerts) = (severities(signs.incidents(service)), severities(signs.open_alerts(service)));
        let error_rate = stats.levels.error_rate().percent();
        Condition {
            anomalies: anomalies.len(),
            alerts: alerts.len(),
            health: Health::of(error_rate, &anomalies, &alerts),
            risk: risk_score(error_rate, &anomalies, alerts.len()),
        }
    }
}

/// What was seen and what was expected, with units, where the metric is one of the built-in ones.
fn in_words(anomaly: &Found) -> String {
    let metric = anomaly.text("metric_name").unwrap_or("something");
    let of = |name| anomaly.number(name);
    let (Some(actual), Some(expected)) = (of("actual_value"), of("expected_value")) else {
        return anomaly.text("description").map_or_else(|| format!("{metric} is unusual"), str::to_owned);
    };
    match metric {
        "latency" => format!("latency {:.0} ms, {:.0} ms expected", actual / 1e3, expected / 1e3),
        "error_rate" => format!("{:.1} % errors, {:.1} % expected", actual * 100.0, expected * 100.0),
        "log_volume" => format!("{actual:.0} logs in 10 seconds, {expected:.0} expected"),
        other => format!("{other} {actual}, {expected} expected"),
    }
}

/// A severity as views spell it; what cannot be read counts least.
fn severity(name: Option<&str>) -> Severity {
    name.and_then(|name| serde_json::from_value(name.into()).ok()).unwrap_or(Severity::Low)
}
