//! `/metrics/services`, `/metrics/system` and `/metrics/service/{name}`: each service by itself.

use std::collections::BTreeMap;

use highwater_engine::{Name, Snapshot, Timestamp};
use highwater_operators::{Health, Levels, ServiceStats};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    LIMIT,
    condition::{Condition, Signs},
    figures::{millis, tidy},
    overview::{Overview, overall},
    period::{Period, Trend},
    resolution::RESOLUTIONS,
    rows::{row, sum},
    top_errors::{TopError, top_errors},
};
use crate::{
    call::Call,
    error::{Problem, shorten},
    reply::Response,
};

/// One service.
#[derive(Serialize, JsonSchema)]
pub(super) struct Service {
    service: Name,
    total_logs: u64,
    logs_last_hour: u64,
    logs_per_minute: f64,
    /// ERROR and FATAL in percent of all.
    error_rate: f64,
    by_level: Levels,
    latency: Latencies,
    /// Its most frequent errors, by template.
    top_errors: Vec<TopError>,
    anomalies: usize,
    alerts: usize,
    health: Health,
    #[schemars(range(min = 0, max = 10))]
    risk_score: f64,
    trend: Trend,
}

/// Latencies in milliseconds; none where no log has one.
#[derive(Serialize, JsonSchema)]
struct Latencies {
    /// How many logs have one.
    count: u64,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// A service in a row.
#[derive(Serialize, JsonSchema)]
struct ServiceRow {
    service: Name,
    count: u64,
    /// Logs a minute.
    rate: f64,
    /// ERROR and FATAL in percent of all.
    error_rate: f64,
    /// The 95th percentile of latencies, in milliseconds.
    p95: Option<f64>,
    anomalies: usize,
    alerts: usize,
    health: Health,
    #[schemars(range(min = 0, max = 10))]
    risk_score: f64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Services {
    services: Vec<ServiceRow>,
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct System {
    #[serde(flatten)]
    overall: Overview,
    #[serde(flatten)]
    services: Services,
}

pub(super) fn service(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let period = Period::over(snapshot, call.state.kept, call.params.range()?)?;
    let name = Name::from(call.params.segment("name"));
    let is_known = RESOLUTIONS
        .iter()
        .filter_map(|resolution| resolution.rows(snapshot))
        .any(|rows| rows.range(row(&name, Timestamp::MIN)..=row(&name, Timestamp::MAX)).next().is_some());
    if !is_known {
        return Err(Problem::not_found(format!(
            "no logs of a service `{}` are kept; /api/v1/metrics/services lists services",
            shorten(&name)
        )));
    }
    let stats = sum(period.rows, &name, period.from, period.to);
    let condition = Condition::of(&name, &stats, &Signs::read(&period));
    let quantile = |q| millis(stats.latency.quantile(q));
    Ok(period.answer(Service {
        total_logs: stats.levels.total(),
        logs_last_hour: period.last_hour(Some(&name))?,
        logs_per_minute: period.per_minute(stats.levels.total()),
        error_rate: tidy(stats.levels.error_rate().percent()),
        by_level: stats.levels,
        latency: Latencies {
            count: stats.latency.count(),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
        },
        top_errors: top_errors(snapshot, &name, period.from, period.to),
        anomalies: condition.anomalies,
        alerts: condition.alerts,
        health: condition.health,
        risk_score: condition.risk,
        trend: period.trend(Some(&name)),
        service: name,
    }))
}

pub(super) fn service_list(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let period = Period::over(snapshot, call.state.kept, call.params.range()?)?;
    let services = page(call, &period, &period.by_service())?;
    Ok(period.answer(services))
}

pub(super) fn system(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let period = Period::over(snapshot, call.state.kept, call.params.range()?)?;
    let by_service = period.by_service();
    let services = page(call, &period, &by_service)?;
    Ok(period.answer(System { overall: overall(&period, &by_service)?, services }))
}

fn page(call: &Call, period: &Period<'_>, services: &BTreeMap<Name, ServiceStats>) -> Result<Services, Problem> {
    let signs = Signs::read(period);
    let row = |(name, stats): (&Name, &ServiceStats)| {
        let condition = Condition::of(name, stats, &signs);
        ServiceRow {
            service: name.clone(),
            count: stats.levels.total(),
            rate: period.per_minute(stats.levels.total()),
            error_rate: tidy(stats.levels.error_rate().percent()),
            p95: millis(stats.latency.quantile(0.95)),
            anomalies: condition.anomalies,
            alerts: condition.alerts,
            health: condition.health,
            risk_score: condition.risk,
        }
    };
    let (services, next_cursor) = call.params.page(&LIMIT)?.cut(services.iter().collect());
    Ok(Services { services: services.into_iter().map(row).collect(), next_cursor })
}
