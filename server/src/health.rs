//! `/health`, `/livez`, `/readyz` and the Prometheus exposition.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use highwater_engine::{Epoch, Timestamp, metrics::SinkLabel};
use http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, EPOCH, Handle, Kind, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, at_epoch, json_reply, text},
    state::State,
};

const HEALTH: Operation = Operation {
    verb: Verb::Get,
    paths: &["/health", "/api/v1/health"],
    tag: "Health",
    about: "How the job and each of its parts are",
    params: &[],
    body: None,
    answer: Answer {
        headers: EPOCH,
        also: Some((503, "It is unhealthy")),
        ..Answer::new(&[("application/json", Some(of::<JobHealth>))])
    },
    access: Access::Anyone,
    class: Class::Free,
    handle: Handle::Now(health),
};

/// Whoever asks to be told may be told; whoever decides by the status alone, such as a load balancer, is warned.
const UNHEALTHY: Param = Param::query(
    "unhealthy",
    Kind::OneOf(|| vec!["503", "200"], Some("503")),
    "The status that says so: 200 is for whoever reads the answer",
);

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { params: &[UNHEALTHY], ..HEALTH },
    Operation {
        paths: &["/livez", "/api/v1/livez"],
        about: "Whether the process answers at all",
        answer: Answer::new(&[("application/json", Some(of::<Alive>))]),
        handle: Handle::Now(livez),
        ..HEALTH
    },
    Operation {
        paths: &["/readyz", "/api/v1/readyz"],
        about: "Whether views have been published and go on being published",
        answer: Answer::at_epoch(&[("application/json", Some(of::<Ready>))]),
        handle: Handle::Now(readyz),
        ..HEALTH
    },
    Operation {
        paths: &["/metrics", "/api/v1/metrics"],
        about: "What the job counts about itself, for Prometheus",
        answer: Answer::new(&[(OPEN_METRICS, None)]),
        access: Access::Read,
        handle: Handle::Now(exposition),
        ..HEALTH
    },
];

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Serialize, JsonSchema)]
struct JobHealth {
    /// The worst of its parts.
    status: Status,
    components: Components,
    /// The last epoch that was published.
    epoch: Epoch,
    /// Event time up to which all is known.
    watermark: Option<Timestamp>,
    /// How far the watermark is behind the wall clock, in seconds.
    lag: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
struct Components {
    source: Component,
    dataflow: Component,
    state: Component,
    search: Component,
    sinks: BTreeMap<String, Component>,
}

#[derive(Serialize, JsonSchema)]
struct Alive {
    status: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Ready {
    status: &'static str,
    epoch: Epoch,
}

/// Ticks without a new epoch after which the dataflow counts as stuck, and the least time for that.
const STUCK_TICKS: u32 = 20;
const STUCK_AFTER: Duration = Duration::from_secs(2);
/// A sink that repeated an attempt is degraded for this long.
const RETRY_MEMORY: Duration = Duration::from_secs(60);

/// What polling found: when the epoch moved last, and when sinks repeated attempts last.
pub(crate) struct Pulse(Mutex<Beats>);

struct Beats {
    epoch: Epoch,
    moved: Instant,
    retries: Vec<(u64, Option<Instant>)>,
}

impl Pulse {
    pub(crate) fn new(sinks: usize) -> Self {
        Pulse(Mutex::new(Beats { epoch: 0, moved: Instant::now(), retries: vec![(0, None); sinks] }))
    }

    /// Looks at the job, again and again.
    pub(crate) async fn watch(state: &State) {
        let mut ticks = tokio::time::interval(state.tick.clamp(Duration::from_millis(20), Duration::from_secs(1)));
        loop {
            ticks.tick().await;
            let epoch = state.views.published();
            let retries: Vec<_> = state.sinks.iter().map(|sink| retries_of(state, sink)).collect();
            let mut beats = state.pulse.0.lock().unwrap_or_else(PoisonError::into_inner);
            if epoch != beats.epoch {
                beats.epoch = epoch;
                beats.moved = Instant::now();
            }
            for (before, now) in beats.retries.iter_mut().zip(retries) {
                if now > before.0 {
                    *before = (now, Some(Instant::now()));
                }
            }
        }
    }
}

fn retries_of(state: &State, sink: &str) -> u64 {
    let label = SinkLabel { sink: sink.to_owned() };
    state.metrics.sink_retries.get(&label).map_or(0, |counter| counter.get())
}

/// How a part is; one that is not configured is no trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    #[serde(rename = "not configured")]
    NotConfigured,
    Healthy,
    Degraded,
    Unhealthy,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Component {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn healthy() -> Component {
    Component { status: Status::Healthy, reason: None }
}

fn because(status: Status, reason: impl Into<String>) -> Component {
    Component { status, reason: Some(reason.into()) }
}

fn dataflow(state: &State) -> Component {
    if let Some(why) = state.failure.as_ref().and_then(|failure| failure()) {
        return because(Status::Unhealthy, why);
    }
    let patience = (state.tick * STUCK_TICKS).max(STUCK_AFTER);
    let still = state.pulse.0.lock().unwrap_or_else(PoisonError::into_inner).moved.elapsed();
    let started = state.views.published() > 0;
    let folded = state.metrics.keys_folded.get();
    match () {
        () if still > patience && started => {
            let still = still.as_secs_f64();
            because(Status::Unhealthy, format!("no new epoch for {still:.1} s, with an epoch every {:?}", state.tick))
        }
        () if still > patience => because(Status::Unhealthy, "no epoch has been published"),
        () if !started => because(Status::Degraded, "starting: no epoch has been published yet"),
        () if folded > 0 => {
            let reason =
                format!("{folded} keys beyond the bound were folded into __other__; raise max_keys or group by less");
            because(Status::Degraded, reason)
        }
        () => healthy(),
    }
}

fn source(state: &State, lag: Option<Duration>) -> Component {
    match lag {
        Some(lag) if lag > state.max_lag => {
            let seconds = lag.as_secs_f64();
            because(Status::Degraded, format!("the watermark is {seconds:.1} s behind the wall clock"))
        }
        _ if state.metrics.logs.get() == 0 => because(Status::Healthy, "no log has come yet"),
        _ => healthy(),
    }
}

/// How old the last commit may be before durable state counts as degraded.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

fn durable_state(state: &State) -> Component {
    if !state.durable {
        return Component { status: Status::NotConfigured, reason: None };
    }
    let epochs = state.metrics.epoch.get() - state.metrics.committed_epoch.get();
    let age = state.tick * u32::try_from(epochs).unwrap_or(0);
    match state.metrics.committed_epoch.get() {
        0 => because(Status::Healthy, "nothing has been committed yet"),
        _ if age > COMMIT_PATIENCE => {
            because(Status::Degraded, format!("the last commit is {:.1} s old; sinks may be behind", age.as_secs_f64()))
        }
        _ => healthy(),
    }
}

/// How far the log store may be behind before it counts as degraded.
const SEARCH_PATIENCE: Duration = Duration::from_secs(30);

fn search(state: &State) -> Component {
    let Some(logs) = &state.logs else { return Component { status: Status::NotConfigured, reason: None } };
    let status = logs.status();
    match (status.failure, status.behind) {
        (Some(failure), _) => because(Status::Degraded, format!("logs are not added: {failure}")),
        (None, Some(behind)) if behind > SEARCH_PATIENCE => {
            because(Status::Degraded, format!("the log store is {:.1} s behind", behind.as_secs_f64()))
        }
        _ => healthy(),
    }
}

fn sinks(state: &State) -> Vec<(String, Component)> {
    let beats = state.pulse.0.lock().unwrap_or_else(PoisonError::into_inner);
    let repeats = |last: &Option<Instant>| last.is_some_and(|at| at.elapsed() < RETRY_MEMORY);
    let component = |(sink, (count, last)): (&String, &(u64, Option<Instant>))| {
        let waiting = state.metrics.outbox_bytes.get(&SinkLabel { sink: sink.clone() }).map_or(0, |bytes| bytes.get());
        let component = if repeats(last) {
            let reason = format!("it repeats attempts: {count} so far, the last within a minute; {waiting} bytes wait");
            because(Status::Degraded, reason)
        } else {
            healthy()
        };
        (sink.clone(), component)
    };
    state.sinks.iter().zip(&beats.retries).map(component).collect()
}

fn health(call: &Call) -> Result<Response, Problem> {
    let state = &*call.state;
    let snapshot = state.views.snapshot();
    let watermark = Some(snapshot.watermark).filter(|at| snapshot.epoch > 0 && *at > Timestamp::MIN);
    let lag = watermark.map(|watermark| Timestamp::now().since(watermark));
    let (source, dataflow, sinks) = (source(state, lag), dataflow(state), sinks(state));
    let durable = durable_state(state);
    let search = search(state);
    let parts = [source.status, dataflow.status, durable.status, search.status];
    let parts = parts.into_iter().chain(sinks.iter().map(|(_, sink)| sink.status));
    let status = parts.max().unwrap_or(Status::Healthy);
    let answer = JobHealth {
        status,
        components: Components { source, dataflow, state: durable, search, sinks: sinks.into_iter().collect() },
        epoch: snapshot.epoch,
        watermark,
        lag: lag.map(|lag| lag.as_secs_f64()),
    };
    let is_told = call.params.text(UNHEALTHY.name)? == Some("200");
    let is_refused = status == Status::Unhealthy && !is_told;
    let code = if is_refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok(at_epoch(json_reply(code, &answer), snapshot.epoch))
}

fn livez(_: &Call) -> Result<Response, Problem> {
    Ok(json_reply(StatusCode::OK, &Alive { status: "alive" }))
}

/// Ready: views have been published and go on being published.
fn readyz(call: &Call) -> Result<Response, Problem> {
    let epoch = call.state.views.published();
    let dataflow = dataflow(&call.state);
    if epoch == 0 || dataflow.status == Status::Unhealthy {
        return Err(Problem::unavailable(dataflow.reason.unwrap_or_else(|| "no epoch has been published yet".into())));
    }
    Ok(at_epoch(json_reply(StatusCode::OK, &Ready { status: "ready", epoch }), epoch))
}

fn exposition(call: &Call) -> Result<Response, Problem> {
    let mut exposed = String::new();
    prometheus_client::encoding::text::encode(&mut exposed, &call.state.registry).map_err(|_| Problem::internal())?;
    Ok(text(OPEN_METRICS, exposed))
}

/// What the server counts about itself.
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabel, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabel {
    method: &'static str,
    route: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

impl HttpMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram =
            || Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let metrics = HttpMetrics { requests: Family::default(), seconds: Family::new_with_constructor(histogram) };
        registry.register("highwater_http_requests", "Requests, by route and status", metrics.requests.clone());
        let help = "From a request's head to its answer's, by route";
        registry.register("highwater_http_request_seconds", help, metrics.seconds.clone());
        metrics
    }

    pub(crate) fn observe(&self, method: &'static str, route: &'static str, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&RequestLabel { method, route, status: u32::from(status.as_u16()) }).inc();
        self.seconds.get_or_create(&RouteLabel { route }).observe(took.as_secs_f64());
    }
}
