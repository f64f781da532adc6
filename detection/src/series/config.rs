//! [`Config`]: the few things about the detector that somebody may want otherwise.

use serde::{Deserialize, Serialize};

/// The few things that somebody may want otherwise. The defaults are those that every published figure is measured with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The score from which a row is flagged: 0.485 is one false alarm in about a thousand rows.
    pub threshold: f64,
    /// Rows of the past that say what is usual; from 16 to 10 000.
    pub memory: usize,
    /// Rows without anything nearly as strange after which an anomaly is over, and rows after an alarm in which only what is
    /// worse is told; at least 1.
    pub rest: usize,
    /// Rows before the first verdict: until then nothing is flagged.
    pub warm_up: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { threshold: 0.485, memory: 3000, rest: 16, warm_up: 100 }
    }
}

impl Config {
    /// The same within the bounds that keep memory and work bounded.
    pub(super) fn bounded(&self) -> Self {
        let threshold = if self.threshold.is_nan() { Self::default().threshold } else { self.threshold };
        Self { threshold, memory: self.memory.clamp(16, 10_000), rest: self.rest.max(1), warm_up: self.warm_up }
    }
}
