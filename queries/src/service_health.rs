//! View `service_health`: how each service does, judged by its last minute of closed windows.

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Flow, Name, Window};
use highwater_operators::{Ratio, ServiceStats};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Stats;

/// Windows that a judgement looks back over: a minute of 10 seconds each.
const WINDOWS: usize = 6;

/// How a service does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// The judgement.
    pub status: Status,
    /// Logs of the last minute.
    pub logs: u64,
    /// Errors of the last minute over its logs.
    pub error_rate: Ratio,
    /// The 95th percentile of the last minute's latencies, in microseconds.
    pub p95_micros: Option<u64>,
    /// The last window that counts.
    pub as_of: Window,
}

/// The judgement: by the error rate of the last minute, and silent where it has no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Under 15 % errors.
    Healthy,
    /// 15 % errors or more.
    Degraded,
    /// 40 % errors or more.
    Unhealthy,
    /// No log at all.
    Silent,
}

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, stats: &Stats<'s>) {
    let by_service = stats.closed.rows().map(|((service, window), stats)| (service, (window, stats)));
    let health = by_service.reduce(|_: &Name, windows, health| {
        let last = windows.iter().rev().take(WINDOWS);
        let Some(((as_of, _), _)) = windows.last() else { return };
        let mut minute = ServiceStats::default();
        last.for_each(|((_, stats), _)| minute.plus_equals(stats));
        health.push((judge(&minute, *as_of), 1));
    });
    flow.table("service_health", health);
}

fn judge(minute: &ServiceStats, as_of: Window) -> Health {
    let error_rate = minute.levels.error_rate();
    let status = match error_rate.percent() {
        _ if minute.levels.total() == 0 => Status::Silent,
        percent if percent >= 40.0 => Status::Unhealthy,
        percent if percent >= 15.0 => Status::Degraded,
        _ => Status::Healthy,
    };
    Health { status, logs: minute.levels.total(), error_rate, p95_micros: minute.latency.quantile(0.95), as_of }
}
