//! [`z_score`]: how many standard deviations a point lies from the mean of its past.

use super::History;

/// The z-score of `value` after `past`: (x − mean) / max(sample standard deviation, floor), over the last windows of
/// the past, the point itself not among them. Never NaN, never infinite; a point equal to a flat past has 0. `None` while
/// the past is shorter than the history asks for.
///
/// ```
/// use highwater_operators::{History, z_score};
/// let history = History::windows(60).at_least(8);
/// let past = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]; // mean 5, sample variance 32/7
/// let z = z_score(&past, 13.0, &history).unwrap();
/// assert!((z - 8.0 / (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
/// assert_eq!(z_score(&past[1..], 13.0, &history), None);
/// ```
pub fn z_score(past: &[f64], value: f64, history: &History) -> Option<f64> {
    history.baseline(past).map(|baseline| baseline.z(value))
}

/// The z-score of every point of a series, each from the points before it.
///
/// ```
/// use highwater_operators::{History, z_scores};
/// let history = History::windows(3).at_least(3).floor(1.0);
/// assert_eq!(z_scores(&[5.0, 5.0, 5.0, 5.0, 8.0], &history), [None, None, None, Some(0.0), Some(3.0)]);
/// ```
pub fn z_scores(values: &[f64], history: &History) -> Vec<Option<f64>> {
    values.iter().enumerate().map(|(at, value)| z_score(&values[..at], *value, history)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_comes_later_or_expired_does_not_matter(values in prop::collection::vec(-1e6f64..1e6, 12..40), at in 10usize..12) {
            let history = History::windows(6).at_least(3);
            let whole = z_scores(&values, &history);
            prop_assert_eq!(z_scores(&values[..=at], &history)[at], whole[at]);
            prop_assert_eq!(z_score(&values[at - 6..at], values[at], &history), whole[at]);
        }

        #[test]
        fn it_is_blind_to_shift_and_scale(values in prop::collection::vec(-100f64..100.0, 10..30), shift in -1e3f64..1e3, scale in 0.5f64..50.0) {
            let mut history = History::windows(20).at_least(4).floor(0.0);
            history.floor.relative = 0.0;
            let moved: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
            for (z, moved) in z_scores(&values, &history).into_iter().zip(z_scores(&moved, &history)) {
                let (z, moved) = (z.unwrap_or_default(), moved.unwrap_or_default());
                prop_assert!((z - moved).abs() <= 1e-6 * z.abs().max(1.0), "{} {}", z, moved);
            }
        }
    }
}
