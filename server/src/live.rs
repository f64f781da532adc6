//! Live changes of a view as server-sent events, and what all live readers have in common.
//!
//! A reader first gets the view as of one epoch, then what each later epoch changed. What a reader has not taken waits
//! in the ring that all readers share; whoever falls out of it is told so and disconnected.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use highwater_engine::{Epoch, EpochChanges, Place, Record, RowFilter, Snapshot, ViewSnapshot};
use http::{HeaderValue, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{Receiver, error::RecvError},
        mpsc, watch,
    },
    time::{Instant, Interval, interval_at},
};

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, EPOCH, Handle, In, Kind, Operation, Param, Verb, pieces_of},
    rates::Class,
    reply::{Response, at_epoch, streamed},
    state::State,
    views::{Change, NAME, change, missing},
};

const LAST: Param = Param {
    name: "Last-Event-ID",
    place: In::Header,
    about: "The last epoch that was seen: what came since is told first, where it is still known",
    kind: Kind::Text,
    example: None,
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/views/{name}/changes"],
    tag: "Views",
    about: "What changes in a view, epoch by epoch, as server-sent events",
    params: &[NAME, LAST],
    body: None,
    answer: Answer {
        about: "Events with an epoch as their id; their data is JSON: `{\"epoch\": n, \"changes\": [{\"key\", \"value\", \
                \"window_start\"?, \"diff\": 1 or -1}]}`, at first all rows, with `\"snapshot\": true` and `\"more\"`. An event \
                `closed` says why the stream ends",
        headers: EPOCH,
        ..Answer::new(&[("text/event-stream", Some(pieces_of::<Changes<'_>>))])
    },
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Stream(|call| Box::pin(async move { changes(&call) })),
}];

/// What one event, or one message of a WebSocket, says of a view.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Changes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) view: Option<&'a str>,
    pub(crate) epoch: Epoch,
    #[serde(flatten)]
    pub(crate) snapshot: Option<Part>,
    pub(crate) changes: Vec<Change<'a>>,
}

/// That it is where the view stands rather than what changed, and whether there is more of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Part {
    snapshot: bool,
    more: bool,
}

/// Rows of a snapshot that travel in one event.
const SNAPSHOT_ROWS: usize = 5000;
/// Events that wait for one reader's connection.
const WAITING_EVENTS: usize = 4;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) const STOPPING: &str = "the server stops; connect again later";

fn lagged(epochs: u64) -> String {
    format!("too slow: {epochs} epochs were missed; connect again, with Last-Event-ID to go on where it is still kept")
}

/// Waits until the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A place among the live readers.
pub(crate) fn place(state: &State) -> Result<OwnedSemaphorePermit, Problem> {
    state.live.clone().try_acquire_owned().map_err(|_| {
        let most = state.limits.live_connections;
        Problem::unavailable(format!("all {most} places for live readers are taken; try again later"))
    })
}

/// A part of a view: its rows, and where the next part begins.
pub(crate) fn snapshot_part(view: &dyn ViewSnapshot, after: Option<Place>) -> (Vec<Record>, Option<Place>) {
    let rows = view.rows(&RowFilter { after, ..RowFilter::default() }, SNAPSHOT_ROWS);
    let next = rows.last().filter(|_| rows.len() == SNAPSHOT_ROWS).map(Record::place);
    (rows, next)
}

/// What is said of a part of a view.
pub(crate) fn told_part<'a>(view: Option<&'a str>, epoch: Epoch, rows: &'a [Record], more: bool) -> Changes<'a> {
    let changes = rows.iter().map(|row| change(row, 1)).collect();
    Changes { view, epoch, snapshot: Some(Part { snapshot: true, more }), changes }
}

/// What an epoch changed in one view.
pub(crate) fn changes_of(changes: &EpochChanges, view: &str) -> Option<Vec<(Record, i8)>> {
    changes.views.iter().find(|changed| &**changed.view() == view).map(|changed| changed.changes())
}

/// What is said of it.
pub(crate) fn told<'a>(view: Option<&'a str>, epoch: Epoch, rows: &'a [(Record, i8)]) -> Changes<'a> {
    let changes = rows.iter().map(|(record, diff)| change(record, *diff)).collect();
    Changes { view, epoch, snapshot: None, changes }
}

// ---- server-sent events ----------------------------------------------------------------------------------------------

/// Why a stream of events ends.
pub(crate) enum End {
    /// The reader is gone, or takes nothing any more.
    Gone,
    /// For a reason that the reader is told.
    Closed(String),
}

/// A stream of events to one reader.
pub(crate) struct Events {
    out: mpsc::Sender<Bytes>,
    patience: Duration,
}

impl Events {
    pub(crate) async fn send(&self, text: impl Into<Bytes>) -> Result<(), End> {
        match tokio::time::timeout(self.patience, self.out.send(text.into())).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// Waits until the reader is gone.
    pub(crate) async fn closed(&self) {
        self.out.closed().await;
    }
}

/// One event.
fn event(id: Option<Epoch>, data: &Changes<'_>) -> Result<Bytes, End> {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let data = serde_json::to_string(data).map_err(|_| End::Gone)?;
    Ok(format!("{id}data: {data}\n\n").into())
}

fn changes(call: &Call) -> Result<Response, Problem> {
    let (state, name) = (&call.state, call.params.segment(NAME.name));
    let last = call.headers.get(LAST.name).and_then(|id| id.to_str().ok()?.trim().parse::<Epoch>().ok());
    // first the changes, then the snapshot: what the snapshot holds is skipped later
    let feed = state.views.subscribe();
    let snapshot = state.views.snapshot();
    if snapshot.view(name).is_none() {
        return Err(missing(name));
    }
    let epoch = snapshot.epoch;
    let (follower, name) = (state.clone(), name.to_owned());
    let response =
        stream(state, |events| async move { follow(&follower, &name, snapshot, last, feed, &events).await })?;
    Ok(at_epoch(response, epoch))
}

/// An answer that goes on until `follow` ends; why it ends is the last event.
pub(crate) fn stream<F>(state: &State, follow: impl FnOnce(Arc<Events>) -> F) -> Result<Response, Problem>
where
    F: Future<Output = Result<Infallible, End>> + Send + 'static,
{
    let place = place(state)?;
    let (out, mut events) = mpsc::channel(WAITING_EVENTS);
    let events_out = Arc::new(Events { out, patience: state.limits.write_timeout });
    let following = follow(events_out.clone());
    tokio::spawn(async move {
        let _place = place;
        if let Err(End::Closed(reason)) = following.await {
            let _ = events_out.send(format!("event: closed\ndata: {}\n\n", json!({ "reason": reason }))).await;
        }
    });
    let stream = futures_util::stream::poll_fn(move |context| events.poll_recv(context)).map(Ok);
    let mut response = streamed(stream);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// When to say that the connection is alive.
pub(crate) fn keep_alive() -> Interval {
    interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE)
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
            events.send(": resumed\n\n").await?;
            for changes in &missed {
                epoch_event(state, changes, name, events).await?;
            }
            missed.last().map_or(last, |changes| changes.epoch)
        }
        None => {
            let view = snapshot.view(name).ok_or(End::Gone)?;
            let mut after = None;
            loop {
                let (rows, next) = snapshot_part(&**view, after);
                let more = next.is_some();
                let data = told_part(None, snapshot.epoch, &rows, more);
                // only whole snapshots can be resumed from
                events.send(event((!more).then_some(snapshot.epoch), &data)?).await?;
                if !more {
                    break;
                }
                after = next;
            }
            snapshot.epoch
        }
    };
    drop(snapshot);
    let mut keep_alive = keep_alive();
    let mut stopping = state.stopping.clone();
    loop {
        tokio::select! {
            received = feed.recv() => match received {
                Ok(changes) if changes.epoch <= seen => {}
                Ok(changes) => {
                    seen = changes.epoch;
                    epoch_event(state, &changes, name, events).await?;
                }
                Err(RecvError::Lagged(epochs)) => return Err(End::Closed(lagged(epochs))),
                Err(RecvError::Closed) => return Err(End::Closed("the job is over".to_owned())),
            },
            _ = keep_alive.tick() => events.send(": alive\n\n").await?,
            () = stopped(&mut stopping) => return Err(End::Closed(STOPPING.to_owned())),
            () = events.closed() => return Err(End::Gone),
        }
    }
}

/// What an epoch changed is written once, for all readers of the view.
async fn epoch_event(state: &State, changes: &EpochChanges, name: &str, events: &Events) -> Result<(), End> {
    let epoch = changes.epoch;
    if let Some(told) = state.told.get(epoch, name) {
        return events.send(told).await;
    }
    let Some(rows) = changes_of(changes, name) else { return Ok(()) };
    let event = event(Some(epoch), &told(None, epoch, &rows))?;
    state.told.put(epoch, name.to_owned(), event.clone());
    events.send(event).await
}
