//! Ways in: what a connector implements to feed a job.

use std::{collections::BTreeMap, time::Duration};

use crate::{Name, intake::Intake};

/// A way in. It is shared by all workers; each opens its own [`Reader`] on its part of the partitions.
pub trait Source: Send + Sync {
    /// What the source is called in configuration, metrics and dead letters.
    fn name(&self) -> Name;

    /// Opens the part that worker `worker` of `workers` reads: partition `p` belongs to worker `p % workers`, so that
    /// every partition has exactly one reader. Runs on the worker's own thread.
    ///
    /// `resume` says where the job's durable state ends: the reader goes on at exactly these positions, and reads
    /// partitions that are not among them from their beginning. It is empty where the job has no state yet.
    ///
    /// # Errors
    /// Where the source cannot be reached or is misconfigured; the job does not start.
    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError>;
}

/// One worker's part of a source.
pub trait Reader {
    /// Hands records over to `intake` until [`Intake::is_full`] or nothing more is there. Where nothing is there it
    /// may wait for up to `patience`, never longer: the worker has a dataflow to run.
    ///
    /// # Errors
    /// Ends the job; what can be retried the reader retries by itself.
    fn read(&mut self, intake: &mut Intake, patience: Duration) -> Result<Progress, SourceError>;

    /// Everything before these positions has reached views and sinks; the reader may tell its source so.
    ///
    /// # Errors
    /// Ends the job.
    fn commit(&mut self, positions: &Positions) -> Result<(), SourceError> {
        let _ = positions;
        Ok(())
    }
}

/// How a call of [`Reader::read`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more at once.
    More,
    /// Nothing more for now.
    Idle,
    /// Nothing more, ever.
    Finished,
}

/// Where reading goes on: partition → the offset of the next record.
pub type Positions = BTreeMap<u32, i64>;

/// A source that failed for good.
#[derive(Debug, thiserror::Error)]
#[error("source {source_name}: {what}")]
#[non_exhaustive]
pub struct SourceError {
    /// The source's name.
    pub source_name: Name,
    /// What failed and what to do about it.
    pub what: String,
    /// What the connector's library said.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// A failure of the source called `source_name`.
    pub fn new(source_name: Name, what: impl Into<String>) -> Self {
        SourceError { source_name, what: what.into(), cause: None }
    }

    /// With what the library underneath said.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}
