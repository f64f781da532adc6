//! From an alert of the dataflow to somebody who knows of it.
//!
//! Rules and silences are what people say; [`AlertSink`] hears what the dataflow says. Both end in one transaction each,
//! which holds the alert's status, its history, and what its receivers are to be told. A [`Dispatcher`] tells them.
//!
//! What is decided is decided by pure functions: `lifecycle` says what an alert's status is, `notify` what is told and when.

mod backoff;
mod bell;
mod channel;
mod clock;
mod dispatch;
mod duration;
mod error;
mod feed;
mod guard;
mod history;
mod id;
mod ledger;
mod lifecycle;
mod metrics;
mod notify;
mod outbound;
mod page;
mod problem;
mod prune;
mod queue;
mod route;
mod row;
mod rule;
mod secret;
mod secrets;
mod silences;
mod sink;
mod store;
mod tracked;

use std::time::Duration;

use highwater_engine::{Input, Name};
use highwater_metadata::{Database, Vault};
use highwater_operators::RuleSpec;
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

use self::{
    bell::Bell, channel::Channel, dispatch::Office, metrics::Metrics, outbound::Outbound, route::Route,
    secrets::Secrets, store::Store,
};
pub use self::{
    channel::ChannelKind,
    dispatch::Dispatcher,
    error::AlertingError,
    feed::{Feed, FeedError},
    guard::{Network, ParseNetworkError},
    history::{AlertFilter, AlertRecord, Alerts},
    lifecycle::{Act, Cause, Deed, Refusal, Status, Transition},
    notify::{Matcher, Notice, NoticeAlert, NotifyOptions, Operator, Silence, SilenceDraft, SilenceState, Standing},
    outbound::{OutboundSettings, SendError},
    page::{Page, PageRequest},
    problem::Problem,
    queue::{DeadLetter, Queue},
    route::Receiver,
    rule::{CONFIGURATION, Rule, RuleDraft, Rules},
    secret::{ChannelConfig, Secret},
    silences::Silences,
    sink::AlertSink,
};

/// How patiently, how long, and to whom.
#[derive(Clone, Debug)]
pub struct AlertingSettings {
    /// How channels reach their receivers.
    pub outbound: OutboundSettings,
    /// Whom alerts are told to that no rule's own channel takes.
    pub receivers: Vec<Receiver>,
    /// After how long a notice that does not arrive is given up.
    pub patience: Duration,
    /// For how long alerts that are over, silences and dead letters are kept.
    pub retention: Duration,
}

impl Default for AlertingSettings {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        AlertingSettings {
            outbound: OutboundSettings::default(),
            receivers: Vec::new(),
            patience: days(1),
            retention: days(90),
        }
    }
}

/// Alerting on one database. Clones are the same.
#[derive(Clone)]
pub struct Alerting {
    store: Store,
    outbound: Outbound,
    metrics: Metrics,
    settings: AlertingSettings,
}

impl Alerting {
    /// Alerting on this database, whose secrets are sealed by the keys of `vault`.
    ///
    /// # Errors
    /// Where the certificates or the receivers of the settings cannot be read, or the database fails.
    pub async fn open(database: Database, vault: Vault, settings: AlertingSettings) -> Result<Alerting, AlertingError> {
        let outbound = Outbound::new(settings.outbound.clone())?;
        let secrets = Secrets::open(&database, vault).await?;
        let defaults = settings.receivers.iter().map(|receiver| Route::to(receiver, &secrets));
        let defaults = defaults.collect::<Result<_, _>>()?;
        let store = Store { database, secrets, bell: Bell::new(), defaults };
        Ok(Alerting { store, outbound, metrics: Metrics::default(), settings })
    }

    /// The rules.
    pub fn rules(&self) -> Rules {
        Rules { store: self.store.clone() }
    }

    /// What tells the dataflow of rules, by the input that its queries have.
    pub fn feed(&self, input: Input<Name, RuleSpec>) -> Feed {
        Feed::new(self.rules(), input)
    }

    /// The silences.
    pub fn silences(&self) -> Silences {
        Silences { store: self.store.clone() }
    }

    /// The alerts and their history.
    pub fn alerts(&self) -> Alerts {
        Alerts { store: self.store.clone() }
    }

    /// What is still to be sent, and what was given up.
    pub fn queue(&self) -> Queue {
        Queue { store: self.store.clone() }
    }

    /// A sink for the engine. `runtime` does its work; the sink itself runs on a thread outside of it.
    pub fn sink(&self, runtime: Handle) -> AlertSink {
        AlertSink::new(self.store.clone(), runtime)
    }

    /// Begins to send what is due. One of a database is enough, and two would send twice. Needs a runtime of tokio.
    pub fn dispatch(&self) -> Dispatcher {
        dispatch::start(Office {
            queue: self.queue(),
            outbound: self.outbound.clone(),
            metrics: self.metrics.clone(),
            patience: self.settings.patience,
            retention: self.settings.retention,
        })
    }

    /// Sends a notice that says that it is a test, once. Blocks for as long as an attempt may take.
    ///
    /// # Errors
    /// Where the configuration is wrong, or the notice does not arrive.
    pub fn send_test(&self, channel: ChannelKind, config: &ChannelConfig) -> Result<(), TestError> {
        let channel = Channel::read(channel, config).map_err(|problem| problem.inside("notification_config"))?;
        Ok(channel.send(&Notice::example(), &self.outbound)?)
    }

    /// Adds what is counted about notices to `/metrics`.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }
}

/// Why a test did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Problem),
    /// It did not arrive.
    #[error(transparent)]
    Send(#[from] SendError),
}
