//! Traces: what is remembered of one, and who calls whom in it.

mod calls;
mod edge;
mod sample;
mod summary;

pub use calls::{Call, calls};
pub use edge::EdgeStats;
pub use sample::TraceSample;
pub use summary::{Trace, Visit};
