//! A range of time, and what happened in it.

use std::collections::BTreeMap;

use highwater_engine::{Name, Snapshot, Timestamp, hours};
use highwater_operators::ServiceStats;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    figures::tidy,
    resolution::{Kept, Stats, align_up, now},
    rows::{oldest, reaches_back_to, services, sum, sum_levels},
};
use crate::{
    error::Problem,
    params::Span,
    reply::{Response, json_at},
};

/// A range of time over one resolution.
pub(crate) struct Period<'a> {
    pub(crate) snapshot: &'a Snapshot,
    kept: Kept,
    pub(crate) span: Span,
    pub(crate) rows: &'a Stats,
    pub(crate) now: Timestamp,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// of it, what there are logs for: less than all where the first log is younger
    minutes: f64,
}

/// An answer about a period.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}InPeriod")]
pub(crate) struct Of<T> {
    #[serde(flatten)]
    answer: T,
    time_range: &'static str,
    /// Where the first window starts.
    from: Timestamp,
    /// Where the last window ends, which is under way.
    to: Timestamp,
    /// What counts as now.
    timestamp: Timestamp,
}

/// The change against the equally long period before, in percent; none where that is not kept, was not covered wholly, or
/// was zero.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct Trend {
    logs_per_minute: Option<f64>,
    error_rate: Option<f64>,
}

impl Of<()> {
    /// With what there is to say.
    pub(crate) fn with<T>(self, answer: T) -> Of<T> {
        let Of { time_range, from, to, timestamp, .. } = self;
        Of { answer, time_range, from, to, timestamp }
    }
}

impl<'a> Period<'a> {
    pub(crate) fn over(snapshot: &'a Snapshot, kept: Kept, span: Span) -> Result<Self, Problem> {
        let resolution = kept.finest_over(span)?;
        let rows = resolution.rows(snapshot).ok_or_else(|| Problem::no_view(resolution.view))?;
        let now = now(snapshot, None);
        let to = align_up(now, resolution.size);
        let from = to.minus(span.length);
        let since = oldest(rows).unwrap_or(from).max(from);
        let covered = now.since(since).max(resolution.size).min(span.length);
        Ok(Period { snapshot, kept, span, rows, now, from, to, minutes: covered.as_secs_f64() / 60.0 })
    }

    pub(crate) fn per_minute(&self, count: u64) -> f64 {
        tidy(count as f64 / self.minutes)
    }

    /// Every service with logs in the period.
    pub(crate) fn by_service(&self) -> BTreeMap<Name, ServiceStats> {
        services(self.rows)
            .map(|service| (service.clone(), sum(self.rows, service, self.from, self.to)))
            .filter(|(_, stats)| stats.levels.total() > 0)
            .collect()
    }

    /// The same of the equally long period before, up to the windows under way; none where that is not kept, or was not
    /// covered wholly.
    pub(super) fn by_service_before(&self) -> Option<BTreeMap<Name, ServiceStats>> {
        let resolution = self.kept.finest(self.span.length * 2)?;
        let rows = resolution.rows(self.snapshot)?;
        let to = self.now.align(resolution.size).minus(self.span.length);
        let from = to.minus(self.span.length);
        let of = |service: &Name| (service.clone(), sum(rows, service, from, to));
        reaches_back_to(rows, from).then(|| services(rows).map(of).collect())
    }

    pub(crate) fn last_hour(&self, service: Option<&Name>) -> Result<u64, Problem> {
        let resolution = self.kept.finest(hours(1)).ok_or_else(Problem::internal)?;
        let rows = resolution.rows(self.snapshot).ok_or_else(|| Problem::no_view(resolution.view))?;
        let to = align_up(self.now, resolution.size);
        Ok(sum_levels(rows, service, to.minus(hours(1)), to).total())
    }

    /// See [`Trend`]. Over whole windows: the one under way would always look like a drop.
    pub(super) fn trend(&self, service: Option<&Name>) -> Trend {
        let compared = || {
            let resolution = self.kept.finest(self.span.length * 2)?;
            let rows = resolution.rows(self.snapshot)?;
            let to = self.now.align(resolution.size);
            let middle = to.minus(self.span.length);
            let from = middle.minus(self.span.length);
            reaches_back_to(rows, from)
                .then(|| (sum_levels(rows, service, from, middle), sum_levels(rows, service, middle, to)))
        };
        let change = |before: f64, after: f64| (before > 0.0).then(|| tidy((after - before) / before * 100.0));
        compared().map_or_else(Trend::default, |(before, after)| Trend {
            logs_per_minute: change(before.total() as f64, after.total() as f64),
            error_rate: change(before.error_rate().percent(), after.error_rate().percent()),
        })
    }

    /// An answer, with what every answer about a period says of it.
    pub(crate) fn of<T>(&self, answer: T) -> Of<T> {
        let Period { span, from, to, now, .. } = *self;
        Of { answer, time_range: span.name, from, to, timestamp: now }
    }

    pub(crate) fn answer(&self, answer: impl Serialize) -> Response {
        json_at(self.snapshot.epoch, &self.of(answer))
    }
}
