//! `GET /logs/tail`: logs as they are read, as server-sent events.

use std::convert::Infallible;

use schemars::JsonSchema;

use super::{
    asked::{Filter, MOST},
    live_tail::{Batch, LiveTail},
    marks::Shown,
};
use crate::{
    call::Call,
    error::Problem,
    live::{self, End, Events, STOPPING, keep_alive, stopped},
    operation::{Kind, Param},
    reply::Response,
    state::State,
};

pub(super) const LAST: Param = Param::query(
    "last",
    Kind::Whole { least: 0, most: MOST, usual: Some(0) },
    "Begin with the newest logs that were before: so many at most",
);

/// What an event carries; one called `lagged` says how many logs were missed: `{"missed": 17}`.
#[derive(JsonSchema)]
pub(super) struct Tailed<'a> {
    #[expect(dead_code, reason = "logs are written one by one, as they come")]
    logs: Vec<Shown<'a>>,
}

pub(super) fn tail(call: &Call) -> Result<Response, Problem> {
    let state = &call.state;
    let last = call.params.whole(&LAST)?.unwrap_or_default();
    let tail = LiveTail::new(state, &Filter::from_params(&call.params)?, last)?;
    let follower = state.clone();
    live::stream(state, |events| async move { follow(&follower, tail, &events).await })
}

async fn follow(state: &State, mut tail: LiveTail, events: &Events) -> Result<Infallible, End> {
    let mut keep_alive = keep_alive();
    let mut stopping = state.stopping.clone();
    events.send(": listening\n\n").await?;
    loop {
        tokio::select! {
            batch = tail.next() => match batch {
                Some(batch) => send(batch, events).await?,
                None => return Err(End::Closed("the log store is closed".to_owned())),
            },
            _ = keep_alive.tick() => events.send(": alive\n\n").await?,
            () = stopped(&mut stopping) => return Err(End::Closed(STOPPING.to_owned())),
            () = events.closed() => return Err(End::Gone),
        }
    }
}

async fn send(Batch { logs, missed }: Batch, events: &Events) -> Result<(), End> {
    if let Some(logs) = logs {
        events.send(format!("data: {{\"logs\":{logs}}}\n\n")).await?;
    }
    if missed > 0 {
        events.send(format!("event: lagged\ndata: {{\"missed\":{missed}}}\n\n")).await?;
    }
    Ok(())
}
