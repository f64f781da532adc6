//! [`Anomaly`]: what is told of a stretch of windows that ran higher, lower or stranger than their past.

use std::time::Duration;

use highwater_engine::{Name, Timestamp, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assessment, Severity, Shift};
use crate::Real;

/// The series that anomalies are of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// What is measured: `log_volume`, `error_rate`, `latency`.
    pub metric: Name,
    /// Whose; `None` for all services together.
    pub service: Option<Name>,
    /// How long a window is.
    pub size: Duration,
}

/// One anomaly: a run of flagged windows of one series. Plain data, written to views and topics as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// Says which anomaly it is; stays the same while the anomaly lasts. See [`Anomaly::id_of`].
    pub id: String,
    /// When it could first be known: the end of its first window, in event time.
    pub detected_at: Timestamp,
    /// Where its first window starts.
    pub window_start: Timestamp,
    /// Where its last window ends.
    pub window_end: Timestamp,
    /// What is measured.
    pub metric_name: Name,
    /// Whose; none for all services together.
    pub service: Option<Name>,
    /// Spike, drop or change of pattern.
    pub anomaly_type: AnomalyType,
    /// The methods that would have spoken alone, over all its windows.
    pub methods: Vec<Method>,
    /// The combined score of its strangest window, 0 to 1.
    pub score: Real,
    /// The highest severity of its windows.
    pub severity: Severity,
    /// What was seen in its strangest window.
    pub actual_value: Real,
    /// What was expected there.
    pub expected_value: Real,
    /// By how many percent of the expected it deviates.
    pub deviation_percent: Real,
    /// The same as a sentence.
    pub description: String,
    /// What the methods found in its strangest window.
    pub evidence: Evidence,
    /// The templates, levels and services whose share of the logs changed most in its first minute, the strongest first.
    pub shifts: Vec<Shift>,
}

/// In which way a window is strange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyType {
    /// More than expected.
    Spike,
    /// Less than expected.
    Drop,
    /// Neither much more nor much less, but not as it used to be: the isolation forest's finding, or a message of
    /// a new kind.
    PatternChange,
}

/// A way to find anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Distance from the mean of the past, in its standard deviations.
    ZScore,
    /// Deviation from the mean of the recent past, in percent.
    MovingAverage,
    /// How easily a point is told apart from the others by random cuts.
    IsolationForest,
    /// What was never there before.
    FirstSeen,
    /// What days and weeks before were like, minute by minute.
    LongTerm,
}

/// What the methods found in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Standard deviations from what was expected.
    pub z_score: Real,
    /// Deviation from the moving average, in percent of it; none while it has too short a past.
    pub moving_average_deviation_percent: Option<Real>,
    /// The isolation forest's score, 0 to 1; none while there is no model.
    pub isolation_forest_score: Option<Real>,
    /// How many windows of past the z-score is taken over.
    pub history_windows: u32,
    /// Where the value would have been unremarkable, about what was expected: low and high.
    pub band: [Real; 2],
    /// What was found against days and weeks; none where nothing was.
    pub long_term: Option<LongTermEvidence>,
}

/// How rare each look at a minute finds what it sees, by the series' own past, in decades: 3 is once in a thousand minutes.
/// See [`highwater_detection::series`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct LongTermEvidence {
    /// The distance from what is expected at this time of the day and week.
    pub level: Real,
    /// The distance from the last minutes.
    pub jump: Real,
    /// The last minutes together, which have not looked like this before.
    pub shape: Real,
    /// Where the distance from what is expected has gone over time.
    pub drift: Real,
}

impl AnomalyType {
    /// `spike` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            AnomalyType::Spike => "spike",
            AnomalyType::Drop => "drop",
            AnomalyType::PatternChange => "pattern_change",
        }
    }

    /// The direction, where the value itself stands out.
    pub(super) fn of(value: f64, expected: f64, stands_out: bool) -> Self {
        match stands_out {
            true if value > expected => AnomalyType::Spike,
            true if value < expected => AnomalyType::Drop,
            _ => AnomalyType::PatternChange,
        }
    }
}

impl Anomaly {
    /// `metric:service:start:type`, as in `error_rate:payment-service:2025-10-23T14:30:00.000Z:spike`; `*` stands for
    /// all services.
    pub fn id_of(metric: &str, service: Option<&str>, start: Timestamp, anomaly_type: AnomalyType) -> String {
        format!("{metric}:{}:{start}:{}", service.unwrap_or("*"), anomaly_type.as_str())
    }

    /// The anomaly of one flagged window of this length.
    pub(super) fn of(subject: &Subject, window: Window, size: Duration, point: &Assessment) -> Self {
        let service = subject.service.as_deref();
        let end = window.end(size);
        Anomaly {
            id: Anomaly::id_of(&subject.metric, service, window.start, point.anomaly_type),
            detected_at: end,
            window_start: window.start,
            window_end: end,
            metric_name: subject.metric.clone(),
            service: subject.service.clone(),
            anomaly_type: point.anomaly_type,
            methods: point.methods.clone(),
            score: point.score,
            severity: point.severity.unwrap_or(Severity::Low),
            actual_value: point.value,
            expected_value: point.expected,
            deviation_percent: point.deviation_percent,
            description: describe(subject, point),
            evidence: point.evidence,
            shifts: Vec::new(),
        }
    }
}

fn describe(subject: &Subject, point: &Assessment) -> String {
    let metric = &subject.metric;
    let (value, expected) = (figure(*point.value), figure(*point.expected));
    let (percent, z) = (*point.deviation_percent, *point.evidence.z_score);
    let whose = subject.service.as_deref().unwrap_or("all services");
    let what = match point.anomaly_type {
        AnomalyType::Spike => "above",
        AnomalyType::Drop => "below",
        AnomalyType::PatternChange => "in an unusual pattern around",
    };
    format!("{metric} of {whose} was {value}, {what} the expected {expected} ({percent:+.0} %, z {z:+.1})")
}

/// Four digits that matter.
fn figure(value: f64) -> String {
    let whole = value.abs().max(1.0).log10().floor() as usize;
    let text = format!("{value:.*}", 3usize.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let figures = [0.0, 0.0123, 1.5, 99.96, 1234.56, 1e7, -2.0].map(figure);
        assert_eq!(figures, ["0", "0.012", "1.5", "99.96", "1235", "10000000", "-2"]);
    }
}
