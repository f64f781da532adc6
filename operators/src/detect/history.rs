//! [`History`]: which part of a series' past a point is compared with, and [`Baseline`]: what that part says.
//!
//! A calm past promises little where few things are counted: an error in three logs is a third of them. So no spread is
//! less than what [`Chance`] alone makes of the point.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Chance, Sample};

/// How much of its past a point is compared with.
///
/// ```
/// use highwater_operators::History;
/// let history = History::windows(60).at_least(3).floor(0.5);
/// let baseline = history.baseline(&[9.0, 10.0, 11.0]).unwrap();
/// assert_eq!((baseline.mean, baseline.deviation), (10.0, 1.0));
/// assert!(history.baseline(&[9.0, 10.0]).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// So many windows before the point, at most.
    pub windows: usize,
    /// With fewer than this nothing is said. Less than 2 counts as 2: one point has no spread.
    pub min: usize,
    /// The least spread a history is credited with.
    pub floor: Floor,
    /// What chance does to the metric.
    pub chance: Chance,
}

/// The least standard deviation that a history is credited with: a service that logged exactly 100 lines a minute for an
/// hour has not thereby promised never to log 101.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Floor {
    /// As a part of the mean's magnitude.
    pub relative: f64,
    /// In the metric's own unit: what is the least change worth a word?
    pub absolute: f64,
}

impl Default for Floor {
    fn default() -> Self {
        Floor { relative: 0.01, absolute: 1e-6 }
    }
}

impl Default for History {
    fn default() -> Self {
        History::windows(60)
    }
}

/// Magnitudes beyond this are cut to it, so that no square or sum overflows.
const LARGEST: f64 = 1e100;

impl History {
    /// The last `n` windows; speaks from 8 on (or `n`, if that is less).
    pub const fn windows(n: usize) -> Self {
        let min = if n < 8 { n } else { 8 };
        History { windows: n, min, floor: Floor { relative: 0.01, absolute: 1e-6 }, chance: Chance::Unknown }
    }

    /// Speaks from `min` windows on.
    pub const fn at_least(mut self, min: usize) -> Self {
        self.min = min;
        self
    }

    /// With this absolute floor of the spread, in the metric's unit.
    pub const fn floor(mut self, absolute: f64) -> Self {
        self.floor.absolute = absolute;
        self
    }

    /// Mean and sample standard deviation of the last windows of `past`, in two passes, always over the same values in
    /// the same order, so that the result is the same to the bit however it is come by. `None` while there are too few.
    pub fn baseline(&self, past: &[f64]) -> Option<Baseline> {
        let recent = &past[past.len().saturating_sub(self.windows)..];
        let values = || recent.iter().filter_map(|value| tame(*value));
        let windows = values().count();
        if windows < self.min.max(2) {
            return None;
        }
        let mean = values().sum::<f64>() / windows as f64;
        let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (windows - 1) as f64).sqrt();
        Some(Baseline { windows, mean, deviation, floor: self.floor, chance: self.chance })
    }
}

/// What the past of a point says about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// How many windows it is taken over.
    pub windows: usize,
    /// Their mean: what is expected.
    pub mean: f64,
    /// Their sample standard deviation (over n − 1), as it is.
    pub deviation: f64,
    floor: Floor,
    chance: Chance,
}

impl Baseline {
    /// The standard deviation, at least the floor. Always above 0.
    pub fn spread(&self) -> f64 {
        let floor = tame(self.floor.relative * self.mean).unwrap_or_default().abs().max(self.least());
        self.deviation.max(floor)
    }

    /// How many spreads a sample lies above the mean (below: negative); 0 for what is not a number. Where samples come in
    /// steps, half a step is nothing.
    pub fn z(&self, sample: impl Into<Sample>) -> f64 {
        let Sample { value, of } = sample.into();
        tame(*value).map_or(0.0, |value| {
            let spread = self.spread().max(self.chance.spread(self.mean, value, of));
            let distance = (value - self.mean).abs() - self.chance.step(of) / 2.0;
            (distance.max(0.0) / spread).copysign(value - self.mean)
        })
    }

    /// By how many percent of the mean `value` deviates from it. A mean nearer to 0 than the absolute floor is taken
    /// for the floor, so that the first error after none is not infinitely many.
    pub fn deviation_percent(&self, value: f64) -> f64 {
        tame(value).map_or(0.0, |value| (value - self.mean) / self.mean.abs().max(self.least()) * 100.0)
    }

    /// The mean and `spreads` spreads to either side, for a sample of so many.
    pub fn band(&self, spreads: f64, of: u64) -> [f64; 2] {
        let spread = self.spread().max(self.chance.spread(self.mean, self.mean, of));
        [self.mean - spreads * spread, self.mean + spreads * spread]
    }

    /// The absolute floor, above 0 whatever is configured.
    fn least(&self) -> f64 {
        tame(self.floor.absolute).unwrap_or_default().max(1e-12)
    }
}

/// Finite values, cut to ±1e100.
fn tame(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-LARGEST, LARGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_last_windows_count_and_gaps_do_not() {
        let history = History::windows(4).at_least(2);
        let baseline = history.baseline(&[1e9, 1e9, 4.0, f64::NAN, 8.0, f64::INFINITY]).unwrap();
        assert_eq!((baseline.windows, baseline.mean, baseline.deviation), (2, 6.0, 8f64.sqrt()));
    }

    #[test]
    fn a_flat_past_has_the_floor_for_its_spread() {
        let history = History::windows(10).at_least(2).floor(0.5);
        let baseline = history.baseline(&[100.0; 5]).unwrap();
        assert_eq!((baseline.deviation, baseline.spread()), (0.0, 1.0)); // 1 % of 100
        assert_eq!((baseline.z(100.0), baseline.z(103.0)), (0.0, 3.0));
        let silent = history.baseline(&[0.0; 5]).unwrap();
        assert_eq!((silent.spread(), silent.z(2.0), silent.deviation_percent(2.0)), (0.5, 4.0, 400.0));
    }

    proptest! {
        #[test]
        fn everything_is_finite(past in prop::collection::vec(any::<f64>(), 0..20), value in any::<f64>(), absolute in any::<f64>()) {
            if let Some(baseline) = History::windows(10).at_least(0).floor(absolute).baseline(&past) {
                let [low, high] = baseline.band(3.0, 0);
                for number in [baseline.z(value), baseline.deviation_percent(value), baseline.spread(), low, high] {
                    prop_assert!(number.is_finite());
                }
                prop_assert!(low < high || baseline.mean.abs() > 1e12 * baseline.spread());
            }
        }
    }
}
