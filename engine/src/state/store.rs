//! The store: one embedded database that holds all that a job must find again.
//!
//! A commit is one write transaction of [redb](https://www.redb.org): copy on write, on disk when it returns. So there
//! is no log to fold and nothing half-done to undo: the store *is* the state as of its last commit. Where the disk may
//! go with the machine, a [`Changelog`] elsewhere gets each commit first, and the store is made from it again.
//!
//! It is one table of bytes, ordered by key. The first byte of a key says what the entry is; see [`Key`].

use std::{cell::RefCell, collections::BTreeMap, fmt, io::ErrorKind, path::Path, sync::Mutex};

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, backends::InMemoryBackend,
};
use serde::{Deserialize, Serialize};

use super::{
    changelog::{Changelog, Entry},
    entry::{Key, decode, encode, unreadable, unseal},
    transaction::Transaction,
};
use crate::{Epoch, Name, Timestamp, source::Positions};

/// What cannot be kept, or not be found again.
#[derive(Debug, thiserror::Error)]
#[error("state {place}: {what}")]
#[non_exhaustive]
pub struct StateError {
    /// The file, or the changelog.
    pub place: String,
    /// What failed and what to do about it.
    pub what: String,
    /// What the store said.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StateError {
    /// A failure of what is kept there.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        StateError { place: place.into(), what: what.into(), cause: None }
    }

    /// With what the library underneath said.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
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

/// The version of what is below; a store of another one is not read.
pub(super) const FORMAT: u32 = 2;

pub(super) const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");

/// What redb may hold of the file in memory.
const CACHE_BYTES: usize = 64 << 20;
const FILE: &str = "state.redb";

const DAMAGED: &str = "it is damaged, or another version wrote it; nothing has been changed. Restore a copy of the folder, \
                       or move it away to begin anew";

/// A changelog, and what it is owed: it takes one commit of an epoch and no more.
pub(super) struct Followed {
    changelog: Box<dyn Changelog>,
    newest: Option<Epoch>,
    owed: Vec<Entry>,
}

impl Followed {
    /// Appends a commit. What is between two epochs, such as arrivals at sinks, goes with the next: a store that is made
    /// again without it tells again what has arrived, under the same epoch.
    pub(super) fn append(&mut self, epoch: Epoch, entries: Vec<Entry>) -> Result<(), StateError> {
        self.owed.extend(entries);
        if self.newest != Some(epoch) {
            self.changelog.append(epoch, &self.owed)?;
            self.owed.clear();
            self.newest = Some(epoch);
        }
        Ok(())
    }
}

/// All durable state of one job.
pub(crate) struct Store {
    place: String,
    durable: bool,
    database: Database,
    pub(super) changelog: Option<Mutex<Followed>>,
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
    /// Opens the store in a folder, which is made where it is missing. A changelog is what counts: where the folder does
    /// not agree with it, it is made from it again.
    pub(crate) fn open(folder: &Path, changelog: Option<Box<dyn Changelog>>) -> Result<Store, StateError> {
        let place = folder.join(FILE);
        let error = |what: &str| StateError::new(place.display().to_string(), what);
        std::fs::create_dir_all(folder).map_err(|cause| error("the folder cannot be made").because(cause))?;
        if !place.exists() {
            create(&place).map_err(|cause| error("cannot be made").because(cause))?;
        }
        let database = builder().open(&place).map_err(|cause| {
            use redb::{DatabaseError as Database, StorageError as Storage};
            let what = match &cause {
                Database::DatabaseAlreadyOpen => "another process uses it; a job's state has one owner",
                Database::UpgradeRequired(_) | Database::Storage(Storage::Corrupted(_)) => DAMAGED,
                Database::Storage(Storage::Io(error))
                    if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
                {
                    DAMAGED
                }
                _ => "cannot be opened",
            };
            error(what).because(cause)
        })?;
        let mut store = Store::new(place.display().to_string(), true, database)?;
        if let Some(changelog) = changelog {
            store.follow(changelog)?;
        }
        Ok(store)
    }

    /// A store that is gone with the process.
    pub(crate) fn in_memory() -> Result<Store, StateError> {
        Store::on(InMemoryBackend::new(), false)
    }

    /// A store on other storage than a file, as tests bring it: lasting, or gone with the process.
    pub(crate) fn on(backend: impl StorageBackend, durable: bool) -> Result<Store, StateError> {
        let place = "in memory";
        match builder().create_with_backend(backend) {
            Ok(database) => Store::new(place.to_owned(), durable, database),
            Err(cause) => Err(StateError::new(place, "cannot be opened").because(cause)),
        }
    }

    fn new(place: String, durable: bool, database: Database) -> Result<Store, StateError> {
        let mut store = Store { place, durable, database, changelog: None, job: Name::from(""), committed: None };
        store.set_up().map_err(|cause| store.failed(cause))?;
        store.look().map_err(|cause| store.failed(cause))?;
        Ok(store)
    }

    /// Makes what a new store is to have.
    fn set_up(&self) -> Result<(), redb::Error> {
        let writing = self.database.begin_write()?;
        {
            let mut entries = writing.open_table(ENTRIES)?;
            if entries.get(&*Key::meta("format"))?.is_none() {
                entries.insert(&*Key::meta("format"), &*encode(&FORMAT)?)?;
                entries.insert(&*Key::meta("job"), &*encode(&format!("{:016x}", Timestamp::now().as_micros()))?)?;
            }
        }
        Ok(writing.commit()?)
    }

    /// Reads who the job is and how far it has come.
    fn look(&mut self) -> Result<(), redb::Error> {
        let read = |name: &str| self.get(&Key::meta(name));
        let format: Option<u32> = read("format")?.as_deref().map(decode).transpose()?;
        if format != Some(FORMAT) {
            return Err(redb::Error::Corrupted(format!("its format is {format:?}, this version reads {FORMAT}")));
        }
        let job: Option<String> = read("job")?.as_deref().map(decode).transpose()?;
        self.committed = read("committed")?.as_deref().map(decode).transpose()?;
        self.job = Name::from(job.unwrap_or_default());
        Ok(())
    }

    /// Agrees with a changelog, and from now on hands it each commit first.
    fn follow(&mut self, mut changelog: Box<dyn Changelog>) -> Result<(), StateError> {
        let theirs = changelog.open()?;
        let ours = self.committed.as_ref().map(|committed| committed.epoch);
        if theirs.is_some() && theirs != ours {
            tracing::warn!(state = self.place, changelog = %changelog.name(), "made from its changelog again");
            self.remake(&mut *changelog)?;
        } else if let (None, Some(epoch)) = (theirs, ours) {
            changelog.append(epoch, &self.everything().map_err(|cause| self.failed(cause))?)?;
        }
        self.look().map_err(|cause| self.failed(cause))?;
        let newest = theirs.or(ours);
        self.changelog = Some(Mutex::new(Followed { changelog, newest, owed: Vec::new() }));
        Ok(())
    }

    /// Entries that are written at once when the store is made again.
    const AT_ONCE: usize = 1 << 16;

    fn remake(&self, changelog: &mut dyn Changelog) -> Result<(), StateError> {
        let write = |entries: &[Entry], clear: bool| -> Result<(), redb::Error> {
            let writing = self.database.begin_write()?;
            {
                let mut table = writing.open_table(ENTRIES)?;
                if clear {
                    table.retain(|_, _| false)?;
                }
                for (key, value) in entries {
                    match value {
                        Some(value) => drop(table.insert(&**key, &**value)?),
                        None => drop(table.remove(&**key)?),
                    }
                }
            }
            Ok(writing.commit()?)
        };
        write(&[], true).map_err(|cause| self.failed(cause))?;
        let mut waiting: Vec<Entry> = Vec::new();
        changelog.read(&mut |entry| {
            waiting.push(entry);
            if waiting.len() < Self::AT_ONCE {
                return Ok(());
            }
            write(&std::mem::take(&mut waiting), false).map_err(|cause| self.failed(cause))
        })?;
        write(&waiting, false).map_err(|cause| self.failed(cause))
    }

    fn everything(&self) -> Result<Vec<Entry>, redb::Error> {
        let mut all = Vec::new();
        for entry in self.database.begin_read()?.open_table(ENTRIES)?.iter()? {
            let (key, value) = entry?;
            all.push((key.value().to_vec(), Some(value.value().to_vec())));
        }
        Ok(all)
    }

    /// What the store's own error means to whom runs the job.
    pub(crate) fn failed(&self, cause: redb::Error) -> StateError {
        let what = match &cause {
            redb::Error::Io(error) if error.kind() == ErrorKind::StorageFull => {
                "the disk is full; what was committed is safe. Make room and start again"
            }
            redb::Error::Corrupted(_) => DAMAGED,
            _ => "cannot be read or written; what was committed is safe",
        };
        StateError::new(self.place.clone(), what).because(cause)
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

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error> {
        let entries = self.database.begin_read()?.open_table(ENTRIES)?;
        Ok(entries.get(key)?.map(|value| value.value().to_vec()))
    }

    /// Calls `row` with each row of a base collection, as bytes.
    pub(crate) fn rows(
        &self,
        collection: &str,
        mut row: impl FnMut(&[u8], &[u8]) -> Result<(), postcard::Error>,
    ) -> Result<(), redb::Error> {
        let Some(number) = self.get(&Key::collection(collection))? else { return Ok(()) };
        let rows = Key::all(Key::row(decode(&number)?, &[]));
        let prefix = rows.start.len();
        for entry in self.database.begin_read()?.open_table(ENTRIES)?.range(&*rows.start..&*rows.end)? {
            let (key, value) = entry?;
            let (_, key) = key.value().split_at_checked(prefix).unwrap_or_default();
            row(key, unseal(key, value.value())?).map_err(|cause| unreadable(collection, &cause))?;
        }
        Ok(())
    }

    /// What is known to have reached a sink.
    pub(crate) fn delivered(&self, sink: &str) -> Result<Option<Epoch>, redb::Error> {
        self.get(&Key::delivered(sink))?.as_deref().map(decode).transpose()
    }

    /// What waits for a sink after an epoch, oldest first, until `max_bytes` are reached: `(epoch, bytes)`.
    pub(crate) fn outbox(
        &self,
        sink: &str,
        after: Epoch,
        max_bytes: usize,
    ) -> Result<Vec<(Epoch, Vec<u8>)>, redb::Error> {
        let (from, to) = (Key::outbox(sink, after.saturating_add(1)), Key::outbox(sink, Epoch::MAX));
        let mut found = Vec::new();
        let mut bytes = 0;
        for entry in self.database.begin_read()?.open_table(ENTRIES)?.range(&*from..=&*to)? {
            let (key, value) = entry?;
            let Some(epoch) = key.value().last_chunk() else { continue };
            bytes += value.value().len();
            found.push((Epoch::from_be_bytes(*epoch), unseal(epoch, value.value())?.to_vec()));
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(found)
    }

    /// Begins a commit; one at a time.
    pub(crate) fn begin(&self) -> Result<Transaction<'_>, redb::Error> {
        let mut writing = self.database.begin_write()?;
        // the next start after a crash then reads no more than it needs
        writing.set_quick_repair(true);
        Ok(Transaction { store: self, writing, entries: self.changelog.is_some().then(RefCell::default) })
    }
}

/// Makes an empty store, whole or not at all: a crash must not leave half of one.
fn create(place: &Path) -> Result<(), redb::Error> {
    let unfinished = place.with_extension(format!("{}.new", std::process::id()));
    let linked = || {
        drop(builder().create(&unfinished)?);
        match std::fs::hard_link(&unfinished, place) {
            // another process was faster: its store stays
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
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
