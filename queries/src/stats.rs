//! The base of the built-in queries: levels and latencies per service, in windows of 10 seconds, a minute, an hour.

use std::time::Duration;

use highwater_engine::{Flow, Name, Series, Service, days, hours, minutes, seconds};
use highwater_operators::{ServiceStats, catalog};
use serde::{Deserialize, Serialize};

use crate::ALL;

/// How much longer than the job's retention windows are kept: at least the longest past that a detector looks back
/// over, so that what is found in the retention does not change for no reason but age.
const MARGIN: Duration = minutes(30);

/// The longest window of an alert rule.
const LONGEST_RULE: Duration = hours(24);

/// How long the statistics per service are kept in longer windows; at least as long as in those of 10 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollups {
    /// Windows of a minute, in hours.
    pub minutes_kept_hours: u64,
    /// Windows of an hour, in days.
    pub hours_kept_days: u64,
}

impl Default for Rollups {
    fn default() -> Self {
        Rollups { minutes_kept_hours: 24, hours_kept_days: 30 }
    }
}

impl Rollups {
    /// How long windows of 10 seconds, a minute and an hour are kept in a job with this retention.
    pub fn kept(&self, retention: Duration) -> [Duration; 3] {
        let finest = retention + MARGIN;
        [finest, hours(self.minutes_kept_hours).max(finest), days(self.hours_kept_days).max(finest)]
    }
}

/// Statistics per window.
pub struct Stats<'s> {
    /// Per service, and for all services together under [`ALL`], as logs come.
    pub live: Series<'s, Name, ServiceStats>,
    /// The same for closed windows, without gaps: a service that goes silent counts zero.
    pub closed: Series<'s, Name, ServiceStats>,
    /// The live ones in windows of a minute, kept a while longer than is promised: a rule looks back a day from there.
    pub minutes: Series<'s, Name, ServiceStats>,
    /// How long the rows of both resolutions are kept.
    pub kept: [Duration; 2],
}

/// Folds each log once; publishes the three resolutions that the metrics API reads.
pub fn build<'s>(flow: &mut Flow<'s>, rollups: &Rollups) -> Stats<'s> {
    let [finest, minute, hour] = rollups.kept(flow.settings().retention);
    let folded = flow.logs().tumbling(seconds(10)).keep(finest).fold(Service, ServiceStats::observe);
    let per_service = folded.windows();
    flow.view(catalog::SERVICE_STATS_10S, &per_service);
    let minute = minute.max(LONGEST_RULE) + finest;
    let per_minute = folded.rollup(minutes(1), minute);
    flow.view(catalog::SERVICE_STATS_1M, &per_minute);
    flow.view(catalog::SERVICE_STATS_1H, &folded.rollup(hours(1), hour));
    let all = folded.regroup(|_| Name::from(ALL));
    let with = |series: &Series<'s, Name, ServiceStats>, more: Series<'s, Name, ServiceStats>| {
        series.with_rows(series.rows().concat(more.rows()))
    };
    let live = with(&per_service, all.windows());
    let minutes = with(&per_minute, all.rollup(per_minute.window(), minute));
    let closed = live.closed(ServiceStats::default());
    Stats { live, closed, minutes, kept: [finest, minute] }
}
