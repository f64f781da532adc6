//! `/alerts/silences`: nobody is told, for a while.

use highwater_accounts::Action;
use highwater_alerting::{Silence, SilenceDraft, SilenceState, Silences};
use highwater_engine::Timestamp;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::{LIMIT, MOST, body, desk, page};
use crate::{
    call::Call,
    error::Problem,
    identity::{Access, Identity},
    operation::{Answer, Body, CURSOR, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

const ID: Param = Param::path("id", "The silence's id");
const EXAMPLE: &str = r#"{"matchers": [{"name": "service", "value": "cart"}], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T02:00:00Z", "comment": "upgrade"}"#;
const DRAFT: Option<Body> =
    Some(Body { kinds: &[("application/json", Some(of::<SilenceDraft>))], required: true, most: MOST });

const LIST: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/alerts/silences"],
    tag: "Alerts",
    about: "All silences, those that are over too",
    params: &[LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<SilenceList>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
};

const ONE: Operation = Operation {
    paths: &["/api/v1/alerts/silences/{id}"],
    about: "One silence",
    params: &[ID],
    answer: Answer::new(&[("application/json", Some(of::<Shown>))]),
    class: Class::Lookup,
    handle: Handle::Steps(|call| Box::pin(one(call))),
    ..LIST
};

pub(super) const OPERATIONS: &[Operation] = &[
    LIST,
    Operation {
        verb: Verb::Post,
        about: "Silence the alerts whose labels match",
        params: &[],
        body: DRAFT,
        answer: Answer { status: 201, about: "The silence", ..ONE.answer },
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(create(call))),
        ..LIST
    },
    ONE,
    Operation {
        verb: Verb::Put,
        about: "Put another silence in its place, unless it is over",
        body: DRAFT,
        access: Access::Write,
        class: Class::Usual,
        handle: Handle::Steps(|call| Box::pin(replace(call))),
        ..ONE
    },
    Operation {
        verb: Verb::Delete,
        about: "End a silence now",
        access: Access::Write,
        class: Class::Usual,
        handle: Handle::Steps(|call| Box::pin(expire(call))),
        ..ONE
    },
];

#[derive(Serialize, JsonSchema)]
struct Shown {
    #[serde(flatten)]
    silence: Silence,
    state: SilenceState,
}

#[derive(Serialize, JsonSchema)]
struct SilenceList {
    silences: Vec<Shown>,
    next_cursor: Option<String>,
}

fn shown(silence: Silence) -> Shown {
    Shown { state: silence.state(Timestamp::now()), silence }
}

async fn list(call: Call) -> Result<Response, Problem> {
    let found = desk(&call)?.alerting.silences().list(&page(&call)?).await.map_err(Problem::alerting)?;
    let silences = found.items.into_iter().map(shown).collect();
    Ok(json_reply(StatusCode::OK, &SilenceList { silences, next_cursor: found.next_cursor }))
}

async fn one(call: Call) -> Result<Response, Problem> {
    let silence = desk(&call)?.alerting.silences().get(call.params.segment("id")).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::OK, &shown(silence)))
}

async fn create(mut call: Call) -> Result<Response, Problem> {
    let draft = body(&mut call, SilenceDraft::read, EXAMPLE).await?;
    let silences = desk(&call)?.alerting.silences();
    let silence = silences.create(draft, call.identity.name()).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::CREATED, &shown(silence)))
}

async fn replace(mut call: Call) -> Result<Response, Problem> {
    let draft = body(&mut call, SilenceDraft::read, EXAMPLE).await?;
    let (silences, id) = (desk(&call)?.alerting.silences(), call.params.segment("id"));
    allow(&silences, &call.identity, id).await?;
    let silence = silences.replace(id, draft, call.identity.name()).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::OK, &shown(silence)))
}

async fn expire(call: Call) -> Result<Response, Problem> {
    let (silences, id) = (desk(&call)?.alerting.silences(), call.params.segment("id"));
    allow(&silences, &call.identity, id).await?;
    Ok(json_reply(StatusCode::OK, &shown(silences.expire(id).await.map_err(Problem::alerting)?)))
}

/// Its maker may, and administrators.
async fn allow(silences: &Silences, identity: &Identity, id: &str) -> Result<(), Problem> {
    let stored = silences.get(id).await.map_err(Problem::alerting)?;
    let is_own = stored.created_by == identity.name();
    identity.may(Action::Change { owner: if is_own { identity.owner() } else { &stored.created_by } })
}
