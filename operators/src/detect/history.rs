//! [`History`]: which part of a series' past a point is compared with, and [`Baseline`]: what that part says.
//!
//! A calm past promises little where few things are counted: an error in three logs is a third of them. So no spread is
//! less than what [`Chance`] alone makes of the point.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Chance, Sample, surprise};

/// How much of its past a point is compared with.
///
/// ```
/// use highwater_operators::History;
/// let history = History::windows(60).at_least(3).floor(0.5);
/// let baseline = history.baseline(&[9.0, 10.0, 11.0]).unwrap();
/// assert_eq!((baseline.middle, baseline.deviation), (10.0, 1.0));
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
    /// What stands for the past.
    pub middle: Middle,
}

/// What stands for a past, and for how far it strays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Middle {
    /// Mean and standard deviation. An anomaly in the past counts for as much as it is far out, so the next one like it
    /// hides behind it.
    #[default]
    Mean,
    /// Median and median absolute deviation from it, times 1.4826, which for a normal past is its standard deviation
    /// (Hampel 1974). Anomalies count for nothing until they are half of the past; then they are the new normal.
    Median,
}

/// The least standard deviation that a history is credited with: a service that logged exactly 100 lines a minute for an
/// hour has not thereby promised never to log 101.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Floor {
    /// As a part of the middle's magnitude.
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
        History {
            windows: n,
            min,
            floor: Floor { relative: 0.01, absolute: 1e-6 },
            chance: Chance::Unknown,
            middle: Middle::Mean,
        }
    }

    /// By median and median absolute deviation, which anomalies in the past do not move.
    pub const fn robust(mut self) -> Self {
        self.middle = Middle::Median;
        self
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

    /// Middle and spread of the last windows of `past`, always taken over the same values in the same order, so that the
    /// result is the same to the bit however it is come by. `None` while there are too few.
    ///
    /// ```
    /// use highwater_operators::History;
    /// let past = [9.0, 10.0, 11.0, 10.0, 500.0, 9.0, 11.0, 10.0];
    /// let baseline = History::windows(60).robust().baseline(&past).unwrap();
    /// assert_eq!((baseline.middle, baseline.deviation), (10.0, 1.4826));
    /// ```
    pub fn baseline(&self, past: &[f64]) -> Option<Baseline> {
        let recent = &past[past.len().saturating_sub(self.windows)..];
        let mut values: Vec<f64> = recent.iter().filter_map(|value| tame(*value)).collect();
        if values.len() < self.min.max(2) {
            return None;
        }
        let windows = values.len();
        let (middle, deviation) = match self.middle {
            Middle::Mean => mean_and_deviation(&values),
            Middle::Median => median_and_deviation(&mut values),
        };
        let History { floor, chance, middle: by, .. } = *self;
        Some(Baseline { windows, middle, deviation, by, floor, chance })
    }
}

/// The sample standard deviation is over n − 1, and taken in a second pass.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let windows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / windows;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (windows - 1.0)).sqrt())
}

fn median_and_deviation(values: &mut [f64]) -> (f64, f64) {
    let middle = median(values);
    values.iter_mut().for_each(|value| *value = (*value - middle).abs());
    (middle, 1.4826 * median(values))
}

/// The mean of the two in the middle where there are two; 0 where there is nothing.
fn median(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if even { (*upper + below.iter().copied().fold(f64::NEG_INFINITY, f64::max)) / 2.0 } else { *upper }
}

/// What the past of a point says about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// How many windows it is taken over.
    pub windows: usize,
    /// Their mean or median: what is expected.
    pub middle: f64,
    /// Their sample standard deviation, or what stands for it, as it is.
    pub deviation: f64,
    by: Middle,
    floor: Floor,
    chance: Chance,
}

impl Baseline {
    /// How unlikely a sample this far out is where nothing has changed, in decades: see [`surprise`].
    pub fn surprise(&self, sample: impl Into<Sample>) -> f64 {
        let sample = sample.into();
        surprise(self.z(sample), self.weight(self.spread_of(sample)))
    }

    /// Over how many windows of a normal past mean and standard deviation would say as much as this past does of such a
    /// spread. For median and median absolute deviation that is 1 + 0.42 n: with it, Student's distribution has the tails of
    /// simulated series, for n from 8 to 60 and down to one in 100 000, or heavier ones. Where the spread is not the past's
    /// own but what chance or the floor make of it, less of it is guessed, and by the rule of Welch (1947) and Satterthwaite
    /// (1946) the degrees of freedom grow with the square of the share of the variance.
    fn weight(&self, spread: f64) -> usize {
        let windows = match self.by {
            Middle::Mean => self.windows as f64,
            Middle::Median => 1.0 + 0.42 * self.windows as f64,
        };
        let freedom = (windows - 1.0) * (spread / self.deviation.max(f64::MIN_POSITIVE)).max(1.0).powi(4);
        // beyond a million windows nothing changes any more
        (1.0 + freedom.min(1e6)).round() as usize
    }

    /// The standard deviation, at least the floor. Always above 0.
    pub fn spread(&self) -> f64 {
        let floor = tame(self.floor.relative * self.middle).unwrap_or_default().abs().max(self.least());
        self.deviation.max(floor)
    }

    /// How many spreads a sample lies above the middle (below: negative); 0 for what is not a number. Where samples come in
    /// steps, half a step is nothing.
    pub fn z(&self, sample: impl Into<Sample>) -> f64 {
        let Sample { value, of } = sample.into();
        tame(*value).map_or(0.0, |value| {
            let spread = self.spread_of(Sample::new(value, of));
            let distance = (value - self.middle).abs() - self.chance.step(of) / 2.0;
            (distance.max(0.0) / spread).copysign(value - self.middle)
        })
    }

    /// The spread that a sample is measured by: no less than what chance makes of it.
    fn spread_of(&self, Sample { value, of }: Sample) -> f64 {
        self.spread().max(self.chance.spread(self.middle, tame(*value).unwrap_or(self.middle), of))
    }

    /// By how many percent of the middle `value` deviates from it. A middle nearer to 0 than the absolute floor is taken
    /// for the floor, so that the first error after none is not infinitely many.
    pub fn deviation_percent(&self, value: f64) -> f64 {
        tame(value).map_or(0.0, |value| (value - self.middle) / self.middle.abs().max(self.least()) * 100.0)
    }

    /// The middle and `spreads` spreads to either side, for a sample of so many.
    pub fn band(&self, spreads: f64, of: u64) -> [f64; 2] {
        let spread = self.spread().max(self.chance.spread(self.middle, self.middle, of));
        [self.middle - spreads * spread, self.middle + spreads * spread]
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
        assert_eq!((baseline.windows, baseline.middle, baseline.deviation), (2, 6.0, 8f64.sqrt()));
    }

    #[test]
    fn chance_is_told_as_rare_as_it_is() {
        // distances from the median in deviations that a normal series exceeds once in 100, 1000, 10 000, 100 000 times,
        // each of three million draws
        for (windows, distances) in [
            (8, [5.92, 11.51, 21.08, 41.31]),
            (12, [4.40, 7.40, 11.65, 17.57]),
            (20, [3.53, 5.25, 7.28, 9.55]),
            (60, [2.85, 3.83, 4.75, 5.64]),
        ] {
            let past: Vec<f64> = (0..windows).map(f64::from).collect();
            let weight = History::windows(60).robust().baseline(&past).unwrap().weight(0.0);
            for (distance, rarity) in distances.into_iter().zip([2.0, 3.0, 4.0, 5.0]) {
                let told = surprise(distance, weight);
                assert!((rarity - 0.9..rarity + 0.15).contains(&told), "{told} for {rarity} over {windows}");
            }
        }
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
                prop_assert!(low < high || baseline.middle.abs() > 1e12 * baseline.spread());
            }
        }
    }
}
