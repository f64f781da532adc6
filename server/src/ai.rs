//! `/ai`: plain-language help. A question becomes filters for the log search; figures become prose.

use highwater_ask::{Answer as Understood, Insights, Model, Scene, insights as local_insights, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, read},
    error::Problem,
    identity::Access,
    metrics_api::{self, Of, Period},
    operation::{Answer, Body, Handle, Operation, Verb, of},
    params::RANGES,
    rates::Class,
    reply::{Response, json_at},
    state::State,
};

/// Most bytes of a request.
const MOST: Option<usize> = Some(16 << 10);

const SEARCH: Operation = Operation {
    verb: Verb::Post,
    paths: &["/api/v1/ai/search"],
    tag: "Plain language",
    about: "What a question in plain language looks for, as filters of the log search",
    params: &[],
    body: Some(Body { kinds: &[("application/json", Some(of::<Question>))], required: true, most: MOST }),
    answer: Answer::at_epoch(&[("application/json", Some(of::<Understood>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(search(call))),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    SEARCH,
    Operation {
        paths: &["/api/v1/ai/insights"],
        about: "How services are, in plain words",
        body: Some(Body { kinds: &[("application/json", Some(of::<About>))], required: false, most: MOST }),
        answer: Answer::at_epoch(&[("application/json", Some(of::<Of<Told>>))]),
        handle: Handle::Steps(|call| Box::pin(insights(call))),
        ..SEARCH
    },
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    query: String,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct About {
    /// 5m, 15m, 30m, 1h, 6h, 12h, 24h, 7d or 30d; an hour where it is not given.
    time_range: Option<String>,
}

/// What somebody on call should know.
#[derive(Serialize, JsonSchema)]
struct Told {
    insights: Insights,
}

/// By the model, where there is one, else by the local parser.
async fn search(mut call: Call) -> Result<Response, Problem> {
    let Question { query } = call.json(r#"{"query": "payment errors in the last hour"}"#).await?;
    let (epoch, scene) = read(&call.state, |snapshot| {
        let scene = Scene {
            services: metrics_api::known_services(snapshot),
            now: metrics_api::now(snapshot, None),
            moments: Vec::new(),
        };
        Ok((snapshot.epoch, scene))
    })
    .await?;
    let answer = ask(&call.state, move |model| match model {
        Some(model) => model.search(&query, &scene),
        None => parse(&query, &scene),
    });
    Ok(json_at(epoch, &answer.await?))
}

async fn insights(mut call: Call) -> Result<Response, Problem> {
    let About { time_range } = call.json_or_nothing(r#"{"time_range": "1h"}"#).await?;
    let wanted = time_range.as_deref().unwrap_or("1h");
    let span = RANGES.into_iter().find(|span| span.name == wanted).ok_or_else(|| {
        let names: Vec<_> = RANGES.iter().map(|span| span.name).collect();
        Problem::bad_parameter("time_range", wanted, &names.join(", "))
    })?;
    let kept = call.state.kept;
    let (epoch, scene, period) = read(&call.state, move |snapshot| {
        let period = Period::over(snapshot, kept, span)?;
        Ok((snapshot.epoch, metrics_api::insight_scene(&period), period.of(())))
    })
    .await?;
    let found = ask(&call.state, move |model| match model {
        Some(model) => model.insights(&scene),
        None => local_insights(&scene),
    });
    Ok(json_at(epoch, &period.with(Told { insights: found.await? })))
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
