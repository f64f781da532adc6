//! [`AlertRule`]: what to alert on.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, NoData};
use crate::Real;

/// A predicate on the values of a series, how long it must hold before the alert fires, and from where on it is over.
/// Plain data: a rule is a row of an input collection.
///
/// ```
/// use highwater_engine::seconds;
/// use highwater_operators::{AlertRule, Condition};
/// let rule = AlertRule::compare(Condition::GreaterThan, 0.05).for_at_least(seconds(30)).clear_at(0.03);
/// assert!(rule.holds(0.06, false) && !rule.holds(0.04, false));
/// assert!(rule.holds(0.04, true) && !rule.holds(0.03, true)); // once firing, it takes 3 % to end it
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct AlertRule {
    /// What must hold.
    pub predicate: Predicate,
    /// How long it must hold without a break before the alert fires; at zero, it fires at the end of the first window.
    pub for_at_least: Duration,
    /// Hysteresis: the threshold that stands in for the predicate's own once the alert fires.
    pub clear: Option<Real>,
    /// How long it must not hold without a break before a firing alert is resolved; at zero, that is at the end of the
    /// first window of which it does not hold.
    pub keep_firing_for: Duration,
    /// What a window of which nothing is known means. Absence is never unknown.
    pub no_data: NoData,
}

/// What must hold of a window's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// The value compares so with the threshold.
    Compare {
        /// How.
        condition: Condition,
        /// With what.
        threshold: Real,
    },
    /// The value, a z-score, lies further from 0 than this, to either side.
    Beyond {
        /// In standard deviations.
        spreads: Real,
    },
    /// Nothing was seen: the value, a count, is 0, or the window is missing.
    Absent,
}

impl AlertRule {
    /// The value compares so with the threshold.
    pub fn compare(condition: Condition, threshold: f64) -> Self {
        AlertRule::on(Predicate::Compare { condition, threshold: threshold.into() })
    }

    /// The z-score lies further from 0 than `spreads`.
    pub fn beyond(spreads: f64) -> Self {
        AlertRule::on(Predicate::Beyond { spreads: spreads.into() })
    }

    /// Nothing was seen for so long.
    pub fn absent_for(duration: Duration) -> Self {
        AlertRule::on(Predicate::Absent).for_at_least(duration)
    }

    /// Fires once it has held for so long.
    #[must_use]
    pub fn for_at_least(mut self, duration: Duration) -> Self {
        self.for_at_least = duration;
        self
    }

    /// Once firing, holds until the value no longer passes this threshold. Of no use to `Equals` and absence.
    #[must_use]
    pub fn clear_at(mut self, threshold: f64) -> Self {
        self.clear = Some(threshold.into());
        self
    }

    /// Once firing, is resolved only when it has not held for so long.
    #[must_use]
    pub fn keep_firing_for(mut self, duration: Duration) -> Self {
        self.keep_firing_for = duration;
        self
    }

    /// What a window of which nothing is known means.
    #[must_use]
    pub fn on_no_data(mut self, no_data: NoData) -> Self {
        self.no_data = no_data;
        self
    }

    /// Whether the predicate holds of `value`; `firing` says whether the alert already fires.
    pub fn holds(&self, value: f64, firing: bool) -> bool {
        let threshold = |own: Real| *self.clear.filter(|_| firing).unwrap_or(own);
        match self.predicate {
            Predicate::Compare { condition: Condition::Equals, threshold } => {
                Condition::Equals.holds(value, *threshold)
            }
            Predicate::Compare { condition, threshold: own } => condition.holds(value, threshold(own)),
            Predicate::Beyond { spreads } => value.abs() > threshold(spreads),
            Predicate::Absent => value == 0.0,
        }
    }

    /// Which of two values says more clearly that the predicate holds.
    pub(super) fn clearer(&self, one: Real, other: Real) -> Real {
        match self.predicate {
            Predicate::Compare { condition, .. } => condition.clearer(one, other),
            Predicate::Beyond { .. } if other.abs() > one.abs() => other,
            _ => one,
        }
    }

    fn on(predicate: Predicate) -> Self {
        let (for_at_least, keep_firing_for, no_data) = (Duration::ZERO, Duration::ZERO, NoData::Keep);
        AlertRule { predicate, for_at_least, clear: None, keep_firing_for, no_data }
    }
}
