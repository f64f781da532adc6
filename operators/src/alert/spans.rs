//! [`AlertMachine`]: what becomes of an alert window by window; [`alert_spans`]: when a rule fired over a series, and when
//! that was over.

use std::time::Duration;

use highwater_engine::{Timestamp, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertRule, NoData, Predicate};
use crate::Real;

/// A stretch of a series over which a rule held: pending, then firing, then resolved. Stretches that ended while pending
/// are not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct AlertSpan {
    /// The first window of which the predicate held. Names the alert of its rule.
    pub since: Window,
    /// When it began to fire: the end of the window that made it long enough. None while pending.
    pub firing_from: Option<Timestamp>,
    /// When it was resolved: the end of the window by which the predicate had not held for long enough. None while it lasts.
    pub until: Option<Timestamp>,
    /// The value that met the predicate most clearly: the greatest, the least, the furthest from 0. None where nothing was
    /// known of any window.
    pub peak: Option<Real>,
    /// The latest value of which the predicate held.
    pub last: Option<Real>,
    /// Whether it lasts because nothing is known of the latest window.
    pub no_data: bool,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The predicate holds, not yet for long enough.
    Pending,
    /// It has held for long enough.
    Firing,
    /// The same, but nothing is known of the latest window.
    NoData,
    /// It fired and holds no longer.
    Resolved,
}

impl AlertSpan {
    /// Where the alert stands.
    pub fn state(&self) -> AlertState {
        match (self.firing_from, self.until) {
            (_, Some(_)) => AlertState::Resolved,
            (Some(_), None) if self.no_data => AlertState::NoData,
            (Some(_), None) => AlertState::Firing,
            (None, None) => AlertState::Pending,
        }
    }
}

/// The stretches over which `rule` held of a series of windows of `size`, oldest first; at most the last one pending.
///
/// `series` is ascending. Of a window that it lacks between others nothing is known: the rule says what that means; one
/// that is missing at the end is not seen, so let the series be filled up to the watermark. A value that is not a number
/// counts as a missing window.
///
/// ```
/// use highwater_engine::{Timestamp, Window, seconds};
/// use highwater_operators::{AlertRule, AlertState, Condition, alert_spans};
/// let at = |s: i64| Timestamp::from_millis(s * 1000);
/// let rule = AlertRule::compare(Condition::GreaterThan, 5.0).for_at_least(seconds(20));
/// let series: Vec<_> =
///     [(0, 1.0), (10, 6.0), (20, 9.0), (30, 7.0), (40, 2.0)].map(|(s, value)| (Window { start: at(s) }, value)).into();
/// let spans = alert_spans(&series, seconds(10), &rule);
/// assert_eq!(spans.len(), 1);
/// assert_eq!((spans[0].since.start, spans[0].firing_from, spans[0].until), (at(10), Some(at(30)), Some(at(50))));
/// assert_eq!((spans[0].peak.map(|peak| *peak), spans[0].state()), (Some(9.0), AlertState::Resolved));
/// ```
pub fn alert_spans(series: &[(Window, f64)], size: Duration, rule: &AlertRule) -> Vec<AlertSpan> {
    let mut machine = AlertMachine::default();
    let mut expected = None;
    for (window, value) in series.iter().filter(|(_, value)| !value.is_nan()) {
        while let Some(missing) = expected.filter(|expected| expected < window) {
            machine.step(rule, missing, size, None);
            expected = Some(missing.later(size));
        }
        machine.step(rule, *window, size, Some((*value).into()));
        expected = Some(window.later(size));
    }
    machine.spans().collect()
}

/// The alerts of one rule over one series, as far as it has been shown to them. Plain data: what it has been shown can be
/// forgotten, and shown on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertMachine {
    /// The alert that is pending or firing.
    open: Option<AlertSpan>,
    /// While it fires: the end of the first window since which the predicate has not held.
    clear_since: Option<Timestamp>,
    closed: Vec<AlertSpan>,
}

impl AlertMachine {
    /// Shows it the next window of `size` with its value; none where nothing is known of it.
    pub fn step(&mut self, rule: &AlertRule, window: Window, size: Duration, value: Option<Real>) {
        let firing = self.is_firing();
        let end = window.end(size);
        match value {
            Some(value) if rule.holds(*value, firing) => self.hold(rule, window, end, Some(value)),
            Some(_) => self.clear(rule, end),
            None if rule.predicate == Predicate::Absent => self.hold(rule, window, end, Some(Real::default())),
            None => match rule.no_data {
                NoData::Alert => self.hold(rule, window, end, None),
                NoData::Resolve => self.clear(rule, end),
                NoData::Keep if firing => {}
                NoData::Keep => self.open = None,
            },
        }
    }

    /// All alerts that are remembered, oldest first; the last one may be open.
    pub fn spans(&self) -> impl Iterator<Item = AlertSpan> + '_ {
        self.closed.iter().copied().chain(self.open)
    }

    /// Forgets the alerts that were resolved before. Gives whether there were any.
    pub fn forget(&mut self, before: Timestamp) -> bool {
        let known = self.closed.len();
        self.closed.retain(|span| span.until.is_none_or(|until| until >= before));
        self.closed.len() < known
    }

    /// Whether there is nothing to remember.
    pub fn is_idle(&self) -> bool {
        self.open.is_none() && self.closed.is_empty()
    }

    /// Whether an alert is pending or fires.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn is_firing(&self) -> bool {
        self.open.is_some_and(|span| span.firing_from.is_some())
    }

    /// The predicate held of `window`.
    fn hold(&mut self, rule: &AlertRule, window: Window, end: Timestamp, value: Option<Real>) {
        self.clear_since = None;
        let fresh =
            AlertSpan { since: window, firing_from: None, until: None, peak: value, last: value, no_data: false };
        let span = self.open.get_or_insert(fresh);
        span.no_data = value.is_none();
        span.last = value.or(span.last);
        span.peak = match (span.peak, value) {
            (Some(peak), Some(value)) => Some(rule.clearer(peak, value)),
            (peak, value) => peak.or(value),
        };
        if span.firing_from.is_none() && end.since(span.since.start) >= rule.for_at_least {
            span.firing_from = Some(end);
        }
    }

    /// The predicate did not hold of the window with this end.
    fn clear(&mut self, rule: &AlertRule, end: Timestamp) {
        if !self.is_firing() {
            self.open = None;
            return;
        }
        self.open.iter_mut().for_each(|span| span.no_data = false);
        if end.since(*self.clear_since.get_or_insert(end)) >= rule.keep_firing_for {
            self.clear_since = None;
            self.closed.extend(self.open.take().map(|over| AlertSpan { until: Some(end), ..over }));
        }
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::seconds;
    use proptest::prelude::*;

    use super::*;
    use crate::Condition;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    /// A value every ten seconds, from 0 on; `_` (NaN) is a window that is missing.
    fn series(values: &[f64]) -> Vec<(Window, f64)> {
        (0..).zip(values).filter(|(_, v)| !v.is_nan()).map(|(n, v)| (Window { start: at(n * 10) }, *v)).collect()
    }

    /// since, firing from, until in seconds; peak
    type Row = (i64, Option<i64>, Option<i64>, f64);

    fn spans(values: &[f64], rule: AlertRule) -> Vec<Row> {
        let second = |at: Timestamp| at.as_micros() / 1_000_000;
        alert_spans(&series(values), seconds(10), &rule)
            .iter()
            .map(|s| (second(s.since.start), s.firing_from.map(second), s.until.map(second), *s.peak.unwrap()))
            .collect()
    }

    const GONE: f64 = f64::NAN;

    #[test]
    fn without_a_duration_it_fires_at_the_end_of_the_window() {
        let above = AlertRule::compare(Condition::GreaterThan, 5.0);
        assert_eq!(spans(&[1.0, 6.0, 1.0, 8.0], above), [(10, Some(20), Some(30), 6.0), (30, Some(40), None, 8.0)]);
        assert_eq!(spans(&[], above), []);
    }

    #[test]
    fn what_ends_while_pending_is_not_told() {
        let rule = AlertRule::compare(Condition::GreaterThanOrEqual, 5.0).for_at_least(seconds(25));
        assert_eq!(spans(&[5.0, 5.0, 1.0, 5.0, 5.0], rule), [(30, None, None, 5.0)]);
        // 25 s are reached within the third window, so known at its end
        assert_eq!(spans(&[5.0, 5.0, 5.0], rule), [(0, Some(30), None, 5.0)]);
    }

    #[test]
    fn hysteresis_holds_on_once_firing_only() {
        let rule = AlertRule::compare(Condition::LessThan, 10.0).clear_at(20.0);
        assert_eq!(spans(&[15.0, 9.0, 15.0, 12.0, 20.0, 15.0], rule), [(10, Some(20), Some(50), 9.0)]);
    }

    #[test]
    fn beyond_looks_to_both_sides() {
        let rule = AlertRule::beyond(3.0).for_at_least(seconds(20));
        assert_eq!(spans(&[3.0, 4.0, -5.0, 0.0], rule), [(10, Some(30), Some(40), -5.0)]);
    }

    #[test]
    fn a_gap_restarts_the_pending_and_leaves_the_firing() {
        let rule = AlertRule::compare(Condition::GreaterThan, 5.0).for_at_least(seconds(20));
        assert_eq!(spans(&[6.0, GONE, 6.0, 6.0, GONE, GONE, 1.0], rule), [(20, Some(40), Some(70), 6.0)]);
    }

    #[test]
    fn absence_counts_zeros_and_gaps() {
        let rule = AlertRule::absent_for(seconds(30));
        assert_eq!(spans(&[3.0, 0.0, 0.0, 0.0, 0.0, 2.0], rule), [(10, Some(40), Some(60), 0.0)]);
        assert_eq!(spans(&[3.0, GONE, GONE, GONE, GONE, 2.0], rule), [(10, Some(40), Some(60), 0.0)]);
        assert_eq!(spans(&[3.0, 0.0, GONE, 2.0, 0.0], rule), [(40, None, None, 0.0)]);
    }

    proptest! {
        #[test]
        fn spans_are_disjoint_and_only_the_last_is_open(values in prop::collection::vec(prop_oneof![4 => 0f64..10.0, 1 => Just(GONE)], 0..60), hold in 0u64..50) {
            let rule = AlertRule::compare(Condition::GreaterThan, 5.0).for_at_least(seconds(hold)).clear_at(3.0);
            let spans = alert_spans(&series(&values), seconds(10), &rule);
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].state(), AlertState::Resolved);
                prop_assert!(pair[0].until.unwrap() <= pair[1].since.start);
            }
            for span in &spans {
                prop_assert!(span.firing_from.is_none_or(|from| from.since(span.since.start) >= seconds(hold)));
                prop_assert!(*span.peak.unwrap() > 5.0);
            }
        }
    }
}
