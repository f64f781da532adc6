//! View `log_volume`: how many logs each service wrote, in windows of 10 seconds; all together under `*`.

use highwater_engine::Flow;

use crate::Stats;

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, stats: &Stats<'s>) {
    flow.view("log_volume", &stats.live.map(|stats| stats.levels.total()));
}
