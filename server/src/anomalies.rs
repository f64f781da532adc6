//! `/anomaly`: what detectors found, from the view of anomalies.

use std::collections::BTreeMap;

use highwater_engine::{RowFilter, Snapshot, Timestamp};
use highwater_operators::{Anomaly, catalog};
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::{
    call::Call,
    error::{Problem, shorten},
    identity::Access,
    logs, metrics_api,
    operation::{Answer, CURSOR, Handle, Operation, Param, Verb, of},
    params::{Params, SERVICE, WINDOW_MINUTES},
    rates::Class,
    reply::{Response, json_at},
};

const LIMIT: Param = Param::limit(1000, 100);
const METRIC: Param = Param::path("metric", "log-volume, error-rate or latency").like("latency");

const DETECT: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/anomaly/detect/{metric}"],
    tag: "Anomalies",
    about: "Anomalies of one metric, newest first",
    params: &[METRIC, WINDOW_MINUTES, SERVICE, LIMIT, CURSOR],
    body: None,
    answer: Answer {
        headers: &[
            ("X-Highwater-Epoch", "The epoch that the answer is consistent with"),
            ("X-Next-Cursor", "Goes on after the last, where there are more"),
        ],
        ..Answer::new(&[("application/json", Some(of::<Vec<FoundAnomaly>>))])
    },
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Views(detect),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    DETECT,
    Operation {
        paths: &["/api/v1/anomaly/report"],
        about: "All anomalies, newest first, and how many of which kind",
        params: &[WINDOW_MINUTES, LIMIT, CURSOR],
        answer: Answer::at_epoch(&[("application/json", Some(of::<Report>))]),
        handle: Handle::Views(report),
        ..DETECT
    },
];

/// An anomaly, with the address of the logs of its service and time. A query of one's own may say more of it.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
struct FoundAnomaly {
    #[serde(flatten)]
    #[schemars(with = "Anomaly")]
    anomaly: Map<String, Json>,
    logs: String,
}

#[derive(Serialize, JsonSchema)]
struct Report {
    period_start: Timestamp,
    period_end: Timestamp,
    total_anomalies: usize,
    anomalies: Vec<FoundAnomaly>,
    anomalies_by_severity: BTreeMap<String, u64>,
    /// Those of all services together under `*`.
    anomalies_by_service: BTreeMap<String, u64>,
    anomalies_by_type: BTreeMap<String, u64>,
    next_cursor: Option<String>,
}

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

    fn shown(self) -> FoundAnomaly {
        let query = self.text("service").map(|name| logs::service(name).to_string());
        let of = query.map(|query| format!("query={}&", utf8_percent_encode(&query, NON_ALPHANUMERIC)));
        let (of, from, to) = (of.unwrap_or_default(), self.start, self.end);
        let anomaly = match self.value {
            Json::Object(anomaly) => anomaly,
            _ => Map::new(),
        };
        FoundAnomaly { anomaly, logs: format!("/api/v1/logs/search?{of}start_time={from}&end_time={to}") }
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
fn detect(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let params = &call.params;
    let metric = match params.segment(METRIC.name) {
        "log-volume" => "log_volume",
        "error-rate" => "error_rate",
        "latency" => "latency",
        other => return Err(Problem::not_found(format!("no metric `{}`; there are {}", shorten(other), METRIC.about))),
    };
    let page = params.page(&LIMIT)?;
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

fn report(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let page = call.params.page(&LIMIT)?;
    let (found, period_start, period_end) = recent(snapshot, &call.params)?;
    let count = |name: &str, none: &str| {
        found.iter().fold(BTreeMap::<String, u64>::new(), |mut counts, anomaly| {
            *counts.entry(anomaly.text(name).unwrap_or(none).to_owned()).or_default() += 1;
            counts
        })
    };
    let (anomalies_by_severity, anomalies_by_service, anomalies_by_type) =
        (count("severity", "unknown"), count("service", "*"), count("anomaly_type", "unknown"));
    let total_anomalies = found.len();
    let (found, next_cursor) = page.cut(found);
    let answer = Report {
        period_start,
        period_end,
        total_anomalies,
        anomalies: found.into_iter().map(Found::shown).collect(),
        anomalies_by_severity,
        anomalies_by_service,
        anomalies_by_type,
        next_cursor,
    };
    Ok(json_at(snapshot.epoch, &answer))
}
