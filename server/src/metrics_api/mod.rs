//! `/metrics/..` and `/logs/severity-breakdown`: volume, error rate and latency, added up from windows of service
//! statistics.
//!
//! **Now** is the newest of the watermark and the end of the newest window, so that a replay of past logs shows as
//! it showed then; a watermark ahead of the wall clock does not count. A range is the windows of the finest resolution
//! that is kept for as long as the range, the last one being under way.

mod condition;
mod figures;
mod insights;
mod overview;
mod period;
mod resolution;
mod rows;
mod services;
mod timeseries;
mod top_errors;

pub(crate) use figures::{millis, tidy};
pub(crate) use insights::{insight_scene, known_services};
pub(crate) use overview::{overview, severities};
pub(crate) use period::Period;
pub use resolution::Kept;
pub(crate) use resolution::{align_up, now};
pub(crate) use services::{service, service_list, system};
pub(crate) use timeseries::timeseries;

// the parameters that each call takes
pub(crate) const OVERVIEW: &[&str] = &["time_range"];
pub(crate) const SERVICES: &[&str] = &["time_range", "limit", "cursor"];
pub(crate) const TIMESERIES: &[&str] = &["metric", "interval", "time_range", "service", "level"];
