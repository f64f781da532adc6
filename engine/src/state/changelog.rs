//! Changelogs: durable state where the disk may go with the machine.

use super::store::StateError;
use crate::{Epoch, Name};

/// An entry of durable state: its key, and its value, `None` where it is gone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// A log of all commits, kept elsewhere than in the job's folder: a compacted topic, say. Each commit is appended to it
/// before the folder has it, so that the folder can be made from it again.
pub trait Changelog: Send {
    /// What it is called.
    fn name(&self) -> Name;

    /// Takes over from whoever appended before, who can do so no longer, and gives the epoch of the last commit.
    ///
    /// # Errors
    /// Where it cannot be reached.
    fn open(&mut self) -> Result<Option<Epoch>, StateError>;

    /// Hands over every entry; of those with the same key, the last one counts.
    ///
    /// # Errors
    /// Where it cannot be read, and what `entry` gives.
    fn read(&mut self, entry: &mut dyn FnMut(Entry) -> Result<(), StateError>) -> Result<(), StateError>;

    /// Appends a commit, whole or not at all. Waits as long as trying again may help.
    ///
    /// # Errors
    /// Where nothing helps; the job ends.
    fn append(&mut self, epoch: Epoch, entries: &[Entry]) -> Result<(), StateError>;
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::state::{Committed, store::Store};

    type Kept = (Option<Epoch>, BTreeMap<Vec<u8>, Vec<u8>>);

    /// What would be elsewhere.
    #[derive(Clone, Default)]
    struct Elsewhere(Arc<Mutex<Kept>>);

    impl Changelog for Elsewhere {
        fn name(&self) -> Name {
            "elsewhere".into()
        }
        fn open(&mut self) -> Result<Option<Epoch>, StateError> {
            Ok(self.0.lock().unwrap().0)
        }
        fn read(&mut self, entry: &mut dyn FnMut(Entry) -> Result<(), StateError>) -> Result<(), StateError> {
            let entries = self.0.lock().unwrap().1.clone();
            entries.into_iter().try_for_each(|(key, value)| entry((key, Some(value))))
        }
        fn append(&mut self, epoch: Epoch, entries: &[Entry]) -> Result<(), StateError> {
            let (newest, kept) = &mut *self.0.lock().unwrap();
            assert!(*newest < Some(epoch), "an epoch is committed once");
            *newest = Some(epoch);
            for (key, value) in entries.iter().cloned() {
                match value {
                    Some(value) => kept.insert(key, value),
                    None => kept.remove(&key),
                };
            }
            Ok(())
        }
    }

    #[test]
    fn what_is_between_two_epochs_goes_with_the_next() {
        let (elsewhere, folder) = (Elsewhere::default(), tempfile::tempdir().unwrap());
        let open = |name: &str| Store::open(&folder.path().join(name), Some(Box::new(elsewhere.clone()))).unwrap();
        let at = |epoch| Committed { epoch, ..Committed::default() };
        let store = open("one machine");
        for epoch in [1, 2] {
            let first = store.begin().unwrap();
            first.post("sink", epoch, b"a batch").unwrap();
            first.commit(&at(epoch)).unwrap();
            let then = store.begin().unwrap();
            then.arrived("sink", epoch).unwrap();
            then.commit(&at(epoch)).unwrap();
        }
        let store = open("another");
        assert_eq!(store.committed().map(|committed| committed.epoch), Some(2));
        assert_eq!(store.delivered("sink").unwrap(), Some(1));
        let waiting: Vec<Epoch> =
            store.outbox("sink", 0, usize::MAX).unwrap().iter().map(|(epoch, _)| *epoch).collect();
        assert_eq!(waiting, [2], "the first has arrived, and of the second nobody knows");
    }
}
