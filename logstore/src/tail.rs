//! [`Tail`]: logs as they are read, before they can be searched.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use crate::StoredLog;

/// Who listens to logs as they are read.
pub(crate) struct Listeners {
    /// none once nothing more will be told
    list: Mutex<Option<Vec<Listener>>>,
    /// whether there is any, for a look in passing
    any: AtomicBool,
}

struct Listener {
    sender: Sender<Arc<[StoredLog]>>,
    missed: Arc<AtomicU64>,
}

impl Default for Listeners {
    fn default() -> Self {
        Listeners { list: Mutex::new(Some(Vec::new())), any: AtomicBool::new(false) }
    }
}

impl Listeners {
    /// Whether anybody listens.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Another one, for whom so many batches may wait.
    pub(crate) fn add(&self, capacity: usize) -> Tail {
        let (sender, receiver) = mpsc::channel(capacity.clamp(1, MAX_WAITING));
        let missed = Arc::new(AtomicU64::new(0));
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = &mut *list {
            list.push(Listener { sender, missed: missed.clone() });
            self.any.store(true, Ordering::Relaxed);
        }
        Tail { receiver, missed }
    }

    /// Nothing more will be told.
    pub(crate) fn close(&self) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.any.store(false, Ordering::Relaxed);
    }

    /// Tells everybody, and waits for nobody.
    pub(crate) fn tell(&self, logs: &Arc<[StoredLog]>) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = &mut *list else { return };
        list.retain(|listener| match listener.sender.try_send(logs.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(missed)) => {
                listener.missed.fetch_add(missed.len() as u64, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
        self.any.store(!list.is_empty(), Ordering::Relaxed);
    }
}

/// Most batches that may wait for one listener.
const MAX_WAITING: usize = 1 << 16;

/// Logs as they are read, from [`LogStore::tail`](crate::LogStore::tail) on. Who reads too slowly misses some, and is
/// told how many.
pub struct Tail {
    receiver: Receiver<Arc<[StoredLog]>>,
    missed: Arc<AtomicU64>,
}

/// Logs that were read together.
#[derive(Clone, Debug, PartialEq)]
pub struct Tailed {
    /// The logs, in the order they were read. Those that the store does not keep are among them.
    pub logs: Arc<[StoredLog]>,
    /// How many logs had no room since the last ones, or still have none.
    pub missed: u64,
}

impl Tail {
    /// The next logs; nothing once the store is closed.
    pub async fn next(&mut self) -> Option<Tailed> {
        let logs = self.receiver.recv().await?;
        Some(self.tailed(logs))
    }

    /// The next logs, for a thread that may wait; nothing once the store is closed.
    pub fn blocking_next(&mut self) -> Option<Tailed> {
        let logs = self.receiver.blocking_recv()?;
        Some(self.tailed(logs))
    }

    /// The next logs, if any are there.
    pub fn try_next(&mut self) -> Option<Tailed> {
        let logs = self.receiver.try_recv().ok()?;
        Some(self.tailed(logs))
    }

    fn tailed(&self, logs: Arc<[StoredLog]>) -> Tailed {
        Tailed { logs, missed: self.missed.swap(0, Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Level, Timestamp};

    use super::*;
    use crate::LogId;

    fn logs(count: usize) -> Arc<[StoredLog]> {
        let log = StoredLog {
            id: LogId::new("test", 0, 0),
            timestamp: Timestamp::default(),
            level: Level::Info,
            service: String::new(),
            message: String::new(),
            host: None,
            trace_id: None,
            span_id: None,
            correlation_id: None,
            latency_ms: None,
            attributes: serde_json::Map::new(),
            template_id: String::new(),
            ingested_at: Timestamp::default(),
        };
        vec![log; count].into()
    }

    #[test]
    fn the_slow_are_told_what_they_missed_and_the_gone_are_forgotten() {
        let listeners = Listeners::default();
        assert!(!listeners.any());
        let (mut slow, mut quick) = (listeners.add(1), listeners.add(10));
        for count in 1..=3 {
            listeners.tell(&logs(count));
        }
        let lengths = |tail: &mut Tail| {
            std::iter::from_fn(|| tail.try_next()).map(|tailed| (tailed.logs.len(), tailed.missed)).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&mut slow), [(1, 5)]);
        assert_eq!(lengths(&mut quick), [(1, 0), (2, 0), (3, 0)]);
        listeners.tell(&logs(4));
        assert_eq!(lengths(&mut slow), [(4, 0)]);
        drop((slow, quick));
        listeners.tell(&logs(1));
        assert!(!listeners.any());
    }
}
