//! The same on flowing data: detectors, forests and alert rules as differential operators over a
//! [`Series`](highwater_engine::Series).

mod alerts;
mod detect;
mod forest;
mod long_term;
mod patterns;

pub use alerts::{Alert, AlertStatus, AlertWhen};
pub use detect::{Detect, FindAnomalies};
pub use forest::{FeatureRow, IsolationForest};
pub use long_term::Remember;
pub use patterns::Patterns;
