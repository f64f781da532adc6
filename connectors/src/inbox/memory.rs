//! Records in memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use highwater_engine::Timestamp;

use super::{Keep, Kept};

/// Records read at once: they are copied, since each reader gets its own.
const AT_ONCE: usize = 1024;

#[derive(Default)]
pub(super) struct Memory(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// of the first record
    first: i64,
    records: VecDeque<(Timestamp, Vec<u8>)>,
}

impl Memory {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn end(&self) -> i64 {
        self.first + self.records.len() as i64
    }
}

impl Keep for Memory {
    fn append(&self, records: Vec<Vec<u8>>, received: Timestamp) -> Result<i64, String> {
        let mut held = self.held();
        held.records.extend(records.into_iter().map(|record| (received, record)));
        Ok(held.end())
    }

    fn end(&self) -> i64 {
        self.held().end()
    }

    fn read(&self, from: i64) -> Result<Vec<Kept>, String> {
        let held = self.held();
        let skipped = usize::try_from(from - held.first).unwrap_or(0);
        let first = held.first + skipped as i64;
        let records = held.records.iter().skip(skipped).take(AT_ONCE);
        let kept = |(offset, (received, bytes)): (i64, &(Timestamp, Vec<u8>))| Kept {
            next_offset: offset + 1,
            received: *received,
            bytes: bytes.clone(),
        };
        Ok((first..).zip(records).map(kept).collect())
    }

    fn release(&self, before: i64) {
        let mut held = self.held();
        let gone = usize::try_from(before - held.first).unwrap_or(0).min(held.records.len());
        held.records.drain(..gone);
        held.first += gone as i64;
    }

    fn not_before(&self, offset: i64) {
        let mut held = self.held();
        if held.records.is_empty() {
            held.first = held.first.max(offset);
        }
    }

    fn is_durable(&self) -> bool {
        false
    }
}
