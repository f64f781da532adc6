//! `/rate-limits`: where a client stands, and how it is forgiven.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::{Problem, shorten},
    identity::{Access, Client},
    operation::{Answer, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

const STATUS: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/rate-limits/status"],
    tag: "Limits",
    about: "What is left of each of your rate limits",
    params: &[],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<Limits>))]),
    access: Access::Anyone,
    class: Class::Free,
    handle: Handle::Now(status),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    STATUS,
    Operation {
        verb: Verb::Delete,
        paths: &["/api/v1/rate-limits/reset/{id}"],
        about: "Forget what one client has asked",
        params: &[Param::path("id", "The client as its status says it: an address").like("192.0.2.7")],
        answer: Answer::new(&[("application/json", Some(of::<Reset>))]),
        access: Access::Admin,
        handle: Handle::Now(reset),
        ..STATUS
    },
    Operation {
        verb: Verb::Delete,
        paths: &["/api/v1/rate-limits/reset-all"],
        about: "Forget what all clients have asked",
        answer: Answer::new(&[("application/json", Some(of::<Reset>))]),
        access: Access::Admin,
        handle: Handle::Now(reset_all),
        ..STATUS
    },
];

#[derive(Serialize, JsonSchema)]
struct Limits {
    /// Whom limits count you as.
    client: String,
    limits: Vec<Limit>,
}

/// One limit; without a quota it has no bounds.
#[derive(Serialize, JsonSchema)]
struct Limit {
    class: &'static str,
    /// What it counts.
    unit: Unit,
    /// So much at once,
    quota: Option<u64>,
    /// and again after so many seconds.
    window_seconds: Option<u64>,
    /// What is left.
    remaining: Option<u64>,
    /// Seconds until all of it is there again.
    reset_seconds: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Requests,
    Kibibytes,
}

#[derive(Serialize, JsonSchema)]
struct Reset {
    /// How many clients were known.
    reset: usize,
}

fn status(call: &Call) -> Result<Response, Problem> {
    let client = call.identity.client;
    let limit = |(class, standing): (Class, Option<crate::gate::Standing>)| Limit {
        class: class.name(),
        unit: if class == Class::Ingest { Unit::Kibibytes } else { Unit::Requests },
        quota: standing.map(|standing| standing.quota.into()),
        window_seconds: standing.map(|standing| standing.window),
        remaining: standing.map(|standing| standing.remaining.into()),
        reset_seconds: standing.map(|standing| standing.reset),
    };
    let limits = call.state.gates.standings(client).map(limit).collect();
    Ok(json_reply(StatusCode::OK, &Limits { client: client.to_string(), limits }))
}

fn reset(call: &Call) -> Result<Response, Problem> {
    let id = call.params.segment("id");
    let client: Client =
        id.parse().map_err(|_| Problem::not_found(format!("`{}` is no client: none is called so", shorten(id))))?;
    Ok(json_reply(StatusCode::OK, &Reset { reset: usize::from(call.state.gates.reset(client)) }))
}

fn reset_all(call: &Call) -> Result<Response, Problem> {
    Ok(json_reply(StatusCode::OK, &Reset { reset: call.state.gates.reset_all() }))
}
