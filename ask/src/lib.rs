//! Plain-language help: from a question to a search, and from figures to what an on-call engineer should know.
//!
//! [`parse`] and [`insights`] are pure functions and always answer. A [`Model`], where one is configured, is asked first;
//! whatever goes wrong with it, the answer is theirs, and says so.

mod answer;
mod insights;
mod mask;
mod model;
mod parse;
mod scene;

pub use answer::{Answer, Excluded, Filters, Latency, TimeRange};
pub use insights::{Incident, InsightScene, Insights, PatternNews, ServiceFigures, ServiceInsight, Volume, insights};
pub use mask::mask;
pub use model::{Model, ModelConfig, ModelError};
pub use parse::{MAX_QUESTION_BYTES, parse};
pub use scene::{Moment, Scene};
