//! What finds anomalies in the built-in queries, over windows of any length.

use std::time::Duration;

use highwater_engine::{Flow, Query, Service, days, minutes};
use highwater_operators::ServiceStats;
use highwater_queries::{ALL, Detectors, MessagePatterns, anomalies, patterns};

use crate::WARM_UP;

/// View `anomalies`, and what new patterns of messages are found by.
pub(crate) struct Detection {
    /// Length of the windows.
    pub(crate) window: Duration,
}

impl Query for Detection {
    fn name(&self) -> &str {
        "detection"
    }

    fn build(&self, flow: &mut Flow<'_>) {
        let kept = flow.settings().retention + self.window * WARM_UP;
        let folded = flow.logs().tumbling(self.window).keep(kept).fold(Service, ServiceStats::observe);
        let (services, all) = (folded.windows(), folded.regroup(|_| ALL.into()));
        let closed = services.with_rows(services.rows().concat(all.windows().rows())).closed(ServiceStats::default());
        let [services, all] = [&folded, &all].map(|folded| folded.rollup(minutes(1).max(self.window), days(1)));
        let minutes = services.with_rows(services.rows().concat(all.rows()));
        let found = anomalies::find(flow, &closed, &minutes, &Detectors::default());
        let _ = anomalies::build(flow, found);
        let _ = patterns::build(flow, &MessagePatterns::default());
    }
}
