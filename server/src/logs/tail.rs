//! `GET /logs/tail`: logs as they are read, as server-sent events.

use std::{convert::Infallible, sync::Arc};

use warp::reply::Response;

use super::{
    asked::Filter,
    live_tail::{Batch, LiveTail},
    store,
};
use crate::{
    error::Problem,
    live::{self, End, Events, STOPPING, keep_alive, stopped},
    params::Params,
    routes::State,
};

/// An event carries `{"logs": [..]}`; one called `lagged` says how many logs were missed: `{"missed": 17}`.
pub(crate) fn tail(state: &Arc<State>, params: &Params) -> Result<Response, Problem> {
    let tail = LiveTail::new(&store(state)?, &state.views, &Filter::from_params(params)?)?;
    let follower = state.clone();
    live::stream(state, |events| async move { follow(&follower, tail, &events).await })
}

async fn follow(state: &State, mut tail: LiveTail, events: &Events) -> Result<Infallible, End> {
    let mut keep_alive = keep_alive();
    let mut stopping = state.stopping.clone();
    events.send(": listening\n\n".to_owned()).await?;
    loop {
        tokio::select! {
            batch = tail.next() => match batch {
                Some(batch) => send(batch, events).await?,
                None => return Err(End::Closed("the log store is closed".to_owned())),
            },
            _ = keep_alive.tick() => events.send(": alive\n\n".to_owned()).await?,
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
