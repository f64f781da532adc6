//! What a query is written with: monoids to aggregate with, ratios, detectors, severity, alert rules, templates.
//! Depends on the engine alone.
//!
//! Everything here is a pure function over values and slices, to be called from a differential `reduce`, a test or a
//! plain program alike.

mod monoid;
mod ratio;
mod real;
mod stable_hash;
mod top_k;

pub use monoid::{Count, Distinct, Histogram, LatencySum, Levels, Moments, Percentiles, ServiceStats, Tally};
pub use ratio::Ratio;
pub use real::Real;
pub use stable_hash::stable_hash;
pub use top_k::top_k;
