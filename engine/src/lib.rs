//! The ground floor of Highwater: logs, time, the dataflow runtime, queries and views. It knows no connector and no
//! query.

pub mod format;
mod log;
mod name;
mod time;

pub use log::{Defaults, Fields, Level, Log, LogBatch, MAX_BATCH_BYTES};
pub use name::Name;
pub use time::{Epoch, ParseTimestampError, Timestamp, Window, days, hours, minutes, seconds};
