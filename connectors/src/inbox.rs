//! Records that are handed in by the same process: HTTP ingest without Kafka.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use highwater_engine::{Intake, Name, PartitionSlot, Positions, Progress, Reader, Source, SourceError, Timestamp};

/// Where records are handed in; clones share it. What it has taken is in memory only until it has been read: a crash
/// loses it.
#[derive(Clone, Debug)]
pub struct Inbox {
    sender: Sender<Delivery>,
    held: Arc<Held>,
}

/// Takes records out of an [`Inbox`]; finished when all clones of the inbox are gone.
#[derive(Debug)]
pub struct InboxSource {
    name: Name,
    receiver: Receiver<Delivery>,
    held: Arc<Held>,
}

/// The inbox is full: nothing was taken, try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many records wait to be read")]
pub struct Busy;

#[derive(Debug)]
struct Delivery {
    records: Vec<Vec<u8>>,
    received: Timestamp,
}

/// What waits to be read, and how much may.
#[derive(Debug)]
struct Held {
    records: AtomicUsize,
    bytes: AtomicUsize,
    max_records: usize,
    max_bytes: usize,
}

impl Inbox {
    /// An inbox that holds at most so many records and bytes, and the source that reads it.
    pub fn new(name: Name, max_records: usize, max_bytes: usize) -> (Inbox, InboxSource) {
        let (sender, receiver) = unbounded();
        let held = Arc::new(Held { records: AtomicUsize::new(0), bytes: AtomicUsize::new(0), max_records, max_bytes });
        (Inbox { sender, held: held.clone() }, InboxSource { name, receiver, held })
    }

    /// Hands in records, all or none.
    ///
    /// # Errors
    /// Where the inbox is full, or nobody reads it any longer. Records that are more than it ever holds are taken
    /// when it is empty.
    pub fn offer(&self, records: Vec<Vec<u8>>) -> Result<(), Busy> {
        let (count, bytes) = (records.len(), size(&records));
        if count == 0 {
            return Ok(());
        }
        let records_before = self.held.records.fetch_add(count, Ordering::AcqRel);
        let bytes_before = self.held.bytes.fetch_add(bytes, Ordering::AcqRel);
        let fits = records_before + count <= self.held.max_records && bytes_before + bytes <= self.held.max_bytes;
        let delivery = Delivery { records, received: Timestamp::now() };
        if (fits || records_before == 0) && self.sender.send(delivery).is_ok() {
            return Ok(());
        }
        self.held.release(count, bytes);
        Err(Busy)
    }
}

fn size(records: &[Vec<u8>]) -> usize {
    records.iter().map(Vec::len).sum()
}

impl Held {
    fn release(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Source for InboxSource {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn open(&self, worker: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(InboxReader {
            partition: u32::try_from(worker).unwrap_or(u32::MAX),
            receiver: self.receiver.clone(),
            held: self.held.clone(),
            slot: None,
            open: None,
            next_offset: 0,
        }))
    }
}

struct InboxReader {
    partition: u32,
    receiver: Receiver<Delivery>,
    held: Arc<Held>,
    slot: Option<PartitionSlot>,
    /// what is being read, and how many of its records have been
    open: Option<(Delivery, usize)>,
    next_offset: i64,
}

impl Reader for InboxReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        loop {
            let Some((delivery, read)) = &mut self.open else {
                match self.receiver.try_recv() {
                    Ok(delivery) => self.open = Some((delivery, 0)),
                    Err(TryRecvError::Empty) => return Ok(Progress::Idle),
                    Err(TryRecvError::Disconnected) => return Ok(Progress::Finished),
                }
                continue;
            };
            // made with the first record: an inbox that nobody uses holds no watermark back
            let slot = *self.slot.get_or_insert_with(|| intake.partition(self.partition));
            for record in delivery.records.iter().skip(*read) {
                if intake.is_full() {
                    return Ok(Progress::More);
                }
                self.next_offset += 1;
                *read += 1;
                intake.record(slot, self.next_offset, Some(delivery.received), record);
            }
            self.held.release(delivery.records.len(), size(&delivery.records));
            self.open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_as_a_whole() {
        let (inbox, source) = Inbox::new("http".into(), 3, 100);
        inbox.offer(vec![vec![0; 10]; 2]).unwrap();
        assert_eq!(inbox.offer(vec![vec![0; 10]; 2]), Err(Busy));
        assert_eq!(inbox.offer(vec![vec![0; 90]]), Err(Busy));
        inbox.offer(vec![vec![0; 80]]).unwrap();
        assert_eq!(source.held.bytes.load(Ordering::Relaxed), 100);
        let (inbox, _source) = Inbox::new("http".into(), 3, 100);
        inbox.offer(vec![vec![0; 500]]).unwrap();
        assert_eq!(inbox.offer(vec![vec![]]), Err(Busy));
    }
}
