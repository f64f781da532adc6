//! The store: one embedded database that holds all that a job must find again.
//!
//! A commit is one write transaction of [redb](https://www.redb.org): copy on write, checksummed, on disk when it
//! returns. So there is no log to fold and nothing half-done to undo: the store *is* the state as of its last commit.

use std::{collections::BTreeMap, fmt, path::Path};

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, WriteTransaction,
    backends::InMemoryBackend,
};
use serde::{Deserialize, Serialize};

use super::base::Put;
use crate::{Epoch, Name, Timestamp, source::Positions};

/// What cannot be kept, or not be found again.
#[derive(Debug, thiserror::Error)]
#[error("state {place}: {what}")]
#[non_exhaustive]
pub struct StateError {
    /// The file.
    pub place: String,
    /// What failed and what to do about it.
    pub what: String,
    /// What the store said.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// How far a job has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    pub(crate) epoch: Epoch,
    pub(crate) watermark: Timestamp,
    pub(crate) sources: BTreeMap<Name, BTreeMap<u32, Reached>>,
}

/// How far a partition has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    pub(crate) next_offset: i64,
    /// the greatest event time, which its watermark follows
    pub(crate) newest: Timestamp,
}

impl Committed {
    pub(crate) fn positions(&self, source: &Name) -> Positions {
        let partitions = self.sources.get(source).into_iter().flatten();
        partitions.map(|(partition, reached)| (*partition, reached.next_offset)).collect()
    }
}

/// The version of what is below; a store of a newer one is not read.
const FORMAT: u32 = 1;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// collection → its number
const COLLECTIONS: TableDefinition<'_, &str, u32> = TableDefinition::new("collections");
/// (number of a base collection, row) → value
const BASE: TableDefinition<'_, (u32, &[u8]), &[u8]> = TableDefinition::new("base");
/// (sink, view, key) → the record that the sink was told last
const TOLD: TableDefinition<'_, (&str, &str, &str), &[u8]> = TableDefinition::new("told");
/// (sink, epoch) → what it has to be told
const OUTBOX: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("outbox");
/// sink → the newest epoch of its outbox that has arrived
const DELIVERED: TableDefinition<'_, &str, u64> = TableDefinition::new("delivered");

/// What redb may hold of the file in memory.
const CACHE_BYTES: usize = 64 << 20;
const FILE: &str = "state.redb";

/// All durable state of one process.
pub(crate) struct Store {
    place: String,
    durable: bool,
    database: Database,
    /// what tells this job's state from any other's: sinks fence by it
    job: Name,
    committed: Option<Committed>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder, which is made where it is missing.
    pub(crate) fn open(folder: &Path) -> Result<Store, StateError> {
        let place = folder.join(FILE);
        let error = |what: &str| StateError { place: place.display().to_string(), what: what.into(), cause: None };
        std::fs::create_dir_all(folder)
            .map_err(|cause| StateError { cause: Some(cause.into()), ..error("the folder cannot be made") })?;
        if !place.exists() {
            create(&place).map_err(|cause| StateError { cause: Some(cause.into()), ..error("cannot be made") })?;
        }
        let database = builder().open(&place).map_err(|cause| {
            use redb::{DatabaseError as Database, StorageError as Storage};
            let what = match &cause {
                Database::DatabaseAlreadyOpen => "another process uses it; a job's state has one owner",
                Database::UpgradeRequired(_) | Database::Storage(Storage::Corrupted(_)) => {
                    "it is damaged, or a newer version wrote it; nothing has been changed. Restore a copy of the \
                     folder, or move it away to begin anew"
                }
                _ => "cannot be opened",
            };
            StateError { cause: Some(cause.into()), ..error(what) }
        })?;
        Store::new(place.display().to_string(), true, database)
    }

    /// A store that is gone with the process.
    pub(crate) fn in_memory() -> Result<Store, StateError> {
        Store::on(InMemoryBackend::new(), false)
    }

    /// A store on other storage than a file, as tests bring it: lasting, or gone with the process.
    pub(crate) fn on(backend: impl StorageBackend, durable: bool) -> Result<Store, StateError> {
        let place = "in memory".to_owned();
        match builder().create_with_backend(backend) {
            Ok(database) => Store::new(place, durable, database),
            Err(cause) => Err(StateError { place, what: "cannot be opened".into(), cause: Some(Box::new(cause)) }),
        }
    }

    fn new(place: String, durable: bool, database: Database) -> Result<Store, StateError> {
        let mut store = Store { place, durable, database, job: Name::from(""), committed: None };
        let read = store.set_up();
        let (job, committed) = read.map_err(|cause| store.failed(cause))??;
        store.job = job;
        store.committed = committed;
        Ok(store)
    }

    /// Makes what is missing, so that readers find every table, and reads who the job is and how far it has come.
    fn set_up(&self) -> Result<Result<(Name, Option<Committed>), StateError>, redb::Error> {
        let Transaction(writing) = self.begin()?;
        let (job, committed) = {
            let mut meta = writing.open_table(META)?;
            match read(&meta, "format")? {
                Some(FORMAT) => {}
                None => {
                    meta.insert("format", &*encode(&FORMAT)?)?;
                    meta.insert("job", &*encode(&format!("{:016x}", Timestamp::now().as_micros()))?)?;
                }
                Some(other) => {
                    return Ok(Err(self.error(format!(
                        "its format is {other}, this version reads {FORMAT}; nothing has been changed. Run the version \
                         that wrote it, or move the folder away to begin anew"
                    ))));
                }
            }
            writing.open_table(COLLECTIONS)?;
            writing.open_table(BASE)?;
            writing.open_table(OUTBOX)?;
            writing.open_table(DELIVERED)?;
            (read::<String>(&meta, "job")?, read(&meta, "committed")?)
        };
        writing.commit()?;
        Ok(Ok((Name::from(job.unwrap_or_default()), committed)))
    }

    fn error(&self, what: impl Into<String>) -> StateError {
        StateError { place: self.place.clone(), what: what.into(), cause: None }
    }

    /// What the store's own error means to whom runs the job.
    pub(crate) fn failed(&self, cause: redb::Error) -> StateError {
        let what = match &cause {
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                "the disk is full; what was committed is safe. Make room and start again"
            }
            redb::Error::Corrupted(_) => {
                "it is damaged, or another version wrote it. Restore a copy of the folder, or move it away to begin anew"
            }
            _ => "cannot be read or written; what was committed is safe",
        };
        StateError { cause: Some(cause.into()), ..self.error(what) }
    }

    /// What tells this job's state from any other's.
    pub(crate) fn job(&self) -> &Name {
        &self.job
    }

    /// Whether it outlives the process.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// How far the job had come when the store was opened; `None` where it has never committed.
    pub(crate) fn committed(&self) -> Option<&Committed> {
        self.committed.as_ref()
    }

    /// Calls `row` with each row of a base collection, as bytes.
    pub(crate) fn rows(
        &self,
        collection: &str,
        mut row: impl FnMut(&[u8], &[u8]) -> Result<(), postcard::Error>,
    ) -> Result<(), redb::Error> {
        let reading = self.database.begin_read()?;
        let numbers = reading.open_table(COLLECTIONS)?;
        let Some(number) = numbers.get(collection)? else { return Ok(()) };
        let number = number.value();
        let base = reading.open_table(BASE)?;
        let range = base.range((number, [].as_slice())..(number + 1, [].as_slice()));
        for entry in range? {
            let (key, value) = entry?;
            row(key.value().1, value.value()).map_err(|cause| unreadable(collection, &cause))?;
        }
        Ok(())
    }

    /// What is known to have reached a sink.
    pub(crate) fn delivered(&self, sink: &str) -> Result<Option<Epoch>, redb::Error> {
        let reading = self.database.begin_read()?;
        let delivered = reading.open_table(DELIVERED)?;
        let epoch = delivered.get(sink)?;
        Ok(epoch.map(|epoch| epoch.value()))
    }

    /// What waits for a sink after an epoch, oldest first, until `max_bytes` are reached: `(epoch, bytes)`.
    pub(crate) fn outbox(
        &self,
        sink: &str,
        after: Epoch,
        max_bytes: usize,
    ) -> Result<Vec<(Epoch, Vec<u8>)>, redb::Error> {
        let reading = self.database.begin_read()?;
        let outbox = reading.open_table(OUTBOX)?;
        let mut found = Vec::new();
        let mut bytes = 0;
        let range = outbox.range((sink, after.saturating_add(1))..=(sink, Epoch::MAX));
        for entry in range? {
            let (key, value) = entry?;
            bytes += value.value().len();
            found.push((key.value().1, value.value().to_vec()));
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(found)
    }

    /// Begins a commit; one at a time.
    pub(crate) fn begin(&self) -> Result<Transaction, redb::Error> {
        let mut writing = self.database.begin_write()?;
        // the next start after a crash then reads no more than it needs
        writing.set_quick_repair(true);
        Ok(Transaction(writing))
    }
}

/// Makes an empty store, whole or not at all: a crash must not leave half of one.
fn create(place: &Path) -> Result<(), redb::Error> {
    let unfinished = place.with_extension(format!("{}.new", std::process::id()));
    let linked = || {
        drop(builder().create(&unfinished)?);
        match std::fs::hard_link(&unfinished, place) {
            // another process was faster: its store stays
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        if let Some(folder) = place.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    let done = linked();
    std::fs::remove_file(&unfinished)?;
    done
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn read<T: for<'a> Deserialize<'a>>(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<T>, redb::Error> {
    let Some(bytes) = meta.get(key)? else { return Ok(None) };
    postcard::from_bytes(bytes.value()).map(Some).map_err(|cause| unreadable(key, &cause))
}

fn unreadable(what: &str, cause: &postcard::Error) -> redb::Error {
    redb::Error::Corrupted(format!("{what}: {cause}"))
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    postcard::to_stdvec(value).map_err(|error| redb::Error::Io(std::io::Error::other(error)))
}

/// A commit under way: all of it or nothing.
pub(crate) struct Transaction(WriteTransaction);

impl Transaction {
    /// Changes rows of a base collection: `changes` is handed something to put rows with, or to remove them.
    pub(crate) fn base(
        &self,
        collection: &str,
        changes: impl FnOnce(&mut Put<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        let Transaction(writing) = self;
        let number = self.number(collection)?;
        let mut base = writing.open_table(BASE)?;
        changes(&mut |row, value| {
            match value {
                Some(value) => drop(base.insert((number, row), value)?),
                None => drop(base.remove((number, row))?),
            }
            Ok(())
        })
    }

    fn number(&self, collection: &str) -> Result<u32, redb::Error> {
        let Transaction(writing) = self;
        let mut numbers = writing.open_table(COLLECTIONS)?;
        if let Some(number) = numbers.get(collection)? {
            return Ok(number.value());
        }
        let mut newest = 0;
        for entry in numbers.iter()? {
            newest = entry?.1.value().max(newest);
        }
        numbers.insert(collection, newest + 1)?;
        Ok(newest + 1)
    }

    /// Drops the base collections that `known` does not know; gives their names.
    pub(crate) fn forget_others(&self, known: impl Fn(&str) -> bool) -> Result<Vec<String>, redb::Error> {
        let Transaction(writing) = self;
        let mut numbers = writing.open_table(COLLECTIONS)?;
        let mut base = writing.open_table(BASE)?;
        let mut others = Vec::new();
        for entry in numbers.iter()? {
            let (name, number) = entry?;
            if !known(name.value()) {
                others.push((name.value().to_owned(), number.value()));
            }
        }
        for (name, number) in &others {
            numbers.remove(name.as_str())?;
            let rows = (*number, [].as_slice())..(number + 1, [].as_slice());
            base.retain_in(rows, |_, _| false)?;
        }
        Ok(others.into_iter().map(|(name, _)| name).collect())
    }

    /// What a sink was told last of a key; sets it to `now`, `None` being a tombstone. Gives whether that is news.
    pub(crate) fn tell(&self, sink: &str, view: &str, key: &str, now: Option<&[u8]>) -> Result<bool, redb::Error> {
        let Transaction(writing) = self;
        let mut told = writing.open_table(TOLD)?;
        let at = (sink, view, key);
        let before = match now {
            Some(record) => told.insert(at, record),
            None => told.remove(at),
        };
        let before = before?;
        Ok(before.as_ref().map(redb::AccessGuard::value) != now)
    }

    /// What a sink was told of a view: `(key, record)`, in order of keys.
    pub(crate) fn told(&self, sink: &str, view: &str) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
        let Transaction(writing) = self;
        let told = writing.open_table(TOLD)?;
        let mut found = Vec::new();
        for entry in told.range((sink, view, "")..)? {
            let (at, record) = entry?;
            let (of, about, key) = at.value();
            if (of, about) != (sink, view) {
                break;
            }
            found.push((key.to_owned(), record.value().to_vec()));
        }
        Ok(found)
    }

    /// Puts what a sink has to be told of an epoch.
    pub(crate) fn post(&self, sink: &str, epoch: Epoch, batch: &[u8]) -> Result<(), redb::Error> {
        let Transaction(writing) = self;
        let mut outbox = writing.open_table(OUTBOX)?;
        outbox.insert((sink, epoch), batch)?;
        Ok(())
    }

    /// Notes where a new sink begins.
    pub(crate) fn begin_delivery(&self, sink: &str, after: Epoch) -> Result<(), redb::Error> {
        let mut delivered = self.0.open_table(DELIVERED)?;
        if delivered.get(sink)?.is_none() {
            delivered.insert(sink, after)?;
        }
        Ok(())
    }

    /// Drops what has reached a sink.
    pub(crate) fn arrived(&self, sink: &str, up_to: Epoch) -> Result<(), redb::Error> {
        let Transaction(writing) = self;
        let mut outbox = writing.open_table(OUTBOX)?;
        outbox.retain_in((sink, 0)..=(sink, up_to), |_, _| false)?;
        let mut delivered = writing.open_table(DELIVERED)?;
        delivered.insert(sink, up_to)?;
        Ok(())
    }

    /// Makes all of it durable.
    pub(crate) fn commit(self, committed: &Committed) -> Result<(), redb::Error> {
        let Transaction(writing) = self;
        {
            let bytes = encode(committed)?;
            let mut meta = writing.open_table(META)?;
            meta.insert("committed", &*bytes)?;
        }
        Ok(writing.commit()?)
    }
}
