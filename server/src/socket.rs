//! `GET /ws`: live changes of several views and live logs over one WebSocket.
//!
//! A client says `{"subscribe": ["view"]}`, `{"unsubscribe": ["view"]}`, and of logs `{"tail": {"query": "..",
//! "services": [..], "levels": [..], "trace_id": ".."}}`, which takes the place of a tail before it, `{"untail": true}`,
//! `{"pause": true}` and `{"resume": true}`. It hears `{"view", "epoch", "changes"}`, `{"logs": [..]}` and
//! `{"lagged": {"missed": n}}`.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use highwater_engine::Epoch;
use http::{HeaderValue, Method, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    live::{End, STOPPING, changes_of, keep_alive, place, snapshot_part, stopped, told, told_part},
    logs::{Batch, Filter, LiveTail},
    operation::{Answer, Handle, Operation, Verb},
    rates::Class,
    reply::{Response, empty},
    state::State,
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/ws"],
    tag: "Views",
    about: "Live changes of several views, and live logs, over one WebSocket",
    params: &[],
    body: None,
    answer: Answer {
        status: 101,
        about: "Messages of JSON. A client says `{\"subscribe\": [\"view\"]}`, `{\"unsubscribe\": [\"view\"]}`, `{\"tail\": \
                {\"query\", \"services\", \"levels\", \"trace_id\"}}`, `{\"untail\": true}`, `{\"pause\": true}` and \
                `{\"resume\": true}`. It hears `{\"view\", \"epoch\", \"changes\"}`, `{\"logs\": [..]}` and `{\"lagged\": \
                {\"missed\": n}}`",
        ..Answer::new(&[])
    },
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Stream(|call| Box::pin(async move { upgrade(call) })),
}];

/// A WebSocket that says nothing for this long, not even a pong, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest message of a client.
const MAX_MESSAGE: usize = 64 << 10;

/// A request to go on as a WebSocket (RFC 6455, section 4.2.1).
pub(crate) struct Upgrade {
    /// What says in the answer that it was understood.
    accept: HeaderValue,
    connection: OnUpgrade,
}

impl Upgrade {
    /// None where it is no such request, or not a whole one.
    pub(crate) fn of<B>(request: &mut http::Request<B>) -> Option<Self> {
        let headers = request.headers();
        let text = |name| headers.get(name)?.to_str().ok();
        let is_websocket = text(header::UPGRADE)?.eq_ignore_ascii_case("websocket");
        let asks = text(header::CONNECTION)?.split(',').any(|option| option.trim().eq_ignore_ascii_case("upgrade"));
        let is_known = text(header::SEC_WEBSOCKET_VERSION)? == "13";
        let accept = derive_accept_key(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes());
        let is_upgrade = is_websocket && asks && is_known && request.method() == Method::GET;
        let accept = HeaderValue::try_from(accept).ok().filter(|_| is_upgrade)?;
        Some(Upgrade { accept, connection: hyper::upgrade::on(request) })
    }
}

fn upgrade(call: Call) -> Result<Response, Problem> {
    let Call { state, upgrade, .. } = call;
    let Upgrade { accept, connection } = upgrade.ok_or_else(Problem::upgrade_required)?;
    let place = place(&state)?;
    tokio::spawn(async move {
        let _place = place;
        let stream = match connection.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return tracing::debug!(%error, "a connection did not become a WebSocket"),
        };
        let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let mut socket = Socket { socket, patience: state.limits.write_timeout };
        if let Err(End::Closed(reason)) = converse(&state, &mut socket).await {
            let _ = socket.say(&json!({ "closed": reason })).await;
            let frame = CloseFrame { code: CloseCode::Again, reason: reason.into() };
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
    });
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

struct Socket {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    patience: Duration,
}

impl Socket {
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(self.patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn say(&mut self, what: &impl Serialize) -> Result<(), End> {
        self.send(Message::text(serde_json::to_string(what).map_err(|_| End::Gone)?)).await
    }
}

async fn converse(state: &Arc<State>, socket: &mut Socket) -> Result<Infallible, End> {
    let mut feed = state.views.subscribe();
    // each view with the epoch that the client has seen
    let mut views: BTreeMap<String, Epoch> = BTreeMap::new();
    let mut tail: Option<LiveTail> = None;
    let mut keep_alive = keep_alive();
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
                if let Message::Text(text) = message {
                    listen(state, socket, &mut views, &mut tail, &text).await?;
                }
            },
            received = feed.recv() => match received {
                Ok(changes) => {
                    for (view, seen) in views.iter_mut().filter(|(_, seen)| **seen < changes.epoch) {
                        *seen = changes.epoch;
                        if let Some(rows) = changes_of(&changes, view) {
                            socket.say(&told(Some(view), changes.epoch, &rows)).await?;
                        }
                    }
                }
                Err(RecvError::Lagged(_)) if views.is_empty() => {}
                Err(RecvError::Lagged(epochs)) => return Err(End::Closed(format!("too slow: {epochs} epochs were missed"))),
                Err(RecvError::Closed) => return Err(End::Closed("the job is over".to_owned())),
            },
            batch = next(&mut tail) => match batch {
                Some(batch) => pass_on(batch, socket).await?,
                None => return Err(End::Closed("the log store is closed".to_owned())),
            },
            _ = keep_alive.tick() => {
                if heard.elapsed() > SILENCE {
                    return Err(End::Gone);
                }
                socket.send(Message::Ping(Bytes::new())).await?;
            },
            () = stopped(&mut stopping) => return Err(End::Closed(STOPPING.to_owned())),
        }
    }
}

/// The logs that go out next; where no tail is asked for, never any.
async fn next(tail: &mut Option<LiveTail>) -> Option<Batch> {
    match tail {
        Some(tail) => tail.next().await,
        None => std::future::pending().await,
    }
}

async fn pass_on(Batch { logs, missed }: Batch, socket: &mut Socket) -> Result<(), End> {
    if let Some(logs) = logs {
        socket.send(Message::text(format!("{{\"logs\":{logs}}}"))).await?;
    }
    if missed > 0 {
        socket.say(&json!({ "lagged": { "missed": missed } })).await?;
    }
    Ok(())
}

/// What a client says.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    subscribe: Vec<String>,
    unsubscribe: Vec<String>,
    tail: Option<Filter>,
    untail: bool,
    pause: bool,
    resume: bool,
}

async fn listen(
    state: &Arc<State>,
    socket: &mut Socket,
    views: &mut BTreeMap<String, Epoch>,
    tail: &mut Option<LiveTail>,
    text: &str,
) -> Result<(), End> {
    let wish: Wish = match serde_json::from_str(text) {
        Ok(wish) => wish,
        Err(error) => {
            let problem = format!("not understood ({error}); say {{\"subscribe\": [\"view\"]}} or {{\"tail\": {{}}}}");
            return socket.say(&json!({ "error": problem })).await;
        }
    };
    tail_as_wished(state, socket, &wish, tail).await?;
    for name in wish.unsubscribe {
        views.remove(&name);
    }
    for name in wish.subscribe {
        subscribe(state, socket, views, name).await?;
    }
    Ok(())
}

async fn tail_as_wished(
    state: &Arc<State>,
    socket: &mut Socket,
    wish: &Wish,
    tail: &mut Option<LiveTail>,
) -> Result<(), End> {
    if wish.untail {
        *tail = None;
    }
    if let Some(filter) = &wish.tail {
        match LiveTail::new(state, filter, 0) {
            Ok(new) => {
                socket.say(&json!({ "tailing": new.query() })).await?;
                *tail = Some(new);
            }
            Err(problem) => socket.say(&json!({ "error": problem.detail(), "tail": filter })).await?,
        }
    }
    if let Some(tail) = tail
        && (wish.pause || wish.resume)
    {
        tail.pause(wish.pause);
    }
    Ok(())
}

async fn subscribe(
    state: &Arc<State>,
    socket: &mut Socket,
    views: &mut BTreeMap<String, Epoch>,
    name: String,
) -> Result<(), End> {
    let snapshot = state.views.snapshot();
    let Some(view) = snapshot.view(&name) else {
        let problem = format!("no query publishes a view `{name}`");
        return socket.say(&json!({ "error": problem, "view": name })).await;
    };
    let mut after = None;
    loop {
        let (rows, next) = snapshot_part(&**view, after);
        let more = next.is_some();
        socket.say(&told_part(Some(&name), snapshot.epoch, &rows, more)).await?;
        if !more {
            break;
        }
        after = next;
    }
    views.insert(name, snapshot.epoch);
    Ok(())
}
