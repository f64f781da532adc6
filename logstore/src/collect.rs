//! One pass over what matches in the segments of all slices: counts, and the first logs in order.

use std::{
    collections::{BTreeMap, BinaryHeap, HashMap},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering as Atomic},
    },
    time::{Duration, Instant},
};

use highwater_engine::{Level, Timestamp};
use tantivy::{
    COLLECT_BLOCK_BUFFER_LEN, DocId, DocSet, Searcher, SegmentReader,
    columnar::{Column, ColumnValues, StrColumn},
    query::Weight,
};

use crate::{Cursor, LogId, Order, StoreError, StoredLog, rest, schema::Fields};

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
    searcher: Searcher,
    number: u32,
    times: Column<i64>,
}

/// What a pass has found so far.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) total: u64,
    levels: [u64; Level::ALL.len()],
    services: HashMap<String, u64>,
    bars: BTreeMap<i64, u64>,
    /// the last of the first logs on top
    first: BinaryHeap<Hit>,
}

/// The rank of a log in the order of a pass, and where it is. Lower ranks come first.
type Hit = (Rank, usize, DocId);
type Rank = (i64, u64);

fn rank(order: Order, at: i64, key: u64) -> Rank {
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
        let mut columns = Columns::open(self, segment, wanted)?;
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

/// The columns of a segment that a pass needs.
struct Columns {
    times: Arc<dyn ColumnValues<i64>>,
    ids: Option<Ids>,
    counted: Option<Counted>,
    /// complement or not, of the cursor
    after: Option<Rank>,
}

/// What ids are made of.
struct Ids {
    offsets: Arc<dyn ColumnValues<i64>>,
    ordinals: Arc<dyn ColumnValues<u64>>,
    streams: StrColumn,
    /// by ordinal, as far as seen
    known: HashMap<u64, (u32, u32)>,
}

/// What is counted by, where it is asked for.
struct Counted {
    levels: Arc<dyn ColumnValues<u64>>,
    ordinals: Arc<dyn ColumnValues<u64>>,
    services: StrColumn,
    by_service: Vec<u64>,
    width: i64,
    /// the bar that was counted last: logs are nearly in order
    bar: (i64, u64),
}

impl Columns {
    fn open(pass: &Pass, segment: &Segment, wanted: bool) -> Result<Self, StoreError> {
        let after = pass.after.map(|after| rank(pass.order, after.timestamp.as_micros(), after.key));
        Ok(Columns {
            times: segment.times.clone().first_or_default_col(0),
            ids: if wanted && pass.limit > 0 { Some(Ids::open(segment.reader())?) } else { None },
            counted: pass.bucket.map(|width| Counted::open(segment.reader(), width)).transpose()?,
            after,
        })
    }

    fn collect(&mut self, pass: &Pass, docs: &[DocId], place: usize, tally: &mut Tally) {
        let mut times = [0; COLLECT_BLOCK_BUFFER_LEN];
        let times = &mut times[..docs.len()];
        self.times.get_vals(docs, times);
        let mut inside = [0; COLLECT_BLOCK_BUFFER_LEN];
        let mut count = 0;
        for (place, doc) in docs.iter().enumerate() {
            // `count` is never ahead of `place`
            let at = times[place];
            (times[count], inside[count]) = (at, *doc);
            count += usize::from(pass.within.contains(&at));
        }
        let (docs, times) = (&inside[..count], &times[..count]);
        tally.total += count as u64;
        if let Some(counted) = &mut self.counted {
            counted.count(docs, times, tally);
        }
        if let Some(ids) = &mut self.ids {
            for (at, doc) in times.iter().zip(docs) {
                ids.offer(pass, self.after, *at, (place, *doc), tally);
            }
        }
    }

    fn finish(self, tally: &mut Tally) -> Result<(), StoreError> {
        self.counted.map_or(Ok(()), |counted| counted.finish(tally))
    }
}

impl Ids {
    fn open(reader: &SegmentReader) -> Result<Self, StoreError> {
        let streams = text_column(reader, "stream")?;
        let offsets = reader.fast_fields().i64("offset")?.first_or_default_col(0);
        let ordinals = streams.ords().clone().first_or_default_col(0);
        Ok(Ids { offsets, ordinals, streams, known: HashMap::new() })
    }

    /// Takes a log among the first, if it is one of them as far as is known.
    fn offer(&mut self, pass: &Pass, after: Option<Rank>, at: i64, (place, doc): (usize, DocId), tally: &mut Tally) {
        let (first, _) = rank(pass.order, at, 0);
        let is_full = tally.first.len() >= pass.limit;
        let is_behind = is_full && tally.first.peek().is_some_and(|((last, _), ..)| first > *last);
        let is_given = after.is_some_and(|(given, _)| first < given);
        if is_behind || is_given {
            return;
        }
        let rank = rank(pass.order, at, self.id(doc).key());
        if after.is_some_and(|after| rank <= after) {
            return;
        }
        if is_full {
            match tally.first.peek_mut() {
                Some(mut last) if rank < last.0 => *last = (rank, place, doc),
                _ => {}
            }
        } else {
            tally.first.push((rank, place, doc));
        }
    }

    fn id(&mut self, doc: DocId) -> LogId {
        let ordinal = self.ordinals.get_val(doc);
        let (source, partition) = *self.known.entry(ordinal).or_insert_with(|| {
            let mut text = String::new();
            // a damaged file makes wrong ids rather than an end of the search
            let _ = self.streams.ord_to_str(ordinal, &mut text);
            parse_stream(&text).unwrap_or_default()
        });
        LogId { source, partition, next_offset: self.offsets.get_val(doc) }
    }
}

fn parse_stream(text: &str) -> Option<(u32, u32)> {
    let (source, partition) = text.split_once('-')?;
    Some((u32::from_str_radix(source, 16).ok()?, partition.parse().ok()?))
}

impl Counted {
    fn open(reader: &SegmentReader, width: Duration) -> Result<Self, StoreError> {
        let services = text_column(reader, "service")?;
        Ok(Counted {
            levels: reader.fast_fields().u64("level")?.first_or_default_col(0),
            ordinals: services.ords().clone().first_or_default_col(0),
            by_service: vec![0; services.num_terms()],
            services,
            width: i64::try_from(width.as_micros()).unwrap_or(i64::MAX).max(1),
            bar: (0, 0),
        })
    }

    fn count(&mut self, docs: &[DocId], times: &[i64], tally: &mut Tally) {
        let mut values = [0; COLLECT_BLOCK_BUFFER_LEN];
        let values = &mut values[..docs.len()];
        self.levels.get_vals(docs, values);
        for level in &*values {
            if let Some(count) = tally.levels.get_mut(*level as usize) {
                *count += 1;
            }
        }
        self.ordinals.get_vals(docs, values);
        for service in &*values {
            if let Some(count) = self.by_service.get_mut(*service as usize) {
                *count += 1;
            }
        }
        for at in times {
            let bar = at.div_euclid(self.width);
            if bar != self.bar.0 {
                self.end_bar(tally);
                self.bar.0 = bar;
            }
            self.bar.1 += 1;
        }
    }

    fn end_bar(&mut self, tally: &mut Tally) {
        let (bar, count) = std::mem::take(&mut self.bar);
        if count > 0 {
            *tally.bars.entry(bar).or_default() += count;
        }
    }

    fn finish(mut self, tally: &mut Tally) -> Result<(), StoreError> {
        self.end_bar(tally);
        let mut name = String::new();
        for (ordinal, count) in (0..).zip(&self.by_service).filter(|(_, count)| **count > 0) {
            name.clear();
            self.services.ord_to_str(ordinal, &mut name).map_err(tantivy::TantivyError::from)?;
            match tally.services.get_mut(&name) {
                Some(sum) => *sum += count,
                None => _ = tally.services.insert(name.clone(), *count),
            }
        }
        Ok(())
    }
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

fn text_column(reader: &SegmentReader, name: &str) -> Result<StrColumn, StoreError> {
    let missing = || tantivy::TantivyError::FieldNotFound(name.to_owned());
    Ok(reader.fast_fields().str(name)?.ok_or_else(missing)?)
}

/// Puts a log together from columns and rest.
fn fetch(segment: &Segment, ids: &mut Ids, doc: DocId) -> Result<StoredLog, StoreError> {
    let reader = segment.reader();
    let columns = reader.fast_fields();
    let services = text_column(reader, "service")?;
    let mut service = String::new();
    if let Some(ordinal) = services.ords().first(doc) {
        services.ord_to_str(ordinal, &mut service).map_err(tantivy::TantivyError::from)?;
    }
    let level = columns.u64("level")?.first(doc).unwrap_or_default();
    let held = rest::Columns {
        id: ids.id(doc),
        timestamp: Timestamp::from_micros(segment.times.first(doc).unwrap_or_default()),
        level: Level::ALL.get(level as usize).copied().unwrap_or_default(),
        service,
        latency_micros: columns.column_opt::<u64>("latency")?.and_then(|latencies| latencies.first(doc)),
    };
    let address = tantivy::DocAddress::new(segment.number, doc);
    let document: Stored = segment.searcher.doc(address)?;
    let unreadable = || tantivy::TantivyError::InternalError("a stored log cannot be read".to_owned());
    Ok(rest::decode(held, &document.0).ok_or_else(unreadable)?)
}

/// The rest of a log, as it is stored.
struct Stored(Vec<u8>);

impl tantivy::schema::document::DocumentDeserialize for Stored {
    fn deserialize<'de, D>(mut from: D) -> Result<Self, tantivy::schema::document::DeserializeError>
    where
        D: tantivy::schema::document::DocumentDeserializer<'de>,
    {
        let mut rest = Vec::new();
        while let Some((field, bytes)) = from.next_field::<Vec<u8>>()? {
            if field == Fields::get().rest {
                rest = bytes;
            }
        }
        Ok(Stored(rest))
    }
}
