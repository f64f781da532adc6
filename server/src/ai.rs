//! `/ai`: plain-language help. A question becomes filters for the log search; figures become prose.

use std::sync::Arc;

use highwater_ask::{Model, Scene, insights as local_insights, parse};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use warp::{http::HeaderMap, reply::Response};

use crate::{
    error::Problem,
    ingest,
    metrics_api::{self, Period},
    params::RANGES,
    routes::{Body, State, json_at, read},
};

/// Most bytes of a request.
const MAX_BODY_BYTES: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    query: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct About {
    time_range: Option<String>,
}

/// What a question asks for: by the model, where there is one, else by the local parser.
pub(crate) async fn search(state: &Arc<State>, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let bytes = ingest::read(headers, body, MAX_BODY_BYTES, state.limits.request_timeout).await?;
    let Question { query } = read_json(&bytes, r#"{"query": "payment errors in the last hour"}"#)?;
    let (epoch, scene) = read(state, |snapshot| {
        let scene = Scene {
            services: metrics_api::known_services(snapshot),
            now: metrics_api::now(snapshot, None),
            moments: Vec::new(),
        };
        Ok((snapshot.epoch, scene))
    })
    .await?;
    let answer = ask(state, move |model| match model {
        Some(model) => model.search(&query, &scene),
        None => parse(&query, &scene),
    });
    Ok(json_at(epoch, &answer.await?))
}

/// How services are, in plain words.
pub(crate) async fn insights(state: &Arc<State>, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let bytes = ingest::read(headers, body, MAX_BODY_BYTES, state.limits.request_timeout).await?;
    let About { time_range } =
        if bytes.trim_ascii().is_empty() { About::default() } else { read_json(&bytes, r#"{"time_range": "1h"}"#)? };
    let wanted = time_range.as_deref().unwrap_or("1h");
    let span = RANGES.into_iter().find(|span| span.name == wanted).ok_or_else(|| {
        let names: Vec<_> = RANGES.iter().map(|span| span.name).collect();
        Problem::bad_parameter("time_range", wanted, &names.join(", "))
    })?;
    let kept = state.kept;
    let (epoch, scene, mut answer) = read(state, move |snapshot| {
        let period = Period::of(snapshot, kept, span)?;
        let about = json!({ "time_range": span.name, "from": period.from, "to": period.to, "timestamp": period.now });
        Ok((snapshot.epoch, metrics_api::insight_scene(&period), about))
    })
    .await?;
    let found = ask(state, move |model| match model {
        Some(model) => model.insights(&scene),
        None => local_insights(&scene),
    });
    answer["insights"] = json!(found.await?);
    Ok(json_at(epoch, &answer))
}

/// Asks on a thread that may wait. Beyond a few that wait for the model, nobody is kept waiting for it.
async fn ask<T: Send + 'static>(
    state: &State,
    ask: impl FnOnce(Option<&Model>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let place = state.model.clone().zip(state.asking.clone().try_acquire_owned().ok());
    let asked = tokio::task::spawn_blocking(move || ask(place.as_ref().map(|(model, _)| &**model)));
    asked.await.map_err(|_| Problem::internal())
}

fn read_json<T: DeserializeOwned>(bytes: &[u8], example: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::bad_request(format!("the body is not what is expected here: {error}; send {example}"))
    })
}
