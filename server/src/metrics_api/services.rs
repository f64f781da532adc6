//! `/metrics/services`, `/metrics/system` and `/metrics/service/{name}`: each service by itself.

use std::collections::BTreeMap;

use highwater_engine::{Name, Snapshot, Timestamp};
use highwater_operators::ServiceStats;
use serde_json::{Value as Json, json};
use warp::reply::Response;

use super::{
    condition::{Condition, Signs},
    figures::{by_level, millis, tidy},
    overview::overall,
    period::Period,
    resolution::{Kept, RESOLUTIONS},
    rows::{row, sum},
    top_errors::top_errors,
};
use crate::{error::Problem, params::Params};

pub(crate) fn service(snapshot: &Snapshot, kept: Kept, name: &str, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, kept, params.range()?)?;
    let name = Name::from(name);
    let is_known = RESOLUTIONS
        .iter()
        .filter_map(|resolution| resolution.rows(snapshot))
        .any(|rows| rows.range(row(&name, Timestamp::MIN)..=row(&name, Timestamp::MAX)).next().is_some());
    if !is_known {
        return Err(Problem::not_found(format!(
            "no logs of a service `{name}` are kept; /api/v1/metrics/services lists services"
        )));
    }
    let stats = sum(period.rows, &name, period.from, period.to);
    let condition = Condition::of(&name, &stats, &Signs::read(&period));
    let quantile = |q| millis(stats.latency.quantile(q));
    Ok(period.answer(json!({
        "service": name,
        "total_logs": stats.levels.total(),
        "logs_last_hour": period.last_hour(Some(&name))?,
        "logs_per_minute": period.per_minute(stats.levels.total()),
        "error_rate": tidy(stats.levels.error_rate().percent()),
        "by_level": by_level(&stats.levels),
        "latency": { "count": stats.latency.count(), "p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99) },
        "top_errors": top_errors(snapshot, &name, period.from, period.to),
        "anomalies": condition.anomalies,
        "alerts": condition.alerts,
        "health": condition.health,
        "risk_score": condition.risk,
        "trend": period.trend(Some(&name)),
    })))
}

pub(crate) fn service_list(snapshot: &Snapshot, kept: Kept, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, kept, params.range()?)?;
    let (rows, next_cursor) = params.page(1000)?.cut(service_rows(&period, &period.by_service()));
    Ok(period.answer(json!({ "services": rows, "next_cursor": next_cursor })))
}

pub(crate) fn system(snapshot: &Snapshot, kept: Kept, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, kept, params.range()?)?;
    let services = period.by_service();
    let (rows, next_cursor) = params.page(1000)?.cut(service_rows(&period, &services));
    let mut answer = overall(&period, &services)?;
    answer["services"] = rows.into();
    answer["next_cursor"] = json!(next_cursor);
    Ok(period.answer(answer))
}

fn service_rows(period: &Period<'_>, services: &BTreeMap<Name, ServiceStats>) -> Vec<Json> {
    let signs = Signs::read(period);
    services
        .iter()
        .map(|(name, stats)| {
            let condition = Condition::of(name, stats, &signs);
            json!({
                "service": name,
                "count": stats.levels.total(),
                "rate": period.per_minute(stats.levels.total()),
                "error_rate": tidy(stats.levels.error_rate().percent()),
                "p95": millis(stats.latency.quantile(0.95)),
                "anomalies": condition.anomalies,
                "alerts": condition.alerts,
                "health": condition.health,
                "risk_score": condition.risk,
            })
        })
        .collect()
}
