//! [`Expected`]: what views must say in the end, counted from the logs in one go.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    changelog::View,
    logs::Log,
    time::{Millis, spell},
};

/// How long windows are.
pub const WINDOW: Millis = 10_000;
/// The key of all services together.
pub const ALL: &str = "*";

/// The built-in alert on errors: from more than so many per cent, for so many windows, until no more than so many.
const ALERT_ABOVE: u64 = 40;
const ALERT_WINDOWS: Millis = 3;
const ALERT_UNTIL: u64 = 20;

/// A service and where its window starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The service, or [`ALL`].
    pub service: String,
    /// The first instant of the window.
    pub window: Millis,
}

/// What a view counts in a row: numbers that only grow while logs come.
pub type Counts = Vec<u64>;
/// A view of windows.
pub type Rows = BTreeMap<Row, Counts>;

/// An alert that must be told of, and the event time from which on it must.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alert {
    /// `rule:service:since`.
    pub id: String,
    /// The end of the window that makes it fire.
    pub fires_at: Millis,
}

/// What must come out.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// All logs.
    pub logs: u64,
    /// Logs by row.
    pub volume: Rows,
    /// Errors and logs by row.
    pub errors: Rows,
    /// Logs by service and level, over all time.
    pub levels: BTreeMap<(String, String), u64>,
    /// The newest event time of each partition.
    pub newest: BTreeMap<i32, Millis>,
}

impl Expected {
    /// Counts logs.
    pub fn of(logs: impl IntoIterator<Item = Log>) -> Self {
        let mut expected = Expected::default();
        logs.into_iter().for_each(|log| expected.count(&log));
        expected
    }

    fn count(&mut self, log: &Log) {
        self.logs += 1;
        let window = log.at - log.at.rem_euclid(WINDOW);
        for service in [log.service, ALL] {
            let row = Row { service: service.to_owned(), window };
            add(&mut self.volume, row.clone(), &[1]);
            add(&mut self.errors, row, &[u64::from(log.is_error()), 1]);
        }
        *self.levels.entry((log.service.to_owned(), log.level.to_owned())).or_default() += 1;
        let newest = self.newest.entry(log.partition).or_insert(log.at);
        *newest = log.at.max(*newest);
    }

    /// What a view must say.
    pub fn rows(&self, view: View) -> &Rows {
        match view {
            View::LogVolume => &self.volume,
            View::ErrorRate => &self.errors,
        }
    }

    /// The alerts of too many errors, all services together included.
    pub fn error_alerts(&self) -> BTreeSet<Alert> {
        let services: BTreeSet<&str> = self.errors.keys().map(|row| row.service.as_str()).collect();
        services.into_iter().flat_map(|service| self.error_alerts_of(service)).collect()
    }

    fn error_alerts_of(&self, service: &str) -> Vec<Alert> {
        let mut alerts = Vec::new();
        // the first window of the stretch under way, and whether its alert fires
        let mut open: Option<(Millis, bool)> = None;
        for (row, counts) in self.errors.iter().filter(|(row, _)| row.service == service) {
            let &[errors, logs] = counts.as_slice() else { continue };
            let limit = if matches!(open, Some((_, true))) { ALERT_UNTIL } else { ALERT_ABOVE };
            if errors * 100 <= limit * logs {
                open = None;
                continue;
            }
            let (since, fires) = open.get_or_insert((row.window, false));
            let fires_at = *since + ALERT_WINDOWS * WINDOW;
            if !*fires && row.window + WINDOW >= fires_at {
                *fires = true;
                alerts.push(Alert { id: format!("high_error_rate:{service}:{}", spell(*since)), fires_at });
            }
        }
        alerts
    }
}

fn add(rows: &mut Rows, row: Row, more: &[u64]) {
    let counts = rows.entry(row).or_insert_with(|| vec![0; more.len()]);
    counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::BASE;

    fn log(second: Millis, service: &'static str, level: &'static str) -> Log {
        Log { partition: (second % 2) as i32, at: BASE + second * 1000, service, level, latency_ms: 1 }
    }

    fn row(service: &str, second: Millis) -> Row {
        Row { service: service.to_owned(), window: BASE + second * 1000 }
    }

    #[test]
    fn five_logs_counted_by_hand() {
        let expected = Expected::of([
            log(0, "cart", "INFO"),
            log(9, "cart", "ERROR"),
            log(10, "cart", "INFO"),
            log(15, "auth", "FATAL"),
            log(3, "cart", "WARN"), // late
        ]);
        let volume = [
            (row(ALL, 0), vec![3]),
            (row(ALL, 10), vec![2]),
            (row("auth", 10), vec![1]),
            (row("cart", 0), vec![3]),
            (row("cart", 10), vec![1]),
        ];
        assert_eq!(expected.volume, Rows::from(volume));
        assert_eq!(expected.errors[&row("cart", 0)], [1, 3]);
        assert_eq!(expected.errors[&row("cart", 10)], [0, 1]);
        assert_eq!(expected.errors[&row(ALL, 10)], [1, 2]);
        assert_eq!(expected.levels[&("cart".to_owned(), "INFO".to_owned())], 2);
        assert_eq!(expected.newest, BTreeMap::from([(0, BASE + 10_000), (1, BASE + 15_000)]));
        assert_eq!(expected.logs, 5);
    }

    #[test]
    fn a_window_is_half_open() {
        let mut last = log(9, "cart", "INFO");
        last.at += 999;
        assert_eq!(Expected::of([last]).volume[&row("cart", 0)], [1]);
    }

    #[test]
    fn an_alert_needs_three_windows_and_starts_over_when_it_is_over() {
        let levels = ["ERROR", "INFO", "ERROR", "ERROR", "ERROR", "ERROR", "INFO", "ERROR", "ERROR"];
        let logs = levels.into_iter().enumerate().map(|(at, level)| log(at as Millis * 10, "cart", level));
        let since = spell(BASE + 20_000);
        let of = |service| Alert { id: format!("high_error_rate:{service}:{since}"), fires_at: BASE + 50_000 };
        assert_eq!(Expected::of(logs).error_alerts(), BTreeSet::from([of("*"), of("cart")]));
    }
}
