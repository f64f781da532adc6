//! How rows are judged: each value by its own past, rows of several values by an isolation forest as well.

use highwater_detection::{
    forest::{Oddness, Past, Training},
    series::{self, Config, Detector},
};
use highwater_engine::Timestamp;

/// A row that comes as seldom as this is flagged by the forest: one in a thousand.
const RARE: f64 = 1e-3;

/// Judges rows as they come.
pub(super) struct Judge {
    detectors: Vec<Detector>,
    /// where there are several columns
    forest: Option<Past>,
}

/// What is said of a row.
pub(super) struct Verdict {
    /// The highest of its values'.
    pub(super) score: f64,
    pub(super) flagged: bool,
    /// By column.
    pub(super) values: Vec<series::Verdict>,
    pub(super) forest: Option<Unlike>,
}

/// How unlike those before it a row is.
pub(super) struct Unlike {
    pub(super) oddness: Oddness,
    /// The column that makes it so, where the forest flags it.
    pub(super) column: Option<usize>,
}

impl Judge {
    pub(super) fn new(columns: usize) -> Self {
        let forest = (columns > 1).then(|| Past::new(Training::default()));
        Judge { detectors: vec![Detector::new(&Config::default()); columns], forest }
    }

    /// Judges a row by those before it.
    pub(super) fn push(&mut self, at: Option<Timestamp>, row: &[f64]) -> Verdict {
        let millis = at.map(|at| at.as_micros() / 1_000);
        let values: Vec<series::Verdict> =
            self.detectors.iter_mut().zip(row).map(|(detector, value)| detector.push(millis, *value)).collect();
        let forest = self.forest.as_mut().and_then(|past| {
            let oddness = past.push(row)?;
            let is_rare = oddness.rarity.is_some_and(|rarity| rarity < RARE);
            Some(Unlike { oddness, column: is_rare.then(|| greatest(&past.reasons(row))).flatten() })
        });
        let score = values.iter().map(|value| value.score).fold(0.0, f64::max);
        let flagged =
            values.iter().any(|value| value.flagged) || forest.as_ref().is_some_and(|own| own.column.is_some());
        Verdict { score, flagged, values, forest }
    }
}

fn greatest(numbers: &[f64]) -> Option<usize> {
    (0..numbers.len()).max_by(|a, b| numbers[*a].total_cmp(&numbers[*b]))
}
