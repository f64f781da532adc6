//! The ground floor of Highwater: logs, time, the dataflow runtime, queries and views. It knows no connector and no
//! query.

mod backlog;
mod by;
mod cluster;
mod dataflow;
mod epochs;
mod expire;
mod flow;
mod fold;
mod follow;
pub mod format;
mod intake;
mod job;
mod log;
mod merge;
pub mod metrics;
mod name;
mod publish;
mod rows;
mod series;
mod settings;
mod sink;
mod source;
mod state;
pub mod testing;
mod time;
mod view;
mod watermark;
mod worker;

pub use by::{ByLevel, Everything, Field, GroupBy, Host, Key, OTHER, Service};
pub use cluster::Cluster;
pub use flow::{Flow, Logs, Partials, Query, Value, Windows};
pub use follow::{Follower, Stretch};
pub use intake::{Intake, PartitionSlot};
pub use job::{Job, JobError, Running};
pub use log::{Defaults, Fields, Level, Log, LogBatch, MAX_BATCH_BYTES};
pub use name::Name;
pub use publish::{EpochChanges, Snapshot, Views};
pub use rows::ViewRows;
pub use series::Series;
pub use settings::Settings;
pub use sink::{Batch, Change, DeadLetter, Record, Sink, SinkError};
pub use source::{Positions, Progress, Reader, Source, SourceError};
pub use state::{Base, Changelog, Entry, StateError};
pub use time::{Epoch, ParseTimestampError, Timestamp, Window, days, hours, minutes, seconds};
pub use view::{Place, Plain, RowFilter, RowKey, ViewChanges, ViewSnapshot, Windowed};
