//! `/views`: what queries publish, as rows of one epoch.

use highwater_engine::{Record, RowFilter, Snapshot};
use serde_json::{Value as Json, json};
use warp::reply::Response;

use crate::{error::Problem, params::Params, routes::json_at};

pub(crate) const LIST: &[&str] = &["limit", "cursor"];
pub(crate) const ROWS: &[&str] = &["key", "prefix", "from", "to", "limit", "cursor"];

/// Most rows of one page.
const MAX_ROWS: usize = 10_000;

pub(crate) fn list(snapshot: &Snapshot, params: &Params) -> Result<Response, Problem> {
    let (views, next_cursor) = params.page(1000)?.cut(snapshot.views().collect());
    let views: Vec<_> = views
        .into_iter()
        .map(|view| {
            json!({
                "name": view.name(),
                "windowed": view.is_windowed(),
                "key_schema": view.key_schema(),
                "value_schema": view.value_schema(),
                "rows": view.len(),
                "last_change": view.last_change(),
            })
        })
        .collect();
    Ok(json_at(snapshot.epoch, &json!({ "epoch": snapshot.epoch, "views": views, "next_cursor": next_cursor })))
}

pub(crate) fn rows(snapshot: &Snapshot, name: &str, params: &Params) -> Result<Response, Problem> {
    let view = snapshot.view(name).ok_or_else(|| missing(name))?;
    let filter = RowFilter {
        key: params.text("key")?.map(str::to_owned),
        prefix: params.text("prefix")?.map(str::to_owned),
        from: params.timestamp("from")?,
        to: params.timestamp("to")?,
        after: params.place()?,
    };
    for bound in ["from", "to"] {
        if let Some(text) = params.text(bound)?.filter(|_| !view.is_windowed()) {
            return Err(Problem::bad_parameter(bound, text, "nothing: the rows of this view have no windows"));
        }
    }
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        return Err(Problem::bad_parameter("from", &from.to_string(), &format!("a time not after `to`, {to}")));
    }
    let limit = params.limit(MAX_ROWS)?;
    let mut rows = view.rows(&filter, limit + 1);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|last| params.cursor_after(&last.place()));
    let rows: Vec<_> = rows.iter().map(row).collect();
    let answer = json!({ "view": name, "epoch": snapshot.epoch, "rows": rows, "next_cursor": next_cursor });
    Ok(json_at(snapshot.epoch, &answer))
}

pub(crate) fn missing(name: &str) -> Problem {
    Problem::not_found(format!("no query publishes a view `{name}`; /api/v1/views lists them"))
}

/// `{key, window_start?, value}`.
fn row(record: &Record) -> Json {
    let mut row = json!({ "key": record.key, "value": record.value });
    if let Some(start) = record.window_start {
        row["window_start"] = json!(start);
    }
    row
}

/// `{key, window_start?, value, diff}`.
pub(crate) fn change(record: &Record, diff: i8) -> Json {
    let mut change = row(record);
    change["diff"] = diff.into();
    change
}
