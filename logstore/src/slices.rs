//! [`Slices`]: the store's folder. The newest slice is written to, the oldest goes first.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use highwater_engine::Timestamp;

use crate::{
    StoreError, StoreSettings,
    slice::{Disk, Slice, SourcePositions, UNFINISHED, remove, sync},
};

/// What the folder of a slice that is being removed ends in.
const GONE: &str = ".gone";

/// All slices, oldest first. There is at least one.
pub(crate) struct Slices {
    path: PathBuf,
    disk: Disk,
    list: RwLock<Arc<[Arc<Slice>]>>,
    /// held as long as this is there
    _lock: File,
}

impl Slices {
    /// Opens the folder, which is made if it is not there.
    pub(crate) fn open(path: &Path, disk: Disk) -> Result<Slices, StoreError> {
        fs::create_dir_all(path).map_err(StoreError::io(path))?;
        let lock = lock(path)?;
        let mut list = Vec::new();
        for number in numbers(path)? {
            list.push(Arc::new(Slice::open(path, number, &disk)?));
        }
        if list.is_empty() {
            list.push(Arc::new(Slice::create(path, 0, SourcePositions::new(), &disk)?));
        }
        Ok(Slices { path: path.to_owned(), disk, list: RwLock::new(list.into()), _lock: lock })
    }

    /// The slices there are now.
    pub(crate) fn all(&self) -> Arc<[Arc<Slice>]> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The slice that is written to.
    pub(crate) fn newest(&self) -> Option<Arc<Slice>> {
        self.all().last().cloned()
    }

    /// Begins a new slice, where the newest one ends.
    pub(crate) fn begin(&self) -> Result<Arc<Slice>, StoreError> {
        let (number, from) = match self.newest() {
            Some(newest) => (newest.number + 1, newest.last_commit().positions),
            None => (0, SourcePositions::new()),
        };
        let slice = Arc::new(Slice::create(&self.path, number, from, &self.disk)?);
        self.change(|list| list.push(slice.clone()));
        Ok(slice)
    }

    /// Lets the oldest slices go that are too old or too much. The one that is written to stays.
    pub(crate) fn retire(&self, settings: &StoreSettings) -> Result<(), StoreError> {
        let expired = Timestamp::now().minus(settings.retention);
        loop {
            let all = self.all();
            let [oldest, _, ..] = &*all else { return Ok(()) };
            let is_old = oldest.last_commit().newest().is_none_or(|newest| newest < expired);
            let bytes: u64 = all.iter().map(|slice| slice.bytes()).sum();
            if !is_old && bytes <= settings.max_bytes {
                return Ok(());
            }
            tracing::info!(slice = oldest.number, bytes = oldest.bytes(), "the oldest slice of the log store goes");
            // renamed first: a slice is there as a whole or not at all. Searches under way keep its files open.
            let gone = self.path.join(format!("{}{GONE}", oldest.number));
            fs::rename(&oldest.path, &gone).map_err(StoreError::io(&oldest.path))?;
            self.change(|list| _ = list.remove(0));
            sync(&self.path)?;
            remove(&gone)?;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Slice>>)) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = list.to_vec();
        change(&mut changed);
        *list = changed.into();
    }
}

/// Makes this process the folder's only one.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file = path.join("lock");
    let lock = File::options().write(true).create(true).truncate(false).open(&file).map_err(StoreError::io(&file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(StoreError::Io { path: file, cause }),
    }
}

/// The numbers of the slices in a folder, in order; what was being made or removed when the process ended is removed.
fn numbers(path: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    for file in fs::read_dir(path).map_err(StoreError::io(path))? {
        let file = file.map_err(StoreError::io(path))?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        if let Ok(number) = name.parse() {
            numbers.push(number);
        } else if name.ends_with(UNFINISHED) || name.ends_with(GONE) {
            remove(&file.path())?;
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
