//! The intake: where a reader's records become logs or dead letters, and where each partition's watermark is kept.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    Name, Timestamp,
    format::{self, Reason},
    log::{Defaults, LogBatch},
    pipeline::{Pace, PartitionReport},
    settings::Settings,
    sink::DeadLetter,
    source::Positions,
    state::Reached,
    watermark::Mark,
};

/// What one reader has handed over: the batch under way, dead letters, and how far each partition has come.
pub struct Intake {
    source: Name,
    settings: Settings,
    /// how far a partition may go on in one epoch
    epoch_span: Duration,
    defaults: Defaults,
    batch: LogBatch,
    /// the batch taken last: once the dataflow is done with it, its memory, which the cache still has, is used again
    taken: Option<Rc<LogBatch>>,
    dead: Vec<DeadLetter>,
    /// what the dead letters weigh
    dead_bytes: usize,
    /// how far partitions had come before this start
    restored: BTreeMap<u32, Reached>,
    partitions: Vec<Partition>,
    newest_admissible: Timestamp,
    bytes_read: usize,
    /// of each log of the batch its partition and the offset after it; none where nobody asks
    places: Option<Vec<(u32, i64)>>,
}

/// A partition's place in the intake, from [`Intake::partition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionSlot(usize);

struct Partition {
    id: u32,
    /// none before the first record
    next_offset: Option<i64>,
    newest: Timestamp,
    /// the newest when the epoch under way began
    began: Timestamp,
    touched: bool,
    active_at: Instant,
    finished: bool,
}

impl Intake {
    pub(crate) fn new(source: Name, settings: &Settings, restored: BTreeMap<u32, Reached>) -> Self {
        Intake {
            source,
            defaults: Defaults { received: Timestamp::now(), service: settings.default_service.clone() },
            batch: Intake::empty_batch(settings),
            taken: None,
            settings: settings.clone(),
            epoch_span: settings.epoch_span(),
            dead: Vec::new(),
            dead_bytes: 0,
            restored,
            partitions: Vec::new(),
            newest_admissible: Timestamp::MAX,
            bytes_read: 0,
            places: None,
        }
    }

    /// One for a reader outside of a dataflow: it has no epochs, tells logs' places, and no log is too old for it.
    pub(crate) fn outside(source: Name, settings: &Settings, positions: &Positions) -> Self {
        let reached =
            |(id, next_offset): (&u32, &i64)| (*id, Reached { next_offset: *next_offset, newest: Timestamp::MIN });
        let restored = positions.iter().map(reached).collect();
        Intake { places: Some(Vec::new()), epoch_span: Duration::MAX, ..Intake::new(source, settings, restored) }
    }

    fn empty_batch(settings: &Settings) -> LogBatch {
        // a log of a shipper is seldom shorter than 128 bytes; more logs than that make the columns grow
        LogBatch::with_capacity(settings.batch_bytes / 128, settings.batch_bytes + settings.batch_bytes / 8)
    }

    /// The place of partition `id`, made when asked for first; it holds the watermark back from then on.
    pub fn partition(&mut self, id: u32) -> PartitionSlot {
        let at = self.partitions.iter().position(|p| p.id == id).unwrap_or_else(|| {
            let restored = self.restored.get(&id);
            let newest = restored.map_or(Timestamp::MIN, |reached| reached.newest);
            self.partitions.push(Partition {
                id,
                next_offset: restored.map(|reached| reached.next_offset),
                newest,
                began: newest,
                touched: false,
                active_at: Instant::now(),
                finished: false,
            });
            self.partitions.len() - 1
        });
        PartitionSlot(at)
    }

    /// Takes one record, which makes it a log or a dead letter. `next_offset` is where reading would go on after it;
    /// `received` is when its transport says it came (the broker's timestamp), for records that name no time.
    pub fn record(&mut self, slot: PartitionSlot, next_offset: i64, received: Option<Timestamp>, bytes: &[u8]) {
        self.bytes_read += bytes.len();
        match self.admit(slot, received, bytes) {
            Ok(()) => {
                if let Some(places) = &mut self.places {
                    places.push((self.partitions[slot.0].id, next_offset));
                }
            }
            Err(reason) => self.bury(slot, next_offset, reason, bytes, bytes.len()),
        }
        self.reach(slot, next_offset);
    }

    /// Takes one record that its source has cut because it is too long, which makes it a dead letter: of its `length`
    /// bytes, the `beginning`. Otherwise as [`Intake::record`].
    pub fn over_long(&mut self, slot: PartitionSlot, next_offset: i64, beginning: &[u8], length: usize) {
        self.bytes_read += length;
        self.bury(slot, next_offset, Reason::TooLong, beginning, length);
        self.reach(slot, next_offset);
    }

    fn bury(&mut self, slot: PartitionSlot, next_offset: i64, reason: Reason, bytes: &[u8], length: usize) {
        let letter = DeadLetter {
            reason,
            source: self.source.clone(),
            partition: self.partitions[slot.0].id,
            next_offset,
            bytes: bytes[..bytes.len().min(DeadLetter::MAX_BYTES)].to_vec(),
            length,
            received: self.defaults.received,
        };
        self.dead_bytes += letter.weight();
        self.dead.push(letter);
    }

    fn reach(&mut self, slot: PartitionSlot, next_offset: i64) {
        let partition = &mut self.partitions[slot.0];
        partition.next_offset = Some(next_offset);
        partition.touched = true;
    }

    fn admit(&mut self, slot: PartitionSlot, received: Option<Timestamp>, bytes: &[u8]) -> Result<(), Reason> {
        if bytes.len() > self.settings.max_record_bytes {
            return Err(Reason::TooLong);
        }
        let record = simdutf8::basic::from_utf8(bytes).map_err(|_| Reason::InvalidUtf8)?;
        let Settings { format, lateness, retention, .. } = self.settings;
        let partition = &mut self.partitions[slot.0];
        let oldest = match self.places {
            None => partition.newest.minus(lateness).minus(retention),
            Some(_) => Timestamp::MIN,
        };
        let newest_admissible = self.newest_admissible;
        if let Some(received) = received {
            self.defaults.received = received;
        }
        let admit = |at: Timestamp| {
            if at < oldest {
                return Err(Reason::TooOld);
            }
            if at > newest_admissible {
                return Err(Reason::TooFarAhead);
            }
            partition.newest = partition.newest.max(at);
            partition.began = if partition.began == Timestamp::MIN { at } else { partition.began };
            Ok(())
        };
        self.batch.push(record, &self.defaults, |record| format::parse(record, format), admit)
    }

    /// Says that reading goes on at `next_offset` without a record (control records, empty payloads).
    pub fn skip_to(&mut self, slot: PartitionSlot, next_offset: i64) {
        self.partitions[slot.0].next_offset = Some(next_offset);
    }

    /// Whether the reader should return: the batch, with its dead letters, is large enough, or the epoch spans enough
    /// event time.
    pub fn is_full(&self) -> bool {
        self.batch.bytes() + self.dead_bytes >= self.settings.batch_bytes || self.is_ahead()
    }

    /// Whether the epoch under way spans enough event time, so that it should end.
    pub(crate) fn is_ahead(&self) -> bool {
        self.stretch() > self.epoch_span
    }

    /// How much event time has gone by in the epoch under way, in the partition that has gone on furthest.
    pub(crate) fn stretch(&self) -> Duration {
        self.partitions.iter().map(|partition| partition.newest.since(partition.began)).max().unwrap_or_default()
    }

    /// Bytes that still fit into the batch under way.
    pub fn room(&self) -> usize {
        self.settings.batch_bytes.saturating_sub(self.batch.bytes())
    }

    /// Takes the wall clock for what is read next.
    pub(crate) fn at(&mut self, now: Timestamp) {
        self.defaults.received = now;
        self.newest_admissible = now.plus(self.settings.max_ahead);
    }

    /// The batch read so far, if there is any.
    pub(crate) fn take_batch(&mut self) -> Option<Rc<LogBatch>> {
        if self.batch.is_empty() {
            return None;
        }
        let next = match self.taken.take().and_then(Rc::into_inner) {
            // one that a long record made grow is let go
            Some(used) if used.capacity() <= 2 * self.settings.batch_bytes => used.emptied(),
            _ => Intake::empty_batch(&self.settings),
        };
        let batch = Rc::new(std::mem::replace(&mut self.batch, next));
        self.taken = Some(batch.clone());
        Some(batch)
    }

    /// Where the logs of the batch that is taken stand; empty where nobody asks.
    pub(crate) fn take_places(&mut self) -> Vec<(u32, i64)> {
        self.places.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn take_dead_letters(&mut self) -> Vec<DeadLetter> {
        self.dead_bytes = 0;
        std::mem::take(&mut self.dead)
    }

    /// Bytes read since last asked.
    pub(crate) fn take_bytes_read(&mut self) -> usize {
        std::mem::take(&mut self.bytes_read)
    }

    /// How far the partitions have been read.
    pub(crate) fn reached(&self) -> Vec<(u32, Reached)> {
        let reached = |p: &Partition| Some((p.id, Reached { next_offset: p.next_offset?, newest: p.newest }));
        self.partitions.iter().filter_map(reached).collect()
    }

    /// How far the partitions have been read, and what they say of the watermark as of `now`.
    pub(crate) fn partitions(&self, now: Instant) -> impl Iterator<Item = PartitionReport> {
        let Settings { idle_after, lateness, .. } = self.settings;
        self.partitions.iter().map(move |partition| {
            let said = partition.says(now, idle_after, lateness);
            let known = |at: Timestamp| Some(at).filter(|at| *at > Timestamp::MIN);
            PartitionReport {
                source: self.source.clone(),
                partition: partition.id,
                next_offset: partition.next_offset,
                newest: known(partition.newest),
                watermark: known(said.watermark()),
                pace: match said {
                    Mark::Active(_) => Pace::Active,
                    Mark::Idle(_) => Pace::Idle,
                    Mark::Ended(_) => Pace::Ended,
                },
            }
        })
    }

    /// Nothing more will come: the partitions hold nothing back any longer.
    pub(crate) fn finish(&mut self) {
        for partition in &mut self.partitions {
            partition.finished = true;
        }
    }

    /// What the partitions say of the watermark as of `now`.
    pub(crate) fn mark(&mut self, now: Instant) -> Mark {
        let Settings { idle_after, lateness, .. } = self.settings;
        self.partitions.iter_mut().map(|p| p.mark(now, idle_after, lateness)).fold(Mark::NOTHING, Mark::join)
    }
}

impl Partition {
    fn mark(&mut self, now: Instant, idle_after: Duration, lateness: Duration) -> Mark {
        self.began = self.newest;
        if std::mem::take(&mut self.touched) {
            self.active_at = now;
        }
        self.says(now, idle_after, lateness)
    }

    fn says(&self, now: Instant, idle_after: Duration, lateness: Duration) -> Mark {
        if self.finished {
            return Mark::Ended(self.newest);
        }
        let watermark = self.newest.minus(lateness);
        let silence = now.saturating_duration_since(self.active_at);
        if silence < idle_after {
            Mark::Active(watermark)
        } else if self.newest == Timestamp::MIN {
            Mark::NOTHING
        } else {
            Mark::Idle(watermark.plus(silence))
        }
    }
}
