//! `/metrics/overview` and `/logs/severity-breakdown`: all services together.

use std::collections::BTreeMap;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Name, OTHER, Snapshot};
use highwater_operators::{Levels, ServiceStats};
use serde_json::{Value as Json, json};
use warp::reply::Response;

use super::{
    figures::{by_level, tidy},
    period::Period,
    resolution::Kept,
    rows::sum_levels,
};
use crate::{error::Problem, params::Params, routes::json_at};

/// Services that a breakdown by service names; the others are added up as `__other__`.
const NAMED_SERVICES: usize = 100;

pub(crate) fn overview(snapshot: &Snapshot, kept: Kept, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, kept, params.range()?)?;
    Ok(period.answer(overall(&period, &period.by_service())?))
}

pub(super) fn overall(period: &Period<'_>, services: &BTreeMap<Name, ServiceStats>) -> Result<Json, Problem> {
    let mut levels = Levels::default();
    services.values().for_each(|stats| levels.plus_equals(&stats.levels));
    let mut largest: Vec<(&str, u64)> =
        services.iter().map(|(name, stats)| (name.as_str(), stats.levels.total())).collect();
    largest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let mut by_service = BTreeMap::<&str, u64>::new();
    for (place, (name, count)) in largest.into_iter().enumerate() {
        *by_service.entry(if place < NAMED_SERVICES { name } else { OTHER }).or_default() += count;
    }
    Ok(json!({
        "total_logs": levels.total(),
        "logs_last_hour": period.last_hour(None)?,
        "logs_per_minute": period.per_minute(levels.total()),
        "error_rate": tidy(levels.error_rate().percent()),
        "services_count": services.len(),
        "by_level": by_level(&levels),
        "by_service": by_service,
        "trend": period.trend(None),
    }))
}

pub(crate) fn severities(snapshot: &Snapshot, kept: Kept, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, kept, params.range()?)?;
    let levels = sum_levels(period.rows, None, period.from, period.to);
    let list: Vec<_> =
        levels.iter().map(|(level, count)| json!({ "severity": level.as_str(), "count": count })).collect();
    Ok(json_at(snapshot.epoch, &list))
}
