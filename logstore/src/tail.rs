//! [`Tail`]: logs as they are read, before they can be searched.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use highwater_engine::Positions;
use tokio::sync::{
    mpsc::{self, Receiver, Sender, error::TrySendError},
    watch,
};

use crate::{LogId, StoredLog, slice::SourcePositions};

/// How far sources are read: of each partition of each source, which goes by the number that ids have of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reach(BTreeMap<(u32, u32), i64>);

impl Reach {
    fn of(positions: &SourcePositions) -> Reach {
        let mut reach = Reach::default();
        positions.iter().for_each(|(source, positions)| reach.extend(source, positions));
        reach
    }

    fn extend(&mut self, source: &str, positions: &Positions) {
        let source = LogId::new(source, 0, 0).source;
        self.0.extend(positions.iter().map(|(partition, offset)| ((source, *partition), *offset)));
    }

    fn holds(&self, id: LogId) -> bool {
        self.0.get(&(id.source, id.partition)).is_some_and(|reached| id.next_offset <= *reached)
    }

    fn is_within(&self, other: &Reach) -> bool {
        self.0.iter().all(|(place, reached)| other.0.get(place).is_some_and(|other| reached <= other))
    }
}

/// Who listens to logs as they are read.
pub(crate) struct Listeners {
    room: Mutex<Room>,
    /// how far logs can be found
    found: watch::Sender<Reach>,
}

struct Room {
    /// none once nothing more will be told
    list: Option<Vec<Listener>>,
    /// how far logs are read
    read: Reach,
}

struct Listener {
    sender: Sender<Arc<[StoredLog]>>,
    missed: Arc<AtomicU64>,
}

impl Listeners {
    /// None as yet, of logs after those that can be found.
    pub(crate) fn new(found: &SourcePositions) -> Listeners {
        let read = Reach::of(found);
        Listeners { found: watch::Sender::new(read.clone()), room: Mutex::new(Room { list: Some(Vec::new()), read }) }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another one, for whom so many batches may wait.
    pub(crate) fn add(&self, capacity: usize) -> Tail {
        let (sender, receiver) = mpsc::channel(capacity.clamp(1, MAX_WAITING));
        let missed = Arc::new(AtomicU64::new(0));
        let mut room = self.room();
        if let Some(list) = &mut room.list {
            list.push(Listener { sender, missed: missed.clone() });
        }
        let began = Began { at: room.read.clone().into(), found: self.found.subscribe() };
        Tail { receiver, missed, began }
    }

    /// Nothing more will be told.
    pub(crate) fn close(&self) {
        self.room().list = None;
    }

    /// Logs up to here are on their way. Says whether anybody listens who is to be told of them: for who comes later, they
    /// were before.
    pub(crate) fn expect(&self, source: &str, reached: &Positions) -> bool {
        let mut room = self.room();
        room.read.extend(source, reached);
        room.list.as_ref().is_some_and(|list| !list.is_empty())
    }

    /// Logs up to here can be found.
    pub(crate) fn found(&self, positions: &SourcePositions) {
        self.found.send_replace(Reach::of(positions));
    }

    /// Tells everybody, and waits for nobody.
    pub(crate) fn tell(&self, logs: &Arc<[StoredLog]>) {
        let Some(list) = &mut self.room().list else { return };
        list.retain(|listener| match listener.sender.try_send(logs.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(missed)) => {
                listener.missed.fetch_add(missed.len() as u64, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
    }
}

/// Most batches that may wait for one listener.
const MAX_WAITING: usize = 1 << 16;

/// Logs as they are read, from [`LogStore::tail`](crate::LogStore::tail) on. Who reads too slowly misses some, and is
/// told how many.
pub struct Tail {
    receiver: Receiver<Arc<[StoredLog]>>,
    missed: Arc<AtomicU64>,
    began: Began,
}

/// Where a tail began: between what searches find, sooner or later, and what the tail hears. A log may be heard that was
/// before, and found that was after; but none is on neither side.
#[derive(Clone, Debug)]
pub struct Began {
    at: Arc<Reach>,
    found: watch::Receiver<Reach>,
}

impl Began {
    /// Whether the log with this id was read before.
    pub fn is_after(&self, id: LogId) -> bool {
        self.at.holds(id)
    }

    /// Waits until all logs that were read before can be found, but for those that the store does not keep; says
    /// whether it will ever be so.
    pub async fn all_found(&mut self) -> bool {
        self.found.wait_for(|found| self.at.is_within(found)).await.is_ok()
    }
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
    /// Where it began.
    pub fn began(&self) -> &Began {
        &self.began
    }

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
        let listeners = Listeners::new(&SourcePositions::new());
        let anybody = |reached: i64| listeners.expect("test", &[(0, reached)].into());
        assert!(!anybody(1));
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
        assert!(!anybody(2));
    }

    #[tokio::test]
    async fn a_log_was_before_a_tail_or_is_heard_by_it() {
        let positions = |reached: i64| SourcePositions::from([("test".to_owned(), [(0, reached)].into())]);
        let listeners = Listeners::new(&positions(3));
        let ids = |offset: i64| LogId::new("test", 0, offset);
        let early = listeners.add(1);
        assert!(listeners.expect("test", &[(0, 5)].into()));
        let mut late = listeners.add(1); // while they are on their way
        for (tail, before) in [(&early, 3), (&late, 5)] {
            let held: Vec<_> = (1..=6).filter(|offset| tail.began().is_after(ids(*offset))).collect();
            assert_eq!(held, (1..=before).collect::<Vec<_>>());
        }
        assert!(!late.began().is_after(LogId::new("other", 0, 1)));
        assert!(!late.began().is_after(LogId::new("test", 1, 1)));
        assert!(early.began().clone().all_found().await, "at once");
        listeners.found(&positions(4));
        assert!(!late.began.at.is_within(&late.began.found.borrow_and_update()));
        listeners.found(&positions(7));
        assert!(late.began.all_found().await);
        drop(listeners);
        assert!(late.began.all_found().await, "it stays so");
    }
}
