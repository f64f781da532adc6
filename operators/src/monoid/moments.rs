//! [`Moments`]: exact mean and variance.

use differential_dataflow::difference::{Abelian, IsZero, Monoid, Semigroup};
use highwater_engine::Log;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Count, sum and sum of squares of whole numbers (latencies in microseconds, bytes): enough for an exact mean and
/// variance. A group: what was added can be taken away, so it serves as a differential difference too.
///
/// Values are clamped to ±2⁴⁷ (4.4 years of microseconds): their squares then need eight thousand million values to
/// reach the end of 128 bits.
///
/// ```
/// use highwater_operators::Moments;
/// let mut moments = Moments::default();
/// [2, 4, 4, 4, 5, 5, 7, 9].map(|value| moments.add(value));
/// assert_eq!(moments.mean(), Some(5.0));
/// assert_eq!(moments.population_variance(), Some(4.0));
/// assert_eq!(moments.variance(), Some(32.0 / 7.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Moments {
    /// How many values.
    pub count: i64,
    /// Their sum.
    pub sum: i128,
    /// The sum of their squares.
    pub sum_of_squares: i128,
}

/// The greatest magnitude of a value.
const LARGEST: i64 = 1 << 47;

impl Moments {
    /// Takes the log's latency in, if it has one.
    pub fn observe(&mut self, log: &Log<'_>) {
        if let Some(micros) = log.latency_micros() {
            self.add(i64::try_from(micros).unwrap_or(i64::MAX));
        }
    }

    /// Takes one value in.
    pub fn add(&mut self, value: i64) {
        let value = i128::from(value.clamp(-LARGEST, LARGEST));
        self.plus_equals(&Moments { count: 1, sum: value, sum_of_squares: value * value });
    }

    /// The mean; `None` without a value.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The sample variance, over n − 1; `None` with less than two values.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.sum_of_squared_deviations() / (self.count - 1) as f64)
    }

    /// The variance of these values as the whole population, over n; `None` without a value.
    pub fn population_variance(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_of_squared_deviations() / self.count as f64)
    }

    /// Σ(x − mean)² = (n Σx² − (Σx)²) / n, the numerator in integers, so that nothing cancels. In floating point only
    /// where the integers would not fit.
    fn sum_of_squared_deviations(&self) -> f64 {
        let count = i128::from(self.count);
        let exact = count
            .checked_mul(self.sum_of_squares)
            .zip(self.sum.checked_mul(self.sum))
            .and_then(|(squares, square)| squares.checked_sub(square));
        let numerator = exact.map_or_else(
            || self.count as f64 * self.sum_of_squares as f64 - self.sum as f64 * self.sum as f64,
            |numerator| numerator as f64,
        );
        numerator.max(0.0) / self.count as f64
    }
}

impl IsZero for Moments {
    fn is_zero(&self) -> bool {
        *self == Moments::default()
    }
}

impl Semigroup for Moments {
    fn plus_equals(&mut self, more: &Self) {
        self.count = self.count.wrapping_add(more.count);
        self.sum = self.sum.wrapping_add(more.sum);
        self.sum_of_squares = self.sum_of_squares.wrapping_add(more.sum_of_squares);
    }
}

impl Monoid for Moments {
    fn zero() -> Self {
        Moments::default()
    }
}

impl Abelian for Moments {
    fn negate(&mut self) {
        self.count = self.count.wrapping_neg();
        self.sum = self.sum.wrapping_neg();
        self.sum_of_squares = self.sum_of_squares.wrapping_neg();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(values: &[i64]) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|&value| moments.add(value));
        moments
    }

    #[test]
    fn a_large_offset_does_not_cancel() {
        let far = 100_000_000_000_000;
        assert_eq!(moments(&[far + 1, far + 2, far + 3]).variance(), Some(1.0));
    }

    #[test]
    fn too_few_values_have_no_variance() {
        assert_eq!((moments(&[]).mean(), moments(&[7]).variance()), (None, None));
        assert_eq!(moments(&[7]).population_variance(), Some(0.0));
    }

    proptest! {
        #[test]
        fn it_is_a_group(left in prop::collection::vec(any::<i64>(), 0..20), right in prop::collection::vec(any::<i64>(), 0..20)) {
            let both: Vec<i64> = left.iter().chain(&right).copied().collect();
            let mut sum = moments(&left);
            sum.plus_equals(&moments(&right));
            prop_assert_eq!(sum, moments(&both));
            prop_assert!(sum.variance().is_none_or(|variance| variance >= 0.0 && variance.is_finite()));
            let mut minus = moments(&right);
            minus.negate();
            sum.plus_equals(&minus);
            prop_assert_eq!(sum, moments(&left));
        }
    }
}
