//! `/alerts/rules`: when somebody is to be told.

use highwater_accounts::Action;
use highwater_alerting::{FeedError, Rule, RuleDraft};
use highwater_operators::Dimension;
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Desk, LIMIT, MOST, body, desk, page};
use crate::{
    call::Call,
    error::{FieldProblem, Problem},
    identity::Access,
    operation::{Answer, Body, CURSOR, EPOCH, Handle, In, Kind, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, at_epoch, json_reply, nothing},
};

const ID: Param = Param::path("id", "The rule's id");
const IF_MATCH: Param = Param {
    name: "If-Match",
    place: In::Header,
    about: "The rule's version as its `ETag` had it: a rule that was changed since stays as it is. Without it, whoever \
            comes last wins",
    kind: Kind::Text,
    example: None,
};
const EXAMPLE: &str = r#"{"name": "errors", "metric": "error_rate", "threshold": 5, "time_window": "5m"}"#;
const VERSION: (&str, &str) = ("ETag", "The rule's version");
const DRAFT: Option<Body> =
    Some(Body { kinds: &[("application/json", Some(of::<RuleDraft>))], required: true, most: MOST });

const LIST: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/alerts/rules"],
    tag: "Alerts",
    about: "All rules, in the order in which they were made",
    params: &[LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<RuleList>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
};

const ONE: Operation = Operation {
    paths: &["/api/v1/alerts/rules/{id}"],
    about: "One rule",
    params: &[ID],
    answer: Answer { headers: &[VERSION], ..Answer::new(&[("application/json", Some(of::<Rule>))]) },
    class: Class::Lookup,
    handle: Handle::Steps(|call| Box::pin(one(call))),
    ..LIST
};

pub(super) const OPERATIONS: &[Operation] = &[
    LIST,
    Operation {
        verb: Verb::Post,
        about: "Make a rule; it is in force from the epoch that is answered",
        params: &[],
        body: DRAFT,
        answer: Answer { status: 201, about: "The rule", headers: &[EPOCH[0], VERSION], ..ONE.answer },
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(create(call))),
        ..LIST
    },
    ONE,
    Operation {
        verb: Verb::Put,
        about: "Put another rule in its place; who made it may, and administrators",
        params: &[ID, IF_MATCH],
        body: DRAFT,
        answer: Answer { headers: &[EPOCH[0], VERSION], ..ONE.answer },
        access: Access::Write,
        class: Class::Usual,
        handle: Handle::Steps(|call| Box::pin(replace(call))),
        ..ONE
    },
    Operation {
        verb: Verb::Delete,
        about: "Delete a rule; its alerts are over, their history stays",
        answer: Answer { status: 204, about: "It is gone", headers: EPOCH, ..Answer::new(&[]) },
        access: Access::Write,
        class: Class::Usual,
        handle: Handle::Steps(|call| Box::pin(delete(call))),
        ..ONE
    },
];

#[derive(Serialize, JsonSchema)]
struct RuleList {
    rules: Vec<Rule>,
    next_cursor: Option<String>,
}

async fn list(call: Call) -> Result<Response, Problem> {
    let found = desk(&call)?.alerting.rules().list(&page(&call)?).await.map_err(Problem::alerting)?;
    Ok(json_reply(StatusCode::OK, &RuleList { rules: found.items, next_cursor: found.next_cursor }))
}

async fn one(call: Call) -> Result<Response, Problem> {
    let rule = desk(&call)?.alerting.rules().get(call.params.segment("id")).await.map_err(Problem::alerting)?;
    Ok(shown(StatusCode::OK, &rule))
}

async fn create(mut call: Call) -> Result<Response, Problem> {
    let draft = body(&mut call, RuleDraft::read, EXAMPLE).await?;
    let desk = desk(&call)?;
    check(desk, &draft)?;
    let rule = desk.alerting.rules().create(draft, call.identity.owner()).await.map_err(Problem::alerting)?;
    in_force(desk, &rule.id, shown(StatusCode::CREATED, &rule)).await
}

async fn replace(mut call: Call) -> Result<Response, Problem> {
    let draft = body(&mut call, RuleDraft::read, EXAMPLE).await?;
    let (desk, id) = (desk(&call)?, call.params.segment("id"));
    check(desk, &draft)?;
    let rules = desk.alerting.rules();
    let stored = rules.get(id).await.map_err(Problem::alerting)?;
    call.identity.may(Action::Change { owner: &stored.owner })?;
    let version = match call.headers.get(header::IF_MATCH) {
        None => stored.version,
        Some(tag) => version_of(tag)?,
    };
    let rule = rules.replace(id, version, draft).await.map_err(Problem::alerting)?;
    in_force(desk, id, shown(StatusCode::OK, &rule)).await
}

async fn delete(call: Call) -> Result<Response, Problem> {
    let (desk, id) = (desk(&call)?, call.params.segment("id"));
    let rules = desk.alerting.rules();
    let stored = rules.get(id).await.map_err(Problem::alerting)?;
    call.identity.may(Action::Change { owner: &stored.owner })?;
    rules.delete(id).await.map_err(Problem::alerting)?;
    in_force(desk, id, nothing()).await
}

/// What the dataflow cannot do as it is configured.
fn check(desk: &Desk, draft: &RuleDraft) -> Result<(), Problem> {
    if draft.group_by == Some(Dimension::Host) && !desk.by_host {
        let what = "logs are not counted by host here; set `by_host = true` in [queries.rules]".to_owned();
        return Err(Problem::invalid(vec![FieldProblem { field: "group_by".to_owned(), what }]));
    }
    Ok(())
}

/// Answers once the dataflow has the rule.
async fn in_force(desk: &Desk, id: &str, response: Response) -> Result<Response, Problem> {
    match desk.feed.one(id).await {
        Ok(epoch) => Ok(at_epoch(response, epoch)),
        Err(FeedError::Rules(error)) => Err(Problem::alerting(error)),
        Err(FeedError::Input(error)) => Err(Problem::unavailable(FeedError::Input(error).to_string())),
    }
}

fn shown(status: StatusCode, rule: &Rule) -> Response {
    let mut response = json_reply(status, rule);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", rule.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn version_of(tag: &HeaderValue) -> Result<u64, Problem> {
    let version = tag.to_str().ok().and_then(|tag| tag.trim().trim_matches('"').parse().ok());
    version.ok_or_else(|| Problem::bad_request("the header `If-Match` is no rule's `ETag`, like \"3\""))
}
