//! [`surprise`]: how unlikely a z-score is, on a logarithmic scale.
//!
//! A z-score taken over n points of a normal series follows, for the next point, Student's t-distribution with n − 1
//! degrees of freedom, stretched by √(1 + 1/n) (Student 1908; the usual prediction interval): with eight points of past,
//! z = 3 is nothing much, with sixty it is rare. The probability itself runs out of floating-point digits where
//! anomalies begin to differ, so it is kept as a logarithm.

use std::f64::consts::LN_10;

use statrs::function::beta::{checked_beta_reg, ln_beta};

/// −log₁₀ of the probability that a point of a steady series lies this far from the mean of `windows` points before it,
/// to either side. 0 where z is 0; 3 is one in a thousand; grows without bound.
///
/// ```
/// use highwater_operators::surprise;
/// assert!((surprise(3.0, 1_000_000) - 2.57).abs() < 0.01); // 0.27 %, as a normal distribution has it
/// assert!(surprise(3.0, 8) < 1.7); // with a short past it is 2.3 %
/// assert!(surprise(1e9, 60) > surprise(1e8, 60)); // no saturation
/// ```
pub fn surprise(z: f64, windows: usize) -> f64 {
    let n = windows.clamp(2, LONGEST) as f64;
    let (freedom, t) = (n - 1.0, z.abs() / (1.0 + 1.0 / n).sqrt());
    // P(|T| > t) = Iₓ(ν/2, 1/2) at x = ν / (ν + t²)
    let (a, x) = (freedom / 2.0, freedom / (freedom + t * t));
    match checked_beta_reg(a, 0.5, x) {
        Ok(probability) if probability > 1e-290 => (-probability.log10()).max(0.0),
        Ok(_) => far_tail(a, x),
        Err(_) => 0.0,
    }
}

/// −log₁₀ Iₓ(a, 1/2) where the probability itself is too small for a float: xᵃ (1 − x)^½ / (a B(a, 1/2)) over the
/// continued fraction of Gauss (DLMF 8.17.22), in logarithms.
fn far_tail(a: f64, x: f64) -> f64 {
    const B: f64 = 0.5;
    let fraction = (1..=20).rev().map(f64::from).fold(1.0, |rest, m| {
        let even = m * (B - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + B + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        1.0 + even / (1.0 + odd / rest)
    });
    let fraction = 1.0 - (a + B) * x / ((a + 1.0) * fraction);
    (ln_beta(a, B) + a.ln() + fraction.ln() - a * x.ln() - B * (-x).ln_1p()) / LN_10
}

/// Longer histories are taken for this long: the distribution is then normal to four digits.
const LONGEST: usize = 10_000;

/// The surprise whose score is one half: once in 300 windows.
const HALF: f64 = 2.5;

/// A surprise as a score from 0 to below 1: s / (s + 2.5). Strictly increasing. Over a long history z = 1, 2, 3, 4, 6 give
/// about 0.17, 0.35, 0.51, 0.63, 0.78. A score of two thirds comes once in 100 000 windows where nothing has changed: that
/// is what, beside a forest that sees nothing special, makes the 0.6 from which an anomaly is flagged.
///
/// ```
/// use highwater_operators::{surprise, surprise_score};
/// assert!((surprise_score(5.0) - 2.0 / 3.0).abs() < 1e-12);
/// let score = |z| surprise_score(surprise(z, 10_000));
/// assert!(score(4.3) < 2.0 / 3.0 && score(4.5) > 2.0 / 3.0);
/// ```
pub fn surprise_score(surprise: f64) -> f64 {
    let surprise = surprise.max(0.0);
    if surprise.is_infinite() { 1.0 } else { surprise / (surprise + HALF) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::*;

    #[test]
    fn by_the_table_of_student() {
        // two-sided 5 %, 1 % and 0.1 % points for 9 degrees of freedom
        for (t, probability) in [(2.262, 0.05), (3.250, 0.01), (4.781, 0.001)] {
            let z: f64 = t * (1.1f64).sqrt();
            assert!((surprise(z, 10) + f64::log10(probability)).abs() < 1e-3, "{t}");
        }
        assert_eq!((surprise(0.0, 60), surprise(f64::NAN, 60)), (0.0, 0.0));
    }

    #[test]
    fn it_agrees_with_the_distribution_where_that_has_digits() {
        let distribution = StudentsT::new(0.0, 1.0, 59.0).unwrap();
        for t in [0.5, 1.0, 2.0, 4.0, 8.0] {
            let probability = 2.0 * distribution.cdf(-t);
            let z = t * (1.0f64 + 1.0 / 60.0).sqrt();
            assert!((surprise(z, 60) + probability.log10()).abs() < 1e-9, "{t}");
        }
    }

    proptest! {
        #[test]
        fn a_greater_z_surprises_more(z in 0.01f64..1e6, more in 1.01f64..10.0, windows in 2usize..2_000) {
            let (less, more) = (surprise(z, windows), surprise(z * more, windows));
            prop_assert!(more > less && more.is_finite(), "{} {}", less, more);
            prop_assert!(surprise_score(more) > surprise_score(less) && surprise_score(more) < 1.0);
        }

        #[test]
        fn the_change_of_formula_does_not_show(windows in 10usize..3_000) {
            // find where the probability leaves the digits, and look at both sides
            let (mut low, mut high) = (1.0, 1e9f64);
            for _ in 0..200 {
                let middle: f64 = (low * high).sqrt();
                if surprise(middle, windows) < 290.0 { low = middle } else { high = middle }
            }
            prop_assert!(surprise(high, windows) >= surprise(low, windows));
            prop_assert!(surprise(high, windows) - surprise(low, windows) < 0.5);
        }
    }
}
