//! What a query is written with: monoids to aggregate with, ratios, detectors, severity, alert rules, templates.
//! Depends on the engine alone.
//!
//! Everything here is a pure function over values and slices, to be called from a differential `reduce`, a test or a
//! plain program alike.

mod alert;
pub mod catalog;
mod condition;
mod dataflow;
mod detect;
mod incident;
mod monoid;
mod pattern;
mod ratio;
mod real;
mod stable_hash;
mod template;
mod top_k;
mod trace;

pub use alert::{
    AlertMachine, AlertRule, AlertSpan, AlertState, Condition, Dimension, Evaluate, Fact, Measure, NoData, Origin,
    Part, Predicate, RuleMetric, RuleSpec, SpecProblem, TOGETHER, alert_spans, selects,
};
pub use condition::{Health, risk_score};
pub use dataflow::{
    Alert, AlertStatus, AlertWhen, Detect, FeatureRow, FindAnomalies, IsolationForest, Patterns, Remember,
};
pub use detect::{
    Anomaly, AnomalyType, Assessment, Baseline, Chance, Checkpoint, Detection, Evidence, FEATURES, Floor, Found,
    History, Judged, LogPart, LongTerm, LongTermEvidence, Method, Middle, Model, MovingAverage, Point, Remembered,
    Sample, Severity, SeverityThresholds, Shares, Shift, ShiftDimension, Side, Subject, Told, Watched, Weights, assess,
    detect, features, merge, moving_average, shifts, surprise, surprise_score, z_score, z_scores,
};
pub use highwater_detection::forest::{TrainError, Training};
pub use incident::{IncidentRecord, SuspectRecord, incidents};
pub use monoid::{
    Count, Distinct, Histogram, LatencySum, Levels, Messages, Moments, Occurrences, Percentiles, ServiceStats,
    Sighting, Sightings, Tally,
};
pub use pattern::Pattern;
pub use ratio::Ratio;
pub use real::Real;
pub use stable_hash::stable_hash;
pub use template::{
    MAX_TEMPLATE_BYTES, Mined, MinedPattern, Miner, ParseTemplateIdError, TemplateId, pattern_texts, template,
    template_id, template_shape,
};
pub use top_k::top_k;
pub use trace::{Call, EdgeStats, Trace, TraceSample, Visit, calls};
