//! The built-in queries, a module each. All but the service graph are read from two base collections, the
//! [statistics](stats) per service and the [messages](patterns) per template, so that each log is folded twice.

pub mod alerts;
pub mod anomalies;
pub mod backtest;
pub mod error_rate;
pub mod explanation;
pub mod incidents;
pub mod latency;
pub mod level_breakdown;
pub mod log_volume;
pub mod patterns;
pub mod rules;
pub mod service_graph;
pub mod service_health;
pub mod stats;
pub mod top_errors;

use highwater_engine::{Flow, Query};
use serde::{Deserialize, Serialize};

pub use alerts::Thresholds;
pub use anomalies::Detectors;
pub use backtest::{Backtest, BacktestError, BacktestProgress, BacktestReport};
pub use patterns::MessagePatterns;
pub use rules::Rules;
pub use service_graph::ServiceGraph;
pub use stats::{Rollups, Stats};

/// The key under which a view shows all services together.
pub const ALL: &str = "*";

/// The built-in queries with what they can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standard {
    /// How anomalies are found.
    pub detectors: Detectors,
    /// From where on the built-in alerts fire.
    pub thresholds: Thresholds,
    /// How long the past is kept in windows of a minute and an hour.
    pub rollups: Rollups,
    /// Which traces the service graph is made of.
    pub service_graph: ServiceGraph,
    /// How new patterns of messages are found.
    pub patterns: MessagePatterns,
    /// What people alert on.
    pub rules: Rules,
}

impl Query for Standard {
    fn name(&self) -> &str {
        "standard"
    }

    fn build(&self, flow: &mut Flow<'_>) {
        flow.part("statistics");
        let stats = stats::build(flow, &self.rollups);
        flow.part("log_volume");
        log_volume::build(flow, &stats);
        flow.part("error_rate");
        error_rate::build(flow, &stats);
        flow.part("level_breakdown");
        level_breakdown::build(flow, &stats);
        flow.part("latency");
        latency::build(flow, &stats);
        flow.part("service_health");
        service_health::build(flow, &stats);
        flow.part("patterns");
        let seen = patterns::build(flow, &self.patterns);
        flow.part("top_errors");
        top_errors::build(flow, &seen);
        flow.part("service_graph");
        let calls = service_graph::build(flow, &self.service_graph);
        flow.part("anomalies");
        let found = anomalies::find(flow, &stats.closed, &stats.minutes, &self.detectors);
        let found = explanation::explained(flow, &found, &seen);
        let anomalies = anomalies::build(flow, found).concat(seen.anomalies.clone());
        flow.part("incidents");
        incidents::build(flow, &anomalies, calls);
        flow.part("alerts");
        alerts::build(flow, &stats, &self.thresholds);
        flow.part("rules");
        let hosts = self.rules.by_host.then(|| rules::hosts(flow));
        rules::build(
            flow,
            &self.rules,
            &rules::Sources { stats, templates: Some(seen.counts), anomalies: Some(anomalies), hosts },
        );
    }
}
