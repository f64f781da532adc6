//! [`Slice`]: a stretch of the logs as they were read, in a folder and an index of its own.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use highwater_engine::{Positions, Timestamp};
use serde::{Deserialize, Serialize};
use tantivy::{
    Directory, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher,
    directory::MmapDirectory,
    indexer::{IndexWriterOptions, LogMergePolicy},
};

use crate::{
    StoreError,
    entry::Entry,
    schema::{FORMAT, Fields, index_settings, register_tokenizers},
};

/// How far each source has been read.
pub(crate) type SourcePositions = BTreeMap<String, Positions>;

/// What a commit says of itself and of those before it in its slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Commit {
    format: u32,
    /// after the logs of this commit
    pub(crate) positions: SourcePositions,
    pub(crate) logs: u64,
    /// the times of the oldest and the newest log, in microseconds
    pub(crate) span: Option<(i64, i64)>,
    /// when the slice began, by the wall clock, in milliseconds
    began: i64,
}

impl Commit {
    /// The first of a slice.
    fn first(positions: SourcePositions) -> Self {
        Commit { format: FORMAT, positions, logs: 0, span: None, began: Timestamp::now().as_micros() / 1000 }
    }

    /// Takes a log into account.
    pub(crate) fn add(&mut self, at: Timestamp) {
        let at = at.as_micros();
        self.logs += 1;
        self.span = Some(self.span.map_or((at, at), |(oldest, newest)| (oldest.min(at), newest.max(at))));
    }

    pub(crate) fn began(&self) -> Timestamp {
        Timestamp::from_millis(self.began)
    }

    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.span.map(|(_, newest)| Timestamp::from_micros(newest))
    }

    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.span.map(|(oldest, _)| Timestamp::from_micros(oldest))
    }
}

/// Where the files of slices are; tests put a disk that fails in between.
pub(crate) type Disk = Arc<dyn Fn(MmapDirectory) -> Box<dyn Directory> + Send + Sync>;

/// The file system as it is.
pub(crate) fn plain_disk() -> Disk {
    Arc::new(|directory| Box::new(directory))
}

/// A slice, open to be searched.
pub(crate) struct Slice {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    index: Index,
    reader: IndexReader,
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    commit: Commit,
    bytes: u64,
}

impl Slice {
    /// Makes a slice that begins at these positions. It is there as a whole or not at all.
    pub(crate) fn create(store: &Path, number: u64, from: SourcePositions, disk: &Disk) -> Result<Slice, StoreError> {
        let path = store.join(number.to_string());
        let unfinished = store.join(format!("{number}{UNFINISHED}"));
        remove(&unfinished)?;
        fs::create_dir(&unfinished).map_err(StoreError::io(&unfinished))?;
        let directory = disk(MmapDirectory::open(&unfinished).map_err(tantivy::TantivyError::from)?);
        let index = Index::create(directory, Fields::get().schema.clone(), index_settings())?;
        register_tokenizers(&index);
        let mut writer = open_writer(&index, crate::StoreSettings::MIN_MEMORY)?;
        commit(&mut writer, &Commit::first(from))?;
        drop(writer);
        fs::rename(&unfinished, &path).map_err(StoreError::io(&path))?;
        sync(store)?;
        Slice::open(store, number, disk)
    }

    /// Opens what was made before.
    pub(crate) fn open(store: &Path, number: u64, disk: &Disk) -> Result<Slice, StoreError> {
        let path = store.join(number.to_string());
        let damaged = |what: String| StoreError::Damaged { path: path.clone(), what };
        let directory = disk(MmapDirectory::open(&path).map_err(tantivy::TantivyError::from)?);
        let index = Index::open(directory).map_err(|error| damaged(error.to_string()))?;
        let commit = read_commit(&index, &path)?;
        if index.schema() != Fields::get().schema {
            return Err(damaged("its fields are not those of its format".to_owned()));
        }
        register_tokenizers(&index);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(8);
        let reader = reader.try_into().map_err(|error| damaged(error.to_string()))?;
        let bytes = size(&path);
        Ok(Slice { number, path, index, reader, state: Mutex::new(State { commit, bytes }) })
    }

    /// Opens it to be written to, by one writer at a time.
    pub(crate) fn writer(&self, memory: usize) -> Result<IndexWriter<Entry>, StoreError> {
        open_writer(&self.index, memory)
    }

    /// Makes what was written part of the slice, and lets searches find it.
    pub(crate) fn commit(&self, writer: &mut IndexWriter<Entry>, said: Commit) -> Result<(), StoreError> {
        commit(writer, &said)?;
        self.lock().commit = said;
        self.refresh()
    }

    /// Lets searches see the files as they are now.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        self.reader.reload()?;
        self.lock().bytes = size(&self.path);
        Ok(())
    }

    /// Whether files have been merged since searches last looked.
    pub(crate) fn is_stale(&self) -> Result<bool, StoreError> {
        let there = self.index.searchable_segment_ids()?;
        let searcher = self.reader.searcher();
        let seen = searcher.generation().segments();
        Ok(there.len() != seen.len() || there.iter().any(|id| !seen.contains_key(id)))
    }

    /// What is on disk, as far as it is committed.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// The newest commit.
    pub(crate) fn last_commit(&self) -> Commit {
        self.lock().commit.clone()
    }

    /// Reads the newest commit from the files, after one that failed: it may be there or not.
    pub(crate) fn reread(&self) -> Result<(), StoreError> {
        let commit = read_commit(&self.index, &self.path)?;
        self.lock().commit = commit;
        self.refresh()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_writer(index: &Index, memory: usize) -> Result<IndexWriter<Entry>, StoreError> {
    let options = IndexWriterOptions::builder();
    let options = options.memory_budget_per_thread(memory).num_worker_threads(1).num_merge_threads(1).build();
    let writer = index.writer_with_options(options)?;
    writer.set_merge_policy(Box::new(merge_policy()));
    Ok(writer)
}

/// A commit a second makes many small files: ten like ones become one, up to a size from which on merging costs more
/// than it saves.
fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(10);
    policy.set_min_layer_size(10_000);
    policy.set_max_docs_before_merge(2_500_000);
    policy
}

fn commit(writer: &mut IndexWriter<Entry>, said: &Commit) -> Result<(), StoreError> {
    let payload = serde_json::to_string(said).map_err(io::Error::from).map_err(tantivy::TantivyError::from)?;
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&payload);
    prepared.commit()?;
    Ok(())
}

fn read_commit(index: &Index, path: &Path) -> Result<Commit, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
    let metas = index.load_metas().map_err(|error| damaged(error.to_string()))?;
    let payload = metas.payload.ok_or_else(|| damaged("its commit does not say how far it goes".to_owned()))?;
    let version: Version = serde_json::from_str(&payload).map_err(|error| damaged(error.to_string()))?;
    if version.format != FORMAT {
        return Err(StoreError::Format { path: path.to_owned(), found: version.format, expected: FORMAT });
    }
    serde_json::from_str(&payload).map_err(|error| damaged(error.to_string()))
}

/// What the folder of a slice that is not yet whole ends in.
pub(crate) const UNFINISHED: &str = ".new";

/// Removes a folder, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(StoreError::Io { path: path.to_owned(), cause }),
        _ => Ok(()),
    }
}

/// Makes sure that what was made or renamed in a folder is there after a crash.
pub(crate) fn sync(folder: &Path) -> Result<(), StoreError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io(folder))
}

/// Bytes of the files of a folder. Files come and go while merges run.
fn size(path: &Path) -> u64 {
    let files = fs::read_dir(path).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}
