//! `/anomaly`: what detectors found, from the view of anomalies.

use std::collections::BTreeMap;

use highwater_engine::{RowFilter, Snapshot, Timestamp};
use highwater_operators::catalog;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};
use warp::{http::HeaderValue, reply::Response};

use crate::{error::Problem, logs, metrics_api, params::Params, routes::json_at};

pub(crate) const DETECT: &[&str] = &["window_minutes", "service", "limit", "cursor"];
pub(crate) const REPORT: &[&str] = &["window_minutes", "limit", "cursor"];

/// One anomaly of the view, read as JSON so that a query of one's own may publish more about it.
pub(crate) struct Found {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    id: String,
    value: Json,
}

impl Found {
    fn read(value: Json) -> Option<Self> {
        let time = |name: &str| value.get(name)?.as_str()?.parse::<Timestamp>().ok();
        let start = time("window_start")?;
        let end = time("window_end").unwrap_or(start);
        let id = value.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
        Some(Found { start, end, id, value })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value.get(name).and_then(Json::as_str)
    }

    /// As answers show it: with the address of the logs of its service and time.
    fn shown(self) -> Json {
        let query = self.text("service").map(|name| logs::service(name).to_string());
        let of = query.map(|query| format!("query={}&", utf8_percent_encode(&query, NON_ALPHANUMERIC)));
        let (of, from, to) = (of.unwrap_or_default(), self.start, self.end);
        let mut value = self.value;
        if value.is_object() {
            value["logs"] = format!("/api/v1/logs/search?{of}start_time={from}&end_time={to}").into();
        }
        value
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.value.get(name).and_then(Json::as_f64)
    }

    /// Whether any of it lies in `from..to`.
    pub(crate) fn is_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.end > from && self.start < to
    }
}

/// All anomalies of the view, newest first; `None` where no query publishes it.
pub(crate) fn all(snapshot: &Snapshot) -> Option<Vec<Found>> {
    let rows = snapshot.view(catalog::ANOMALIES)?.rows(&RowFilter::default(), usize::MAX);
    let mut found: Vec<_> = rows.into_iter().filter_map(|row| Found::read(row.value?)).collect();
    found.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
    Some(found)
}

/// The anomalies of the period that ends now, and the period.
fn recent(snapshot: &Snapshot, params: &Params) -> Result<(Vec<Found>, Timestamp, Timestamp), Problem> {
    let window = params.window_minutes()?;
    let mut found = all(snapshot).ok_or_else(|| Problem::no_view(catalog::ANOMALIES))?;
    let newest = found.iter().map(|anomaly| anomaly.end).max();
    let to = metrics_api::now(snapshot, newest);
    let from = to.minus(window);
    found.retain(|anomaly| anomaly.is_within(from, to.plus(std::time::Duration::from_micros(1))));
    Ok((found, from, to))
}

/// A bare list, as the contract has it; the cursor of the next page is in the header `X-Next-Cursor`.
pub(crate) fn detect(snapshot: &Snapshot, metric: &str, params: &Params) -> Result<Response, Problem> {
    let page = params.page(1000)?;
    let service = params.word("service")?;
    let (mut found, ..) = recent(snapshot, params)?;
    found.retain(|anomaly| {
        anomaly.text("metric_name") == Some(metric) && service.is_none_or(|name| anomaly.text("service") == Some(name))
    });
    let (found, next) = page.cut(found);
    let list: Vec<_> = found.into_iter().map(Found::shown).collect();
    let mut response = json_at(snapshot.epoch, &list);
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert("x-next-cursor", next);
    }
    Ok(response)
}

pub(crate) fn report(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let page = params.page(1000)?;
    let (found, from, to) = recent(snapshot, params)?;
    let count = |name: &str, none: &str| {
        found.iter().fold(BTreeMap::<String, u64>::new(), |mut counts, anomaly| {
            *counts.entry(anomaly.text(name).unwrap_or(none).to_owned()).or_default() += 1;
            counts
        })
    };
    let (by_severity, by_service, by_type) =
        (count("severity", "unknown"), count("service", "*"), count("anomaly_type", "unknown"));
    let total = found.len();
    let (found, next_cursor) = page.cut(found);
    let list: Vec<_> = found.into_iter().map(Found::shown).collect();
    let answer = json!({
        "period_start": from,
        "period_end": to,
        "total_anomalies": total,
        "anomalies": list,
        "anomalies_by_severity": by_severity,
        "anomalies_by_service": by_service,
        "anomalies_by_type": by_type,
        "next_cursor": next_cursor,
    });
    Ok(json_at(snapshot.epoch, &answer))
}
