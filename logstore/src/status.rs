//! [`Status`]: how the store is.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use highwater_engine::{Positions, Timestamp};
use serde::Serialize;

/// How the store is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Logs that can be found.
    pub logs: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Slices.
    pub slices: usize,
    /// The time of the oldest log.
    pub oldest: Option<Timestamp>,
    /// The time of the newest log.
    pub newest: Option<Timestamp>,
    /// How far each source's partitions have been read for good.
    pub positions: BTreeMap<String, Positions>,
    /// How long ago the newest log that was read happened, where there has been more to read for some seconds.
    pub behind: Option<Duration>,
    /// Why no logs are added now; what is there can be found all the same.
    pub failure: Option<String>,
    /// Whether every source has come to its end, and all of it can be found.
    pub finished: bool,
}

/// What the indexer says of itself.
#[derive(Debug, Default)]
pub(crate) struct Report(Mutex<Said>);

/// See [`Status`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) behind: Option<Duration>,
    pub(crate) failure: Option<String>,
    pub(crate) finished: bool,
}

impl Report {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
