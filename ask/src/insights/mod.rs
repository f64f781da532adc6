//! [`insights`]: what somebody on call should know, from figures.

mod issues;
mod prose;

use std::time::Duration;

use highwater_operators::{Health, Severity, risk_score};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened in a period.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InsightScene {
    /// How long the period is.
    pub period: Duration,
    /// Each service that logged in it, or in the equally long period before.
    pub services: Vec<ServiceFigures>,
}

/// A service in a period.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServiceFigures {
    /// Its name.
    pub name: String,
    /// Its logs, errors and latency.
    pub now: Volume,
    /// The same of the equally long period before; none where that is not kept.
    pub before: Option<Volume>,
    /// Its anomalies of the period.
    pub anomalies: Vec<Incident>,
    /// Its open alerts.
    pub alerts: Vec<Incident>,
    /// Its error messages that are new or surge.
    pub patterns: Vec<PatternNews>,
}

/// Logs of a service in one period.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Volume {
    /// All of them.
    pub logs: u64,
    /// Those of level ERROR or FATAL.
    pub errors: u64,
    /// 95 of 100 latencies are at most this, in milliseconds.
    pub p95_ms: Option<f64>,
}

/// An anomaly or an alert.
#[derive(Clone, Debug, Serialize)]
pub struct Incident {
    /// How grave it is.
    pub severity: Severity,
    /// What it is, as a sentence or a name.
    pub what: String,
}

/// An error message, by its template.
#[derive(Clone, Debug, Serialize)]
pub struct PatternNews {
    /// What it says.
    pub template: String,
    /// How often it came in the period.
    pub count: u64,
    /// How often it came in the one before.
    pub before: u64,
}

/// What somebody on call should know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insights {
    /// In a few sentences, worst first.
    pub summary: String,
    /// Service by service, worst first.
    pub services: Vec<ServiceInsight>,
}

/// What should be known of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInsight {
    /// Its name.
    pub name: String,
    /// How it is.
    pub status: Health,
    /// What is wrong with it, worst first.
    pub issues: Vec<String>,
    /// How much at risk it is, 0 to 10: see [`risk_score`].
    pub risk_score: f64,
}

impl Volume {
    /// Errors in percent of logs.
    pub fn error_percent(&self) -> f64 {
        if self.logs == 0 { 0.0 } else { self.errors as f64 / self.logs as f64 * 100.0 }
    }
}

/// What figures say, in plain words.
pub fn insights(scene: &InsightScene) -> Insights {
    let mut services: Vec<(&ServiceFigures, ServiceInsight)> =
        scene.services.iter().map(|figures| (figures, of_service(figures))).collect();
    services.sort_by(|(a, first), (b, second)| {
        let by_status = second.status.cmp(&first.status).then(first.issues.is_empty().cmp(&second.issues.is_empty()));
        let by_risk = by_status.then(second.risk_score.total_cmp(&first.risk_score));
        by_risk.then(b.now.errors.cmp(&a.now.errors)).then_with(|| a.name.cmp(&b.name))
    });
    let summary = prose::summary(scene, &services);
    Insights { summary, services: services.into_iter().map(|(_, insight)| insight).collect() }
}

fn of_service(figures: &ServiceFigures) -> ServiceInsight {
    let severities = |incidents: &[Incident]| incidents.iter().map(|incident| incident.severity).collect::<Vec<_>>();
    let (anomalies, alerts) = (severities(&figures.anomalies), severities(&figures.alerts));
    let error_percent = figures.now.error_percent();
    ServiceInsight {
        name: figures.name.clone(),
        status: Health::of(error_percent, &anomalies, &alerts),
        issues: issues::issues(figures),
        risk_score: risk_score(error_percent, &anomalies, alerts.len()),
    }
}

#[cfg(test)]
mod tests;
