//! `/metrics/timeseries`: a metric over time.

use std::{collections::BTreeMap, time::Duration};

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Level, Name, Snapshot, Timestamp};
use highwater_operators::ServiceStats;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    figures::{millis, tidy},
    resolution::{Resolution, Stats, align_up, now},
    rows::{services, windows},
};
use crate::{
    call::Call,
    error::Problem,
    operation::{Kind, Param},
    params::{INTERVALS, Params, Span, level_named},
    reply::{Response, json_at},
};

/// Series that one answer holds.
pub(super) const MAX_SERIES: usize = 50;

#[derive(Clone, Copy, PartialEq)]
enum Metric {
    Volume,
    ErrorRate,
    Latency(f64),
}

const METRICS: [(&str, Metric); 6] = [
    ("log_volume", Metric::Volume),
    ("error_rate", Metric::ErrorRate),
    ("latency", Metric::Latency(0.95)),
    ("latency_p50", Metric::Latency(0.50)),
    ("latency_p95", Metric::Latency(0.95)),
    ("latency_p99", Metric::Latency(0.99)),
];

pub(super) const METRIC: Param = Param::query(
    "metric",
    Kind::OneOf(|| METRICS.iter().map(|(name, _)| *name).collect(), Some("log_volume")),
    "What is measured: logs, errors in percent, or a percentile of latencies in milliseconds",
);

/// Points per series: one over all services and levels, or one for each that is named.
#[derive(Serialize, JsonSchema)]
pub(super) struct Timeseries {
    metric: String,
    time_range: &'static str,
    interval: &'static str,
    from: Timestamp,
    to: Timestamp,
    series: Vec<Series>,
}

#[derive(Serialize, JsonSchema)]
struct Series {
    /// Whose; none for all services together.
    service: Option<Name>,
    /// Only logs of this level; none for all.
    level: Option<Level>,
    points: Vec<Point>,
}

/// An interval that starts then. Without logs it has volume 0, and no error rate or latency.
#[derive(Serialize, JsonSchema)]
struct Point {
    t: Timestamp,
    value: Option<Figure>,
}

/// A number of logs, or a rate or a latency.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Figure {
    Count(u64),
    Real(f64),
}

pub(super) fn timeseries(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let params = &call.params;
    let metric = params.choice(METRIC.name, &METRICS)?.unwrap_or(Metric::Volume);
    let levels = levels(params)?;
    if let Some(level) = levels.first().filter(|_| metric != Metric::Volume) {
        return Err(Problem::bad_parameter("level", level.as_str(), "only with metric=log_volume"));
    }
    let names: Vec<Name> = params.all("service").map(Name::from).collect();
    let span = params.range()?;
    let resolution = call.state.kept.finest_over(span)?;
    let interval = interval(params, span, resolution)?;
    let rows = resolution.rows(snapshot).ok_or_else(|| Problem::no_view(resolution.view))?;
    let to = align_up(now(snapshot, None), interval.length);
    let from = to.minus(span.length);

    let of = |names: &[Name], service: Option<Name>| {
        let points = points(rows, names, from, to, interval.length);
        let series = |level| Series { service: service.clone(), level, points: values(&points, metric, level) };
        if levels.is_empty() { vec![series(None)] } else { levels.iter().map(|level| series(Some(*level))).collect() }
    };
    let series = if names.is_empty() {
        of(&services(rows).cloned().collect::<Vec<_>>(), None)
    } else {
        names.iter().flat_map(|name| of(std::slice::from_ref(name), Some(name.clone()))).collect()
    };
    let metric = params.text(METRIC.name)?.unwrap_or("log_volume").to_owned();
    let answer = Timeseries { metric, time_range: span.name, interval: interval.name, from, to, series };
    Ok(json_at(snapshot.epoch, &answer))
}

/// The levels asked for, each once.
fn levels(params: &Params) -> Result<Vec<Level>, Problem> {
    let named = params.list("level").map(level_named).collect::<Result<Vec<_>, _>>()?;
    Ok(Level::ALL.into_iter().filter(|level| named.contains(level)).collect())
}

/// The interval asked for if it is kept over the range, else one that gives up to 180 points.
fn interval(params: &Params, span: Span, resolution: &Resolution) -> Result<Span, Problem> {
    match params.interval()? {
        None => {
            let fits = |interval: &&Span| {
                interval.length >= resolution.size && span.length.as_secs() / interval.length.as_secs() <= 180
            };
            INTERVALS.iter().find(fits).or(INTERVALS.last()).copied().ok_or_else(Problem::internal)
        }
        Some(interval) if interval.length < resolution.size => {
            let kept = INTERVALS.iter().find(|interval| interval.length >= resolution.size);
            let finest = kept.map_or("1h", |interval| interval.name);
            let allowed = format!("{finest} or more: the finest that is kept over {}", span.name);
            Err(Problem::bad_parameter("interval", interval.name, &allowed))
        }
        Some(interval) if interval.length > span.length => {
            let allowed = format!("an interval no longer than the time_range, {}", span.name);
            Err(Problem::bad_parameter("interval", interval.name, &allowed))
        }
        Some(interval) => Ok(interval),
    }
}

/// What happened in each interval of `from..to`, empty ones included.
fn points(
    rows: &Stats,
    services: &[Name],
    from: Timestamp,
    to: Timestamp,
    interval: Duration,
) -> BTreeMap<Timestamp, ServiceStats> {
    let mut points = BTreeMap::new();
    let mut at = from;
    while at < to {
        points.insert(at, ServiceStats::default());
        at = at.plus(interval);
    }
    for service in services {
        for (start, stats) in windows(rows, service, from, to) {
            if let Some((_, point)) = points.range_mut(..=start).next_back() {
                point.levels.plus_equals(&stats.levels);
                point.latency.plus_equals(&stats.latency);
            }
        }
    }
    points
}

fn values(points: &BTreeMap<Timestamp, ServiceStats>, metric: Metric, level: Option<Level>) -> Vec<Point> {
    let value = |stats: &ServiceStats| match metric {
        Metric::Volume => {
            Some(Figure::Count(level.map_or_else(|| stats.levels.total(), |level| stats.levels.of(level))))
        }
        Metric::ErrorRate if stats.levels.total() == 0 => None,
        Metric::ErrorRate => Some(Figure::Real(tidy(stats.levels.error_rate().percent()))),
        Metric::Latency(q) => millis(stats.latency.quantile(q)).map(Figure::Real),
    };
    points.iter().map(|(t, stats)| Point { t: *t, value: value(stats) }).collect()
}
