//! [`Replay`]: logs of the store as a source, once more through a dataflow.

use std::{ops::Range, time::Duration};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError, Timestamp};

use crate::{LogStore, Order, Query, Search, StoreError, StoredLog};

/// The logs that the store has of a stretch of time, oldest first; then it is over. Each is read as the JSON that the
/// store shows. One worker reads them all.
pub struct Replay {
    store: LogStore,
    span: Range<Timestamp>,
}

impl Replay {
    /// The logs of this stretch.
    pub fn new(store: LogStore, span: Range<Timestamp>) -> Self {
        Replay { store, span }
    }
}

impl Source for Replay {
    fn name(&self) -> Name {
        Name::from("log-store")
    }

    fn open(&self, worker: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let search = Search {
            order: Order::Oldest,
            from: Some(self.span.start),
            to: Some(self.span.end),
            ..Search::new(Query::All)
        };
        let logs: Box<dyn Iterator<Item = _> + Send> =
            if worker == 0 { Box::new(self.store.export(search)) } else { Box::new(std::iter::empty()) };
        Ok(Box::new(ReplayReader { logs, next: 0 }))
    }
}

struct ReplayReader {
    logs: Box<dyn Iterator<Item = Result<StoredLog, StoreError>> + Send>,
    next: i64,
}

impl Reader for ReplayReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(0);
        while !intake.is_full() {
            let Some(log) = self.logs.next() else { return Ok(Progress::Finished) };
            let failed = |why: String| SourceError::new(Name::from("log-store"), why);
            let log = log.map_err(|error| failed(error.to_string()))?;
            let record = serde_json::to_vec(&log).map_err(|error| failed(error.to_string()))?;
            self.next += 1;
            intake.record(slot, self.next, None, &record);
        }
        Ok(Progress::More)
    }
}
