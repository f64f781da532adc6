//! The error messages that a service writes most.

use std::collections::BTreeMap;

use highwater_engine::{Name, RowFilter, Snapshot, Timestamp, minutes};
use highwater_operators::catalog;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// Error messages that a service shows.
const TOP_ERRORS: usize = 10;

/// An error message, by its template.
#[derive(Serialize, JsonSchema)]
pub(super) struct TopError {
    template: String,
    count: u64,
    /// One that came.
    example: Option<String>,
    /// The last window that it came in.
    last_seen: Option<Timestamp>,
}

/// The most frequent error messages of a service, by template.
pub(super) fn top_errors(snapshot: &Snapshot, service: &Name, from: Timestamp, to: Timestamp) -> Vec<TopError> {
    let Some(view) = snapshot.view(catalog::TOP_ERRORS) else { return Vec::new() };
    // keys are [service, template], and their text is JSON
    let mut prefix = json!([service]).to_string();
    prefix.pop();
    prefix.push(',');
    let filter =
        RowFilter { prefix: Some(prefix), from: Some(from.align(minutes(1))), to: Some(to), ..RowFilter::default() };
    let mut templates = BTreeMap::<String, (u64, Option<Timestamp>, Option<String>)>::new();
    for record in view.rows(&filter, usize::MAX) {
        let (Some(template), Some(value)) = (record.key.get(1).and_then(Json::as_str), record.value) else { continue };
        let (count, last, example) = templates.entry(template.to_owned()).or_default();
        *count += value.get("count").and_then(Json::as_u64).unwrap_or(0);
        if record.window_start >= *last {
            *last = record.window_start;
            *example = value.get("example").and_then(Json::as_str).map(str::to_owned);
        }
    }
    let mut list: Vec<_> = templates.into_iter().collect();
    list.sort_by(|(a, (m, ..)), (b, (n, ..))| n.cmp(m).then_with(|| a.cmp(b)));
    list.truncate(TOP_ERRORS);
    list.into_iter()
        .map(|(template, (count, last_seen, example))| TopError { template, count, example, last_seen })
        .collect()
}
