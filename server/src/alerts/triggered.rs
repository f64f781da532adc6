//! `/alerts/triggered`: what fired, what became of it, and what people do about it.

use highwater_alerting::{AlertFilter, AlertRecord, Deed, Status, Transition};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LIMIT, MOST, desk, page};
use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Body, CURSOR, Handle, Kind, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

const ID: Param = Param::path("id", "The alert's id");
const STATUS: Param =
    Param::query("status", Kind::OneOf(|| Status::ALL.map(Status::as_str).to_vec(), None), "Only of this status");
const RULE: Param = Param::query("rule", Kind::Word, "Only of the rule of this id or name");

const LIST: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/alerts/triggered"],
    tag: "Alerts",
    about: "Alerts, those that began last first",
    params: &[STATUS, RULE, LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<AlertList>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
};

const ACKNOWLEDGE: Operation = Operation {
    verb: Verb::Post,
    paths: &["/api/v1/alerts/triggered/{id}/acknowledge"],
    about: "Say that you take care of it",
    params: &[ID],
    body: Some(Body { kinds: &[("application/json", Some(of::<Comment>))], required: false, most: MOST }),
    answer: Answer::new(&[("application/json", Some(of::<AlertRecord>))]),
    access: Access::Write,
    handle: Handle::Steps(|call| Box::pin(act(call, Deed::Acknowledge))),
    ..LIST
};

pub(super) const OPERATIONS: &[Operation] = &[
    LIST,
    Operation {
        paths: &["/api/v1/alerts/triggered/{id}"],
        about: "One alert, with all that became of it",
        params: &[ID],
        answer: Answer::new(&[("application/json", Some(of::<WithHistory>))]),
        class: Class::Lookup,
        handle: Handle::Steps(|call| Box::pin(one(call))),
        ..LIST
    },
    ACKNOWLEDGE,
    Operation {
        paths: &["/api/v1/alerts/triggered/{id}/resolve"],
        about: "Say that it is over, until the condition was false once",
        handle: Handle::Steps(|call| Box::pin(act(call, Deed::Resolve))),
        ..ACKNOWLEDGE
    },
];

#[derive(Serialize, JsonSchema)]
struct AlertList {
    alerts: Vec<AlertRecord>,
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct WithHistory {
    #[serde(flatten)]
    alert: AlertRecord,
    /// Each change of its status, oldest first.
    history: Vec<Transition>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Comment {
    /// Why, in your own words; 1,000 characters at most.
    #[schemars(length(max = 1000))]
    comment: String,
}

async fn list(call: Call) -> Result<Response, Problem> {
    let statuses = Status::ALL.map(|status| (status.as_str(), status));
    let status = call.params.choice("status", &statuses)?;
    let filter = AlertFilter { status, rule: call.params.word("rule")?.map(str::to_owned) };
    let found = desk(&call)?.alerting.alerts().list(&filter, &page(&call)?).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::OK, &AlertList { alerts: found.items, next_cursor: found.next_cursor }))
}

async fn one(call: Call) -> Result<Response, Problem> {
    let (alerts, id) = (desk(&call)?.alerting.alerts(), call.params.segment("id"));
    let alert = alerts.get(id).await.map_err(Problem::alerting)?;
    let history = alerts.history(id).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::OK, &WithHistory { alert, history }))
}

async fn act(mut call: Call, deed: Deed) -> Result<Response, Problem> {
    let Comment { comment } = call.json_or_nothing(r#"{"comment": "on it"}"#).await?;
    let (alerts, id) = (desk(&call)?.alerting.alerts(), call.params.segment("id"));
    let alert = alerts.act(id, deed, call.identity.name(), &comment).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::OK, &alert))
}
