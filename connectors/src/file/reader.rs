//! One worker's files, read in turn.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use highwater_engine::{Intake, PartitionSlot, Progress, Reader, SourceError};

use super::{
    CHECK_EVERY,
    catalogue::{Left, Part, SharedCatalogue},
    scope::Scope,
    tail::{Step, Tail},
};

/// Most files that a worker has open when not following; others wait.
const MAX_OPEN: usize = 128;

pub(super) struct FileReader {
    scope: Scope,
    catalogue: SharedCatalogue,
    worker: usize,
    workers: usize,
    /// how many files of the catalogue have been seen
    known: usize,
    /// those of this worker that are not open yet
    waiting: VecDeque<(Part, PartitionSlot)>,
    tails: Vec<Tail>,
    /// which file's turn it is
    turn: usize,
    look_at: Instant,
}

impl Reader for FileReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        self.look(intake)?;
        while self.read_round(intake)? {
            if intake.is_full() {
                return Ok(Progress::More);
            }
        }
        let over = self.tails.is_empty() && !self.scope.is_endless();
        Ok(if over { Progress::Finished } else { Progress::Idle })
    }
}

impl FileReader {
    pub(super) fn new(scope: Scope, catalogue: SharedCatalogue, worker: usize, workers: usize) -> Self {
        let (waiting, tails) = (VecDeque::new(), Vec::new());
        FileReader { scope, catalogue, worker, workers, known: 0, waiting, tails, turn: 0, look_at: Instant::now() }
    }

    /// Gives each file a turn, until the intake is full; true where there may be more.
    fn read_round(&mut self, intake: &mut Intake) -> Result<bool, SourceError> {
        let mut any = false;
        for _ in 0..self.tails.len() {
            if intake.is_full() {
                return Ok(true);
            }
            self.turn = if self.turn + 1 < self.tails.len() { self.turn + 1 } else { 0 };
            let Some(tail) = self.tails.get_mut(self.turn) else { break };
            match tail.step(&self.scope, intake)? {
                Step::Read => any = true,
                Step::Quiet => {}
                Step::Over(left) => {
                    let tail = self.tails.swap_remove(self.turn);
                    self.catalogue.lock().leave(&tail.part, left);
                    self.open_waiting(intake)?;
                    any = true;
                }
            }
        }
        Ok(any)
    }

    /// Takes on what is new and this worker's.
    fn look(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let now = Instant::now();
        if now < self.look_at {
            return Ok(());
        }
        self.look_at = now + CHECK_EVERY;
        let mut catalogue = self.catalogue.lock();
        catalogue.refresh(&self.scope)?;
        let new = catalogue.after(self.known);
        self.known += new.len();
        let (worker, workers) = (self.worker, self.workers);
        for part in new.iter().filter(|part| usize::try_from(part.number).is_ok_and(|n| n % workers == worker)) {
            // its place is taken at once, so that the watermark waits for every file's first lines
            let slot = intake.partition(part.number);
            intake.skip_to(slot, i64::try_from(part.start).unwrap_or(i64::MAX));
            self.waiting.push_back((part.clone(), slot));
        }
        drop(catalogue);
        self.open_waiting(intake)
    }

    fn open_waiting(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        while self.scope.follow || self.tails.len() < MAX_OPEN {
            let Some((part, slot)) = self.waiting.pop_front() else { break };
            match Tail::open(&self.scope, &part, slot, intake)? {
                Some(tail) => self.tails.push(tail),
                None => self.catalogue.lock().leave(&part, Left::Cut),
            }
        }
        Ok(())
    }
}
