//! Alerts against known incidents: who was found, how soon, who was blamed, and what was a false alarm.
//!
//! An alert is right that lies between an incident's start and its end, or a little later. Alerts in a row are one alert, the
//! first; what lies in a span that is known to be disturbed, and matches nothing, is neither right nor wrong.

use std::collections::BTreeMap;

/// Somebody was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// When, in seconds.
    pub at: f64,
    /// Who was blamed, if anybody.
    pub service: Option<String>,
}

/// What really happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its name in the list.
    pub id: String,
    /// When it began, in seconds.
    pub start: f64,
    /// When it ended.
    pub end: f64,
    /// The guilty service.
    pub service: String,
    /// What kind of fault it was.
    pub kind: String,
}

/// The rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// An alert so many seconds after an incident's end still counts for it.
    pub grace: f64,
    /// An alert less than this after the one before is the same alert; 0 for none.
    pub merge: f64,
    /// First and last second of what is scored: what starts outside is left out. `None` for all.
    pub span: Option<(f64, f64)>,
    /// Disturbed spans that are not in the list.
    pub ignore: Vec<(f64, f64)>,
}

/// The first alert that an incident had.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How many seconds after the incident's start.
    pub delay: f64,
    /// Whom it blamed.
    pub service: Option<String>,
}

/// How good the alerts were.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Each incident, with its first alert, if there was one.
    pub each: Vec<(Known, Option<Found>)>,
    /// The alerts that count.
    pub alerts: usize,
    /// Those that were for nothing.
    pub false_alerts: Vec<Alert>,
    /// The days that were scored.
    pub days: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { grace: 120.0, merge: 0.0, span: None, ignore: Vec::new() }
    }
}

/// Scores alerts against what happened.
///
/// ```
/// use highwater_detection::scoring::incident::{Alert, Known, Rules, score};
/// let known = |id: &str, start: f64| Known {
///     id: id.into(), start, end: start + 60.0, service: "cart".into(), kind: "cpu".into(),
/// };
/// let alert = |at: f64, service: &str| Alert { at, service: Some(service.into()) };
/// let score = score(
///     &[alert(30.0, "cart"), alert(5_000.0, "cart")],
///     &[known("one", 0.0), known("two", 1_000.0)],
///     &Rules::default(),
/// );
/// assert_eq!((score.found(), score.false_alerts.len()), (1, 1));
/// assert_eq!((score.recall(), score.precision(), score.f1()), (0.5, 0.5, 0.5));
/// assert_eq!((score.blamed(), score.median_delay()), (Some(1.0), Some(30.0)));
/// ```
pub fn score(alerts: &[Alert], incidents: &[Known], rules: &Rules) -> Score {
    let inside = |at: f64| rules.span.is_none_or(|(low, high)| (low..=high).contains(&at));
    let alerts = merged(alerts.iter().filter(|alert| inside(alert.at)).collect(), rules.merge);
    let known: Vec<&Known> = incidents.iter().filter(|known| inside(known.start)).collect();
    let hits = |alert: &Alert, known: &Known| (known.start..=known.end + rules.grace).contains(&alert.at);

    let first = |known: &Known| {
        let alert = alerts.iter().find(|alert| hits(alert, known))?;
        Some(Found { delay: alert.at - known.start, service: alert.service.clone() })
    };
    let each = known.iter().map(|known| ((*known).clone(), first(known))).collect();
    let (right, wrong): (Vec<&Alert>, Vec<&Alert>) =
        alerts.iter().partition(|alert| known.iter().any(|known| hits(alert, known)));
    let is_ignored = |alert: &Alert| rules.ignore.iter().any(|(low, high)| (*low..=*high).contains(&alert.at));
    let false_alerts: Vec<Alert> = wrong.into_iter().filter(|alert| !is_ignored(alert)).cloned().collect();
    Score { each, alerts: right.len() + false_alerts.len(), days: days(rules, &alerts, &known), false_alerts }
}

fn merged(mut alerts: Vec<&Alert>, merge: f64) -> Vec<Alert> {
    alerts.sort_by(|one, other| one.at.total_cmp(&other.at));
    let mut last = f64::NEG_INFINITY;
    alerts.retain(|alert| {
        let is_new = merge <= 0.0 || alert.at - last >= merge;
        last = alert.at;
        is_new
    });
    alerts.into_iter().cloned().collect()
}

fn days(rules: &Rules, alerts: &[Alert], known: &[&Known]) -> f64 {
    let times = || alerts.iter().map(|alert| alert.at).chain(known.iter().flat_map(|known| [known.start, known.end]));
    let (low, high) = rules
        .span
        .unwrap_or_else(|| (times().fold(f64::INFINITY, f64::min), times().fold(f64::NEG_INFINITY, f64::max)));
    (high - low).max(1.0) / 86_400.0
}

impl Score {
    /// How many incidents were found.
    pub fn found(&self) -> usize {
        self.first_alerts().count()
    }

    /// The share of incidents that were found.
    pub fn recall(&self) -> f64 {
        share(self.found(), self.each.len())
    }

    /// The share of alerts that were right.
    pub fn precision(&self) -> f64 {
        share(self.alerts - self.false_alerts.len(), self.alerts)
    }

    /// The harmonic mean of the two; 0 where nothing was found.
    pub fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        if self.found() == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
    }

    /// False alerts a day.
    pub fn false_per_day(&self) -> f64 {
        self.false_alerts.len() as f64 / self.days
    }

    /// The median of the seconds from an incident's start to its first alert.
    pub fn median_delay(&self) -> Option<f64> {
        let mut delays: Vec<f64> = self.first_alerts().map(|(_, found)| found.delay).collect();
        delays.sort_by(f64::total_cmp);
        let half = delays.len() / 2;
        let upper = *delays.get(half)?;
        Some(if delays.len() % 2 == 1 { upper } else { (delays[half - 1] + upper) / 2.0 })
    }

    /// Of the incidents found by an alert that names somebody, the share whose first alert names the right one.
    pub fn blamed(&self) -> Option<f64> {
        let named: Vec<bool> =
            self.first_alerts().filter_map(|(known, found)| Some(found.service.as_ref()? == &known.service)).collect();
        (!named.is_empty()).then(|| share(named.iter().filter(|right| **right).count(), named.len()))
    }

    /// For each kind of incident, how many were found and how many there were.
    pub fn by_kind(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (known, alert) in &self.each {
            let kind = kinds.entry(&known.kind).or_default();
            *kind = (kind.0 + usize::from(alert.is_some()), kind.1 + 1);
        }
        kinds
    }

    fn first_alerts(&self) -> impl Iterator<Item = (&Known, &Found)> {
        self.each.iter().filter_map(|(known, found)| found.as_ref().map(|found| (known, found)))
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
