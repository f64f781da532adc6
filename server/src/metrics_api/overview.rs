//! `/metrics/overview` and `/logs/severity-breakdown`: all services together.

use std::collections::BTreeMap;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Level, Name, OTHER, Snapshot};
use highwater_operators::{Levels, ServiceStats};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    figures::tidy,
    period::{Period, Trend},
    rows::sum_levels,
};
use crate::{
    call::Call,
    error::Problem,
    reply::{Response, json_at},
};

/// Services that a breakdown by service names; the others are added up as `__other__`.
const NAMED_SERVICES: usize = 100;

#[derive(Serialize, JsonSchema)]
pub(super) struct Overview {
    total_logs: u64,
    logs_last_hour: u64,
    logs_per_minute: f64,
    /// ERROR and FATAL in percent of all.
    error_rate: f64,
    services_count: usize,
    by_level: Levels,
    /// Those with most logs; the others are added up as `__other__`.
    by_service: BTreeMap<String, u64>,
    trend: Trend,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct OfLevel {
    severity: Level,
    count: u64,
}

pub(super) fn overview(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let period = Period::over(snapshot, call.state.kept, call.params.range()?)?;
    Ok(period.answer(overall(&period, &period.by_service())?))
}

pub(super) fn overall(period: &Period<'_>, services: &BTreeMap<Name, ServiceStats>) -> Result<Overview, Problem> {
    let mut levels = Levels::default();
    services.values().for_each(|stats| levels.plus_equals(&stats.levels));
    let mut largest: Vec<(&str, u64)> =
        services.iter().map(|(name, stats)| (name.as_str(), stats.levels.total())).collect();
    largest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let mut by_service = BTreeMap::<String, u64>::new();
    for (place, (name, count)) in largest.into_iter().enumerate() {
        *by_service.entry(if place < NAMED_SERVICES { name } else { OTHER }.to_owned()).or_default() += count;
    }
    Ok(Overview {
        total_logs: levels.total(),
        logs_last_hour: period.last_hour(None)?,
        logs_per_minute: period.per_minute(levels.total()),
        error_rate: tidy(levels.error_rate().percent()),
        services_count: services.len(),
        by_level: levels,
        by_service,
        trend: period.trend(None),
    })
}

pub(super) fn severities(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let period = Period::over(snapshot, call.state.kept, call.params.range()?)?;
    let levels = sum_levels(period.rows, None, period.from, period.to);
    let list: Vec<_> = levels.iter().map(|(severity, count)| OfLevel { severity, count }).collect();
    Ok(json_at(snapshot.epoch, &list))
}
