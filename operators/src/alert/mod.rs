//! Alert rules: predicates over a series, and the stretches of time over which they held.

mod condition;
mod measure;
mod rule;
mod spans;
mod spec;

pub use condition::Condition;
pub use measure::{Fact, Measure, Origin, Part, TOGETHER};
pub use rule::{AlertRule, Predicate};
pub use spans::{AlertMachine, AlertSpan, AlertState, alert_spans};
pub use spec::{Dimension, Evaluate, NoData, RuleMetric, RuleSpec, SpecProblem, selects};
