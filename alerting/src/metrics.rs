//! [`Metrics`]: what the dispatcher counts.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// What is counted about notices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) waiting: Gauge<i64, AtomicI64>,
    pub(crate) sent: Counter,
    pub(crate) retries: Counter,
    pub(crate) given_up: Counter,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("notices_waiting", "Notices that are still to be sent", self.waiting.clone());
        registry.register("notices_sent", "Notices that arrived", self.sent.clone());
        registry.register("notice_retries", "Attempts that failed and are made again", self.retries.clone());
        registry.register("notices_given_up", "Notices that are dead letters now", self.given_up.clone());
    }
}
