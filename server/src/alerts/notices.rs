//! `/alerts/notices`: what waits to be told, what could not be, and whether a channel works.

use highwater_alerting::{ChannelConfig, ChannelKind, DeadLetter, TestError};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LIMIT, MOST, desk, page};
use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Body, CURSOR, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, json_reply, nothing},
};

const DEAD: Operation = Operation {
    verb: Verb::Get,
    paths: &["/api/v1/alerts/notices/dead-letters"],
    tag: "Alerts",
    about: "Notices that were given up, the oldest first, and how many still wait",
    params: &[LIMIT, CURSOR],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<DeadLetterList>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Steps(|call| Box::pin(dead_letters(call))),
};

pub(super) const OPERATIONS: &[Operation] = &[
    DEAD,
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/alerts/notices/dead-letters/{id}/requeue"],
        about: "Try to send it again, under the same id",
        params: &[Param::path("id", "The notice's id")],
        answer: Answer { status: 204, about: "It waits to be sent", ..Answer::new(&[]) },
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(requeue(call))),
        ..DEAD
    },
    Operation {
        verb: Verb::Post,
        paths: &["/api/v1/alerts/notices/test"],
        about: "Send a notice that says that it is a test, once",
        params: &[],
        body: Some(Body { kinds: &[("application/json", Some(of::<Channel>))], required: true, most: MOST }),
        answer: Answer::new(&[("application/json", Some(of::<Tested>))]),
        access: Access::Write,
        handle: Handle::Steps(|call| Box::pin(test(call))),
        ..DEAD
    },
];

#[derive(Serialize, JsonSchema)]
struct DeadLetterList {
    dead_letters: Vec<DeadLetter>,
    /// How many notices wait to be sent.
    waiting: u64,
    next_cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Channel {
    notification_channel: ChannelKind,
    #[serde(default)]
    notification_config: ChannelConfig,
}

#[derive(Serialize, JsonSchema)]
struct Tested {
    /// Whether it arrived.
    delivered: bool,
    /// Why not.
    reason: Option<String>,
}

async fn dead_letters(call: Call) -> Result<Response, Problem> {
    let queue = desk(&call)?.alerting.queue();
    let found = queue.dead_letters(&page(&call)?).await.map_err(Problem::alerting)?;
    let waiting = queue.waiting().await.map_err(Problem::alerting)?;
    Ok(json_reply(
        StatusCode::OK,
        &DeadLetterList { dead_letters: found.items, waiting, next_cursor: found.next_cursor },
    ))
}

async fn requeue(call: Call) -> Result<Response, Problem> {
    desk(&call)?.alerting.queue().requeue(call.params.segment("id")).await.map_err(Problem::alerting)?;
    Ok(nothing())
}

async fn test(mut call: Call) -> Result<Response, Problem> {
    let example = r#"{"notification_channel": "slack", "notification_config": {"url": "https://hooks.example/.."}}"#;
    let Channel { notification_channel, notification_config } = call.json(example).await?;
    let alerting = desk(&call)?.alerting.clone();
    let sent = tokio::task::spawn_blocking(move || alerting.send_test(notification_channel, &notification_config));
    let reason = match sent.await.map_err(|_| Problem::internal())? {
        Ok(()) => None,
        Err(TestError::Config(problem)) => return Err(Problem::invalid(vec![problem.into()])),
        Err(TestError::Send(error)) => Some(error.to_string()),
    };
    Ok(json_reply(StatusCode::OK, &Tested { delivered: reason.is_none(), reason }))
}
