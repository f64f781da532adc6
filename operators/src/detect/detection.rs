//! [`Detection`]: everything about finding anomalies that can be configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Chance, History, SeverityThresholds};

/// How anomalies of one metric are found. The default knows nothing of the metric's unit; start from
/// [`counts`](Detection::counts), [`fractions`](Detection::fractions) or [`micros`](Detection::micros).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detection {
    /// The past that the z-score is taken over.
    pub z_score: History,
    /// The z-score that counts as a detection of its own.
    pub z_from: f64,
    /// The past that the moving average is taken over.
    pub moving_average: History,
    /// The deviation from the moving average that counts as a detection of its own, in percent; only outside the band.
    pub deviation_from: f64,
    /// Half the band around the moving average, and around what is expected, in standard deviations.
    pub band: f64,
    /// The isolation forest's score that counts as a detection of its own.
    pub forest_from: f64,
    /// What each side weighs in the combined score.
    pub weights: Weights,
    /// The combined score from which a window is flagged.
    pub flag_from: f64,
    /// How grave is grave.
    pub severity: SeverityThresholds,
    /// Flagged windows with at most so many others between them are one anomaly.
    pub bridge_windows: u32,
}

/// What each side weighs in the combined score. Only their proportion counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// The isolation forest, where there is a model.
    pub isolation_forest: f64,
    /// Sliding-window statistics: z-score and moving average.
    pub statistics: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights { isolation_forest: 0.4, statistics: 0.6 }
    }
}

impl Weights {
    /// A forest's score for a window that is like any other (Liu, Ting, Zhou 2008).
    const NOTHING_SPECIAL: f64 = 0.5;

    /// The weighted mean of the two scores. While there is no model, its score is taken for one half, which says
    /// nothing: so a score means the same before and after the first training.
    ///
    /// ```
    /// use highwater_operators::Weights;
    /// let weights = Weights::default();
    /// assert_eq!(weights.combine(Some(0.5), 1.0), 0.8);
    /// assert_eq!(weights.combine(None, 1.0), 0.8);
    /// ```
    pub fn combine(&self, isolation_forest: Option<f64>, statistics: f64) -> f64 {
        let forest = isolation_forest.unwrap_or(Self::NOTHING_SPECIAL);
        let total = self.isolation_forest + self.statistics;
        if total > 0.0 { (self.isolation_forest * forest + self.statistics * statistics) / total } else { statistics }
    }
}

impl Default for Detection {
    fn default() -> Self {
        Detection {
            z_score: History::windows(60).robust(),
            z_from: 3.0,
            moving_average: History::windows(12),
            deviation_from: 100.0,
            band: 3.0,
            forest_from: 0.6,
            weights: Weights::default(),
            flag_from: 0.6,
            severity: SeverityThresholds::default(),
            bridge_windows: 1,
        }
    }
}

impl Detection {
    /// For numbers of things in a window: one more or less is nothing.
    pub fn counts() -> Self {
        Detection::default().floor(1.0).chance(Chance::Counts)
    }

    /// For rates from 0 to 1: a hundredth more or less is nothing.
    pub fn fractions() -> Self {
        Detection::default().floor(0.01).chance(Chance::Shares)
    }

    /// For latencies in microseconds: a millisecond more or less is nothing.
    pub fn micros() -> Self {
        Detection::default().floor(1_000.0).chance(Chance::Percentiles)
    }

    /// How many windows before it a window is judged by.
    pub fn reach(&self) -> usize {
        self.z_score.windows.max(self.moving_average.windows)
    }

    /// With what chance does to the metric, for both histories.
    #[must_use]
    pub fn chance(mut self, chance: Chance) -> Self {
        self.z_score.chance = chance;
        self.moving_average.chance = chance;
        self
    }

    /// With this least standard deviation, in the metric's unit, for both histories.
    #[must_use]
    pub fn floor(mut self, absolute: f64) -> Self {
        self.z_score.floor.absolute = absolute;
        self.moving_average.floor.absolute = absolute;
        self
    }
}
