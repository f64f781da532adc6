//! [`moving_average`]: by how much a point deviates from the mean of its recent past.

use super::{History, Sample};

/// What the moving average expected of a point, and how far off the point is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MovingAverage {
    /// The mean of the last windows.
    pub expected: f64,
    /// By how many percent of it the point deviates; below: negative.
    pub deviation_percent: f64,
    /// Where the point would have been unremarkable: low and high.
    pub band: [f64; 2],
    /// How many windows the mean is taken over.
    pub windows: usize,
    /// Whether the point lies outside the band.
    pub is_outside: bool,
}

/// The simple moving average of the last windows of `past` (the point itself not among them), with a band of so many
/// spreads to either side, as in Bollinger's bands. `None` while the past is shorter than the history asks for.
///
/// ```
/// use highwater_operators::{History, moving_average};
/// let average = moving_average(&[9.0, 10.0, 11.0], 25.0, &History::windows(12).at_least(3), 2.0).unwrap();
/// assert_eq!((average.expected, average.deviation_percent, average.band), (10.0, 150.0, [8.0, 12.0]));
/// assert!(average.is_outside);
/// ```
pub fn moving_average(
    past: &[f64],
    sample: impl Into<Sample>,
    history: &History,
    spreads: f64,
) -> Option<MovingAverage> {
    let sample = sample.into();
    history.baseline(past).map(|baseline| MovingAverage {
        expected: baseline.middle,
        deviation_percent: baseline.deviation_percent(*sample.value),
        band: baseline.band(spreads, sample.of),
        windows: baseline.windows,
        is_outside: baseline.z(sample).abs() > spreads,
    })
}
