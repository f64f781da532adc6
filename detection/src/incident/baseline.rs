//! [`Baseline`]: how far a value lies from what its series usually does.
//!
//! The expected value is the median of the last hour or so; how far the series strays is learned over a longer time, from
//! the high quantile of its own past residuals: what happens every twentieth window is a habit, however far it goes. What
//! was out of line for several windows running is not learned at all, or a series would be deaf after its first incident,
//! unless it stays so: then it is the new normal.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::BaselineConfig;

/// A value beside what was expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// The value itself.
    pub actual: f64,
    /// The median of the values before it.
    pub expected: f64,
    /// What counts as one standard deviation; above 0.
    pub spread: f64,
}

/// The past of one series, as far as it says what to expect. A bounded number of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    config: BaselineConfig,
    recent: Sliding,
    residuals: Sliding,
    /// Residuals of the last windows, while they are out of line to the same side.
    run: Vec<f64>,
    above: bool,
    absorbing: bool,
}

/// Beyond this many standard deviations nothing gets any stranger.
const FARTHEST: f64 = 1e6;
/// Values are clamped to this, so that no difference of two overflows.
const LARGEST: f64 = 1e150;
/// From so many standard deviations on a value is out of line.
const OUT_OF_LINE: f64 = 2.0;
/// A run as long as this is no accident, and not learned.
const RUN: usize = 3;
/// Degrees of freedom of the t-distribution: tails of real residuals are heavy.
const FREEDOM: f64 = 3.0;

impl Deviation {
    /// Standard deviations from the expected.
    pub fn z(&self) -> f64 {
        ((self.actual - self.expected) / self.spread).clamp(-FARTHEST, FARTHEST)
    }

    /// How much less likely the value is than the expected one, as a natural logarithm of the density of Student's
    /// t-distribution with three degrees of freedom. 0 for the expected value, 1.7 at two standard deviations, 7.1 at ten; it
    /// does not saturate.
    pub fn surprise(&self) -> f64 {
        let z = self.z();
        (FREEDOM + 1.0) / 2.0 * (z * z / FREEDOM).ln_1p()
    }

    /// Where a value would have been unremarkable: low and high.
    pub fn band(&self) -> [f64; 2] {
        [self.expected - OUT_OF_LINE * self.spread, self.expected + OUT_OF_LINE * self.spread]
    }
}

impl Baseline {
    /// Of a series that has no past yet.
    pub fn new(config: &BaselineConfig) -> Self {
        Baseline {
            config: *config,
            recent: Sliding::new(config.recent),
            residuals: Sliding::new(config.memory),
            run: Vec::new(),
            above: false,
            absorbing: false,
        }
    }

    /// Judges the next value by those before it, then learns it. `None` while there are too few, and for what is not a
    /// finite number: that counts as not there.
    pub fn push(&mut self, value: f64) -> Option<Deviation> {
        let actual = value.is_finite().then(|| value.clamp(-LARGEST, LARGEST))?;
        let deviation = self.judge(actual);
        if let Some(deviation) = deviation {
            self.learn(&deviation);
        }
        self.recent.push(actual);
        deviation
    }

    fn judge(&self, actual: f64) -> Option<Deviation> {
        let config = &self.config;
        if self.recent.len() < config.at_least.max(1) {
            return None;
        }
        let expected = self.recent.quantile(0.5);
        let habit = if self.residuals.len() < config.at_least { 0.0 } else { self.residuals.quantile(config.habit) };
        let spread = self
            .recent
            .deviation_from(expected)
            .max(habit / OUT_OF_LINE)
            .max(config.floor * expected.abs())
            .max(f64::EPSILON);
        Some(Deviation { actual, expected, spread })
    }

    fn learn(&mut self, deviation: &Deviation) {
        let (z, residual) = (deviation.z(), (deviation.actual - deviation.expected).abs());
        let goes_on = z.abs() > OUT_OF_LINE && (self.run.is_empty() && !self.absorbing || self.above == (z > 0.0));
        if !goes_on {
            self.end_run();
        }
        match () {
            () if z.abs() <= OUT_OF_LINE || self.absorbing => self.residuals.push(residual),
            () => self.run.push(residual),
        }
        self.above = z > 0.0;
        if self.run.len() > self.config.absorb_after {
            self.absorbing = true;
            self.run.drain(..).for_each(|residual| self.residuals.push(residual));
        }
    }

    /// A short run was an accident, which may be a habit; a long one was an incident.
    fn end_run(&mut self) {
        if self.run.len() < RUN {
            self.run.drain(..).for_each(|residual| self.residuals.push(residual));
        }
        self.run.clear();
        self.absorbing = false;
    }
}

/// The last values of a series, and the same in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sliding {
    most: usize,
    values: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Sliding {
    fn new(most: usize) -> Self {
        Sliding { most: most.max(1), values: VecDeque::new(), sorted: Vec::new() }
    }

    fn len(&self) -> usize {
        self.sorted.len()
    }

    fn push(&mut self, value: f64) {
        if self.values.len() >= self.most
            && let Some(oldest) = self.values.pop_front()
            && let Ok(at) = self.sorted.binary_search_by(|other| other.total_cmp(&oldest))
        {
            self.sorted.remove(at);
        }
        let at = self.sorted.partition_point(|other| other.total_cmp(&value).is_lt());
        self.sorted.insert(at, value);
        self.values.push_back(value);
    }

    /// 0 where there is nothing.
    fn quantile(&self, share: f64) -> f64 {
        let at = (self.len() as f64 * share) as usize;
        self.sorted.get(at.min(self.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    /// The median distance from `middle`, as a standard deviation of a normal series.
    fn deviation_from(&self, middle: f64) -> f64 {
        let mut distances: Vec<f64> = self.sorted.iter().map(|value| (value - middle).abs()).collect();
        let half = distances.len() / 2;
        if distances.is_empty() {
            return 0.0;
        }
        1.4826 * *distances.select_nth_unstable_by(half, f64::total_cmp).1
    }
}
