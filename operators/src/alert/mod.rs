//! Alert rules: predicates over a series, and the stretches of time over which they held.

mod condition;
mod rule;
mod spans;

pub use condition::Condition;
pub use rule::{AlertRule, Predicate};
pub use spans::{AlertSpan, AlertState, alert_spans};
