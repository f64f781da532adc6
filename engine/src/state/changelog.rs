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
