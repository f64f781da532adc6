//! [`Expectation`]: what value is expected next, and how surprising is the distance to the one that came?
//!
//! Five simple expectations stand ready: the median of the last hours, of longer, of the whole memory, of this time of
//! the day and of this time of the week. The one that has been nearest of late is believed, so a season is believed only
//! where there is one. Each has a tail of its own: how far off it usually is.

use serde::{Deserialize, Serialize};

use super::{
    season::{DAY, Season, WEEK},
    tail::Tail,
    window::Window,
};

/// Rows of the short and the long median.
const SHORT: usize = 48;
const LONG: usize = 250;
/// Rows after which an expectation may be believed.
const TRIED: f64 = 50.0;
/// A mean error is one of the last so many rows, about.
const ERRORS: f64 = 500.0;
/// An error counts for no more than so many mean errors, or one anomaly would decide whom to believe.
const OUTLIER: f64 = 5.0;
/// The short median follows whatever comes: it has to be this much better than the others to be believed.
const HANDICAP: f64 = 1.5;
/// What is smaller than this part of the usual spread makes no difference.
const FLOOR: f64 = 0.02;
/// The surprise at the edge of the band, in decades: once in a thousand rows.
const BAND: f64 = 3.0;

/// How far one expectation has been off.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Record {
    rows: f64,
    error: f64,
    tail: Tail,
}

impl Record {
    fn push(&mut self, error: f64, floor: f64) -> f64 {
        self.rows += 1.0;
        let bound = if self.rows < 2.0 * TRIED { f64::INFINITY } else { OUTLIER * self.error };
        self.error += (error.min(bound) - self.error) * (1.0 / ERRORS).max(1.0 / self.rows);
        self.tail.push(error, floor)
    }
}

/// The expectations and how each has done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Expectation {
    short: Window,
    long: Window,
    memory: Window,
    day: Season,
    week: Season,
    records: [Record; 5],
}

/// A value beside what was expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) value: f64,
    pub(super) band: [f64; 2],
    /// The surprise of the distance to the expectation that is believed.
    pub(super) level: f64,
    /// The surprise of the distance to the last hours.
    pub(super) jump: f64,
}

impl Expectation {
    pub(super) fn new(memory: usize) -> Self {
        Self {
            short: Window::new(SHORT),
            long: Window::new(LONG),
            memory: Window::new(memory),
            day: Season::new(DAY, 14, 3),
            week: Season::new(WEEK, 8, 2),
            records: Default::default(),
        }
    }

    /// Judges a finite value, then learns it.
    pub(super) fn push(&mut self, at: Option<i64>, value: f64) -> Expected {
        let candidates = self.candidates(at);
        let floor = self.floor();
        let surprises: [f64; 5] = std::array::from_fn(|which| match candidates[which] {
            Some(expected) => self.records[which].push((value - expected).abs(), floor),
            None => 0.0,
        });
        let (which, expected) = self.believed(&candidates);
        let half = self.records[which].tail.distance(BAND, floor);
        self.learn(at, value);
        Expected {
            value: expected,
            band: [expected - half, expected + half],
            level: surprises[which],
            jump: surprises[0],
        }
    }

    /// What is expected, without a value to judge.
    pub(super) fn peek(&self, at: Option<i64>) -> (f64, [f64; 2]) {
        let (which, expected) = self.believed(&self.candidates(at));
        let half = self.records[which].tail.distance(BAND, self.floor());
        (expected, [expected - half, expected + half])
    }

    /// The median of the memory and the width that values usually have about it.
    pub(super) fn scale(&self) -> (f64, f64) {
        let quantile = |part| self.memory.quantile(part);
        let median = self.memory.median();
        let normal = (quantile(0.75) - quantile(0.25)) / 1.35;
        let tails = 0.05 * (quantile(0.99) - quantile(0.01));
        (median, normal.max(tails).max(1e-3 * median.abs()).max(1e-9))
    }

    fn candidates(&self, at: Option<i64>) -> [Option<f64>; 5] {
        [
            Some(self.short.median()),
            Some(self.long.median()),
            Some(self.memory.median()),
            at.and_then(|at| self.day.expected(at)),
            at.and_then(|at| self.week.expected(at)),
        ]
    }

    fn believed(&self, candidates: &[Option<f64>; 5]) -> (usize, f64) {
        let error = |which: usize| self.records[which].error * if which == 0 { HANDICAP } else { 1.0 };
        (0..5)
            .filter(|which| self.records[*which].rows >= TRIED)
            .filter_map(|which| Some((which, candidates[which]?)))
            .min_by(|(a, _), (b, _)| error(*a).total_cmp(&error(*b)))
            .unwrap_or((1, self.long.median()))
    }

    fn floor(&self) -> f64 {
        FLOOR * (self.long.quantile(0.95) - self.long.quantile(0.05)) + 1e-9 * (1.0 + self.long.median().abs())
    }

    fn learn(&mut self, at: Option<i64>, value: f64) {
        self.short.push(value);
        self.long.push(value);
        self.memory.push(value);
        if let Some(at) = at {
            self.day.push(at, value);
            self.week.push(at, value);
        }
    }
}
