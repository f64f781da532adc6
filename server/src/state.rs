//! [`State`]: what all requests share.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use highwater_accounts::Accounts;
use highwater_ask::Model;
use highwater_engine::{Views, metrics::Metrics};
use highwater_logstore::LogStore;
use highwater_metadata::Database;
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, watch};

use crate::{
    Desk, Failure, Ingest, Kept, Limits,
    health::{HttpMetrics, Pulse},
    pages::Pages,
    rates::Gates,
};

/// What all requests share.
pub(crate) struct State {
    pub(crate) views: Views,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    pub(crate) http: HttpMetrics,
    pub(crate) ingest: Option<Arc<dyn Ingest>>,
    pub(crate) logs: Option<LogStore>,
    pub(crate) accounts: Option<Accounts>,
    pub(crate) login_required: bool,
    pub(crate) open_registration: bool,
    pub(crate) metadata: Option<Database>,
    pub(crate) desk: Option<Desk>,
    pub(crate) failure: Option<Failure>,
    pub(crate) durable: bool,
    pub(crate) sinks: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) has_tls: bool,
    pub(crate) tick: Duration,
    pub(crate) max_lag: Duration,
    pub(crate) kept: Kept,
    pub(crate) trace_share: f64,
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) limits: Limits,
    pub(crate) gates: Gates,
    pub(crate) address: SocketAddr,
    pub(crate) pulse: Pulse,
    /// Answers, and what live readers are told.
    pub(crate) pages: Pages,
    pub(crate) told: Pages,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) ingesting: Arc<Semaphore>,
    pub(crate) reading: Arc<Semaphore>,
    pub(crate) asking: Arc<Semaphore>,
    pub(crate) searching: Arc<Semaphore>,
    pub(crate) testing: Arc<Semaphore>,
    pub(crate) exporting: Arc<Semaphore>,
    pub(crate) stopping: watch::Receiver<bool>,
}
