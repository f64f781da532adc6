//! View `latency`: percentiles of the latencies of each service, in windows of 10 seconds; all together under `*`.

use highwater_engine::Flow;

use crate::Stats;

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, stats: &Stats<'s>) {
    let percentiles = stats.live.rows().flat_map(|(at, stats)| stats.latency.percentiles().map(|found| (at, found)));
    flow.view("latency", &stats.live.with_rows(percentiles));
}
