//! A disk that loses what was not synced, and tears what was being written.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

/// A simulated disk; clones share it. It keeps apart what has been synced and what has not: a crash keeps any part of
/// the latter, in any order, torn within a sector's bounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// as programs see it
    seen: Vec<u8>,
    /// as of the last sync
    synced: Vec<u8>,
    unsynced: Vec<Unsynced>,
    /// operations until it fails; none for ever
    steps_left: Option<usize>,
    full_at: Option<u64>,
}

#[derive(Debug)]
enum Unsynced {
    Length(usize),
    Write(usize, Vec<u8>),
}

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

impl Disk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the `steps`th operation that changes something on, every operation fails.
    #[cfg(test)]
    pub(crate) fn fail_after(&self, steps: usize) {
        self.platter().steps_left = Some(steps);
    }

    /// Whether it has failed.
    #[cfg(test)]
    pub(crate) fn has_failed(&self) -> bool {
        self.platter().steps_left == Some(0)
    }

    /// No byte beyond these can be written.
    #[cfg(test)]
    pub(crate) fn full_at(&self, bytes: Option<u64>) {
        self.platter().full_at = bytes;
    }

    /// The machine stops and starts again: `random` decides what of the unsynced is there.
    pub(crate) fn crash(&self, mut random: impl FnMut(usize) -> usize) {
        let mut platter = self.platter();
        platter.keep(&mut random);
        platter.seen = platter.synced.clone();
        platter.steps_left = None;
    }
}

impl Platter {
    /// Puts what was not synced where it stays, sector by sector, if `random` says 0 of two sides.
    fn keep(&mut self, mut random: impl FnMut(usize) -> usize) {
        let Platter { synced, unsynced, .. } = self;
        for change in unsynced.drain(..) {
            match change {
                Unsynced::Length(length) if random(2) == 0 => synced.resize(length, 0),
                Unsynced::Length(_) => {}
                Unsynced::Write(mut at, bytes) => {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let (sector, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                        if random(2) == 0 {
                            let end = at + sector.len();
                            if synced.len() < end {
                                synced.resize(end, 0);
                            }
                            synced[at..end].copy_from_slice(sector);
                        }
                        at += sector.len();
                        rest = after;
                    }
                }
            }
        }
    }

    fn step(&mut self) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => Err(io::Error::other("the disk has failed")),
            Some(steps) => {
                *steps -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn check_room(&self, end: u64) -> io::Result<()> {
        if self.full_at.is_some_and(|full| end > full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

fn index(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(io::Error::other)
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = index(offset)?;
        let platter = self.platter();
        let bytes = platter.seen.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.step()?;
        platter.check_room(len)?;
        let length = index(len)?;
        platter.seen.resize(length, 0);
        platter.unsynced.push(Unsynced::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.step()?;
        platter.keep(|_| 0);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.platter();
        platter.step()?;
        platter.check_room(offset + data.len() as u64)?;
        let at = index(offset)?;
        let place = platter.seen.get_mut(at..at + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        platter.unsynced.push(Unsynced::Write(at, data.to_vec()));
        Ok(())
    }
}
