//! `/metrics/timeseries`: a metric over time.

use std::{collections::BTreeMap, time::Duration};

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Level, Name, Snapshot, Timestamp};
use highwater_operators::ServiceStats;
use serde_json::{Value as Json, json};
use warp::reply::Response;

use super::{
    figures::{millis, tidy},
    resolution::{Kept, Resolution, Stats, align_up, now},
    rows::{services, windows},
};
use crate::{
    error::Problem,
    params::{INTERVALS, Params, Span},
    routes::json_at,
};

/// Series that one answer holds.
const MAX_SERIES: usize = 50;

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

/// Points per series: one over all services, or one for each `service` that is named. An interval without logs has
/// volume 0, and no error rate or latency (null). Rates are in percent, latencies in milliseconds.
pub(crate) fn timeseries(snapshot: &Snapshot, kept: Kept, params: &Params) -> Result<Response, Problem> {
    let metric = params.choice("metric", &METRICS)?.unwrap_or(Metric::Volume);
    let metric_name = params.text("metric")?.unwrap_or("log_volume");
    let level = params.level()?;
    if let Some(level) = level.filter(|_| metric != Metric::Volume) {
        return Err(Problem::bad_parameter("level", level.as_str(), "only with metric=log_volume"));
    }
    let names: Vec<Name> = params.all("service").map(Name::from).collect();
    if names.iter().any(|name| name.is_empty()) || names.len() > MAX_SERIES {
        return Err(Problem::bad_parameter("service", "", &format!("1 to {MAX_SERIES} names, none of them empty")));
    }
    let span = params.range()?;
    let resolution = kept.finest_over(span)?;
    let interval = interval(params, span, resolution)?;
    let rows = resolution.rows(snapshot).ok_or_else(|| Problem::no_view(resolution.view))?;
    let to = align_up(now(snapshot, None), interval.length);
    let from = to.minus(span.length);

    let series: Vec<_> = if names.is_empty() {
        let points = points(rows, &services(rows).cloned().collect::<Vec<_>>(), from, to, interval.length);
        vec![json!({ "service": null, "level": level, "points": values(points, metric, level) })]
    } else {
        names
            .iter()
            .map(|name| {
                let points = points(rows, std::slice::from_ref(name), from, to, interval.length);
                json!({ "service": name, "level": level, "points": values(points, metric, level) })
            })
            .collect()
    };
    let answer = json!({
        "metric": metric_name,
        "time_range": span.name,
        "interval": interval.name,
        "from": from,
        "to": to,
        "series": series,
    });
    Ok(json_at(snapshot.epoch, &answer))
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

fn values(points: BTreeMap<Timestamp, ServiceStats>, metric: Metric, level: Option<Level>) -> Vec<Json> {
    let value = |stats: &ServiceStats| match metric {
        Metric::Volume => json!(level.map_or_else(|| stats.levels.total(), |level| stats.levels.of(level))),
        Metric::ErrorRate if stats.levels.total() == 0 => Json::Null,
        Metric::ErrorRate => json!(tidy(stats.levels.error_rate().percent())),
        Metric::Latency(q) => json!(millis(stats.latency.quantile(q))),
    };
    points.iter().map(|(t, stats)| json!({ "t": t, "value": value(stats) })).collect()
}
