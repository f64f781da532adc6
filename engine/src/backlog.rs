//! Dead letters that a worker has read and that are not committed yet. They may not pile up: a commit holds them all.

use std::collections::VecDeque;

use crate::Epoch;

/// How much waits to be committed, by epoch.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// `(epoch, bytes)`, oldest first
    waiting: VecDeque<(Epoch, usize)>,
    bytes: usize,
    max_bytes: usize,
}

/// The part of what may wait for sinks that may wait to be committed.
const SHARE: usize = 16;

impl Backlog {
    /// One worker's of a job for whose sinks so much may wait.
    pub(crate) fn new(max_outbox_bytes: usize, workers: usize) -> Self {
        Backlog { waiting: VecDeque::new(), bytes: 0, max_bytes: max_outbox_bytes / SHARE / workers.max(1) }
    }

    pub(crate) fn add(&mut self, epoch: Epoch, bytes: usize) {
        self.bytes += bytes;
        match self.waiting.back_mut().filter(|(newest, _)| *newest == epoch) {
            Some((_, waiting)) => *waiting += bytes,
            None => self.waiting.push_back((epoch, bytes)),
        }
    }

    /// Everything up to this epoch need not be read again.
    pub(crate) fn release(&mut self, flushed: Epoch) {
        while let Some((_, bytes)) = self.waiting.pop_front_if(|(epoch, _)| *epoch <= flushed) {
            self.bytes -= bytes;
        }
    }

    /// Whether reading has to wait for a commit.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > self.max_bytes
    }
}
