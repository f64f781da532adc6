//! The store: one embedded database that holds all that a job must find again.
//!
//! A commit is one write transaction of [redb](https://www.redb.org): copy on write, on disk when it returns. So there
//! is no log to fold and nothing half-done to undo: the store *is* the state as of its last commit. Where the disk may
//! go with the machine, a [`Changelog`] elsewhere gets each commit first, and the store is made from it again.
//!
//! It is one table of bytes, ordered by key. The first byte of a key says what the entry is; see [`Key`].

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    io::ErrorKind,
    ops::Range,
    path::Path,
    sync::{Mutex, PoisonError},
};

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, WriteTransaction,
    backends::InMemoryBackend,
};
use serde::{Deserialize, Serialize};

use super::{
    base::Put,
    changelog::{Changelog, Entry},
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
const FORMAT: u32 = 2;

const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");

/// What redb may hold of the file in memory.
const CACHE_BYTES: usize = 64 << 20;
const FILE: &str = "state.redb";

const DAMAGED: &str = "it is damaged, or another version wrote it; nothing has been changed. Restore a copy of the folder, \
                       or move it away to begin anew";

/// The keys of entries, in their order. Names hold no NUL.
struct Key;

impl Key {
    /// What there is one of.
    fn meta(name: &str) -> Vec<u8> {
        [b"m", name.as_bytes()].concat()
    }
    /// A base collection → its number.
    fn collection(name: &str) -> Vec<u8> {
        [b"c", name.as_bytes()].concat()
    }
    /// A row of a base collection → its value.
    fn row(collection: u32, row: &[u8]) -> Vec<u8> {
        [b"b", &collection.to_be_bytes()[..], row].concat()
    }
    /// What a sink was told of a key of a view → the record.
    fn told(sink: &str, view: &str, key: &str) -> Vec<u8> {
        [b"t", sink.as_bytes(), b"\0", view.as_bytes(), b"\0", key.as_bytes()].concat()
    }
    /// What a sink has to be told of an epoch → the batch.
    fn outbox(sink: &str, epoch: Epoch) -> Vec<u8> {
        [b"o", sink.as_bytes(), b"\0", &epoch.to_be_bytes()[..]].concat()
    }
    /// A sink → the newest epoch of its outbox that has arrived.
    fn delivered(sink: &str) -> Vec<u8> {
        [b"d", sink.as_bytes()].concat()
    }
    /// All keys that begin so.
    fn all(prefix: Vec<u8>) -> Range<Vec<u8>> {
        let mut end = prefix.clone();
        // no prefix is all 0xff: the first byte is a letter
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        prefix..end
    }
}

/// A changelog, and what it is owed: it takes one commit of an epoch and no more.
struct Followed {
    changelog: Box<dyn Changelog>,
    newest: Option<Epoch>,
    owed: Vec<Entry>,
}

impl Followed {
    /// Appends a commit. What is between two epochs, such as arrivals at sinks, goes with the next: a store that is made
    /// again without it tells again what has arrived, under the same epoch.
    fn append(&mut self, epoch: Epoch, entries: Vec<Entry>) -> Result<(), StateError> {
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
    changelog: Option<Mutex<Followed>>,
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

/// Puts a checksum of key and value behind the value: redb's own checksums are not looked at when it reads.
fn seal<'a>(key: &[u8], value: &[u8], into: &'a mut Vec<u8>) -> &'a [u8] {
    into.clear();
    into.extend_from_slice(value);
    into.extend_from_slice(&checksum(key, value).to_be_bytes());
    into
}

/// The value again, if it is the one that was sealed.
fn unseal<'a>(key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], redb::Error> {
    match sealed.split_last_chunk() {
        Some((value, sum)) if u32::from_be_bytes(*sum) == checksum(key, value) => Ok(value),
        _ => Err(redb::Error::Corrupted("a row's checksum is wrong".to_owned())),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(key);
    sum.update(value);
    sum.finalize()
}

fn unreadable(what: &str, cause: &postcard::Error) -> redb::Error {
    redb::Error::Corrupted(format!("{what}: {cause}"))
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    postcard::to_stdvec(value).map_err(|error| redb::Error::Io(std::io::Error::other(error)))
}

fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, redb::Error> {
    postcard::from_bytes(bytes).map_err(|cause| unreadable("an entry", &cause))
}

/// A commit under way: all of it or nothing.
pub(crate) struct Transaction<'a> {
    store: &'a Store,
    writing: WriteTransaction,
    /// what the changelog gets, where there is one
    entries: Option<RefCell<Vec<Entry>>>,
}

impl Transaction<'_> {
    fn put(&self, key: Vec<u8>, value: Option<&[u8]>) -> Result<(), redb::Error> {
        let mut table = self.writing.open_table(ENTRIES)?;
        match value {
            Some(value) => drop(table.insert(&*key, value)?),
            None => drop(table.remove(&*key)?),
        }
        if let Some(entries) = &self.entries {
            entries.borrow_mut().push((key, value.map(<[u8]>::to_vec)));
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error> {
        let table = self.writing.open_table(ENTRIES)?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    fn range(&self, range: Range<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, redb::Error> {
        let table = self.writing.open_table(ENTRIES)?;
        let mut all = BTreeMap::new();
        for entry in table.range(&*range.start..&*range.end)? {
            let (key, value) = entry?;
            all.insert(key.value().to_vec(), value.value().to_vec());
        }
        Ok(all)
    }

    /// Changes rows of a base collection: `changes` is handed something to put rows with, or to remove them.
    pub(crate) fn base(
        &self,
        collection: &str,
        changes: impl FnOnce(&mut Put<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        let number = self.number(collection)?;
        let mut table = self.writing.open_table(ENTRIES)?;
        let mut sealed = Vec::new();
        changes(&mut |row, value| {
            let key = Key::row(number, row);
            let value = value.map(|value| seal(row, value, &mut sealed));
            match value {
                Some(value) => drop(table.insert(&*key, value)?),
                None => drop(table.remove(&*key)?),
            }
            if let Some(entries) = &self.entries {
                entries.borrow_mut().push((key, value.map(<[u8]>::to_vec)));
            }
            Ok(())
        })
    }

    fn number(&self, collection: &str) -> Result<u32, redb::Error> {
        let key = Key::collection(collection);
        if let Some(number) = self.get(&key)? {
            return decode(&number);
        }
        let mut newest = 0;
        for (_, number) in self.range(Key::all(Key::collection("")))? {
            newest = decode::<u32>(&number)?.max(newest);
        }
        self.put(key, Some(&encode(&(newest + 1))?))?;
        Ok(newest + 1)
    }

    /// Drops the base collections that `known` does not know; gives their names.
    pub(crate) fn forget_others(&self, known: impl Fn(&str) -> bool) -> Result<Vec<String>, redb::Error> {
        let mut others = Vec::new();
        for (key, number) in self.range(Key::all(Key::collection("")))? {
            let name = String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
            if known(&name) {
                continue;
            }
            for (row, _) in self.range(Key::all(Key::row(decode(&number)?, &[])))? {
                self.put(row, None)?;
            }
            self.put(key, None)?;
            others.push(name);
        }
        Ok(others)
    }

    /// What a sink was told last of a key; sets it to `now`, `None` being a tombstone. Gives whether that is news.
    pub(crate) fn tell(&self, sink: &str, view: &str, key: &str, now: Option<&[u8]>) -> Result<bool, redb::Error> {
        let key = Key::told(sink, view, key);
        let is_news = self.get(&key)?.as_deref() != now;
        if is_news {
            self.put(key, now)?;
        }
        Ok(is_news)
    }

    /// What a sink was told of a view: `(key, record)`, in order of keys.
    pub(crate) fn told(&self, sink: &str, view: &str) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
        let all = Key::all(Key::told(sink, view, ""));
        let prefix = all.start.len();
        let key = |key: Vec<u8>| String::from_utf8_lossy(key.get(prefix..).unwrap_or_default()).into_owned();
        Ok(self.range(all)?.into_iter().map(|(at, record)| (key(at), record)).collect())
    }

    /// Forgets what a sink was told of a view. Gives whether that was anything.
    pub(crate) fn forget(&self, sink: &str, view: &str) -> Result<bool, redb::Error> {
        let told = self.range(Key::all(Key::told(sink, view, "")))?;
        let any = !told.is_empty();
        for key in told.into_keys() {
            self.put(key, None)?;
        }
        Ok(any)
    }

    /// Puts what a sink has to be told of an epoch.
    pub(crate) fn post(&self, sink: &str, epoch: Epoch, batch: &[u8]) -> Result<(), redb::Error> {
        let mut sealed = Vec::new();
        self.put(Key::outbox(sink, epoch), Some(seal(&epoch.to_be_bytes(), batch, &mut sealed)))
    }

    /// Notes where a new sink begins.
    pub(crate) fn begin_delivery(&self, sink: &str, after: Epoch) -> Result<(), redb::Error> {
        let key = Key::delivered(sink);
        if self.get(&key)?.is_none() {
            self.put(key, Some(&encode(&after)?))?;
        }
        Ok(())
    }

    /// Drops what has reached a sink.
    pub(crate) fn arrived(&self, sink: &str, up_to: Epoch) -> Result<(), redb::Error> {
        for (key, _) in self.range(Key::outbox(sink, 0)..Key::outbox(sink, up_to.saturating_add(1)))? {
            self.put(key, None)?;
        }
        self.put(Key::delivered(sink), Some(&encode(&up_to)?))
    }

    /// Makes all of it durable.
    pub(crate) fn commit(self, committed: &Committed) -> Result<(), StateError> {
        let failed = |cause| self.store.failed(cause);
        let meta = || {
            self.put(Key::meta("committed"), Some(&encode(committed)?))?;
            // so that a changelog has them from its first commit on
            if self.entries.is_some() && self.store.committed.is_none() {
                self.put(Key::meta("format"), Some(&encode(&FORMAT)?))?;
                self.put(Key::meta("job"), Some(&encode(&self.store.job.as_str())?))?;
            }
            Ok(())
        };
        meta().map_err(failed)?;
        let Transaction { store, writing, entries } = self;
        if let (Some(changelog), Some(entries)) = (&store.changelog, entries) {
            let mut followed = changelog.lock().unwrap_or_else(PoisonError::into_inner);
            followed.append(committed.epoch, entries.into_inner())?;
        }
        writing.commit().map_err(|cause| store.failed(cause.into()))
    }
}
