//! Records that are handed in by the same process: HTTP ingest without Kafka.

mod disk;
mod memory;

use std::{
    collections::VecDeque,
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use highwater_engine::{Intake, Name, PartitionSlot, Positions, Progress, Reader, Source, SourceError, Timestamp};

use self::{disk::Disk, memory::Memory};
use crate::IngestError;

/// Where records are handed in; clones share it. Each of its [sources](Inbox::source) reads all of them.
///
/// In [memory](Inbox::in_memory) they are until they have been read: a crash loses them. On [disk](Inbox::on_disk) they
/// are, before the one who hands them in is told so, until every source's job has committed them.
#[derive(Clone, Debug)]
pub struct Inbox {
    shared: Arc<Shared>,
    writers: Arc<()>,
}

/// Reads an [`Inbox`]; finished when all clones of the inbox are gone and everything has been read.
#[derive(Debug)]
pub struct InboxSource {
    name: Name,
    partition: u32,
    shared: Arc<Shared>,
    writers: Weak<()>,
    /// which of the inbox's sources it is
    number: usize,
    /// whether somebody reads it
    opened: Arc<AtomicBool>,
}

/// How much may wait to be read, or to be committed where it is on disk.
#[derive(Clone, Copy, Debug)]
pub struct InboxBounds {
    /// Records.
    pub records: usize,
    /// Bytes of them.
    pub bytes: usize,
}

struct Shared {
    keep: Box<dyn Keep>,
    waiting: Mutex<Waiting>,
    bounds: InboxBounds,
}

/// What has not been let go yet.
#[derive(Debug, Default)]
struct Waiting {
    records: usize,
    bytes: usize,
    taken: Taken,
    /// up to where each source is done with them; none before it says so
    done: Vec<Option<i64>>,
}

/// What was taken together: the offset after it, how many records, how many bytes.
type Taken = VecDeque<(i64, usize, usize)>;

/// A record as it is kept.
struct Kept {
    next_offset: i64,
    received: Timestamp,
    bytes: Vec<u8>,
}

/// A place for records in order. Offsets count up from the first.
trait Keep: Send + Sync {
    /// Takes records, all or none, and tells the offset after them.
    fn append(&self, records: Vec<Vec<u8>>, received: Timestamp) -> Result<i64, String>;
    /// The offset after the last record; readers may look at those before.
    fn end(&self) -> i64;
    /// Some of the records at `from` and behind, in order.
    fn read(&self, from: i64) -> Result<Vec<Kept>, String>;
    /// Nobody needs what is before.
    fn release(&self, before: i64);
    /// Records to come get offsets from here on: someone has read so far, of records that are no longer here.
    fn not_before(&self, offset: i64);
    /// Whether records outlast the process.
    fn is_durable(&self) -> bool;
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("waiting", &self.waiting).field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl Inbox {
    /// An inbox that forgets what it holds with the process.
    pub fn in_memory(bounds: InboxBounds) -> Inbox {
        Inbox::new(Box::new(Memory::default()), bounds, Taken::new())
    }

    /// An inbox in a file, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be opened, or is open already.
    pub fn on_disk(file: &Path, bounds: InboxBounds) -> Result<Inbox, IngestError> {
        let (disk, taken) = Disk::open(file).map_err(IngestError::Failed)?;
        Ok(Inbox::new(Box::new(disk), bounds, taken))
    }

    fn new(keep: Box<dyn Keep>, bounds: InboxBounds, taken: Taken) -> Inbox {
        let (records, bytes) = taken.iter().fold((0, 0), |sum, (_, records, bytes)| (sum.0 + records, sum.1 + bytes));
        let waiting = Mutex::new(Waiting { records, bytes, taken, done: Vec::new() });
        Inbox { shared: Arc::new(Shared { keep, waiting, bounds }), writers: Arc::new(()) }
    }

    /// A source of all its records, as `partition`. To be asked for before anything is handed in: what all sources
    /// that there are have done with is let go.
    pub fn source(&self, name: Name, partition: u32) -> InboxSource {
        let mut waiting = self.shared.waiting();
        waiting.done.push(None);
        let (shared, writers) = (self.shared.clone(), Arc::downgrade(&self.writers));
        InboxSource { name, partition, shared, writers, number: waiting.done.len() - 1, opened: Arc::default() }
    }

    /// Hands in records, all or none; returns when they are kept.
    ///
    /// # Errors
    /// Where too much waits already. Records that are more than it ever holds are taken when it is empty. On disk
    /// also where they cannot be written.
    pub fn offer(&self, records: Vec<Vec<u8>>) -> Result<(), IngestError> {
        let (count, bytes) = (records.len(), records.iter().map(Vec::len).sum());
        if count == 0 {
            return Ok(());
        }
        self.shared.waiting().reserve(count, bytes, self.shared.bounds)?;
        match self.shared.keep.append(records, Timestamp::now()) {
            Ok(end) => {
                let mut waiting = self.shared.waiting();
                let at = waiting.taken.partition_point(|(other, _, _)| *other < end);
                waiting.taken.insert(at, (end, count, bytes));
                Ok(())
            }
            Err(what) => {
                self.shared.waiting().cancel(count, bytes);
                Err(IngestError::Failed(what))
            }
        }
    }
}

impl Waiting {
    fn reserve(&mut self, records: usize, bytes: usize, bounds: InboxBounds) -> Result<(), IngestError> {
        let fits = self.records + records <= bounds.records && self.bytes + bytes <= bounds.bytes;
        if !fits && self.records > 0 {
            return Err(IngestError::Busy);
        }
        self.records += records;
        self.bytes += bytes;
        Ok(())
    }

    fn cancel(&mut self, records: usize, bytes: usize) {
        self.records = self.records.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// A source is done with what is before; tells what all are done with.
    fn done(&mut self, source: usize, before: i64) -> Option<i64> {
        *self.done.get_mut(source)? = Some(before);
        let all = self.done.iter().copied().min()??;
        while let Some((_, records, bytes)) = self.taken.pop_front_if(|(end, _, _)| *end <= all) {
            self.cancel(records, bytes);
        }
        Some(all)
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self, source: usize, before: i64) {
        let all = self.waiting().done(source, before);
        if let Some(all) = all {
            self.keep.release(all);
        }
    }
}

impl Source for InboxSource {
    fn name(&self) -> Name {
        self.name.clone()
    }

    /// The first worker of this process to open it reads all of it, for as long as it has its reader.
    fn open(&self, _: usize, _: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let reads = !self.opened.swap(true, Ordering::AcqRel);
        let at = resume.get(&self.partition).copied().filter(|_| reads);
        if let Some(at) = at {
            self.shared.keep.not_before(at);
            // what a job goes on from it has committed
            self.shared.done(self.number, at);
        }
        Ok(Box::new(InboxReader {
            name: self.name.clone(),
            partition: self.partition,
            shared: self.shared.clone(),
            writers: self.writers.clone(),
            number: self.number,
            reads: reads.then(|| self.opened.clone()),
            slot: None,
            open: VecDeque::new(),
            at: at.unwrap_or(0),
        }))
    }
}

struct InboxReader {
    name: Name,
    partition: u32,
    shared: Arc<Shared>,
    writers: Weak<()>,
    number: usize,
    /// none where another worker does; told when this one no longer does
    reads: Option<Arc<AtomicBool>>,
    slot: Option<PartitionSlot>,
    /// fetched and not handed over yet
    open: VecDeque<Kept>,
    /// the offset of the next record
    at: i64,
}

impl Reader for InboxReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        loop {
            if self.open.is_empty() {
                // asked first: what is handed in before the last writer goes is read
                let is_over = self.writers.strong_count() == 0;
                if self.reads.is_none() || self.at >= self.shared.keep.end() {
                    return Ok(if is_over { Progress::Finished } else { Progress::Idle });
                }
                let fetched = self.shared.keep.read(self.at);
                self.open = fetched.map_err(|what| SourceError::new(self.name.clone(), what))?.into();
            }
            // made with the first record: an inbox that nobody uses holds no watermark back
            let slot = *self.slot.get_or_insert_with(|| intake.partition(self.partition));
            while let Some(record) = self.open.pop_front() {
                self.at = record.next_offset;
                intake.record(slot, record.next_offset, Some(record.received), &record.bytes);
                if intake.is_full() {
                    break;
                }
            }
            if !self.shared.keep.is_durable() {
                self.shared.done(self.number, self.at);
            }
            if intake.is_full() {
                return Ok(Progress::More);
            }
        }
    }

    fn commit(&mut self, positions: &Positions) -> Result<(), SourceError> {
        if let Some(&at) =
            positions.get(&self.partition).filter(|_| self.reads.is_some() && self.shared.keep.is_durable())
        {
            self.shared.done(self.number, at);
        }
        Ok(())
    }
}

impl Drop for InboxReader {
    fn drop(&mut self) {
        if let Some(opened) = &self.reads {
            opened.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_as_a_whole() {
        let bounds = InboxBounds { records: 3, bytes: 100 };
        let inbox = Inbox::in_memory(bounds);
        let _source = inbox.source("http".into(), 0);
        inbox.offer(vec![vec![0; 10]; 2]).unwrap();
        assert_eq!(inbox.offer(vec![vec![0; 10]; 2]), Err(IngestError::Busy));
        assert_eq!(inbox.offer(vec![vec![0; 90]]), Err(IngestError::Busy));
        inbox.offer(vec![vec![0; 80]]).unwrap();
        assert_eq!(inbox.shared.waiting().bytes, 100);
        let inbox = Inbox::in_memory(bounds);
        let _source = inbox.source("http".into(), 0);
        inbox.offer(vec![vec![0; 500]]).unwrap();
        assert_eq!(inbox.offer(vec![vec![]]), Err(IngestError::Busy));
    }

    #[test]
    fn what_every_source_is_done_with_makes_room() {
        let inbox = Inbox::in_memory(InboxBounds { records: 2, bytes: 100 });
        let sources = [inbox.source("a".into(), 0), inbox.source("b".into(), 0)];
        inbox.offer(vec![vec![1], vec![2]]).unwrap();
        let done = |source: &InboxSource, before| source.shared.done(source.number, before);
        done(&sources[0], 2);
        assert_eq!(inbox.offer(vec![vec![3]]), Err(IngestError::Busy));
        done(&sources[1], 2);
        inbox.offer(vec![vec![3]]).unwrap();
        let kept = inbox.shared.keep.read(2).unwrap();
        assert_eq!(kept.iter().map(|kept| &kept.bytes[..]).collect::<Vec<_>>(), [[3]]);
        assert!(inbox.shared.keep.read(0).unwrap().iter().all(|kept| kept.next_offset > 2));
    }
}
