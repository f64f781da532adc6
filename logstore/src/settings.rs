//! What a store is told: where, how much, how long, and which logs.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use highwater_engine::{Level, days, seconds};
use highwater_operators::stable_hash;

use crate::{StoreError, StoredLog};

/// Where a store is, and its bounds.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The store's folder, which no other process uses.
    pub path: PathBuf,
    /// How long logs are kept at least, by their own time; they go a slice at a time.
    pub retention: Duration,
    /// Most bytes on disk; beyond them the oldest slice goes. Merging needs up to a slice more for a while.
    pub max_bytes: u64,
    /// Bytes of memory that logs may take which are not written yet.
    pub memory: usize,
    /// How soon logs can be found, while they come.
    pub commit_interval: Duration,
    /// Which logs are kept.
    pub keep: Keep,
    /// Most logs of a slice.
    pub slice_logs: u64,
    /// Bytes at which a slice is full.
    pub slice_bytes: u64,
    /// Longest that a search may take.
    pub search_patience: Duration,
}

/// Which logs are kept. All of these must agree.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The least grave level.
    pub level: Level,
    /// The services, as they are written; of an empty set, all.
    pub services: BTreeSet<String>,
    /// The share of traces, from 0 to 1: all logs of a trace are kept or none. A log without a trace is one by itself.
    pub share: f64,
}

impl StoreSettings {
    /// The least memory that the index underneath works with.
    pub const MIN_MEMORY: usize = 16 << 20;
    const MAX_MEMORY: usize = 2 << 30;

    /// A store in this folder, with the usual bounds.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        StoreSettings {
            path: path.into(),
            retention: days(7),
            max_bytes: 20 << 30,
            memory: 64 << 20,
            commit_interval: seconds(1),
            keep: Keep::default(),
            slice_logs: 5_000_000,
            slice_bytes: 2 << 30,
            search_patience: seconds(10),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let StoreSettings { memory, keep, slice_logs, .. } = self;
        if !(Self::MIN_MEMORY..=Self::MAX_MEMORY).contains(memory) {
            let [least, most] = [Self::MIN_MEMORY, Self::MAX_MEMORY].map(|bytes| bytes >> 20);
            return Err(StoreError::Settings(format!("{memory} bytes of memory are not from {least} to {most} MiB")));
        }
        if !(0.0..=1.0).contains(&keep.share) {
            return Err(StoreError::Settings(format!("{} is no share of traces: 0 to 1 are", keep.share)));
        }
        // a document is numbered with 32 bits
        if !(1..=1 << 31).contains(slice_logs) {
            return Err(StoreError::Settings(format!("a slice cannot hold {slice_logs} logs")));
        }
        Ok(())
    }

    /// Bytes at which a slice is full: small enough beside the whole that what goes with the oldest is little.
    pub(crate) fn slice_bytes(&self) -> u64 {
        self.slice_bytes.min(self.max_bytes / 8)
    }

    /// How long a slice is written to: a slow stream too shall lose little when the oldest slice goes.
    pub(crate) fn slice_time(&self) -> Duration {
        self.retention / 8
    }
}

impl Default for Keep {
    fn default() -> Self {
        Keep { level: Level::Trace, services: BTreeSet::new(), share: 1.0 }
    }
}

impl Keep {
    /// Whether a log is kept.
    pub(crate) fn wants(&self, log: &StoredLog) -> bool {
        log.level >= self.level
            && (self.services.is_empty() || self.services.contains(&log.service))
            && (self.share >= 1.0 || self.samples(log))
    }

    fn samples(&self, log: &StoredLog) -> bool {
        let hash = match &log.trace_id {
            Some(trace) => stable_hash(trace.to_lowercase().as_bytes()),
            None => log.id.key(),
        };
        (hash as f64) < self.share * 2_f64.powi(64)
    }
}
