//! How rows are judged: each value by its own past, rows of several values by an isolation forest as well.

use highwater_detection::forest::{Oddness, Past, Training};
use highwater_engine::Timestamp;
use highwater_operators::{AnomalyType, Assessment, Detection, assess};

/// A row that comes as seldom as this is flagged by the forest: one in a thousand.
const RARE: f64 = 1e-3;

/// The methods that judge a value.
pub(super) const METHODS: [&str; 2] = ["z_score", "moving_average_percent"];

/// Judges rows as they come.
pub(super) struct Judge {
    config: Detection,
    /// by column, the newest last
    pasts: Vec<Vec<f64>>,
    /// where there are several columns
    forest: Option<Past>,
}

/// What is said of a row.
pub(super) struct Verdict {
    /// The highest of its values'.
    pub(super) score: f64,
    pub(super) flagged: bool,
    /// By column; none while too little is known, and of what is no number.
    pub(super) values: Vec<Option<Judged>>,
    pub(super) forest: Option<Unlike>,
}

/// What is said of a value.
pub(super) struct Judged {
    pub(super) score: f64,
    pub(super) flagged: bool,
    pub(super) kind: &'static str,
    pub(super) expected: f64,
    pub(super) band: [f64; 2],
    /// What each method says, in the order of [`METHODS`].
    pub(super) methods: [f64; METHODS.len()],
}

/// How unlike those before it a row is.
pub(super) struct Unlike {
    pub(super) oddness: Oddness,
    pub(super) flagged: bool,
    /// The column that makes it so.
    pub(super) column: Option<usize>,
}

impl Judge {
    pub(super) fn new(columns: usize) -> Self {
        let forest = (columns > 1).then(|| Past::new(Training::default()));
        Judge { config: Detection::default(), pasts: vec![Vec::new(); columns], forest }
    }

    /// Judges a row by those before it.
    pub(super) fn push(&mut self, _at: Option<Timestamp>, row: &[f64]) -> Verdict {
        let forest = self.forest.as_mut().and_then(|past| {
            let oddness = past.push(row)?;
            let flagged = oddness.rarity.is_some_and(|rarity| rarity < RARE);
            let reasons = if flagged { past.reasons(row) } else { Vec::new() };
            let column = (0..reasons.len()).max_by(|a, b| reasons[*a].total_cmp(&reasons[*b]));
            Some(Unlike { oddness, flagged, column })
        });
        let values: Vec<Option<Judged>> = row
            .iter()
            .zip(&mut self.pasts)
            .map(|(value, past)| {
                let judged = assess(past, *value, None, &self.config).map(Judged::from);
                if past.len() >= 2 * self.config.z_score.windows {
                    past.drain(..self.config.z_score.windows);
                }
                past.push(*value);
                judged
            })
            .collect();
        let score = values.iter().flatten().map(|judged| judged.score).fold(0.0, f64::max);
        let flagged = values.iter().flatten().any(|judged| judged.flagged)
            || forest.as_ref().is_some_and(|forest| forest.flagged);
        Verdict { score, flagged, values, forest }
    }
}

impl From<Assessment> for Judged {
    fn from(point: Assessment) -> Self {
        let kind = match point.anomaly_type {
            AnomalyType::Spike => "spike",
            AnomalyType::Drop => "drop",
            AnomalyType::PatternChange => "pattern_change",
        };
        let average = point.evidence.moving_average_deviation_percent.map(|percent| *percent);
        Judged {
            score: *point.score,
            flagged: point.flagged,
            kind,
            expected: *point.expected,
            band: point.evidence.band.map(|bound| *bound),
            methods: [*point.evidence.z_score, average.unwrap_or(f64::NAN)],
        }
    }
}
