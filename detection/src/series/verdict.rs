//! [`Verdict`]: what is said of one value, with its reasons.

use serde::{Deserialize, Serialize};

/// In which way a value is strange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Higher than expected.
    Spike,
    /// Lower than expected.
    Drop,
    /// No single value is at fault: the series has not looked like this before.
    PatternChange,
}

/// The weight of the shape beside the others.
const SHAPE: f64 = 0.9;

/// How rare each method finds what it sees, in decades: 3 is once in a thousand rows. 0 is nothing remarkable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Surprises {
    /// The distance from what is expected at this time.
    pub level: f64,
    /// The distance from the last rows.
    pub jump: f64,
    /// Values, level and spread of the last rows together.
    pub shape: f64,
    /// How the distance from what is expected has gone.
    pub drift: f64,
}

impl Surprises {
    /// Level and jump say much the same, so the two are one voice.
    fn value(&self) -> f64 {
        self.level.max(self.jump)
    }

    /// All together: the greatest whole, the second half, the third a quarter; shapes, the least exact, count a little less.
    pub fn combined(&self) -> f64 {
        let mut greatest = [self.value(), SHAPE * self.shape, self.drift];
        greatest.sort_by(|a, b| b.total_cmp(a));
        greatest[0] + greatest[1] / 2.0 + greatest[2] / 4.0
    }

    pub(super) fn kind(&self, above: bool) -> Option<Kind> {
        match self {
            _ if self.combined() <= 0.0 => None,
            _ if self.value() < self.shape.max(self.drift) => Some(Kind::PatternChange),
            _ if above => Some(Kind::Spike),
            _ => Some(Kind::Drop),
        }
    }
}

/// What is said of one value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// From 0 to below 1: how rare it is that a steady series has something as strange and as new. [`rows_per_alarm`]
    /// says how many rows apart.
    pub score: f64,
    /// Whether the score reaches the threshold: the row at which an anomaly begins, or gets worse.
    pub flagged: bool,
    /// In which way it is strange, if at all.
    pub kind: Option<Kind>,
    /// The value that was expected.
    pub expected: f64,
    /// Where 999 of 1000 values are expected.
    pub band: [f64; 2],
    /// The surprise of all methods together in decades, whether it is new or goes on.
    pub surprise: f64,
    /// What each method says.
    pub methods: Surprises,
}

/// The new surprise whose score is one half.
const HALF: f64 = 3.0;

/// Monotone in what is new of the surprise; it does not saturate where anomalies differ.
pub(super) fn score(new: f64) -> f64 {
    new / (new + HALF)
}

/// How many rows there are, about, for each false alarm with a threshold of this score: 10^(2.1 + s / (1 − s)). Measured
/// on the unlabelled rows of real series, up to a score of 0.7; see `docs/detection.md`.
///
/// ```
/// use highwater_detection::series::rows_per_alarm;
/// assert_eq!(rows_per_alarm(0.5).round(), 1259.0);
/// ```
pub fn rows_per_alarm(score: f64) -> f64 {
    10f64.powf(2.1 + score / (1.0 - score).max(f64::EPSILON))
}
