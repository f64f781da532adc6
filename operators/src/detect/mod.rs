//! Detectors: pure functions that score a point of a series from its own past, and the anomalies that come of it.
//!
//! "The past" is always a slice of the values before the point, oldest first, one for every window (a series is
//! zero-filled; what is not a finite number counts as not there). Only the last [`History::windows`] of them are
//! read, so a score stays what it is when older windows expire.

mod anomaly;
mod assess;
mod chance;
mod detection;
mod history;
mod isolation_forest;
mod long_term;
mod merge;
mod moving_average;
mod severity;
mod shift;
mod surprise;
mod watched;
mod z_score;

pub use anomaly::{Anomaly, AnomalyType, Evidence, LongTermEvidence, Method, Subject};
pub use assess::{Assessment, assess};
pub use chance::{Chance, Sample};
pub use detection::{Detection, Weights};
pub use history::{Baseline, Floor, History, Middle};
pub use isolation_forest::{FEATURES, Model, features};
pub use long_term::{Checkpoint, Judged, LongTerm, Remembered, Told};
pub use merge::{detect, merge};
pub use moving_average::{MovingAverage, moving_average};
pub use severity::{Severity, SeverityThresholds};
pub use shift::{LogPart, Shares, Shift, ShiftDimension, Side, shifts};
pub use surprise::{surprise, surprise_score};
pub use watched::{Found, Point, Watched};
pub use z_score::{z_score, z_scores};
