//! [`Chance`]: how far a metric strays where nothing has changed, and [`Sample`]: a value and what it is taken over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Real;

/// The value of a window, and how many logs it is taken over; none where nobody has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// The value.
    pub value: Real,
    /// Of so many.
    pub of: u64,
}

impl Sample {
    /// A value over so many.
    pub fn new(value: f64, of: u64) -> Self {
        Sample { value: Real::from(value), of }
    }
}

impl From<f64> for Sample {
    fn from(value: f64) -> Self {
        Sample::new(value, 0)
    }
}

/// How far a metric strays by chance alone.
///
/// Variances are taken halfway between what was expected and what came, so that `(x - m) / spread` is about the difference
/// of the square roots, or of the arcsines, that make variances alike (M. S. Bartlett, *The Use of Transformations*,
/// Biometrics 3, 1947): it can be told from a normal distribution by nobody who has ten to count, and says too little
/// rather than too much of fewer.
///
/// ```
/// use highwater_operators::{Chance, Detection, assess};
/// // one error in three logs, where one in a hundred was seen before: that happens
/// let past = [0.01; 60];
/// let point = |of| highwater_operators::Sample::new(1.0 / 3.0, of);
/// assert!(!assess(&past, point(3), None, &Detection::fractions()).unwrap().flagged);
/// // but not a hundred in three hundred
/// assert!(assess(&past, point(300), None, &Detection::fractions()).unwrap().flagged);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Numbers of things that come independently of each other (Poisson): the variance is the mean.
    Counts,
    /// Shares of so many things (binomial).
    Shares,
    /// High percentiles of so many values that are spread as latencies mostly are, evenly over their logarithms with a
    /// deviation of about one half: off by one part in the root of their number.
    Percentiles,
}

impl Chance {
    /// The standard deviation of a value of so many, where `mean` was expected.
    pub(super) fn spread(self, mean: f64, value: f64, of: u64) -> f64 {
        let middle = ((mean + value) / 2.0).max(0.0);
        match self {
            Chance::Counts => middle.sqrt(),
            Chance::Shares if of > 0 => (middle.min(1.0) * (1.0 - middle.min(1.0)) / of as f64).sqrt(),
            Chance::Percentiles if of > 0 => middle / (of as f64).sqrt(),
            Chance::Unknown | Chance::Shares | Chance::Percentiles => 0.0,
        }
    }

    /// How far apart values are.
    pub(super) fn step(self, of: u64) -> f64 {
        match self {
            Chance::Counts => 1.0,
            Chance::Shares if of > 0 => 1.0 / of as f64,
            Chance::Unknown | Chance::Shares | Chance::Percentiles => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{Binomial, DiscreteCDF, Poisson};

    use super::*;
    use crate::{History, surprise};

    /// −log₁₀ of the probability of what lies as far out or further, on the same side, twice.
    fn told(mean: f64, sample: Sample, chance: Chance) -> f64 {
        let history = History { chance, ..History::windows(10_000) }.at_least(2);
        let z = history.baseline(&[mean; 10_000]).unwrap().z(sample);
        surprise(z, 10_000)
    }

    proptest! {
        #[test]
        fn counts_are_never_much_stranger_than_they_are(mean in 0.05f64..60.0, count in 0u64..80) {
            let exact = Poisson::new(mean).unwrap();
            let (below, above) = (exact.cdf(count), if count == 0 { 1.0 } else { 1.0 - exact.cdf(count - 1) });
            let true_surprise = -(2.0 * below.min(above)).clamp(1e-12, 1.0).log10();
            prop_assume!(true_surprise < 9.0);
            let told = told(mean, Sample::new(count as f64, 0), Chance::Counts);
            prop_assert!(told < true_surprise * 1.35 + 0.5, "{told} of {true_surprise}");
        }

        #[test]
        fn shares_are_never_much_stranger_than_they_are(percent in 1u64..50, of in 1u64..60, some in 0u64..60) {
            let (mean, some) = (percent as f64 / 100.0, some.min(of));
            let exact = Binomial::new(mean, of).unwrap();
            let (below, above) = (exact.cdf(some), if some == 0 { 1.0 } else { 1.0 - exact.cdf(some - 1) });
            let true_surprise = -(2.0 * below.min(above)).clamp(1e-12, 1.0).log10();
            prop_assume!(true_surprise < 9.0);
            let told = told(mean, Sample::new(some as f64 / of as f64, of), Chance::Shares);
            prop_assert!(told < true_surprise * 1.5 + 0.7, "{told} of {true_surprise}");
        }
    }
}
