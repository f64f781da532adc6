//! [`Condition`]: a comparison with a threshold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a value is compared with a threshold.
///
/// ```
/// use highwater_operators::Condition;
/// assert!(Condition::GreaterThan.holds(5.1, 5.0));
/// assert!(!Condition::GreaterThan.holds(5.0, 5.0));
/// assert!(Condition::Equals.holds(0.1 + 0.2, 0.3));
/// assert!(!Condition::LessThan.holds(f64::NAN, 5.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Above the threshold.
    GreaterThan,
    /// Below the threshold.
    LessThan,
    /// At the threshold, to within a thousand-millionth of it.
    Equals,
    /// At the threshold or above.
    GreaterThanOrEqual,
    /// At the threshold or below.
    LessThanOrEqual,
}

impl Condition {
    /// Whether `value` meets this condition. What is not a number meets none.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Condition::GreaterThan => value > threshold,
            Condition::LessThan => value < threshold,
            Condition::Equals => (value - threshold).abs() <= 1e-9 * threshold.abs(),
            Condition::GreaterThanOrEqual => value >= threshold,
            Condition::LessThanOrEqual => value <= threshold,
        }
    }

    /// Which of two values meets the condition more clearly: the greater, the less, or the first.
    pub(super) fn clearer<T: Ord>(self, one: T, other: T) -> T {
        match self {
            Condition::GreaterThan | Condition::GreaterThanOrEqual => one.max(other),
            Condition::LessThan | Condition::LessThanOrEqual => one.min(other),
            Condition::Equals => one,
        }
    }
}
