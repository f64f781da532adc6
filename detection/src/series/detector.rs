//! [`Detector`]: a verdict per value, from what the values before were like.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    Config, Surprises, Verdict,
    alarm::Alarm,
    event::Events,
    evidence::Evidence,
    expectation::{Expectation, Expected},
    novelty::Novelty,
    verdict,
    youth::Youth,
};

/// Rows that the shapes look at: no single length is right for every series, so three vote.
const SHAPES: [usize; 3] = [6, 12, 24];
/// Rows over which the drift is smoothed.
const DRIFTS: [f64; 2] = [4.0, 24.0];
/// Values beyond this are taken for it: differences stay finite.
const LARGEST: f64 = 1e150;
/// A longer past has had more chances: a surprise is rated as if there had been so many rows; beyond the second number
/// the past counts no longer.
const CHANCES: (f64, f64) = (1000.0, 20_000.0);

/// Judges a stream of numbers value by value, each by those before it.
///
/// Its memory and the work for a value are bounded; all of it can be written down and gone on with. A value that is not a number
/// is not there: it gets no score and leaves no trace.
///
/// ```
/// use highwater_detection::series::{Config, Detector, Kind};
/// let mut detector = Detector::new(&Config::default());
/// for row in 0..500 {
///     assert!(!detector.push(None, 20.0 + f64::from(row % 7)).flagged);
/// }
/// let verdict = detector.push(None, 90.0);
/// assert!(verdict.flagged && verdict.kind == Some(Kind::Spike) && verdict.band[1] < 90.0);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detector {
    config: Config,
    rows: u64,
    expectation: Expectation,
    /// The last values in usual widths, on a scale of logarithms.
    recent: VecDeque<f64>,
    shapes: [Novelty<[f64; 4]>; 3],
    smoothed: [f64; 2],
    drift: Novelty<[f64; 3]>,
    youth: Youth,
    evidence: Evidence,
    events: Events,
    alarm: Alarm,
}

impl Detector {
    /// One that has seen nothing yet.
    pub fn new(config: &Config) -> Self {
        let config = config.bounded();
        Self {
            rows: 0,
            expectation: Expectation::new(config.memory),
            recent: VecDeque::new(),
            shapes: Default::default(),
            smoothed: [0.0; 2],
            drift: Novelty::default(),
            youth: Youth::default(),
            evidence: Evidence::default(),
            events: Events::default(),
            alarm: Alarm::default(),
            config,
        }
    }

    /// The same with another threshold, for the rows to come.
    #[must_use]
    pub fn with_threshold(mut self, threshold: f64) -> Self {
        self.config = Config { threshold, ..self.config }.bounded();
        self
    }

    /// How many values it has seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Judges the next value, and learns it. `at` is its time in milliseconds, where it has one: without it no season is
    /// learned. Times that repeat, go back or leave gaps are taken as they come.
    pub fn push(&mut self, at: Option<i64>, value: f64) -> Verdict {
        if !value.is_finite() {
            return self.nothing(at);
        }
        let value = value.clamp(-LARGEST, LARGEST);
        self.rows = self.rows.saturating_add(1);
        let (median, width) = self.expectation.scale();
        let expected = self.expectation.push(at, value);
        let belief = self.youth.push(at);
        if self.rows <= 2 {
            self.recent.push_back(0.0);
            return self.nothing(at);
        }
        let methods = self.surprises(&expected, value, median, width);
        let surprise = self.evidence.push(methods.combined() * belief);
        let score = self.score(surprise);
        Verdict {
            score,
            flagged: score >= self.config.threshold && self.rows > self.config.warm_up as u64,
            kind: methods.kind(value > expected.value),
            expected: expected.value,
            band: expected.band,
            surprise,
            methods,
        }
    }

    /// What of the surprise is new, as a score. What would be an alarm is one to the detector even while it warms up.
    fn score(&mut self, surprise: f64) -> f64 {
        let new = self.events.push(surprise, self.config.rest);
        let score = verdict::score(self.alarm.push(new, self.config.rest));
        if score >= self.config.threshold {
            self.alarm.raise(surprise);
        }
        score
    }

    fn surprises(&mut self, expected: &Expected, value: f64, median: f64, width: f64) -> Surprises {
        let chances = ((self.rows as f64).min(CHANCES.1) / CHANCES.0).log10();
        let less = |surprise: f64| if surprise > 0.0 { (surprise - chances).max(0.0) } else { 0.0 };
        let residual = ((value - expected.value) / width).asinh();
        Surprises {
            level: less(expected.level),
            jump: less(expected.jump),
            shape: self.shapes(((value - median) / width).asinh()).map(less).iter().sum::<f64>() / SHAPES.len() as f64,
            drift: less(self.drifted(residual)),
        }
    }

    fn shapes(&mut self, now: f64) -> [f64; 3] {
        let before = self.recent.back().copied().unwrap_or(now);
        if self.recent.len() >= SHAPES[2] {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        std::array::from_fn(|which| {
            let rows = SHAPES[which].min(self.recent.len());
            let last = || self.recent.iter().rev().take(rows);
            let mean = last().sum::<f64>() / rows as f64;
            let spread = last().map(|value| (value - mean).abs()).sum::<f64>() / rows as f64;
            self.shapes[which].push([now, before, mean, spread])
        })
    }

    fn drifted(&mut self, residual: f64) -> f64 {
        for (smoothed, rows) in self.smoothed.iter_mut().zip(DRIFTS) {
            *smoothed += (residual - *smoothed) / rows;
        }
        self.drift.push([residual, self.smoothed[0], self.smoothed[1]])
    }

    fn nothing(&self, at: Option<i64>) -> Verdict {
        let (expected, band) = self.expectation.peek(at);
        let methods = Surprises::default();
        Verdict { score: 0.0, flagged: false, kind: None, expected, band, surprise: 0.0, methods }
    }
}
