//! Live changes: server-sent events of one view, a WebSocket for several.
//!
//! A reader first gets the view as of one epoch, then what each later epoch changed. What a reader has not taken waits
//! in the ring that all readers share; whoever falls out of it is told so and disconnected.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use highwater_engine::{Epoch, EpochChanges, Place, Record, RowFilter, Snapshot, ViewSnapshot};
use serde_json::{Value as Json, json};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{Receiver, error::RecvError},
    mpsc, watch,
};
use warp::{
    filters::ws::{Message, WebSocket, Ws},
    http::{HeaderValue, header},
    reply::{Reply, Response},
};

use crate::{
    error::Problem,
    routes::{State, at_epoch},
    views::{change, missing},
};

/// Rows of a snapshot that travel in one event.
const SNAPSHOT_ROWS: usize = 5000;
/// Events that wait for one reader's connection.
const WAITING_EVENTS: usize = 4;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A WebSocket that says nothing for this long, not even a pong, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest message of a WebSocket client.
const MAX_MESSAGE: usize = 64 << 10;

const STOPPING: &str = "the server stops; connect again later";

fn lagged(epochs: u64) -> String {
    format!("too slow: {epochs} epochs were missed; connect again, with Last-Event-ID to go on where it is still kept")
}

/// Waits until the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A place among the live readers.
fn place(state: &State) -> Result<OwnedSemaphorePermit, Problem> {
    state.live.clone().try_acquire_owned().map_err(|_| {
        let most = state.limits.live_connections;
        Problem::unavailable(format!("all {most} places for live readers are taken; try again later"))
    })
}

/// A part of a view as changes that came, and where the next one begins.
fn snapshot_part(view: &dyn ViewSnapshot, after: Option<Place>) -> (Vec<Json>, Option<Place>) {
    let rows = view.rows(&RowFilter { after, ..RowFilter::default() }, SNAPSHOT_ROWS);
    let next = rows.last().filter(|_| rows.len() == SNAPSHOT_ROWS).map(Record::place);
    (rows.iter().map(|row| change(row, 1)).collect(), next)
}

/// What an epoch changed in one view.
fn changes_of(changes: &EpochChanges, view: &str) -> Option<Vec<Json>> {
    let changed = changes.views.iter().find(|changed| &**changed.view() == view)?;
    Some(changed.changes().iter().map(|(record, diff)| change(record, *diff)).collect())
}

// ---- server-sent events ----------------------------------------------------------------------------------------------

/// Why a stream of events ends.
enum End {
    /// The reader is gone, or takes nothing any more.
    Gone,
    /// For a reason that the reader is told.
    Closed(String),
}

struct Events {
    out: mpsc::Sender<String>,
    patience: Duration,
}

impl Events {
    async fn send(&self, text: String) -> Result<(), End> {
        match tokio::time::timeout(self.patience, self.out.send(text)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn event(&self, id: Option<Epoch>, data: &Json) -> Result<(), End> {
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        self.send(format!("{id}data: {data}\n\n")).await
    }
}

/// `GET /views/{name}/changes`.
pub(crate) fn changes(state: &Arc<State>, name: &str, last: Option<Epoch>) -> Result<Response, Problem> {
    // first the changes, then the snapshot: what the snapshot holds is skipped later
    let feed = state.views.subscribe();
    let snapshot = state.views.snapshot();
    if snapshot.view(name).is_none() {
        return Err(missing(name));
    }
    let place = place(state)?;
    let epoch = snapshot.epoch;
    let (out, mut events) = mpsc::channel(WAITING_EVENTS);
    let events_out = Events { out, patience: state.limits.write_timeout };
    let (state, name) = (state.clone(), name.to_owned());
    tokio::spawn(async move {
        let _place = place;
        if let Err(End::Closed(reason)) = follow(&state, &name, snapshot, last, feed, &events_out).await {
            let _ = events_out.send(format!("event: closed\ndata: {}\n\n", json!({ "reason": reason }))).await;
        }
    });
    let stream = futures_util::stream::poll_fn(move |context| events.poll_recv(context)).map(Ok::<_, Infallible>);
    let mut response = at_epoch(warp::reply::stream(stream).into_response(), epoch);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Sends where the view stands, then what changes, until the end.
async fn follow(
    state: &State,
    name: &str,
    snapshot: Arc<Snapshot>,
    last: Option<Epoch>,
    mut feed: Receiver<Arc<EpochChanges>>,
    events: &Events,
) -> Result<Infallible, End> {
    // an epoch that is yet to come is none that this server told anyone
    let missed =
        last.filter(|last| *last <= snapshot.epoch).and_then(|last| Some((last, state.views.changes_since(last)?)));
    let mut seen = match missed {
        Some((last, missed)) => {
            events.send(": resumed\n\n".to_owned()).await?;
            for changes in &missed {
                epoch_event(changes, name, events).await?;
            }
            missed.last().map_or(last, |changes| changes.epoch)
        }
        None => {
            let view = snapshot.view(name).ok_or(End::Gone)?;
            let mut after = None;
            loop {
                let (rows, next) = snapshot_part(&**view, after);
                let more = next.is_some();
                let data = json!({ "epoch": snapshot.epoch, "snapshot": true, "more": more, "changes": rows });
                // only whole snapshots can be resumed from
                events.event((!more).then_some(snapshot.epoch), &data).await?;
                if !more {
                    break;
                }
                after = next;
            }
            snapshot.epoch
        }
    };
    drop(snapshot);
    let mut keep_alive = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    let mut stopping = state.stopping.clone();
    loop {
        tokio::select! {
            received = feed.recv() => match received {
                Ok(changes) if changes.epoch <= seen => {}
                Ok(changes) => {
                    seen = changes.epoch;
                    epoch_event(&changes, name, events).await?;
                }
                Err(RecvError::Lagged(epochs)) => return Err(End::Closed(lagged(epochs))),
                Err(RecvError::Closed) => return Err(End::Closed("the job is over".to_owned())),
            },
            _ = keep_alive.tick() => events.send(": alive\n\n".to_owned()).await?,
            () = stopped(&mut stopping) => return Err(End::Closed(STOPPING.to_owned())),
            () = events.out.closed() => return Err(End::Gone),
        }
    }
}

async fn epoch_event(changes: &EpochChanges, name: &str, events: &Events) -> Result<(), End> {
    match changes_of(changes, name) {
        Some(rows) => events.event(Some(changes.epoch), &json!({ "epoch": changes.epoch, "changes": rows })).await,
        None => Ok(()),
    }
}

// ---- WebSocket -------------------------------------------------------------------------------------------------------

/// `GET /ws`.
pub(crate) fn upgrade(state: &Arc<State>, ws: Ws) -> Result<Response, Problem> {
    let place = place(state)?;
    let state = state.clone();
    let ws = ws.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    let reply = ws.on_upgrade(move |socket| async move {
        let _place = place;
        let mut socket = Socket { socket, patience: state.limits.write_timeout };
        if let Err(End::Closed(reason)) = converse(&state, &mut socket).await {
            let _ = socket.say(&json!({ "closed": reason })).await;
            let _ = socket.send(Message::close_with(1013_u16, reason)).await;
        }
    });
    Ok(reply.into_response())
}

struct Socket {
    socket: WebSocket,
    patience: Duration,
}

impl Socket {
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(self.patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn say(&mut self, what: &Json) -> Result<(), End> {
        self.send(Message::text(what.to_string())).await
    }
}

async fn converse(state: &State, socket: &mut Socket) -> Result<Infallible, End> {
    let mut feed = state.views.subscribe();
    // each view with the epoch that the client has seen
    let mut views: BTreeMap<String, Epoch> = BTreeMap::new();
    let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
    let mut stopping = state.stopping.clone();
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            message = socket.socket.next() => {
                let Some(Ok(message)) = message else { return Err(End::Gone) };
                heard = Instant::now();
                if message.is_close() {
                    return Err(End::Gone);
                }
                if let Ok(text) = message.to_str() {
                    listen(state, socket, &mut views, text).await?;
                }
            },
            received = feed.recv() => match received {
                Ok(changes) => {
                    for (view, seen) in views.iter_mut().filter(|(_, seen)| **seen < changes.epoch) {
                        *seen = changes.epoch;
                        if let Some(rows) = changes_of(&changes, view) {
                            socket.say(&json!({ "view": view, "epoch": changes.epoch, "changes": rows })).await?;
                        }
                    }
                }
                Err(RecvError::Lagged(_)) if views.is_empty() => {}
                Err(RecvError::Lagged(epochs)) => return Err(End::Closed(format!("too slow: {epochs} epochs were missed"))),
                Err(RecvError::Closed) => return Err(End::Closed("the job is over".to_owned())),
            },
            _ = keep_alive.tick() => {
                if heard.elapsed() > SILENCE {
                    return Err(End::Gone);
                }
                socket.send(Message::ping(Vec::new())).await?;
            },
            () = stopped(&mut stopping) => return Err(End::Closed(STOPPING.to_owned())),
        }
    }
}

/// What a client says: `{"subscribe": ["view", ..]}` or `{"unsubscribe": ["view", ..]}`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    subscribe: Vec<String>,
    #[serde(default)]
    unsubscribe: Vec<String>,
}

async fn listen(
    state: &State,
    socket: &mut Socket,
    views: &mut BTreeMap<String, Epoch>,
    text: &str,
) -> Result<(), End> {
    let wish: Wish = match serde_json::from_str(text) {
        Ok(wish) => wish,
        Err(error) => {
            let problem = format!("not understood ({error}); say {{\"subscribe\": [\"view\"]}}");
            return socket.say(&json!({ "error": problem })).await;
        }
    };
    for name in wish.unsubscribe {
        views.remove(&name);
    }
    for name in wish.subscribe {
        let snapshot = state.views.snapshot();
        let Some(view) = snapshot.view(&name) else {
            socket.say(&json!({ "error": format!("no query publishes a view `{name}`"), "view": name })).await?;
            continue;
        };
        let mut after = None;
        loop {
            let (rows, next) = snapshot_part(&**view, after);
            let more = next.is_some();
            let epoch = snapshot.epoch;
            let said = json!({ "view": name, "epoch": epoch, "snapshot": true, "more": more, "changes": rows });
            socket.say(&said).await?;
            if !more {
                break;
            }
            after = next;
        }
        views.insert(name, snapshot.epoch);
    }
    Ok(())
}
