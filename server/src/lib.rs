//! The HTTP API and live streams of Highwater. Reads views; never a dataflow.
//!
//! ```no_run
//! # async fn run(running: highwater_engine::Running) -> Result<(), highwater_server::ServeError> {
//! use highwater_server::Server;
//!
//! let server = Server::new(running.views(), running.metrics());
//! let bound = server.bind(([127, 0, 0, 1], 8000).into()).await?;
//! tracing::info!("http://{}", bound.address());
//! bound.serve(async { let _ = tokio::signal::ctrl_c().await; }).await
//! # }
//! ```

mod accounts;
mod ai;
mod alerts;
mod anomalies;
mod answer;
mod audit;
mod body;
mod call;
mod connection;
mod context;
mod cors;
mod docs;
mod door;
mod error;
mod gate;
mod graph;
mod health;
mod identity;
mod ingest;
mod live;
mod logs;
mod metrics_api;
mod openapi;
mod operation;
mod operators;
mod origin;
mod page;
mod pages;
mod params;
mod patterns;
mod pipeline;
mod rate_limits;
mod rates;
mod reply;
mod routes;
mod searches;
mod socket;
mod state;
mod tls;
mod views;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use highwater_accounts::Accounts;
use highwater_ask::Model;
use highwater_engine::{Views, metrics::Metrics};
use highwater_logstore::LogStore;
use highwater_metadata::Database;
use prometheus_client::registry::Registry;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    door::Door,
    health::{HttpMetrics, Pulse},
    pages::Pages,
    rates::Gates,
    state::State,
    tls::Certificates,
};

pub use alerts::Desk;
pub use ingest::{Ingest, IngestRefused};
pub use ipnet::IpNet;
pub use metrics_api::Kept;
pub use rates::Rates;
pub use tls::{Tls, TlsError};

/// Tells why a job failed, if it did.
pub type Failure = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// The server before it listens.
pub struct Server {
    /// What it reads.
    pub views: Views,
    /// What the job counts; what `/health` judges by.
    pub metrics: Arc<Metrics>,
    /// What `/metrics` shows: the job's metrics are registered, others may be added.
    pub registry: Registry,
    /// Where logs go that come by HTTP; without it `POST /logs` answers 503.
    pub ingest: Option<Arc<dyn Ingest>>,
    /// Where logs are found again; without it `/logs/search` and the like answer 503.
    pub logs: Option<LogStore>,
    /// Users, and what they may do; without it, nobody can log in.
    pub accounts: Option<Accounts>,
    /// Whether nobody may do anything before they have shown who they are. Without it, whoever asks from this machine
    /// runs it, and whoever asks from elsewhere may do all but that.
    pub login_required: bool,
    /// Whether everybody may make an account for themselves.
    pub open_registration: bool,
    /// Where saved searches and the audit log are.
    pub metadata: Option<Database>,
    /// Rules, alerts and silences; without it, what is under `/alerts` answers 503.
    pub desk: Option<Desk>,
    /// Asked by `/health`.
    pub failure: Option<Failure>,
    /// Whether the job has durable state.
    pub durable: bool,
    /// The sinks that `/health` tells of, by the names they have in metrics.
    pub sinks: Vec<String>,
    /// Host names, besides loopback's own, that a server on loopback answers to: those a proxy in front of it passes on.
    pub hosts: Vec<String>,
    /// Origins, as `https://example.org`, whose pages may ask from browsers, too.
    pub origins: Vec<String>,
    /// Networks of proxies, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// The certificate and key to speak TLS with; without them, connections are in the clear.
    pub tls: Option<Tls>,
    /// The length of an epoch, by which `/health` judges whether the dataflow moves.
    pub tick: Duration,
    /// How far the watermark may be behind the wall clock before the source counts as degraded.
    pub max_lag: Duration,
    /// How far back the metrics API can be asked.
    pub kept: Kept,
    /// The share of all traces that the service graph is made of: its rates are scaled by it.
    pub trace_share: f64,
    /// Asked first for plain-language help; without one, the local parser answers.
    pub model: Option<Arc<Model>>,
    /// Bounds.
    pub limits: Limits,
    /// How often each client may ask; as often as it likes, unless set.
    pub rates: Rates,
}

/// What a client may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; further ones take the place of those that have asked nothing yet, or wait.
    pub connections: usize,
    /// Readers of live changes at once, over server-sent events and WebSocket.
    pub live_connections: usize,
    /// Requests with logs under way at once; further ones are answered 429.
    pub ingest_requests: usize,
    /// Exports of logs at once; further ones are answered 429.
    pub exports: usize,
    /// Bytes of a body as it comes.
    pub body_bytes: usize,
    /// Bytes of a body once inflated.
    pub inflated_bytes: usize,
    /// Bytes of one log.
    pub record_bytes: usize,
    /// Logs of one request.
    pub records: usize,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// How long a request's head may take to come.
    pub header_timeout: Duration,
    /// How long a request's body may take to come, and an answer to be made.
    pub request_timeout: Duration,
    /// How long a client may leave a write waiting before it is disconnected.
    pub write_timeout: Duration,
    /// How long a server that stops waits for answers under way.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4096,
            live_connections: 2048,
            ingest_requests: 16,
            exports: 4,
            body_bytes: 8 << 20,
            inflated_bytes: 64 << 20,
            record_bytes: 1 << 20,
            records: 100_000,
            header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; {advice}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: std::io::Error,
        /// What to do about it.
        advice: &'static str,
    },
    /// The certificate or its key is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Snapshots that are read at once for answers that take time.
const READERS: usize = 8;
/// Requests that wait for a model at once.
const ASKERS: usize = 4;
/// Rules that are tried out at once: each is a dataflow of its own.
const TESTS: usize = 1;
/// Searches of the log store at once.
const SEARCHES: usize = 4;

impl Server {
    /// A server over these views, with everything else at its default.
    pub fn new(views: Views, metrics: Arc<Metrics>) -> Self {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        Server {
            views,
            metrics,
            registry,
            ingest: None,
            logs: None,
            accounts: None,
            login_required: false,
            open_registration: false,
            metadata: None,
            desk: None,
            failure: None,
            durable: false,
            sinks: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: Vec::new(),
            tls: None,
            tick: Duration::from_millis(100),
            max_lag: Duration::from_secs(60),
            kept: Kept::default(),
            trace_share: 1.0,
            model: None,
            limits: Limits::default(),
            rates: Rates::UNLIMITED,
        }
    }

    /// Listens, and tells where: with port 0 the system chooses one.
    ///
    /// # Errors
    /// Where the address is taken or not to be had, or the certificate is of no use.
    pub async fn bind(self, address: SocketAddr) -> Result<Bound, ServeError> {
        let refused = |cause: std::io::Error| {
            let advice = match cause.kind() {
                std::io::ErrorKind::AddrInUse => "another process listens there; stop it, or choose another port",
                std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one",
                std::io::ErrorKind::AddrNotAvailable => "this machine has no such address; choose one of its own",
                _ => "choose another address",
            };
            ServeError::Bind { address, cause, advice }
        };
        let certificates = self.tls.as_ref().map(Certificates::load).transpose()?;
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let Server {
            views,
            metrics,
            mut registry,
            ingest,
            logs,
            accounts,
            login_required,
            open_registration,
            metadata,
            desk,
            failure,
            durable,
            sinks,
            hosts,
            origins,
            proxies,
            tls: _,
            tick,
            max_lag,
            kept,
            trace_share,
            model,
            limits,
            rates,
        } = self;
        let (stop, stopping) = watch::channel(false);
        let semaphore = |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let state = State {
            views,
            metrics,
            http: HttpMetrics::new(&mut registry),
            gates: Gates::new(&rates, &mut registry),
            registry,
            ingest,
            logs,
            accounts,
            login_required,
            open_registration,
            metadata,
            desk,
            failure,
            durable,
            pulse: Pulse::new(sinks.len()),
            sinks,
            hosts,
            origins,
            proxies,
            has_tls: certificates.is_some(),
            tick,
            max_lag,
            kept,
            trace_share,
            model,
            address,
            live: semaphore(limits.live_connections),
            ingesting: semaphore(limits.ingest_requests),
            reading: semaphore(READERS),
            asking: semaphore(ASKERS),
            searching: semaphore(SEARCHES),
            testing: semaphore(TESTS),
            exporting: semaphore(limits.exports),
            pages: Pages::default(),
            told: Pages::default(),
            stopping,
            limits,
        };
        Ok(Bound { listener, state: Arc::new(state), certificates, stop })
    }

    /// Listens and serves until `shutdown`.
    ///
    /// # Errors
    /// Where the address is taken or not to be had, or the certificate is of no use.
    pub async fn serve(self, address: SocketAddr, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        self.bind(address).await?.serve(shutdown).await
    }
}

/// The server, listening.
pub struct Bound {
    listener: TcpListener,
    state: Arc<State>,
    certificates: Option<Certificates>,
    stop: watch::Sender<bool>,
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.state.address
    }

    /// Serves until `shutdown`; then ends live streams with a word, and waits a little for answers under way.
    ///
    /// # Errors
    /// None yet.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Bound { listener, state, certificates, stop } = self;
        let door = Door::new(state.clone(), certificates.as_ref());
        tokio::select! {
            () = door.admit(&listener) => {}
            () = Pulse::watch(&state) => {}
            () = tls::watch(certificates.as_ref()) => {}
            () = shutdown => {}
        }
        drop(listener);
        let _ = stop.send(true);
        if tokio::time::timeout(state.limits.shutdown_timeout, door.close()).await.is_err() {
            tracing::warn!("some connections did not end in time and are cut");
        }
        Ok(())
    }
}
