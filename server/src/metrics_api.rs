//! `/metrics/..` and `/logs/severity-breakdown`: volume, error rate and latency, added up from windows of service
//! statistics.
//!
//! **Now** is the newest of the watermark and the end of the newest window, so that a replay of past logs shows as
//! it showed then; a watermark ahead of the wall clock does not count. A range is the windows of the finest resolution
//! that is kept for as long as the range, the last one being under way.

use std::{collections::BTreeMap, ops::Bound, time::Duration};

use differential_dataflow::difference::Semigroup;
use highwater_engine::{
    Level, Name, OTHER, RowFilter, Snapshot, Timestamp, ViewRows, Window, Windowed, days, hours, minutes, seconds,
};
use highwater_operators::{Levels, ServiceStats, catalog};
use serde_json::{Map, Value as Json, json};
use warp::reply::Response;

use crate::{
    anomalies::{self, Found},
    error::Problem,
    params::{INTERVALS, Params, Span},
    routes::json_at,
};

pub(crate) const OVERVIEW: &[&str] = &["time_range"];
pub(crate) const SERVICES: &[&str] = &["time_range", "limit", "cursor"];
pub(crate) const TIMESERIES: &[&str] = &["metric", "interval", "time_range", "service", "level"];

type Stats = ViewRows<Windowed<Name>, ServiceStats>;

/// Service statistics in windows of one length.
struct Resolution {
    view: &'static str,
    size: Duration,
    kept: Duration,
}

const RESOLUTIONS: [Resolution; 3] = [
    Resolution { view: catalog::SERVICE_STATS_10S, size: seconds(10), kept: hours(1) },
    Resolution { view: catalog::SERVICE_STATS_1M, size: minutes(1), kept: hours(24) },
    Resolution { view: catalog::SERVICE_STATS_1H, size: hours(1), kept: days(30) },
];

/// Services that a breakdown by service names; the others are added up as `__other__`.
const NAMED_SERVICES: usize = 100;
/// Error messages that a service shows.
const TOP_ERRORS: usize = 10;
/// Series that one answer holds.
const MAX_SERIES: usize = 50;

/// From here on, in percent of errors, a service is degraded, and from here on unhealthy.
const DEGRADED_FROM: f64 = 15.0;
const UNHEALTHY_FROM: f64 = 40.0;

// ---- time ----------------------------------------------------------------------------------------------------------

/// Now, as the module says; `newest` is the end of the newest window of whatever else is looked at.
pub(crate) fn now(snapshot: &Snapshot, newest: Option<Timestamp>) -> Timestamp {
    let wall = Timestamp::now();
    let watermark = Some(snapshot.watermark).filter(|at| *at > Timestamp::MIN && *at <= wall && snapshot.epoch > 0);
    let window = RESOLUTIONS.iter().find_map(|resolution| {
        let rows = resolution.rows(snapshot)?;
        last_rows(rows).map(|row| row.window.end(resolution.size)).max()
    });
    watermark.into_iter().chain(window).chain(newest).max().unwrap_or(wall)
}

impl Resolution {
    fn rows<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Stats> {
        snapshot.rows::<Windowed<Name>, ServiceStats>(self.view)
    }

    /// The finest that reaches back so far.
    fn finest(length: Duration) -> Option<&'static Resolution> {
        RESOLUTIONS.iter().find(|resolution| resolution.kept >= length)
    }
}

/// The first instant at or after `at` that is a multiple of `size`.
fn align_up(at: Timestamp, size: Duration) -> Timestamp {
    let start = at.align(size);
    if start == at { at } else { start.plus(size) }
}

// ---- rows ----------------------------------------------------------------------------------------------------------

fn row(service: &Name, start: Timestamp) -> Windowed<Name> {
    Windowed { key: service.clone(), window: Window { start } }
}

/// The newest row of every service; jumps from one to the next.
fn last_rows(rows: &Stats) -> impl Iterator<Item = &Windowed<Name>> {
    let mut next = rows.iter().next().map(|(row, _)| row);
    std::iter::from_fn(move || {
        let end = row(&next?.key, Timestamp::MAX);
        let last = rows.range(..=end.clone()).next_back().map(|(row, _)| row);
        next = rows.range((Bound::Excluded(end), Bound::Unbounded)).next().map(|(row, _)| row);
        last
    })
}

fn services(rows: &Stats) -> impl Iterator<Item = &Name> {
    last_rows(rows).map(|row| &row.key)
}

/// A service's windows that start in `from..to`.
fn windows<'a>(
    rows: &'a Stats,
    service: &Name,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = (Timestamp, &'a ServiceStats)> + use<'a> {
    let (first, end) = (row(service, from), row(service, to.max(from)));
    rows.range(first..end).map(|(row, stats)| (row.window.start, &**stats))
}

fn sum(rows: &Stats, service: &Name, from: Timestamp, to: Timestamp) -> ServiceStats {
    windows(rows, service, from, to).fold(ServiceStats::default(), |mut sum, (_, stats)| {
        sum.levels.plus_equals(&stats.levels);
        sum.latency.plus_equals(&stats.latency);
        sum
    })
}

fn sum_levels(rows: &Stats, service: Option<&Name>, from: Timestamp, to: Timestamp) -> Levels {
    let mut levels = Levels::default();
    let mut add = |service: &Name| {
        windows(rows, service, from, to).for_each(|(_, stats)| levels.plus_equals(&stats.levels));
    };
    match service {
        Some(service) => add(service),
        None => services(rows).for_each(add),
    }
    levels
}

/// Whether any row is older than `at`: then a period that starts there is covered wholly.
fn reaches_back_to(rows: &Stats, at: Timestamp) -> bool {
    services(rows).any(|service| rows.range(row(service, Timestamp::MIN)..=row(service, at)).next().is_some())
}

fn oldest(rows: &Stats) -> Option<Timestamp> {
    services(rows).filter_map(|service| Some(rows.range(row(service, Timestamp::MIN)..).next()?.0.window.start)).min()
}

// ---- a range -------------------------------------------------------------------------------------------------------

/// A range of time over one resolution.
struct Period<'a> {
    snapshot: &'a Snapshot,
    span: Span,
    rows: &'a Stats,
    now: Timestamp,
    from: Timestamp,
    to: Timestamp,
    /// of it, what there are logs for: less than all where the first log is younger
    minutes: f64,
}

impl<'a> Period<'a> {
    fn of(snapshot: &'a Snapshot, span: Span) -> Result<Self, Problem> {
        let resolution = Resolution::finest(span.length).ok_or_else(Problem::internal)?;
        let rows = resolution.rows(snapshot).ok_or_else(|| Problem::no_view(resolution.view))?;
        let now = now(snapshot, None);
        let to = align_up(now, resolution.size);
        let from = to.minus(span.length);
        let since = oldest(rows).unwrap_or(from).max(from);
        let covered = now.since(since).max(resolution.size).min(span.length);
        Ok(Period { snapshot, span, rows, now, from, to, minutes: covered.as_secs_f64() / 60.0 })
    }

    fn per_minute(&self, count: u64) -> f64 {
        tidy(count as f64 / self.minutes)
    }

    /// Every service with logs in the period.
    fn by_service(&self) -> BTreeMap<Name, ServiceStats> {
        services(self.rows)
            .map(|service| (service.clone(), sum(self.rows, service, self.from, self.to)))
            .filter(|(_, stats)| stats.levels.total() > 0)
            .collect()
    }

    fn last_hour(&self, service: Option<&Name>) -> Result<u64, Problem> {
        let resolution = Resolution::finest(hours(1)).ok_or_else(Problem::internal)?;
        let rows = resolution.rows(self.snapshot).ok_or_else(|| Problem::no_view(resolution.view))?;
        let to = align_up(self.now, resolution.size);
        Ok(sum_levels(rows, service, to.minus(hours(1)), to).total())
    }

    /// The change against the equally long period before, in percent; null where that is not kept, was not covered
    /// wholly, or was zero. Over whole windows: the one under way would always look like a drop.
    fn trend(&self, service: Option<&Name>) -> Json {
        let compared = || {
            let resolution = Resolution::finest(self.span.length * 2)?;
            let rows = resolution.rows(self.snapshot)?;
            let to = self.now.align(resolution.size);
            let middle = to.minus(self.span.length);
            let from = middle.minus(self.span.length);
            reaches_back_to(rows, from)
                .then(|| (sum_levels(rows, service, from, middle), sum_levels(rows, service, middle, to)))
        };
        let change = |before: f64, after: f64| (before > 0.0).then(|| tidy((after - before) / before * 100.0));
        let (logs, errors) = match compared() {
            None => (None, None),
            Some((before, after)) => (
                change(before.total() as f64, after.total() as f64),
                change(before.error_rate().percent(), after.error_rate().percent()),
            ),
        };
        json!({ "logs_per_minute": logs, "error_rate": errors })
    }

    /// What every answer about a period says of it.
    fn describe(&self, answer: &mut Json) {
        answer["time_range"] = self.span.name.into();
        answer["from"] = json!(self.from);
        answer["to"] = json!(self.to);
        answer["timestamp"] = json!(self.now);
    }

    fn answer(&self, mut answer: Json) -> Response {
        self.describe(&mut answer);
        json_at(self.snapshot.epoch, &answer)
    }
}

/// Four decimals: enough for a rate, and 10 % reads as 10.
fn tidy(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn by_level(levels: &Levels) -> Json {
    Json::Object(levels.iter().map(|(level, count)| (level.as_str().to_owned(), count.into())).collect::<Map<_, _>>())
}

fn millis(micros: Option<u64>) -> Option<f64> {
    micros.map(|micros| micros as f64 / 1000.0)
}

// ---- answers -------------------------------------------------------------------------------------------------------

pub(crate) fn overview(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, params.range()?)?;
    Ok(period.answer(overall(&period, &period.by_service())?))
}

fn overall(period: &Period<'_>, services: &BTreeMap<Name, ServiceStats>) -> Result<Json, Problem> {
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

pub(crate) fn service(snapshot: &Snapshot, name: &str, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, params.range()?)?;
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

pub(crate) fn service_list(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, params.range()?)?;
    let (rows, next_cursor) = params.page(1000)?.cut(service_rows(&period, &period.by_service()));
    Ok(period.answer(json!({ "services": rows, "next_cursor": next_cursor })))
}

pub(crate) fn system(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, params.range()?)?;
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

pub(crate) fn severities(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let period = Period::of(snapshot, params.range()?)?;
    let levels = sum_levels(period.rows, None, period.from, period.to);
    let list: Vec<_> =
        levels.iter().map(|(level, count)| json!({ "severity": level.as_str(), "count": count })).collect();
    Ok(json_at(snapshot.epoch, &list))
}

/// The most frequent error messages of a service, by template.
fn top_errors(snapshot: &Snapshot, service: &Name, from: Timestamp, to: Timestamp) -> Vec<Json> {
    let Some(view) = snapshot.view(catalog::TOP_ERRORS) else { return Vec::new() };
    // keys are [service, template], and their text is JSON
    let mut prefix = json!([service]).to_string();
    prefix.pop();
    prefix.push(',');
    let filter = RowFilter { prefix: Some(prefix), from: Some(from.align(minutes(1))), to: Some(to), key: None };
    let mut templates = BTreeMap::<String, (u64, Option<Timestamp>, Json)>::new();
    for record in view.rows(&filter, 0, usize::MAX) {
        let (Some(template), Some(value)) = (record.key.get(1).and_then(Json::as_str), record.value) else { continue };
        let (count, last, example) = templates.entry(template.to_owned()).or_default();
        *count += value.get("count").and_then(Json::as_u64).unwrap_or(0);
        if record.window_start >= *last {
            *last = record.window_start;
            *example = value.get("example").cloned().unwrap_or_default();
        }
    }
    let mut list: Vec<_> = templates.into_iter().collect();
    list.sort_by(|(a, (m, ..)), (b, (n, ..))| n.cmp(m).then_with(|| a.cmp(b)));
    list.truncate(TOP_ERRORS);
    list.into_iter()
        .map(|(template, (count, last, example))| {
            json!({ "template": template, "count": count, "example": example, "last_seen": last })
        })
        .collect()
}

// ---- how a service is ------------------------------------------------------------------------------------------------

/// Anomalies of a period and alerts that are open, of all services.
struct Signs {
    anomalies: BTreeMap<String, Vec<Found>>,
    alerts: BTreeMap<String, Vec<Json>>,
}

impl Signs {
    fn read(period: &Period<'_>) -> Self {
        let mut signs = Signs { anomalies: BTreeMap::new(), alerts: BTreeMap::new() };
        for anomaly in anomalies::all(period.snapshot).unwrap_or_default() {
            if let Some(service) = anomaly.text("service").map(str::to_owned)
                && anomaly.is_within(period.from, period.to)
            {
                signs.anomalies.entry(service).or_default().push(anomaly);
            }
        }
        let alerts = period.snapshot.view(catalog::ALERTS).map(|view| view.rows(&RowFilter::default(), 0, usize::MAX));
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
struct Condition {
    anomalies: usize,
    alerts: usize,
    health: &'static str,
    risk: f64,
}

impl Condition {
    fn of(service: &Name, stats: &ServiceStats, signs: &Signs) -> Self {
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

// ---- time series ---------------------------------------------------------------------------------------------------

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
pub(crate) fn timeseries(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
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
    let resolution = Resolution::finest(span.length).ok_or_else(Problem::internal)?;
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
