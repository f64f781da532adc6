//! The base of the built-in queries: levels and latencies per service, in windows of 10 seconds, a minute, an hour.

use std::time::Duration;

use highwater_engine::{Flow, Name, Series, Service, days, hours, minutes, seconds};
use highwater_operators::{ServiceStats, catalog};

use crate::ALL;

/// How much longer than the job's retention windows are kept: at least the longest past that a detector looks back
/// over, so that what is found in the retention does not change for no reason but age.
const MARGIN: Duration = minutes(30);

/// Statistics per window.
pub struct Stats<'s> {
    /// Per service, and for all services together under [`ALL`], as logs come.
    pub live: Series<'s, Name, ServiceStats>,
    /// The same for closed windows, without gaps: a service that goes silent counts zero.
    pub closed: Series<'s, Name, ServiceStats>,
}

/// Folds each log once; publishes the three resolutions that the metrics API reads.
pub fn build<'s>(flow: &mut Flow<'s>) -> Stats<'s> {
    let keep = flow.settings().retention + MARGIN;
    let folded = flow.logs().tumbling(seconds(10)).keep(keep).fold(Service, ServiceStats::observe);
    let per_service = folded.windows();
    flow.view(catalog::SERVICE_STATS_10S, &per_service);
    flow.view(catalog::SERVICE_STATS_1M, &folded.rollup(minutes(1), hours(24)));
    flow.view(catalog::SERVICE_STATS_1H, &folded.rollup(hours(1), days(30)));
    let together = folded.regroup(|_| Name::from(ALL)).windows();
    let live = per_service.with_rows(per_service.rows().concat(together.rows()));
    let closed = live.closed(ServiceStats::default());
    Stats { live, closed }
}
