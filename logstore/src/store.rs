//! [`LogStore`]: the handle that everybody reads by.

use std::{sync::Arc, time::Instant};

use tantivy::query::EnableScoring;

use crate::{
    Clause, Cursor, Field, Found, LogId, MAX_LIMIT, Order, Predicate, Query, Search, Services, Status, StoreError,
    StoreSettings, StoredLog, Tail, Value,
    collect::{Pass, Segment, Tally, segments},
    schema::Fields,
    search::bucket_width,
    slices::Slices,
    status::Report,
    tail::Listeners,
    translate::translate,
};

/// What the store's one writer and its readers share.
pub(crate) struct Shared {
    pub(crate) slices: Slices,
    pub(crate) listeners: Listeners,
    pub(crate) report: Report,
    pub(crate) settings: StoreSettings,
}

/// The logs, as of the newest commit. Cheap to clone. Its calls take their time: they are for threads that may wait.
#[derive(Clone)]
pub struct LogStore(Arc<Shared>);

impl LogStore {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        LogStore(shared)
    }

    /// Finds logs. All of an answer is of one instant.
    ///
    /// # Errors
    /// Where too many are asked for, it takes too long, or files cannot be read.
    pub fn search(&self, search: &Search) -> Result<Found, StoreError> {
        if search.limit > MAX_LIMIT {
            return Err(StoreError::TooMany { asked: search.limit, most: MAX_LIMIT });
        }
        // one more than is asked for tells whether there are more
        let limit = search.limit + 1;
        let (mut tally, segments, pass) = self.pass(search, limit, true)?;
        let mut logs = tally.fetch(&segments)?;
        let is_all = logs.len() < limit;
        logs.truncate(search.limit);
        let bucket = pass.bucket.unwrap_or_default();
        Ok(Found {
            total: tally.total,
            next: if is_all { None } else { logs.last().map(cursor).or(search.after) },
            logs,
            by_level: tally.by_level(),
            by_service: Services::of(tally.by_service()),
            histogram: tally.histogram(bucket),
            bucket,
        })
    }

    /// The log with this id, if it is there.
    ///
    /// # Errors
    /// As [`LogStore::search`].
    pub fn get(&self, id: LogId) -> Result<Option<StoredLog>, StoreError> {
        let search = Search { limit: 1, ..Search::new(is(Field::Id, &id.to_string())) };
        Ok(self.first(&search)?.into_iter().find(|log| log.id == id))
    }

    /// The logs of a trace or of a correlation, whatever the case of its id, oldest first.
    ///
    /// # Errors
    /// As [`LogStore::search`].
    pub fn trace(&self, id: &str, limit: usize) -> Result<Vec<StoredLog>, StoreError> {
        let query = Query::Or(vec![is(Field::TraceId, id), is(Field::CorrelationId, id)]);
        let search = Search { order: Order::Oldest, limit: limit.min(MAX_LIMIT), ..Search::new(query) };
        let mut logs = self.first(&search)?;
        // what has the same hash may have another id
        let id = id.to_lowercase();
        let is_it = |other: &Option<String>| other.as_ref().is_some_and(|other| other.to_lowercase() == id);
        logs.retain(|log| is_it(&log.trace_id) || is_it(&log.correlation_id));
        Ok(logs)
    }

    /// All logs that a search asks for, however many, in constant memory; the limit does not count. After an error
    /// there are no more.
    pub fn export(&self, search: Search) -> impl Iterator<Item = Result<StoredLog, StoreError>> + Send + use<> {
        Export {
            store: self.clone(),
            search: Search { limit: PAGE, ..search },
            page: Vec::new().into_iter(),
            over: false,
        }
    }

    /// Logs as they are read from now on, those too that the store does not keep; `capacity` batches may wait.
    pub fn tail(&self, capacity: usize) -> Tail {
        self.0.listeners.add(capacity)
    }

    /// How the store is.
    pub fn status(&self) -> Status {
        let slices = self.0.slices.all();
        let commits: Vec<_> = slices.iter().map(|slice| slice.last_commit()).collect();
        let said = self.0.report.lock().clone();
        Status {
            logs: commits.iter().map(|commit| commit.logs).sum(),
            bytes: slices.iter().map(|slice| slice.bytes()).sum(),
            slices: slices.len(),
            oldest: commits.iter().filter_map(|commit| commit.oldest()).min(),
            newest: commits.iter().filter_map(|commit| commit.newest()).max(),
            positions: commits.last().map(|commit| commit.positions.clone()).unwrap_or_default(),
            behind: said.behind,
            failure: said.failure,
            finished: said.finished,
        }
    }

    /// The first logs of a search, without counting the others.
    ///
    /// # Errors
    /// As [`LogStore::search`].
    pub fn first(&self, search: &Search) -> Result<Vec<StoredLog>, StoreError> {
        let search = Search { aggregate: false, ..search.clone() };
        let (mut tally, segments, _) = self.pass(&search, search.limit, false)?;
        tally.fetch(&segments)
    }

    fn pass(&self, search: &Search, limit: usize, count: bool) -> Result<(Tally, Vec<Segment>, Pass), StoreError> {
        let Search { query, from, to, order, after, aggregate, buckets, .. } = search;
        let micros = |at: &highwater_engine::Timestamp| at.as_micros();
        let within = from.as_ref().map_or(i64::MIN, micros)..to.as_ref().map_or(i64::MAX, micros);
        let slices = self.0.slices.all();
        let overlaps = |(oldest, newest): (i64, i64)| oldest < within.end && newest >= within.start;
        let touched = slices.iter().filter(|slice| slice.last_commit().span.is_some_and(overlaps));
        let segments = segments(touched.map(|slice| slice.searcher()).collect(), *order)?;
        let bucket = aggregate.then(|| {
            let seen = segments.iter().filter(|segment| overlaps((segment.oldest(), segment.newest())));
            let oldest = seen.clone().map(Segment::oldest).min().unwrap_or_default().max(within.start);
            let newest = seen.map(Segment::newest).max().unwrap_or_default().min(within.end.saturating_sub(1));
            bucket_width(oldest, newest, *buckets)
        });
        let weight = translate(query).weight(EnableScoring::disabled_from_schema(&Fields::get().schema))?;
        let patience = self.0.settings.search_patience;
        let (order, after, deadline) = (*order, *after, Instant::now() + patience);
        let pass = Pass { weight, within, order, limit, after, count, bucket, deadline, patience };
        Ok((pass.run(&segments)?, segments, pass))
    }
}

fn is(field: Field, text: &str) -> Query {
    Query::Clause(Clause { field, predicate: Predicate::Is(Value::Text(text.to_owned())) })
}

fn cursor(log: &StoredLog) -> Cursor {
    Cursor { timestamp: log.timestamp, key: log.id.key() }
}

/// Logs that an export reads at once.
const PAGE: usize = 5_000;

struct Export {
    store: LogStore,
    search: Search,
    page: std::vec::IntoIter<StoredLog>,
    over: bool,
}

impl Iterator for Export {
    type Item = Result<StoredLog, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.over {
            match self.store.first(&self.search) {
                Ok(page) => {
                    self.over = page.len() < PAGE;
                    self.search.after = page.last().map(cursor);
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.next().map(Ok)
    }
}
