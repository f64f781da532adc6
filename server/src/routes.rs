//! From a request to its answer: addresses, what every answer carries, and who may ask.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt};
use highwater_ask::Model;
use highwater_engine::{Epoch, Snapshot, Views, metrics::Metrics};
use highwater_logstore::LogStore;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use warp::{
    Buf, Filter, Rejection,
    filters::{BoxedFilter, path::FullPath, ws::Ws},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    reply::{Reply, Response},
};

use crate::{
    Failure, Limits, ai, anomalies,
    error::Problem,
    graph,
    health::{self, HttpMetrics, Pulse},
    ingest::{self, Ingest},
    live, logs,
    metrics_api::{self, Kept},
    origin::{check_host, check_origin},
    page,
    params::{Params, decode},
    patterns, socket, views,
};

/// Most bytes of a search that comes as a body.
const SEARCH_BODY: usize = 64 << 10;

/// A request's body as it comes.
pub(crate) type Body = Pin<Box<dyn Stream<Item = Result<Vec<u8>, warp::Error>> + Send>>;

/// What all requests share.
pub(crate) struct State {
    pub(crate) views: Views,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    pub(crate) http: HttpMetrics,
    pub(crate) ingest: Option<Arc<dyn Ingest>>,
    pub(crate) logs: Option<LogStore>,
    pub(crate) failure: Option<Failure>,
    pub(crate) durable: bool,
    pub(crate) sinks: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) tick: Duration,
    pub(crate) max_lag: Duration,
    pub(crate) kept: Kept,
    pub(crate) trace_share: f64,
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) limits: Limits,
    pub(crate) address: SocketAddr,
    pub(crate) pulse: Pulse,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) ingesting: Arc<Semaphore>,
    pub(crate) reading: Arc<Semaphore>,
    pub(crate) asking: Arc<Semaphore>,
    pub(crate) searching: Arc<Semaphore>,
    pub(crate) exporting: Arc<Semaphore>,
    pub(crate) stopping: watch::Receiver<bool>,
}

struct Request {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    ws: Option<Ws>,
    body: Body,
}

/// The whole API as one filter. Addresses are matched in one place, so that an unknown one is a 404 and a wrong method
/// a 405 that says what is allowed.
pub(crate) fn filter(state: Arc<State>) -> BoxedFilter<(Response,)> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let ws = warp::ws().map(Some).or(warp::any().map(|| None)).unify();
    let body = warp::body::stream().map(boxed_body);
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(ws)
        .and(body)
        .then(move |method: Method, path: FullPath, query: String, headers: HeaderMap, ws: Option<Ws>, body: Body| {
            let state = state.clone();
            let request = Request { method, path: path.as_str().to_owned(), query, headers, ws, body };
            async move { answer(state, request).await }
        })
        .recover(|_: Rejection| async { Ok::<_, Rejection>(Problem::internal().into_response("")) })
        .unify()
        .boxed()
}

fn boxed_body<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static) -> Body {
    Box::pin(body.map(|chunk| {
        chunk.map(|mut chunk| {
            let length = chunk.remaining();
            chunk.copy_to_bytes(length).to_vec()
        })
    }))
}

/// Every address.
enum Route {
    Page,
    Health,
    Livez,
    Readyz,
    Exposition,
    Views,
    View(String),
    Changes(String),
    Socket,
    Overview,
    Service(String),
    Services,
    System,
    Timeseries,
    Severities,
    Patterns,
    Detect(&'static str),
    Report,
    Graph,
    Ask,
    Insights,
    Ingest,
    Search,
    Recent,
    Tail,
    Export,
    Log(String),
    Traces,
    Trace(String),
}

impl Route {
    fn of(path: &str) -> Option<Route> {
        match path {
            "/" => return Some(Route::Page),
            "/health" => return Some(Route::Health),
            "/livez" => return Some(Route::Livez),
            "/readyz" => return Some(Route::Readyz),
            "/metrics" => return Some(Route::Exposition),
            _ => {}
        }
        let parts: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
        let named = |name: &str| decode(name, false).filter(|name| !name.is_empty());
        Some(match parts[..] {
            ["health"] => Route::Health,
            ["livez"] => Route::Livez,
            ["readyz"] => Route::Readyz,
            ["metrics"] => Route::Exposition,
            ["views"] => Route::Views,
            ["views", name] => Route::View(named(name)?),
            ["views", name, "changes"] => Route::Changes(named(name)?),
            ["ws"] => Route::Socket,
            ["metrics", "overview"] => Route::Overview,
            ["metrics", "service", name] => Route::Service(named(name)?),
            ["metrics", "services"] => Route::Services,
            ["metrics", "system"] => Route::System,
            ["metrics", "timeseries"] => Route::Timeseries,
            ["logs", "severity-breakdown"] => Route::Severities,
            ["logs", "patterns"] => Route::Patterns,
            ["logs"] | ["logs", "ingest"] => Route::Ingest,
            ["logs", "search"] => Route::Search,
            ["logs", "recent"] => Route::Recent,
            ["logs", "tail"] => Route::Tail,
            ["logs", "export"] => Route::Export,
            ["logs", id] => Route::Log(named(id)?),
            ["traces"] => Route::Traces,
            ["traces", id] | ["correlation", "trace", id] => Route::Trace(named(id)?),
            ["anomaly", "detect", "log-volume"] => Route::Detect("log_volume"),
            ["anomaly", "detect", "error-rate"] => Route::Detect("error_rate"),
            ["anomaly", "detect", "latency"] => Route::Detect("latency"),
            ["anomaly", "report"] => Route::Report,
            ["services", "graph"] => Route::Graph,
            ["ai", "search"] => Route::Ask,
            ["ai", "insights"] => Route::Insights,
            _ => return None,
        })
    }

    /// What it is called in metrics: never anything that a client chose.
    fn label(&self) -> &'static str {
        match self {
            Route::Page => "/",
            Route::Health => "/health",
            Route::Livez => "/livez",
            Route::Readyz => "/readyz",
            Route::Exposition => "/metrics",
            Route::Views => "/views",
            Route::View(_) => "/views/{name}",
            Route::Changes(_) => "/views/{name}/changes",
            Route::Socket => "/ws",
            Route::Overview => "/metrics/overview",
            Route::Service(_) => "/metrics/service/{name}",
            Route::Services => "/metrics/services",
            Route::System => "/metrics/system",
            Route::Timeseries => "/metrics/timeseries",
            Route::Severities => "/logs/severity-breakdown",
            Route::Patterns => "/logs/patterns",
            Route::Detect(_) => "/anomaly/detect/{metric}",
            Route::Report => "/anomaly/report",
            Route::Graph => "/services/graph",
            Route::Ask => "/ai/search",
            Route::Insights => "/ai/insights",
            Route::Ingest => "/logs",
            Route::Search => "/logs/search",
            Route::Recent => "/logs/recent",
            Route::Tail => "/logs/tail",
            Route::Export => "/logs/export",
            Route::Log(_) => "/logs/{id}",
            Route::Traces => "/traces",
            Route::Trace(_) => "/traces/{id}",
        }
    }

    fn allowed(&self) -> &'static str {
        match self {
            Route::Ingest | Route::Ask | Route::Insights => "POST",
            Route::Search => "GET, HEAD, POST",
            Route::Changes(_) | Route::Socket | Route::Tail | Route::Export => "GET",
            _ => "GET, HEAD",
        }
    }

    /// The parameters it knows.
    fn params(&self) -> &'static [&'static str] {
        match self {
            Route::Views => views::LIST,
            Route::View(_) => views::ROWS,
            Route::Overview | Route::Service(_) | Route::Severities => metrics_api::OVERVIEW,
            Route::Services | Route::System => metrics_api::SERVICES,
            Route::Timeseries => metrics_api::TIMESERIES,
            Route::Patterns => patterns::LIST,
            Route::Detect(_) => anomalies::DETECT,
            Route::Report => anomalies::REPORT,
            Route::Graph => graph::GRAPH,
            Route::Search => logs::SEARCH,
            Route::Recent => logs::RECENT,
            Route::Tail => logs::TAIL,
            Route::Export => logs::EXPORT,
            Route::Traces => logs::TRACES,
            _ => &[],
        }
    }
}

async fn answer(state: Arc<State>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = id_of(&request.headers, "x-request-id").unwrap_or_else(page::random_hex);
    let correlation_id = id_of(&request.headers, "x-correlation-id").unwrap_or_else(|| request_id.clone());
    let method = method_label(&request.method);
    let path = request.path.clone();
    let route = Route::of(&path);
    let label = route.as_ref().map_or("unknown", Route::label);
    let is_page = matches!(route, Some(Route::Page));
    let mut response = match dispatch(&state, route, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(&request_id),
    };
    let took = started.elapsed();
    state.http.observe(method, label, response.status(), took);
    tracing::debug!(method, path, status = response.status().as_u16(), ?took, request_id, correlation_id, "answered");

    let headers = response.headers_mut();
    for (name, value) in [("x-request-id", &request_id), ("x-correlation-id", &correlation_id)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_page {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    }
    response
}

async fn dispatch(state: &Arc<State>, route: Option<Route>, request: Request) -> Result<Response, Problem> {
    check_host(state, &request.headers)?;
    let Some(route) = route else {
        return Err(Problem::not_found("no such address; the API is under /api/v1"));
    };
    if !route.allowed().split(", ").any(|method| method == request.method.as_str()) {
        return Err(Problem::method(route.allowed()));
    }
    let is_post = request.method == Method::POST;
    if is_post || matches!(route, Route::Socket) {
        check_origin(&request.headers)?;
    }
    let params = Params::read(&request.path, &request.query, route.params())?;
    match route {
        Route::Page => Ok(page::page()),
        Route::Health => Ok(health::health(state)),
        Route::Livez => Ok(health::livez()),
        Route::Readyz => health::readyz(state),
        Route::Exposition => health::exposition(state),
        Route::Changes(name) => {
            let last =
                request.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse::<Epoch>().ok());
            live::changes(state, &name, last)
        }
        Route::Socket => socket::upgrade(state, request.ws.ok_or_else(Problem::upgrade_required)?),
        Route::Ingest => ingest::post(state, &request.headers, request.body).await,
        Route::Ask => ai::search(state, &request.headers, request.body).await,
        Route::Insights => ai::insights(state, &request.headers, request.body).await,
        Route::Graph => {
            let (kept, share) = (state.kept, state.trace_share);
            read(state, move |snapshot| graph::graph(snapshot, kept, share, &params)).await
        }
        Route::Search if is_post => {
            let body = ingest::read(&request.headers, request.body, SEARCH_BODY, state.limits.request_timeout).await?;
            logs::read(state, move |store, snapshot| logs::search_by_body(store, snapshot, &body)).await
        }
        Route::Search => logs::read(state, move |store, snapshot| logs::search(store, snapshot, &params)).await,
        Route::Recent => logs::read(state, move |store, snapshot| logs::recent(store, snapshot, &params)).await,
        Route::Log(id) => logs::read(state, move |store, snapshot| logs::one(store, snapshot, &id)).await,
        Route::Traces => logs::read(state, move |store, snapshot| logs::traces(store, snapshot, &params)).await,
        Route::Trace(id) => logs::read(state, move |store, snapshot| logs::trace(store, snapshot, &id)).await,
        Route::Tail => logs::tail(state, &params),
        Route::Export => logs::export(state, &params).await,
        route => {
            let kept = state.kept;
            read(state, move |snapshot| from_views(&route, snapshot, kept, &params)).await
        }
    }
}

/// Answers that are computed from views.
fn from_views(route: &Route, snapshot: &Snapshot, kept: Kept, params: &Params) -> Result<Response, Problem> {
    match route {
        Route::Views => views::list(snapshot, params),
        Route::View(name) => views::rows(snapshot, name, params),
        Route::Overview => metrics_api::overview(snapshot, kept, params),
        Route::Service(name) => metrics_api::service(snapshot, kept, name, params),
        Route::Services => metrics_api::service_list(snapshot, kept, params),
        Route::System => metrics_api::system(snapshot, kept, params),
        Route::Timeseries => metrics_api::timeseries(snapshot, kept, params),
        Route::Severities => metrics_api::severities(snapshot, kept, params),
        Route::Patterns => patterns::list(snapshot, params),
        Route::Detect(metric) => anomalies::detect(snapshot, metric, params),
        Route::Report => anomalies::report(snapshot, params),
        _ => Err(Problem::internal()),
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

/// Makes an answer on a thread that may take its time, as many at once as there are places.
pub(crate) async fn make<T: Send + 'static>(
    state: &State,
    places: &Arc<Semaphore>,
    answer: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let places = places.clone();
    let work = async {
        let place = places.acquire_owned().await.map_err(|_| Problem::internal())?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            answer()
        });
        done.await.map_err(|_| Problem::internal())?
    };
    match tokio::time::timeout(state.limits.request_timeout, work).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::unavailable("the answer took too long; ask for less, or try again later")),
    }
}

// ---- answers ---------------------------------------------------------------------------------------------------------

pub(crate) fn json_reply(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(value) else { return Problem::internal().into_response("") };
    let mut response = body.into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Says which epoch an answer is consistent with.
pub(crate) fn at_epoch(mut response: Response, epoch: Epoch) -> Response {
    response.headers_mut().insert("x-highwater-epoch", HeaderValue::from(epoch));
    response
}

pub(crate) fn json_at(epoch: Epoch, value: &impl Serialize) -> Response {
    at_epoch(json_reply(StatusCode::OK, value), epoch)
}

/// An id that a client sent, if it is one that may stand in logs and headers.
fn id_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let id = headers.get(name)?.to_str().ok()?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    ((1..=128).contains(&id.len()) && id.bytes().all(is_fit)).then(|| id.to_owned())
}

fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
