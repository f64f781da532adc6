//! [`alert_spans`]: when a rule fired over a series, and when that was over.

use std::time::Duration;

use highwater_engine::{Timestamp, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertRule, Predicate};
use crate::Real;

/// A stretch of a series over which a rule held: pending, then firing, then resolved. Stretches that ended while pending
/// are not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct AlertSpan {
    /// The first window of which the predicate held. Names the alert of its rule.
    pub since: Window,
    /// When it began to fire: the end of the window that made it long enough. None while pending.
    pub firing_from: Option<Timestamp>,
    /// When it was resolved: the end of the first window of which the predicate held no longer. None while it lasts.
    pub until: Option<Timestamp>,
    /// The value that met the predicate most clearly: the greatest, the least, the furthest from 0.
    pub peak: Real,
    /// The latest value of which the predicate held.
    pub last: Real,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The predicate holds, not yet for long enough.
    Pending,
    /// It has held for long enough.
    Firing,
    /// It fired and holds no longer.
    Resolved,
}

impl AlertSpan {
    /// Where the alert stands.
    pub fn state(&self) -> AlertState {
        match (self.firing_from, self.until) {
            (_, Some(_)) => AlertState::Resolved,
            (Some(_), None) => AlertState::Firing,
            (None, None) => AlertState::Pending,
        }
    }
}

/// The stretches over which `rule` held of a series of windows of `size`, oldest first; at most the last one pending.
///
/// `series` is ascending. A window that it lacks says nothing: a pending alert starts over after it, a firing one goes on
/// firing, for silence is no sign of recovery. To [`Predicate::Absent`] a missing window between others is an absence like
/// any other; one that is missing at the end is not seen, so let the series be zero-filled up to the watermark. A value
/// that is not a number counts as a missing window.
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
/// assert_eq!((*spans[0].peak, spans[0].state()), (9.0, AlertState::Resolved));
/// ```
pub fn alert_spans(series: &[(Window, f64)], size: Duration, rule: &AlertRule) -> Vec<AlertSpan> {
    let mut machine = Machine { rule, size, open: None, closed: Vec::new() };
    let mut expected = None;
    for (window, value) in series.iter().filter(|(_, value)| !value.is_nan()) {
        if let Some(missing) = expected.filter(|expected| expected < window) {
            machine.gap(missing, *window);
        }
        machine.step(*window, (*value).into());
        expected = Some(window.later(size));
    }
    machine.closed.extend(machine.open);
    machine.closed
}

struct Machine<'a> {
    rule: &'a AlertRule,
    size: Duration,
    /// The alert that is pending or firing.
    open: Option<AlertSpan>,
    closed: Vec<AlertSpan>,
}

impl Machine<'_> {
    /// One window with its value.
    fn step(&mut self, window: Window, value: Real) {
        let firing = self.open.is_some_and(|span| span.firing_from.is_some());
        if self.rule.holds(*value, firing) {
            self.hold(window, window.end(self.size), value);
        } else if let Some(over) = self.open.take().filter(|_| firing) {
            self.closed.push(AlertSpan { until: Some(window.end(self.size)), ..over });
        }
    }

    /// Windows from `missing` on that are not there, up to `next`.
    fn gap(&mut self, missing: Window, next: Window) {
        if self.rule.predicate == Predicate::Absent {
            self.hold(missing, next.start, Real::default());
        } else {
            self.open = self.open.take().filter(|span| span.firing_from.is_some());
        }
    }

    /// The predicate held from `window` to `end`.
    fn hold(&mut self, window: Window, end: Timestamp, value: Real) {
        let fresh = AlertSpan { since: window, firing_from: None, until: None, peak: value, last: value };
        let span = self.open.get_or_insert(fresh);
        span.peak = self.rule.clearer(span.peak, value);
        span.last = value;
        if span.firing_from.is_none() && end.since(span.since.start) >= self.rule.for_at_least {
            // the end of the first window that makes it long enough, also where many came at once
            let windows = self.rule.for_at_least.as_micros().div_ceil(self.size.as_micros().max(1)).max(1);
            let long = self.size.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX));
            span.firing_from = Some(span.since.start.plus(long).min(end));
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
            .map(|s| (second(s.since.start), s.firing_from.map(second), s.until.map(second), *s.peak))
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
                prop_assert!(*span.peak > 5.0);
            }
        }
    }
}
