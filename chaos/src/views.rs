//! What Highwater answers over HTTP.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::{
    changelog::View,
    oracle::{Row, Rows},
    time,
};

/// Whoever asks whether a job is ready wants to know it now.
const AT_ONCE: Duration = Duration::from_millis(100);
/// For any other answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The view that counts every log, however old it is.
const ALL_LOGS: &str = "service_stats_1h";

/// Whether the job there serves its views.
pub fn is_ready(address: &str) -> bool {
    get(address, "/readyz", AT_ONCE).is_ok()
}

/// Logs by service and level, over all time.
///
/// # Errors
/// Where there is no answer, or one of another form.
pub fn levels(address: &str) -> Result<BTreeMap<(String, String), u64>> {
    let mut levels = BTreeMap::new();
    for row in rows(address, ALL_LOGS)? {
        let service = row["key"].as_str().ok_or_else(|| anyhow!("a row of {ALL_LOGS} has no service: {row}"))?;
        for (level, count) in row["value"]["levels"].as_object().into_iter().flatten() {
            let count = count.as_u64().ok_or_else(|| anyhow!("a level of {ALL_LOGS} is no number: {row}"))?;
            *levels.entry((service.to_owned(), level.to_owned())).or_default() += count;
        }
    }
    levels.retain(|_, count| *count > 0);
    Ok(levels)
}

/// The rows of a view of windows.
///
/// # Errors
/// Where there is no answer, or one of another form.
pub fn windows(address: &str, view: View) -> Result<Rows> {
    let read = |row: &Value| {
        let service = row["key"].as_str()?.to_owned();
        let window = time::read(row["window_start"].as_str()?)?;
        Some((Row { service, window }, view.counts(&row["value"])?))
    };
    let rows = rows(address, view.name())?;
    rows.iter().map(|row| read(row).ok_or_else(|| anyhow!("a row of {} is {row}", view.name()))).collect()
}

fn rows(address: &str, view: &str) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = get(address, &format!("/api/v1/views/{view}?limit=1000{cursor}"), PATIENCE)?;
        match page["rows"].take() {
            Value::Array(more) => rows.extend(more),
            other => return Err(anyhow!("the rows of {view} are {other}")),
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(rows),
        }
    }
}

/// Logs that a search for all finds, by service and by level.
///
/// # Errors
/// Where there is no answer, or one of another form.
pub fn found(address: &str) -> Result<[BTreeMap<String, u64>; 2]> {
    let answer = get(address, "/api/v1/logs/search?limit=1", PATIENCE)?;
    let counts = |of: &str| {
        let counts = answer["aggregations"][of].as_object().into_iter().flatten();
        let counts = counts.filter_map(|(key, count)| Some((key.clone(), count.as_u64()?)));
        counts.filter(|(_, count)| *count > 0).collect()
    };
    Ok([counts("by_service"), counts("by_level")])
}

/// The job's metrics, as text.
///
/// # Errors
/// Where there is no answer.
pub fn metrics(address: &str) -> Result<String> {
    Ok(String::from_utf8_lossy(&fetch(address, "/metrics", PATIENCE)?).into_owned())
}

fn get(address: &str, path: &str, patience: Duration) -> Result<Value> {
    let body = fetch(address, path, patience)?;
    serde_json::from_slice(&body).with_context(|| format!("GET http://{address}{path}"))
}

fn fetch(address: &str, path: &str, patience: Duration) -> Result<Vec<u8>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(patience)).build().into();
    let what = || format!("GET http://{address}{path}");
    let mut answer = agent.get(format!("http://{address}{path}")).call().with_context(what)?;
    answer.body_mut().read_to_vec().with_context(what)
}
