//! What a job has found, told as it comes: a line for each anomaly and alert, and the status line.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use highwater_engine::{EpochChanges, Record, RowFilter, Snapshot, Timestamp, metrics::Metrics};
use highwater_operators::{
    Severity,
    catalog::{ALERTS, ANOMALIES},
};
use serde::Deserialize;

use crate::{config::show_duration, status};

/// What of an anomaly is told.
#[derive(Clone, Debug, Deserialize)]
struct Anomaly {
    detected_at: Timestamp,
    severity: Severity,
    description: String,
}

/// What of an alert is told.
#[derive(Clone, Debug, Deserialize)]
struct Alert {
    rule: String,
    key: String,
    status: String,
    severity: Severity,
    description: String,
    firing_from: Timestamp,
    resolved_at: Option<Timestamp>,
}

/// Turns changes of views into lines.
pub(crate) struct Watch {
    /// what was detected before this belongs to the past
    began: Timestamp,
    history: Duration,
    in_colour: bool,
    /// anomalies by id, at the severity they were told with
    anomalies: HashMap<String, Severity>,
    /// alerts by id, in the state they were told with
    alerts: HashMap<String, String>,
    past: Option<Past>,
    rate: Rate,
}

/// What is known of the time before the start, until it is summed up.
#[derive(Default)]
struct Past {
    anomalies: BTreeMap<String, Anomaly>,
    alerts: usize,
}

/// Most rows that are looked at after epochs were missed.
const MAX_ROWS: usize = 10_000;
/// How many of the past's anomalies are shown one by one.
const SHOWN_OF_PAST: usize = 3;

impl Watch {
    /// `history` is how much past the sources bring along.
    pub(crate) fn new(history: Duration) -> Self {
        Watch {
            began: Timestamp::now(),
            history,
            in_colour: status::is_terminal() && status::colours_allowed(),
            anomalies: HashMap::new(),
            alerts: HashMap::new(),
            past: (history > Duration::ZERO).then(Past::default),
            rate: Rate::default(),
        }
    }

    /// Tells what an epoch has changed.
    pub(crate) fn epoch(&mut self, changes: &EpochChanges) {
        for view in &changes.views {
            match view.view().as_str() {
                ANOMALIES => view.upserts().iter().for_each(|record| self.anomaly(record)),
                ALERTS => view.upserts().iter().for_each(|record| self.alert(record)),
                _ => {}
            }
        }
        if changes.watermark >= self.began.minus(Duration::from_secs(1)) {
            self.sum_up();
        }
    }

    fn anomaly(&mut self, record: &Record) {
        let id = record.key_text();
        let Some(value) = &record.value else {
            if let Some(past) = &mut self.past {
                past.anomalies.remove(&id);
            }
            return;
        };
        let Ok(anomaly) = Anomaly::deserialize(value) else { return };
        if let Some(past) = self.past.as_mut().filter(|_| anomaly.detected_at < self.began) {
            self.anomalies.insert(id.clone(), anomaly.severity);
            past.anomalies.insert(id, anomaly);
            return;
        }
        // the same anomaly changes while it lasts; it is told again when it becomes worse
        if self.anomalies.insert(id, anomaly.severity).is_none_or(|told| told < anomaly.severity) {
            self.tell(anomaly.detected_at, "anomaly", anomaly.severity, &anomaly.description);
        }
    }

    fn alert(&mut self, record: &Record) {
        let id = record.key_text();
        let Some(alert) = record.value.as_ref().and_then(|value| Alert::deserialize(value).ok()) else {
            self.alerts.remove(&id);
            return;
        };
        let told = self.alerts.insert(id, alert.status.clone());
        if told.as_ref() == Some(&alert.status) {
            return;
        }
        if let Some(past) = &mut self.past {
            past.alerts += usize::from(told.is_none());
            return;
        }
        // one that was over before it was ever told of is not worth a line
        if alert.status != "firing" && told.is_none() {
            return;
        }
        let what = format!("{} {} of {}: {}", alert.status, alert.rule, alert.key, alert.description);
        self.tell(alert.resolved_at.unwrap_or(alert.firing_from), "alert", alert.severity, &what);
    }

    /// Takes in what views hold now: at the start, and after some epochs were missed.
    pub(crate) fn resync(&mut self, snapshot: &Snapshot) {
        let rows = |view| snapshot.view(view).map(|view| view.rows(&RowFilter::default(), MAX_ROWS));
        rows(ANOMALIES).iter().flatten().for_each(|record| self.anomaly(record));
        rows(ALERTS).iter().flatten().for_each(|record| self.alert(record));
    }

    fn tell(&self, at: Timestamp, kind: &str, severity: Severity, what: &str) {
        let (colour, plain) = if self.in_colour { (colour(severity), "\x1b[0m") } else { ("", "") };
        status::say(&format!("{}  {colour}{:8}{plain}  {kind:7}  {what}", clock(at), severity.as_str()));
    }

    /// Ends the past: says in a few lines what was in it.
    pub(crate) fn sum_up(&mut self) {
        let Some(past) = self.past.take() else { return };
        let mut by_severity: BTreeMap<Severity, usize> = BTreeMap::new();
        for anomaly in past.anomalies.values() {
            *by_severity.entry(anomaly.severity).or_default() += 1;
        }
        let counts: Vec<_> = by_severity.iter().rev().map(|(severity, count)| format!("{count} {severity}")).collect();
        let count = past.anomalies.len();
        let of_which = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        let plural = if count == 1 { "y" } else { "ies" };
        let history = show_duration(self.history);
        let last = if count > 0 { "; the last of them:" } else { "" };
        status::say(&format!("in the past {history}: {count} anomal{plural}{of_which}, {} alerts{last}", past.alerts));
        let mut newest: Vec<_> = past.anomalies.into_values().collect();
        newest.sort_by_key(|anomaly| anomaly.detected_at);
        for anomaly in newest.iter().skip(newest.len().saturating_sub(SHOWN_OF_PAST)) {
            self.tell(anomaly.detected_at, "anomaly", anomaly.severity, &anomaly.description);
        }
        status::say("");
    }

    fn open_alerts(&self) -> usize {
        self.alerts.values().filter(|state| matches!(state.as_str(), "firing" | "acknowledged")).count()
    }

    /// The status line as of now.
    pub(crate) fn line(&mut self, snapshot: &Snapshot, metrics: &Metrics) -> String {
        let now = Timestamp::now();
        let rate = self.rate.at(Instant::now(), metrics.logs.get());
        let watermark = match snapshot.watermark {
            mark if mark <= Timestamp::from_millis(0) => "none yet".to_owned(),
            mark if mark > now => clock(mark),
            mark => format!("{} ({:.1} s ago)", clock(mark), now.since(mark).as_secs_f64()),
        };
        let open = self.open_alerts();
        format!(
            "{} logs/s | epoch {} | watermark {watermark} | {} views | {open} open alert{}",
            thousands(rate.round() as u64),
            snapshot.epoch,
            snapshot.views().count(),
            if open == 1 { "" } else { "s" },
        )
    }

    /// What is said at the end.
    pub(crate) fn farewell(&self, metrics: &Metrics, ran: Duration) -> String {
        let logs = metrics.logs.get();
        let seconds = ran.as_secs_f64().max(0.001);
        format!(
            "{} logs in {seconds:.1} s; {} anomalies, {} open alerts at the end",
            thousands(logs),
            thousands(self.anomalies.len() as u64),
            self.open_alerts()
        )
    }
}

/// Logs per second over the last seconds.
#[derive(Default)]
struct Rate {
    seen: std::collections::VecDeque<(Instant, u64)>,
}

impl Rate {
    fn at(&mut self, now: Instant, logs: u64) -> f64 {
        self.seen.push_back((now, logs));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(at, _)| now - *at > Duration::from_secs(3)) {
            self.seen.pop_front();
        }
        let Some((at, before)) = self.seen.front() else { return 0.0 };
        let seconds = (now - *at).as_secs_f64();
        if seconds > 0.0 { logs.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

/// `14:32:15`, in UTC as everywhere.
fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..19).map_or_else(|| text.clone(), str::to_owned)
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "\x1b[36m",
        Severity::Medium => "\x1b[33m",
        Severity::High => "\x1b[31m",
        Severity::Critical => "\x1b[1;97;41m",
    }
}

/// `1 234 567`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn the_clock_is_that_of_the_timestamp() {
        assert_eq!(clock(Timestamp::from_millis(1_761_229_935_250)), "14:32:15");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        assert_eq!(rate.at(start, 1000), 0.0);
        assert_eq!(rate.at(start + Duration::from_secs(2), 3000), 1000.0);
        rate.at(start + Duration::from_secs(4), 3000);
        assert_eq!(rate.at(start + Duration::from_secs(6), 3000), 0.0);
    }
}
