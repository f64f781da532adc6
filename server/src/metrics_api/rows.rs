//! Rows of service statistics, walked service by service and added up.

use std::ops::Bound;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Name, Timestamp, Window, Windowed};
use highwater_operators::{Levels, ServiceStats};

use super::resolution::Stats;

pub(super) fn row(service: &Name, start: Timestamp) -> Windowed<Name> {
    Windowed { key: service.clone(), window: Window { start } }
}

/// The newest row of every service; jumps from one to the next.
pub(super) fn last_rows(rows: &Stats) -> impl Iterator<Item = &Windowed<Name>> {
    let mut next = rows.iter().next().map(|(row, _)| row);
    std::iter::from_fn(move || {
        let end = row(&next?.key, Timestamp::MAX);
        let last = rows.range(..=end.clone()).next_back().map(|(row, _)| row);
        next = rows.range((Bound::Excluded(end), Bound::Unbounded)).next().map(|(row, _)| row);
        last
    })
}

pub(super) fn services(rows: &Stats) -> impl Iterator<Item = &Name> {
    last_rows(rows).map(|row| &row.key)
}

/// A service's windows that start in `from..to`.
pub(super) fn windows<'a>(
    rows: &'a Stats,
    service: &Name,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = (Timestamp, &'a ServiceStats)> + use<'a> {
    let (first, end) = (row(service, from), row(service, to.max(from)));
    rows.range(first..end).map(|(row, stats)| (row.window.start, stats))
}

pub(super) fn sum(rows: &Stats, service: &Name, from: Timestamp, to: Timestamp) -> ServiceStats {
    windows(rows, service, from, to).fold(ServiceStats::default(), |mut sum, (_, stats)| {
        sum.levels.plus_equals(&stats.levels);
        sum.latency.plus_equals(&stats.latency);
        sum
    })
}

pub(super) fn sum_levels(rows: &Stats, service: Option<&Name>, from: Timestamp, to: Timestamp) -> Levels {
    let mut levels = Levels::default();
    let mut add = |service: &Name| {
        windows(rows, service, from, to).for_each(|(_, stats)| levels.plus_equals(&stats.levels));
    };
    match service {
        Some(service) => add(service),
        None => services(rows).for_each(add),
    }
    levels
}

/// Whether any row is older than `at`: then a period that starts there is covered wholly.
pub(super) fn reaches_back_to(rows: &Stats, at: Timestamp) -> bool {
    services(rows).any(|service| rows.range(row(service, Timestamp::MIN)..=row(service, at)).next().is_some())
}

pub(super) fn oldest(rows: &Stats) -> Option<Timestamp> {
    services(rows).filter_map(|service| Some(rows.range(row(service, Timestamp::MIN)..).next()?.0.window.start)).min()
}
