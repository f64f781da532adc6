//! What the tests have in common: a database, rows as the dataflow writes them, and receivers.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod http;

use std::{path::Path, time::Duration};

use highwater_alerting::{Alerting, AlertingSettings, OutboundSettings, Receiver, RuleDraft};
use highwater_engine::{Batch, Change, Epoch, Record, Timestamp};
use highwater_metadata::{Database, DatabaseUrl, KeySource};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// How long anything may take before it counts as broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Settings by which receivers on this machine may be sent to.
pub(crate) fn settings() -> AlertingSettings {
    let allowed_networks = vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    let outbound =
        OutboundSettings { allowed_networks, timeout: Duration::from_secs(5), ..OutboundSettings::default() };
    AlertingSettings { outbound, ..AlertingSettings::default() }
}

pub(crate) async fn open(folder: &Path, settings: AlertingSettings) -> Alerting {
    let database = Database::open(&DatabaseUrl::file(&folder.join("metadata.sqlite"))).await.unwrap();
    let vault = database.vault(&KeySource::File(folder.join("metadata.key"))).await.unwrap();
    Alerting::open(database, vault, settings).await.unwrap()
}

/// Settings by which whoever listens at this address is told of what no rule's own channel takes.
pub(crate) fn settings_with_receivers(urls: &[String]) -> AlertingSettings {
    let receiver = |url: &String| {
        Receiver::read(&json!({
            "channel": "webhook",
            "config": { "url": url },
            "notification": { "group_wait": "0s", "group_interval": "1s", "group_by": ["alertname", "service"] },
        }))
        .unwrap()
    };
    AlertingSettings { receivers: urls.iter().map(receiver).collect(), ..settings() }
}

/// A rule that sends to a channel, at once.
pub(crate) fn rule(channel: &str, config: Value) -> RuleDraft {
    RuleDraft::read(&json!({
        "name": "too many errors",
        "threshold": 5,
        "notification_channel": channel,
        "notification_config": config,
        "notification": { "group_wait": "0s", "group_interval": "1s", "group_by": ["alertname", "service"] },
    }))
    .unwrap()
}

/// An alert as the dataflow has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Alert<'a> {
    pub(crate) rule_id: &'a str,
    pub(crate) service: &'a str,
    pub(crate) since: i64,
}

impl Alert<'_> {
    pub(crate) fn id(&self) -> String {
        format!("{}:{}:{}", self.rule_id, self.service, Timestamp::from_millis(self.since * 1_000))
    }

    fn row(&self, status: &str) -> Value {
        let at = |seconds: i64| Timestamp::from_millis((self.since + seconds) * 1_000);
        json!({
            "id": self.id(),
            "rule": "too many errors",
            "rule_id": self.rule_id,
            "description": "more than five errors",
            "severity": "high",
            "key": self.service,
            "status": status,
            "since": at(0),
            "firing_from": at(60),
            "resolved_at": (status == "resolved").then(|| at(120)),
            "peak": 9.5,
            "last": 7,
            "labels": { "alertname": "too many errors", "service": self.service, "severity": "high" },
        })
    }

    /// Its row in `alerts` as of now; gone, where there is no status.
    pub(crate) fn change(&self, status: Option<&str>) -> Change {
        self.change_in("alerts", status)
    }

    pub(crate) fn change_in(&self, view: &str, status: Option<&str>) -> Change {
        let value = status.map(|status| self.row(status));
        Change { view: view.into(), record: Record { key: self.id().into(), window_start: None, value } }
    }
}

pub(crate) fn batch(epoch: Epoch, changes: Vec<Change>) -> Batch {
    Batch { epoch, changes, dead_letters: Vec::new() }
}
