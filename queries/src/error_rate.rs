//! View `error_rate`: errors over logs of each service, in windows of 10 seconds; all together under `*`.

use highwater_engine::Flow;

use crate::Stats;

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, stats: &Stats<'s>) {
    flow.view("error_rate", &stats.live.map(|stats| stats.levels.error_rate()));
}
