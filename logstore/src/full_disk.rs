//! What happens when the disk is full, on one that is.

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Settings, Source, SourceError, days};
use prometheus_client::registry::Registry;
use tantivy::{
    Directory,
    directory::{
        AntiCallToken, DirectoryLock, FileHandle, Lock, MmapDirectory, TerminatingWrite, WatchCallback, WatchHandle,
        WritePtr,
        error::{DeleteError, LockError, OpenReadError, OpenWriteError},
    },
};
use tempfile::tempdir;

use crate::{Indexer, LogStore, Query, Search, Status, StoreSettings};

/// A disk with room for so many bytes more.
#[derive(Clone, Debug)]
struct FullDisk {
    disk: MmapDirectory,
    room: Arc<AtomicI64>,
}

struct FullFile {
    file: WritePtr,
    room: Arc<AtomicI64>,
}

fn take(room: &AtomicI64, bytes: usize) -> io::Result<()> {
    let enough = |room: i64| room.checked_sub(bytes as i64).filter(|left| *left >= 0);
    match room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enough) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::ErrorKind::StorageFull.into()),
    }
}

impl Write for FullFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        take(&self.room, bytes.len())?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for FullFile {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.file.terminate_ref(token)
    }
}

impl Directory for FullDisk {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.disk.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.disk.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.disk.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let file = FullFile { file: self.disk.open_write(path)?, room: self.room.clone() };
        Ok(io::BufWriter::new(Box::new(file)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.disk.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        take(&self.room, data.len())?;
        self.disk.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.disk.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.disk.watch(callback)
    }
}

/// Numbered messages, as many as there are by now.
#[derive(Clone)]
struct Numbers(Arc<AtomicUsize>);

struct NumberReader(Numbers, i64);

impl Source for Numbers {
    fn name(&self) -> Name {
        "numbers".into()
    }

    fn open(&self, _: usize, _: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(NumberReader(self.clone(), resume.get(&0).copied().unwrap_or_default())))
    }
}

impl Reader for NumberReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let NumberReader(Numbers(there), next) = self;
        let slot = intake.partition(0);
        while (*next as usize) < there.load(Ordering::SeqCst) && !intake.is_full() {
            *next += 1;
            intake.record(slot, *next, None, format!("message {next}").as_bytes());
        }
        Ok(Progress::Idle)
    }
}

fn wait_until(store: &LogStore, is_so: impl Fn(&Status) -> bool) {
    let start = Instant::now();
    while !is_so(&store.status()) {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", store.status());
        let _ = crossbeam_channel::after(Duration::from_millis(5)).recv();
    }
}

fn messages(store: &LogStore) -> Vec<i64> {
    let logs = store.export(Search::new(Query::All)).map(|log| log.unwrap().id.next_offset);
    let mut offsets: Vec<_> = logs.collect();
    offsets.sort_unstable();
    offsets
}

/// Logs come until nothing more can be written, wherever in a commit, a merge or a new slice that is; then there is room
/// again.
#[test]
fn a_full_disk_is_waited_for_and_nothing_is_lost_or_doubled() {
    for (round, room_left) in [0, 200, 1_500, 4_000, 9_000, 15_000].into_iter().enumerate() {
        let folder = tempdir().unwrap();
        let (room, there) = (Arc::new(AtomicI64::new(1 << 30)), Arc::new(AtomicUsize::new(100)));
        let on = room.clone();
        let disk = Arc::new(move |disk| Box::new(FullDisk { disk, room: on.clone() }) as Box<dyn Directory>);
        let settings = StoreSettings {
            retention: days(3650),
            memory: StoreSettings::MIN_MEMORY,
            commit_interval: Duration::ZERO,
            slice_logs: 150 + 100 * round as u64,
            ..StoreSettings::new(folder.path())
        };
        let sources: Vec<Box<dyn Source>> = vec![Box::new(Numbers(there.clone()))];
        let (indexer, store) =
            Indexer::start_on(disk, sources, Settings::default(), settings, &mut Registry::default()).unwrap();
        wait_until(&store, |status| status.logs == 100);

        room.store(room_left, Ordering::SeqCst);
        let mut count = 100;
        while store.status().failure.is_none() {
            count += 10;
            there.store(count, Ordering::SeqCst);
            wait_until(&store, |status| status.failure.is_some() || status.logs == count as u64);
        }
        let found = messages(&store);
        assert!(found.len() >= 100);
        assert!(found.iter().copied().eq(1..=found.len() as i64));

        room.store(1 << 30, Ordering::SeqCst);
        there.store(count + 50, Ordering::SeqCst);
        wait_until(&store, |status| status.logs == count as u64 + 50 && status.failure.is_none());
        assert!(messages(&store).into_iter().eq(1..=count as i64 + 50));
        drop(indexer);
    }
}
