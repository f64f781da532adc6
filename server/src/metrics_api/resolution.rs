//! The windows that service statistics are kept in, and what time it is by them.

use std::time::Duration;

use highwater_engine::{Name, Snapshot, Timestamp, ViewRows, Windowed, days, hours, minutes, seconds};
use highwater_operators::{ServiceStats, catalog};

use super::rows::last_rows;

pub(super) type Stats = ViewRows<Windowed<Name>, ServiceStats>;

/// Service statistics in windows of one length.
pub(super) struct Resolution {
    pub(super) view: &'static str,
    pub(super) size: Duration,
    pub(super) kept: Duration,
}

pub(super) const RESOLUTIONS: [Resolution; 3] = [
    Resolution { view: catalog::SERVICE_STATS_10S, size: seconds(10), kept: hours(1) },
    Resolution { view: catalog::SERVICE_STATS_1M, size: minutes(1), kept: hours(24) },
    Resolution { view: catalog::SERVICE_STATS_1H, size: hours(1), kept: days(30) },
];

/// Now, as the module above says; `newest` is the end of the newest window of whatever else is looked at.
pub(crate) fn now(snapshot: &Snapshot, newest: Option<Timestamp>) -> Timestamp {
    let wall = Timestamp::now();
    let watermark = Some(snapshot.watermark).filter(|at| *at > Timestamp::MIN && *at <= wall && snapshot.epoch > 0);
    let window = RESOLUTIONS.iter().find_map(|resolution| {
        let rows = resolution.rows(snapshot)?;
        last_rows(rows).map(|row| row.window.end(resolution.size)).max()
    });
    watermark.into_iter().chain(window).chain(newest).max().unwrap_or(wall)
}

impl Resolution {
    pub(super) fn rows<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Stats> {
        snapshot.rows::<Windowed<Name>, ServiceStats>(self.view)
    }

    /// The finest that reaches back so far.
    pub(super) fn finest(length: Duration) -> Option<&'static Resolution> {
        RESOLUTIONS.iter().find(|resolution| resolution.kept >= length)
    }
}

/// The first instant at or after `at` that is a multiple of `size`.
pub(super) fn align_up(at: Timestamp, size: Duration) -> Timestamp {
    let start = at.align(size);
    if start == at { at } else { start.plus(size) }
}
