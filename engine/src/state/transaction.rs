//! A commit under way.

use std::{cell::RefCell, collections::BTreeMap, ops::Range, sync::PoisonError};

use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    base::Put,
    changelog::Entry,
    entry::{Key, decode, encode, seal},
    store::{Committed, ENTRIES, FORMAT, StateError, Store},
};
use crate::Epoch;

/// A commit under way: all of it or nothing.
pub(crate) struct Transaction<'a> {
    pub(super) store: &'a Store,
    pub(super) writing: WriteTransaction,
    /// what the changelog gets, where there is one
    pub(super) entries: Option<RefCell<Vec<Entry>>>,
}

type Entries<'t> = Table<'t, &'static [u8], &'static [u8]>;

impl Transaction<'_> {
    fn put(&self, key: Vec<u8>, value: Option<&[u8]>) -> Result<(), redb::Error> {
        self.write(&mut self.writing.open_table(ENTRIES)?, key, value)
    }

    fn write(&self, table: &mut Entries<'_>, key: Vec<u8>, value: Option<&[u8]>) -> Result<(), redb::Error> {
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
            self.write(&mut table, key, value)
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
            if self.entries.is_some() && self.store.committed().is_none() {
                self.put(Key::meta("format"), Some(&encode(&FORMAT)?))?;
                self.put(Key::meta("job"), Some(&encode(&self.store.job().as_str())?))?;
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
