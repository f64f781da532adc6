//! Commutative monoids: what a log turns into when it is aggregated.
//!
//! All of them hold integers only. Integer addition (saturating where it could overflow) and maximum are exact,
//! commutative and associative, so an aggregate never depends on the order of the logs, on how they were cut into
//! batches, or on the number of workers. Floating-point sums have none of these properties.

mod count;
mod distinct;
mod histogram;
mod levels;
mod messages;
mod moments;
mod service_stats;
mod sighting;
mod tally;

pub use count::Count;
pub use distinct::Distinct;
pub use histogram::{Histogram, Percentiles};
pub use levels::Levels;
pub use messages::Messages;
pub use moments::Moments;
pub use service_stats::ServiceStats;
pub use sighting::{Occurrences, Sighting, Sightings};
pub use tally::{LatencySum, Tally};
