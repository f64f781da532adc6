//! What a worker has read and that is not committed yet: bytes of dead letters, all of which a commit holds; event time, of
//! which little may go by between two commits.

use std::collections::VecDeque;

use crate::Epoch;

/// How much waits to be committed, by epoch.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// `(epoch, amount)`, oldest first
    waiting: VecDeque<(Epoch, u64)>,
    sum: u64,
    most: u64,
}

impl Backlog {
    /// One that is full with more than `most`.
    pub(crate) fn new(most: u64) -> Self {
        Backlog { waiting: VecDeque::new(), sum: 0, most }
    }

    pub(crate) fn add(&mut self, epoch: Epoch, amount: u64) {
        self.sum += amount;
        match self.waiting.back_mut().filter(|(newest, _)| *newest == epoch) {
            Some((_, waiting)) => *waiting += amount,
            None => self.waiting.push_back((epoch, amount)),
        }
    }

    /// Everything up to this epoch need not be read again.
    pub(crate) fn release(&mut self, flushed: Epoch) {
        while let Some((_, amount)) = self.waiting.pop_front_if(|(epoch, _)| *epoch <= flushed) {
            self.sum -= amount;
        }
    }

    /// Whether reading has to wait for a commit.
    pub(crate) fn is_full(&self) -> bool {
        self.sum > self.most
    }
}
