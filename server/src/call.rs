//! [`Call`]: one request that is being answered, and where answers are made.

use std::sync::Arc;

use bytes::Bytes;
use highwater_engine::Snapshot;
use highwater_logstore::LogStore;
use http::HeaderMap;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::{
    body,
    context::Context,
    error::Problem,
    identity::Identity,
    logs,
    operation::{Handle, Operation},
    params::Params,
    reply::{Response, json_bytes},
    socket::Upgrade,
    state::State,
};

/// One request that is being answered.
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) operation: &'static Operation,
    /// Who asks.
    pub(crate) identity: Identity,
    /// Ids of the request and its trace.
    pub(crate) context: Arc<Context>,
    /// Path and query as they came.
    pub(crate) target: String,
    pub(crate) params: Params,
    pub(crate) headers: HeaderMap,
    /// Where it asks for a WebSocket.
    pub(crate) upgrade: Option<Upgrade>,
    /// None once it has been read.
    pub(crate) body: Option<Incoming>,
}

impl Call {
    /// Answers it.
    pub(crate) async fn answer(self) -> Result<Response, Problem> {
        match self.operation.handle {
            Handle::Now(answer) => answer(&self),
            Handle::Steps(steps) | Handle::Stream(steps) => steps(self).await,
            Handle::Views(answer) => {
                let (state, places) = (self.state.clone(), self.state.reading.clone());
                make(&state, &places, move || answer(&self, &self.state.views.snapshot())).await
            }
            Handle::Rows(answer) => {
                let (state, epoch) = (self.state.clone(), self.state.views.published());
                if let Some(page) = state.pages.get(epoch, &self.target) {
                    return Ok(json_bytes(epoch, page));
                }
                let places = state.reading.clone();
                make(&state, &places, move || {
                    let snapshot = self.state.views.snapshot();
                    let page = Bytes::from(answer(&self, &snapshot)?);
                    self.state.pages.put(snapshot.epoch, self.target, page.clone());
                    Ok(json_bytes(snapshot.epoch, page))
                })
                .await
            }
            Handle::Logs(answer) => {
                let (state, places, store) =
                    (self.state.clone(), self.state.searching.clone(), logs::store(&self.state)?);
                make(&state, &places, move || answer(&self, &store, &self.state.views.snapshot())).await
            }
        }
    }

    /// The body, never more of it than the operation takes.
    pub(crate) async fn bytes(&mut self) -> Result<Vec<u8>, Problem> {
        let most = self.operation.body.and_then(|body| body.most).unwrap_or(self.state.limits.body_bytes);
        body::read(&self.headers, self.body.take(), most, self.state.limits.request_timeout).await
    }

    /// The body as JSON. `example` says how it is meant.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, example: &str) -> Result<T, Problem> {
        body::is_json(&self.headers)?;
        let bytes = self.bytes().await?;
        body::read_json(&bytes, example)
    }

    /// The same, where no body at all will do.
    pub(crate) async fn json_or_nothing<T: DeserializeOwned + Default>(&mut self, example: &str) -> Result<T, Problem> {
        body::is_json(&self.headers)?;
        let bytes = self.bytes().await?;
        if bytes.trim_ascii().is_empty() { Ok(T::default()) } else { body::read_json(&bytes, example) }
    }
}

/// Reads one snapshot.
pub(crate) async fn read<T: Send + 'static>(
    state: &Arc<State>,
    answer: impl FnOnce(&Snapshot) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let views = state.views.clone();
    make(state, &state.reading, move || answer(&views.snapshot())).await
}

/// Reads the log store.
pub(crate) async fn search<T: Send + 'static>(
    state: &Arc<State>,
    answer: impl FnOnce(&LogStore, &Snapshot) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (store, views) = (logs::store(state)?, state.views.clone());
    make(state, &state.searching, move || answer(&store, &views.snapshot())).await
}

/// Makes an answer on a thread that may take its time, as many at once as there are places.
async fn make<T: Send + 'static>(
    state: &State,
    places: &Arc<Semaphore>,
    answer: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let places = places.clone();
    let work = async {
        let place = places.acquire_owned().await.map_err(|_| Problem::internal())?;
        let request = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            request.in_scope(answer)
        });
        done.await.map_err(|_| Problem::internal())?
    };
    match tokio::time::timeout(state.limits.request_timeout, work).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::unavailable("the answer took too long; ask for less, or try again later")),
    }
}
