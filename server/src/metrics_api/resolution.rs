//! The windows that service statistics are kept in, and what time it is by them.

use std::time::Duration;

use highwater_engine::{Name, Snapshot, Timestamp, ViewRows, Windowed, days, hours, minutes, seconds};
use highwater_operators::{ServiceStats, catalog};

use super::rows::last_rows;
use crate::{
    error::Problem,
    params::{RANGES, Span},
};

pub(super) type Stats = ViewRows<Windowed<Name>, ServiceStats>;

/// How long service statistics are kept, by the length of their windows.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Windows of 10 seconds. Ranges up to this are added up from them: more than an hour makes slow answers.
    pub ten_seconds: Duration,
    /// Windows of a minute.
    pub minutes: Duration,
    /// Windows of an hour.
    pub hours: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Kept { ten_seconds: hours(1), minutes: hours(24), hours: days(30) }
    }
}

impl Kept {
    /// The finest resolution that reaches back so far.
    pub(super) fn finest(&self, length: Duration) -> Option<&'static Resolution> {
        let kept = [self.ten_seconds, self.minutes, self.hours];
        let (resolution, _) = RESOLUTIONS.iter().zip(kept).find(|(_, kept)| *kept >= length)?;
        Some(resolution)
    }

    /// The same for a range that was asked for.
    pub(super) fn finest_over(&self, span: Span) -> Result<&'static Resolution, Problem> {
        self.finest(span.length).ok_or_else(|| {
            let kept: Vec<_> =
                RANGES.iter().filter(|range| self.finest(range.length).is_some()).map(|range| range.name).collect();
            let allowed = format!("{}: nothing older is kept", kept.join(", "));
            Problem::bad_parameter("time_range", span.name, &allowed)
        })
    }
}

/// Service statistics in windows of one length.
pub(super) struct Resolution {
    pub(super) view: &'static str,
    pub(super) size: Duration,
}

pub(super) const RESOLUTIONS: [Resolution; 3] = [
    Resolution { view: catalog::SERVICE_STATS_10S, size: seconds(10) },
    Resolution { view: catalog::SERVICE_STATS_1M, size: minutes(1) },
    Resolution { view: catalog::SERVICE_STATS_1H, size: hours(1) },
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
}

/// The first instant at or after `at` that is a multiple of `size`.
pub(crate) fn align_up(at: Timestamp, size: Duration) -> Timestamp {
    let start = at.align(size);
    if start == at { at } else { start.plus(size) }
}
