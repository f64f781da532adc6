//! Records in a file: [redb](https://www.redb.org) keeps them, a transaction for all that are handed in meanwhile.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use highwater_engine::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Keep, Kept, Taken};

/// By offset: when a record was handed in, in microseconds, and the record.
const RECORDS: TableDefinition<'static, i64, (i64, &[u8])> = TableDefinition::new("records");
/// One row: the offset after the last record there ever was.
const END: TableDefinition<'static, (), i64> = TableDefinition::new("end");
/// Bytes read at once, about.
const AT_ONCE: usize = 256 << 10;
/// What redb may hold of the file in memory.
const CACHE: usize = 8 << 20;

pub(super) struct Disk {
    file: PathBuf,
    /// none after it has failed, until it is opened again
    database: RwLock<Option<Database>>,
    handed_in: Mutex<Vec<HandedIn>>,
    /// held by the one who writes for all
    writing: Mutex<()>,
    end: AtomicI64,
    needed_from: AtomicI64,
}

struct HandedIn {
    records: Vec<Vec<u8>>,
    received: Timestamp,
    /// the offset after them once they are kept
    outcome: Arc<OnceLock<Result<i64, String>>>,
}

impl Disk {
    /// Also tells what is there: the offset after each record, one record, its bytes.
    pub(super) fn open(file: &Path) -> Result<(Self, Taken), String> {
        let failed = |error: redb::Error| explain(file, &error);
        let database = open(file).map_err(failed)?;
        let (end, taken) = look(&database).map_err(failed)?;
        let disk = Disk {
            file: file.to_owned(),
            database: RwLock::new(Some(database)),
            handed_in: Mutex::default(),
            writing: Mutex::default(),
            end: AtomicI64::new(end),
            needed_from: AtomicI64::new(i64::MIN),
        };
        Ok((disk, taken))
    }

    /// Runs against the file, which is opened again where it failed before.
    fn with<T>(&self, run: impl Fn(&Database) -> Result<T, redb::Error>) -> Result<T, String> {
        let done = self.database.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(&run);
        if let Some(Ok(done)) = done {
            return Ok(done);
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // closed first: it cannot be open twice
        *database = None;
        let opened = open(&self.file).and_then(|opened| run(&opened).map(|done| (opened, done)));
        let (opened, done) = opened.map_err(|error| explain(&self.file, &error))?;
        *database = Some(opened);
        Ok(done)
    }

    /// Writes all that has been handed in, in one transaction, and lets go of what nobody needs.
    fn write(&self) {
        let all = std::mem::take(&mut *self.handed_in.lock().unwrap_or_else(PoisonError::into_inner));
        if all.is_empty() {
            return;
        }
        let (first, needed_from) = (self.end.load(Ordering::Acquire), self.needed_from.load(Ordering::Acquire));
        match self.with(|database| append(database, &all, first, needed_from)) {
            Ok(end) => {
                self.end.store(end, Ordering::Release);
                let mut offset = first;
                for handed_in in all {
                    offset += handed_in.records.len() as i64;
                    let _ = handed_in.outcome.set(Ok(offset));
                }
            }
            Err(what) => all.iter().for_each(|handed_in| {
                let _ = handed_in.outcome.set(Err(what.clone()));
            }),
        }
    }
}

fn open(file: &Path) -> Result<Database, redb::Error> {
    let database = Database::builder().set_cache_size(CACHE).create(file)?;
    let transaction = database.begin_write()?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(END)?;
    transaction.commit()?;
    Ok(database)
}

fn look(database: &Database) -> Result<(i64, Taken), redb::Error> {
    let transaction = database.begin_read()?;
    let end = transaction.open_table(END)?.get(())?.map_or(0, |end| end.value());
    let mut taken = Taken::new();
    for record in transaction.open_table(RECORDS)?.iter()? {
        let (offset, record) = record?;
        taken.push_back((offset.value() + 1, 1, record.value().1.len()));
    }
    Ok((end, taken))
}

fn append(database: &Database, all: &[HandedIn], first: i64, needed_from: i64) -> Result<i64, redb::Error> {
    let transaction = database.begin_write()?;
    let mut end = first;
    {
        let mut records = transaction.open_table(RECORDS)?;
        records.retain_in(..needed_from, |_, _| false)?;
        for handed_in in all {
            let received = handed_in.received.as_micros();
            for record in &handed_in.records {
                records.insert(end, (received, record.as_slice()))?;
                end += 1;
            }
        }
        transaction.open_table(END)?.insert((), end)?;
    }
    transaction.commit()?;
    Ok(end)
}

fn some(database: &Database, from: i64) -> Result<Vec<Kept>, redb::Error> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    let (mut kept, mut bytes) = (Vec::new(), 0);
    for record in records.range(from..)? {
        let (offset, record) = record?;
        let (received, record) = record.value();
        bytes += record.len();
        let received = Timestamp::from_micros(received);
        kept.push(Kept { next_offset: offset.value() + 1, received, bytes: record.to_vec() });
        if bytes >= AT_ONCE {
            break;
        }
    }
    Ok(kept)
}

fn explain(file: &Path, error: &redb::Error) -> String {
    let advice = match error {
        redb::Error::DatabaseAlreadyOpen => "another process has it open; stop that one",
        redb::Error::Corrupted(_) => "move it away; what is in it and not committed yet is lost",
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => "make room on its disk",
        _ => "see that its folder is there and can be written to",
    };
    format!("logs that come by HTTP cannot be kept in {}: {error}; {advice}", file.display())
}

impl Keep for Disk {
    /// Whoever gets to write first does it for all that wait: one sync of the disk for many.
    fn append(&self, records: Vec<Vec<u8>>, received: Timestamp) -> Result<i64, String> {
        let outcome = Arc::new(OnceLock::new());
        let handed_in = HandedIn { records, received, outcome: outcome.clone() };
        self.handed_in.lock().unwrap_or_else(PoisonError::into_inner).push(handed_in);
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.get().is_none() {
            self.write();
        }
        drop(writing);
        outcome.get().cloned().unwrap_or_else(|| Err("the records were not written".to_owned()))
    }

    fn end(&self) -> i64 {
        self.end.load(Ordering::Acquire)
    }

    fn read(&self, from: i64) -> Result<Vec<Kept>, String> {
        self.with(|database| some(database, from))
    }

    fn release(&self, before: i64) {
        self.needed_from.fetch_max(before, Ordering::AcqRel);
    }

    fn not_before(&self, offset: i64) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.end.fetch_max(offset, Ordering::AcqRel);
    }

    fn is_durable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(kept: &[Kept]) -> Vec<&[u8]> {
        kept.iter().map(|kept| &kept.bytes[..]).collect()
    }

    #[test]
    fn what_was_taken_is_there_again_and_offsets_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("http.redb");
        let (disk, taken) = Disk::open(&file).unwrap();
        assert!(taken.is_empty());
        let at = Timestamp::from_millis(7);
        assert_eq!(disk.append(vec![b"a".to_vec(), b"bc".to_vec()], at), Ok(2));
        assert!(Disk::open(&file).is_err_and(|why| why.contains("another process")));
        drop(disk);
        let (disk, taken) = Disk::open(&file).unwrap();
        assert_eq!(taken, [(1, 1, 1), (2, 1, 2)]);
        disk.release(1);
        assert_eq!(disk.append(vec![b"d".to_vec()], at), Ok(3));
        let kept = disk.read(0).unwrap();
        assert_eq!((bytes(&kept), kept[0].next_offset, kept[0].received), (vec![&b"bc"[..], b"d"], 2, at));
        disk.not_before(10);
        assert_eq!(disk.append(vec![b"e".to_vec()], at), Ok(11));
        disk.release(11);
        assert_eq!(disk.append(vec![b"f".to_vec()], at), Ok(12));
        drop(disk);
        assert_eq!(Disk::open(&file).unwrap().1, [(12, 1, 1)]);
    }

    #[test]
    fn many_who_hand_in_at_once_all_get_their_own_offsets() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, _) = Disk::open(&dir.path().join("http.redb")).unwrap();
        let ends = std::thread::scope(|scope| {
            let hand_in = |n: u8| disk.append(vec![vec![n]; 3], Timestamp::MIN).unwrap();
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || (n, hand_in(n)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let kept = disk.read(0).unwrap();
        assert_eq!(kept.len(), 24);
        for (n, end) in ends {
            let own = kept.iter().filter(|kept| (end - 3..end).contains(&(kept.next_offset - 1)));
            assert!(own.map(|kept| &kept.bytes).eq([&vec![n]; 3]));
        }
    }

    #[test]
    fn what_is_no_inbox_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("http.redb");
        std::fs::write(&file, vec![7; 10_000]).unwrap();
        assert!(Disk::open(&file).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), vec![7; 10_000]);
    }
}
