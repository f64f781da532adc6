//! x
#![allow(dead_code, missing_docs)]
mod answer;
mod parse;
mod scene;
pub use answer::{Answer, Excluded, Filters, Latency, TimeRange};
pub use parse::{MAX_QUESTION_BYTES, parse};
pub use scene::{Moment, Scene};
