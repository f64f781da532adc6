//! View `level_breakdown`: logs of each level, per service and for all under `*`, in windows of 10 seconds.

use highwater_engine::Flow;

use crate::Stats;

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, stats: &Stats<'s>) {
    flow.view("level_breakdown", &stats.live.map(|stats| stats.levels));
}
