//! `/audit`: who changed what. Each call that changes something is noted with how it ended.

use highwater_engine::Timestamp;
use highwater_metadata::{AuditBounds, AuditEntry, AuditLog, AuditQuery, Deed};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::Problem,
    identity::{Access, Identity},
    operation::{Answer, CURSOR, Handle, Kind, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply, time},
    state::State,
};

const LIMIT: Param = Param::limit(1000, 100);
const ACTOR: Param = Param::query("actor", Kind::Word, "Only what this user did");

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/audit"],
    tag: "Accounts",
    about: "Who changed what, the newest first",
    params: &[ACTOR, LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<AuditList>))]),
    access: Access::Admin,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(list(call))),
}];

#[derive(Serialize, JsonSchema)]
struct AuditRow {
    at: Timestamp,
    /// None who is known.
    actor: Option<String>,
    method: String,
    route: String,
    /// To what: an id or a name.
    target: Option<String>,
    /// The status that was answered.
    outcome: u16,
    request_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct AuditList {
    entries: Vec<AuditRow>,
    next_cursor: Option<String>,
}

/// Notes a call that changed something, or was to; where that cannot be noted, the server's own log has it.
pub(crate) async fn note(
    state: &State,
    operation: &Operation,
    identity: &Identity,
    target: Option<&str>,
    outcome: StatusCode,
    request_id: &str,
) {
    let Some(metadata) = state.metadata.clone().filter(|_| operation.is_audited()) else { return };
    let deed = Deed {
        actor: identity.known_name().map(str::to_owned),
        method: operation.verb.name().to_owned(),
        route: operation.paths.first().copied().unwrap_or_default().to_owned(),
        target: target.map(str::to_owned),
        outcome: outcome.as_u16(),
        request_id: Some(request_id.to_owned()),
    };
    if let Err(error) = AuditLog::new(metadata, AuditBounds::default()).record(deed.clone()).await {
        tracing::error!(%error, ?deed, "a change is not in the audit log");
    }
}

async fn list(call: Call) -> Result<Response, Problem> {
    let metadata =
        call.state.metadata.clone().ok_or_else(|| Problem::unavailable("this process keeps no audit log"))?;
    let limit = call.params.whole(&LIMIT)?.unwrap_or(100);
    let before = call.params.text("cursor")?.map(|cursor| {
        let (at, id) = cursor.split_once(':')?;
        Some((jiff::Timestamp::from_microsecond(at.parse().ok()?).ok()?, id.to_owned()))
    });
    let allowed = "the next_cursor of the page before";
    let bad = || Problem::bad_parameter("cursor", call.params.text("cursor").ok().flatten().unwrap_or(""), allowed);
    let before = before.map(|place| place.ok_or_else(bad)).transpose()?;
    let query = AuditQuery { actor: call.params.word("actor")?.map(str::to_owned), before };
    let most = u32::try_from(limit).unwrap_or(u32::MAX);
    let found = AuditLog::new(metadata, AuditBounds::default()).list(&query, most + 1).await;
    let mut found = found.map_err(Problem::metadata)?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let cursor = |entry: &AuditEntry| format!("{}:{}", entry.at.as_microsecond(), entry.id);
    let next_cursor = found.last().filter(|_| is_more).map(cursor);
    let entries = found.into_iter().map(|AuditEntry { at, deed, .. }| AuditRow {
        at: time(at),
        actor: deed.actor,
        method: deed.method,
        route: deed.route,
        target: deed.target,
        outcome: deed.outcome,
        request_id: deed.request_id,
    });
    Ok(json_reply(StatusCode::OK, &AuditList { entries: entries.collect(), next_cursor }))
}
