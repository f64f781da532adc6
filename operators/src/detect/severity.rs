//! [`Severity`]: how grave an anomaly is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How grave an anomaly is. The order is the order of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking someone.
    Critical,
}

impl Severity {
    /// Every severity, least grave first.
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// `low` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// From where on an anomaly is of which severity, in standard deviations. A deviation of 100 % weighs as much as one
/// standard deviation. Low, medium and high begin at their threshold; critical is what lies beyond its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SeverityThresholds {
    /// Low from here.
    pub low: f64,
    /// Medium from here.
    pub medium: f64,
    /// High from here.
    pub high: f64,
    /// Critical beyond here.
    pub critical: f64,
}

impl Default for SeverityThresholds {
    /// Low from z 1 or 100 %, medium from 2.5 or 250 %, high from 3 or 300 %, critical beyond 4 or 400 %.
    fn default() -> Self {
        SeverityThresholds { low: 1.0, medium: 2.5, high: 3.0, critical: 4.0 }
    }
}

impl SeverityThresholds {
    /// The higher of what the z-score and the deviation in percent say; `None` where both are unremarkable. The sign
    /// does not matter.
    ///
    /// ```
    /// use highwater_operators::{Severity, SeverityThresholds};
    /// let thresholds = SeverityThresholds::default();
    /// assert_eq!(thresholds.severity(-3.5, 120.0), Some(Severity::High));
    /// assert_eq!(thresholds.severity(0.2, 90.0), None);
    /// ```
    pub fn severity(&self, z: f64, deviation_percent: f64) -> Option<Severity> {
        self.of(z.abs()).max(self.of(deviation_percent.abs() / 100.0))
    }

    fn of(&self, spreads: f64) -> Option<Severity> {
        if spreads > self.critical {
            Some(Severity::Critical)
        } else if spreads >= self.high {
            Some(Severity::High)
        } else if spreads >= self.medium {
            Some(Severity::Medium)
        } else if spreads >= self.low {
            Some(Severity::Low)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_by_hand() {
        use Severity::{Critical, High, Low, Medium};
        let severity = |z, percent| SeverityThresholds::default().severity(z, percent);
        for (spreads, expected) in [
            (0.99, None),
            (1.0, Some(Low)),
            (2.49, Some(Low)),
            (2.5, Some(Medium)),
            (2.99, Some(Medium)),
            (3.0, Some(High)),
            (4.0, Some(High)),
            (4.01, Some(Critical)),
        ] {
            assert_eq!(severity(spreads, 0.0), expected, "z {spreads}");
            assert_eq!(severity(-spreads, 0.0), expected, "z -{spreads}");
            assert_eq!(severity(0.0, spreads * 100.0), expected, "{spreads} times");
        }
        assert_eq!(severity(1.0, 300.0), Some(High));
        assert_eq!(severity(f64::NAN, f64::NAN), None);
        assert_eq!(serde_json::to_string(&Critical).unwrap(), "\"critical\"");
    }
}
