//! Dead letters on their way to the committer, which may not pile up: what is read is bounded by what waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::sink::DeadLetter;

/// How many bytes of dead letters wait to be committed. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Backlog {
    waiting: Arc<AtomicUsize>,
    max_bytes: usize,
}

/// Dead letters that count in a [`Backlog`] for as long as there are these.
#[derive(Debug)]
pub(crate) struct Letters {
    pub(crate) letters: Vec<DeadLetter>,
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Backlog {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Backlog { waiting: Arc::default(), max_bytes }
    }

    /// Whether no more should be read until something has been committed.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.max_bytes
    }

    pub(crate) fn add(&self, letters: Vec<DeadLetter>) -> Letters {
        let bytes = letters.iter().map(DeadLetter::weight).sum();
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        Letters { letters, bytes, waiting: self.waiting.clone() }
    }
}

impl Drop for Letters {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
