//! One pass over what matches in the segments of all slices: counts, and the first logs in order.

use std::{
    collections::{BTreeMap, BinaryHeap, HashMap},
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering as Atomic},
    time::{Duration, Instant},
};

use highwater_engine::{Level, Timestamp};
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocId, DocSet, Searcher, SegmentReader, columnar::Column, query::Weight};

use crate::{
    Cursor, Order, StoreError, StoredLog,
    columns::{Columns, Ids},
    fetch::fetch,
};

/// What a pass looks for.
pub(crate) struct Pass {
    pub(crate) weight: Box<dyn Weight>,
    /// times in microseconds
    pub(crate) within: Range<i64>,
    pub(crate) order: Order,
    pub(crate) limit: usize,
    pub(crate) after: Option<Cursor>,
    /// whether to count what is not among the first
    pub(crate) count: bool,
    pub(crate) bucket: Option<Duration>,
    pub(crate) deadline: Instant,
    pub(crate) patience: Duration,
}

/// A segment, and where its columns are.
pub(crate) struct Segment {
    pub(crate) searcher: Searcher,
    pub(crate) number: u32,
    pub(crate) times: Column<i64>,
}

/// What a pass has found so far.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    pub(crate) levels: [u64; Level::ALL.len()],
    pub(crate) services: HashMap<String, u64>,
    pub(crate) bars: BTreeMap<i64, u64>,
    /// the last of the first logs on top
    pub(crate) first: BinaryHeap<Hit>,
}

/// The rank of a log in the order of a pass, and where it is. Lower ranks come first.
type Hit = (Rank, usize, DocId);
pub(crate) type Rank = (i64, u64);

pub(crate) fn rank(order: Order, at: i64, key: u64) -> Rank {
    match order {
        Order::Oldest => (at, key),
        // complements are in the opposite order
        Order::Newest => (!at, !key),
    }
}

/// The segments of these searchers, those first that come first in order.
pub(crate) fn segments(searchers: Vec<Searcher>, order: Order) -> Result<Vec<Segment>, StoreError> {
    let mut segments = Vec::new();
    for searcher in searchers {
        for (number, reader) in (0..).zip(searcher.segment_readers()) {
            let times = reader.fast_fields().i64("timestamp")?;
            segments.push(Segment { searcher: searcher.clone(), number, times });
        }
    }
    segments.sort_by_key(|segment| segment.first_time(order));
    Ok(segments)
}

impl Segment {
    pub(crate) fn reader(&self) -> &SegmentReader {
        self.searcher.segment_reader(self.number)
    }

    pub(crate) fn oldest(&self) -> i64 {
        self.times.min_value()
    }

    pub(crate) fn newest(&self) -> i64 {
        self.times.max_value()
    }

    fn first_time(&self, order: Order) -> i64 {
        match order {
            Order::Oldest => self.oldest(),
            Order::Newest => !self.newest(),
        }
    }

    fn last_time(&self, order: Order) -> i64 {
        match order {
            Order::Oldest => self.newest(),
            Order::Newest => !self.oldest(),
        }
    }
}

impl Pass {
    /// Goes over all segments, on as many threads as help.
    pub(crate) fn run(&self, segments: &[Segment]) -> Result<Tally, StoreError> {
        let overlaps = |segment: &&Segment| {
            segment.reader().max_doc() > 0
                && segment.oldest() < self.within.end
                && segment.newest() >= self.within.start
        };
        let logs: u64 = segments.iter().filter(overlaps).map(|segment| u64::from(segment.reader().max_doc())).sum();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(segments.len()).min(1 + (logs / LOGS_WORTH_A_THREAD) as usize);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut tally = Tally::default();
            while let Some((place, segment)) = take(segments, &next) {
                if overlaps(&segment) {
                    self.visit(segment, place, &mut tally)?;
                }
            }
            Ok(tally)
        };
        if threads <= 1 {
            return work();
        }
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut tally = work()?;
            for other in others {
                let other = other.join().map_err(|_| {
                    StoreError::Index(tantivy::TantivyError::ErrorInThread("a search has panicked".to_owned()))
                })?;
                tally.add(other?, self.limit);
            }
            Ok(tally)
        })
    }

    fn visit(&self, segment: &Segment, place: usize, tally: &mut Tally) -> Result<(), StoreError> {
        let reader = segment.reader();
        let wanted = self.wants_first(segment, tally);
        let whole = self.within.start <= segment.oldest() && segment.newest() < self.within.end;
        if !wanted && self.bucket.is_none() {
            if !self.count {
                return Ok(());
            }
            if whole {
                tally.total += u64::from(self.weight.count(reader)?);
                return Ok(());
            }
        }
        let mut columns = Columns::open(self, segment, whole, wanted)?;
        let mut scorer = self.weight.scorer(reader, 1.0)?;
        let mut docs = [0; COLLECT_BLOCK_BUFFER_LEN];
        for block in 0_usize.. {
            let found = scorer.fill_buffer(&mut docs);
            columns.collect(self, &docs[..found], place, tally);
            if found < docs.len() {
                break;
            }
            if block % BLOCKS_BETWEEN_LOOKS == 0 && Instant::now() > self.deadline {
                return Err(StoreError::TooSlow(self.patience));
            }
        }
        columns.finish(tally)
    }

    /// Whether a segment may hold one of the first logs.
    fn wants_first(&self, segment: &Segment, tally: &Tally) -> bool {
        let is_before_cursor = self.after.is_some_and(|after| {
            let (after, _) = rank(self.order, after.timestamp.as_micros(), after.key);
            segment.last_time(self.order) < after
        });
        let is_behind = tally.first.len() >= self.limit
            && tally.first.peek().is_none_or(|((last, _), ..)| segment.first_time(self.order) > *last);
        !is_before_cursor && !is_behind
    }
}

/// From so many logs on, another thread saves more time than its start takes.
const LOGS_WORTH_A_THREAD: u64 = 200_000;

const BLOCKS_BETWEEN_LOOKS: usize = 64;

fn take<'s>(segments: &'s [Segment], next: &AtomicUsize) -> Option<(usize, &'s Segment)> {
    let place = next.fetch_add(1, Atomic::Relaxed);
    Some((place, segments.get(place)?))
}

impl Tally {
    /// Takes over what another thread has found.
    fn add(&mut self, other: Tally, limit: usize) {
        self.total += other.total;
        for (sum, count) in self.levels.iter_mut().zip(other.levels) {
            *sum += count;
        }
        for (service, count) in other.services {
            *self.services.entry(service).or_default() += count;
        }
        for (bar, count) in other.bars {
            *self.bars.entry(bar).or_default() += count;
        }
        self.first.extend(other.first);
        while self.first.len() > limit {
            self.first.pop();
        }
    }

    pub(crate) fn by_level(&self) -> BTreeMap<Level, u64> {
        Level::ALL.into_iter().zip(self.levels).filter(|(_, count)| *count > 0).collect()
    }

    pub(crate) fn by_service(&mut self) -> HashMap<String, u64> {
        std::mem::take(&mut self.services)
    }

    pub(crate) fn histogram(&self, width: Duration) -> Vec<(Timestamp, u64)> {
        let width = i64::try_from(width.as_micros()).unwrap_or(i64::MAX);
        let bar = |(bar, count): (&i64, &u64)| (Timestamp::from_micros(bar.saturating_mul(width)), *count);
        self.bars.iter().map(bar).collect()
    }

    /// The first logs, in order.
    pub(crate) fn fetch(&mut self, segments: &[Segment]) -> Result<Vec<StoredLog>, StoreError> {
        let first = std::mem::take(&mut self.first).into_sorted_vec();
        let mut open: HashMap<usize, Ids> = HashMap::new();
        let mut logs = Vec::with_capacity(first.len());
        for (_, place, doc) in first {
            let Some(segment) = segments.get(place) else { continue };
            let ids = match open.entry(place) {
                std::collections::hash_map::Entry::Occupied(ids) => ids.into_mut(),
                std::collections::hash_map::Entry::Vacant(at) => at.insert(Ids::open(segment.reader())?),
            };
            logs.push(fetch(segment, ids, doc)?);
        }
        Ok(logs)
    }
}
