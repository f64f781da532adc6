//! The columns of one segment, as a pass reads them: block by block, nothing allocated per log.

use std::{collections::HashMap, fmt::Debug, ops::Range, sync::Arc, time::Duration};

use tantivy::{
    COLLECT_BLOCK_BUFFER_LEN, DocId, SegmentReader,
    columnar::{Column, ColumnIndex, ColumnValues, StrColumn},
};

use crate::{
    LogId, StoreError,
    collect::{Pass, Rank, Segment, Tally, rank},
};

/// The columns of a segment that a pass needs.
pub(crate) struct Columns {
    times: Arc<dyn ColumnValues<i64>>,
    /// whether all logs of the segment are within the times that are looked at
    whole: bool,
    ids: Option<Ids>,
    counted: Option<Counted>,
    /// complement or not, of the cursor
    after: Option<Rank>,
}

/// What ids are made of.
pub(crate) struct Ids {
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
    /// the bar that was counted last, by its times: logs are nearly in order
    bar: Range<i64>,
    in_bar: u64,
}

impl Columns {
    pub(crate) fn open(pass: &Pass, segment: &Segment, whole: bool, wanted: bool) -> Result<Self, StoreError> {
        let after = pass.after.map(|after| rank(pass.order, after.timestamp.as_micros(), after.key));
        Ok(Columns {
            times: dense(segment.times.clone()),
            whole,
            ids: if wanted && pass.limit > 0 { Some(Ids::open(segment.reader())?) } else { None },
            counted: pass.bucket.map(|width| Counted::open(segment.reader(), width)).transpose()?,
            after,
        })
    }

    pub(crate) fn collect(&mut self, pass: &Pass, docs: &[DocId], place: usize, tally: &mut Tally) {
        let mut times = [0; COLLECT_BLOCK_BUFFER_LEN];
        let times = &mut times[..docs.len()];
        read(&*self.times, docs, times);
        let mut inside = [0; COLLECT_BLOCK_BUFFER_LEN];
        let (docs, times) = if self.whole { (docs, &*times) } else { within(&pass.within, docs, times, &mut inside) };
        tally.total += docs.len() as u64;
        if let Some(counted) = &mut self.counted {
            counted.count(docs, times, tally);
        }
        if let Some(ids) = &mut self.ids {
            for (at, doc) in times.iter().zip(docs) {
                ids.offer(pass, self.after, *at, (place, *doc), tally);
            }
        }
    }

    pub(crate) fn finish(self, tally: &mut Tally) -> Result<(), StoreError> {
        self.counted.map_or(Ok(()), |counted| counted.finish(tally))
    }
}

impl Ids {
    pub(crate) fn open(reader: &SegmentReader) -> Result<Self, StoreError> {
        let streams = text_column(reader, "stream")?;
        let offsets = dense(reader.fast_fields().i64("offset")?);
        let ordinals = dense(streams.ords().clone());
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

    pub(crate) fn id(&mut self, doc: DocId) -> LogId {
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
            levels: dense(reader.fast_fields().u64("level")?),
            ordinals: dense(services.ords().clone()),
            by_service: vec![0; services.num_terms()],
            services,
            width: i64::try_from(width.as_micros()).unwrap_or(i64::MAX).max(1),
            bar: 0..0,
            in_bar: 0,
        })
    }

    fn count(&mut self, docs: &[DocId], times: &[i64], tally: &mut Tally) {
        let mut values = [0; COLLECT_BLOCK_BUFFER_LEN];
        let values = &mut values[..docs.len()];
        read(&*self.levels, docs, values);
        for level in &*values {
            if let Some(count) = tally.levels.get_mut(*level as usize) {
                *count += 1;
            }
        }
        read(&*self.ordinals, docs, values);
        for service in &*values {
            if let Some(count) = self.by_service.get_mut(*service as usize) {
                *count += 1;
            }
        }
        for at in times {
            if !self.bar.contains(at) {
                self.end_bar(tally);
                let start = at.div_euclid(self.width).saturating_mul(self.width);
                self.bar = start..start.saturating_add(self.width);
            }
            self.in_bar += 1;
        }
    }

    fn end_bar(&mut self, tally: &mut Tally) {
        let count = std::mem::take(&mut self.in_bar);
        if count > 0 {
            *tally.bars.entry(self.bar.start.div_euclid(self.width)).or_default() += count;
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

/// A column in which each log has a value, as all that passes read by block are: without asking for each log whether it
/// has one.
fn dense<T: PartialOrd + Copy + Debug + Default + Send + Sync + 'static>(
    column: Column<T>,
) -> Arc<dyn ColumnValues<T>> {
    match column.index {
        ColumnIndex::Full => column.values,
        _ => column.first_or_default_col(T::default()),
    }
}

/// The values of a block of logs; of logs in a row they are unpacked together.
fn read<T: PartialOrd + 'static>(column: &dyn ColumnValues<T>, docs: &[DocId], values: &mut [T]) {
    match (docs.first(), docs.last()) {
        (Some(first), Some(last)) if (last - first) as usize + 1 == docs.len() => {
            column.get_range(u64::from(*first), values);
        }
        _ => column.get_vals(docs, values),
    }
}

/// The logs of a block whose times are within a range, and these times.
fn within<'b>(
    range: &Range<i64>,
    docs: &[DocId],
    times: &'b mut [i64],
    inside: &'b mut [DocId],
) -> (&'b [DocId], &'b [i64]) {
    let mut count = 0;
    for (place, doc) in docs.iter().enumerate() {
        // `count` is never ahead of `place`
        let at = times[place];
        (times[count], inside[count]) = (at, *doc);
        count += usize::from(range.contains(&at));
    }
    (&inside[..count], &times[..count])
}

/// A column of text.
pub(crate) fn text_column(reader: &SegmentReader, name: &str) -> Result<StrColumn, StoreError> {
    let missing = || tantivy::TantivyError::FieldNotFound(name.to_owned());
    Ok(reader.fast_fields().str(name)?.ok_or_else(missing)?)
}
