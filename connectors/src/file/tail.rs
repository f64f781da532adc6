//! One open file, read to its end and, when following, beyond.

use std::{
    io::{self, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

use highwater_engine::{Intake, PartitionSlot, SourceError};

use super::{
    CHECK_EVERY,
    catalogue::{Left, Part},
    input::{Input, identity},
    lines::{Line, Lines},
    scope::Scope,
};

/// How often a file at its end is read on.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// How long a file that was replaced must have been silent: its writer may not know yet.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Tail {
    pub(super) part: Part,
    slot: PartitionSlot,
    input: Input,
    /// how long the file on the disk was when it was opened
    length: u64,
    lines: Lines,
    /// when there was something to read
    active_at: Instant,
    poll_at: Instant,
    check_at: Instant,
}

pub(super) enum Step {
    /// There may be more at once.
    Read,
    /// Nothing for now.
    Quiet,
    /// Nothing, ever.
    Over(Left),
}

impl Tail {
    /// `None` where a file that was there is gone.
    pub(super) fn open(
        scope: &Scope,
        part: &Part,
        slot: PartitionSlot,
        intake: &mut Intake,
    ) -> Result<Option<Self>, SourceError> {
        let (input, length) = match open(scope, part) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound && scope.follow => return Ok(None),
            Err(error) => return Err(scope.failed(&part.path, "cannot be opened", error)),
        };
        let Part { number, path, start, .. } = part;
        tracing::info!(source = %scope.name, partition = number, path = %path.display(), start, "reading");
        let (lines, now) = (Lines::after(*start, scope.max_record_bytes), Instant::now());
        let part = part.clone();
        let mut tail = Tail { part, slot, input, length, lines, active_at: now, poll_at: now, check_at: now };
        if tail.part.start > 0 {
            tail.go_on(scope, intake)?;
        }
        Ok(Some(tail))
    }

    /// Goes to where reading begins, where the file allows that without reading.
    fn go_on(&mut self, scope: &Scope, intake: &mut Intake) -> Result<(), SourceError> {
        let start = self.part.start;
        let Input::Plain(file) = &mut self.input else { return Ok(()) };
        if self.length < start {
            return self.begin_anew(scope, intake);
        }
        file.seek(SeekFrom::Start(start)).map_err(|error| scope.failed(&self.part.path, "cannot be read", error))?;
        self.lines = Lines::at(start, scope.max_record_bytes);
        Ok(())
    }

    /// Reads a file from its start that ends before the position at which reading was to go on.
    fn begin_anew(&mut self, scope: &Scope, intake: &mut Intake) -> Result<(), SourceError> {
        let Part { path, start, .. } = &self.part;
        let path_shown = path.display();
        tracing::warn!(source = %scope.name, path = %path_shown, start, "the file was cut short; reading it anew");
        (self.input, self.length) =
            open(scope, &self.part).map_err(|error| scope.failed(path, "cannot be opened", error))?;
        self.lines = Lines::at(0, scope.max_record_bytes);
        intake.skip_to(self.slot, 0);
        Ok(())
    }

    /// Hands over what has been read already, or else reads on.
    pub(super) fn step(&mut self, scope: &Scope, intake: &mut Intake) -> Result<Step, SourceError> {
        let now = Instant::now();
        if now < self.poll_at {
            return Ok(Step::Quiet);
        }
        if self.hand_over(intake) {
            return Ok(Step::Read);
        }
        match self.lines.fill(&mut self.input) {
            Ok(0) => self.step_at_end(scope, intake, now),
            Ok(_) => {
                self.active_at = now;
                self.hand_over(intake);
                Ok(Step::Read)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::Quiet),
            Err(error) if self.is_being_packed(scope, &error) => Ok(Step::Over(self.left())),
            Err(error) => Err(scope.failed(&self.part.path, "cannot be read", error)),
        }
    }

    /// A packed file that ends in the middle may still grow: it is opened again when it has.
    fn is_being_packed(&self, scope: &Scope, error: &io::Error) -> bool {
        scope.follow && matches!(self.input, Input::Gzip(_)) && error.kind() == io::ErrorKind::UnexpectedEof
    }

    fn step_at_end(&mut self, scope: &Scope, intake: &mut Intake, now: Instant) -> Result<Step, SourceError> {
        if self.lines.is_skipping() {
            self.begin_anew(scope, intake)?;
            return Ok(Step::Read);
        }
        let Input::Plain(file) = &self.input else { return Ok(self.end(intake)) };
        if !scope.follow {
            return Ok(self.end(intake));
        }
        self.poll_at = now + POLL_EVERY;
        if now < self.check_at {
            return Ok(Step::Quiet);
        }
        self.check_at = now + CHECK_EVERY;
        let file = file.metadata().map_err(|error| scope.failed(&self.part.path, "cannot be read", error))?;
        self.lines.shrink();
        if file.len() < self.lines.end() {
            tracing::info!(source = %scope.name, path = %self.part.path.display(), "the file was cut; reading it anew");
            self.hand_over_rest(intake);
            return Ok(Step::Over(Left::Cut));
        }
        let replaced = self.part.path.metadata().is_ok_and(|there| identity(&there) != self.part.identity);
        let silent = now.saturating_duration_since(self.active_at) >= GRACE;
        if silent && (replaced || file.nlink() == 0) {
            return Ok(self.end(intake));
        }
        Ok(Step::Quiet)
    }

    fn end(&mut self, intake: &mut Intake) -> Step {
        self.hand_over_rest(intake);
        Step::Over(self.left())
    }

    fn left(&self) -> Left {
        let end = self.lines.offset();
        // whatever a plain file has beyond what was read, it has got since
        let length = if matches!(self.input, Input::Plain(_)) { end } else { self.length };
        Left::Read { end, length }
    }

    /// Hands over whole lines until the intake is full; true where that was before the last.
    fn hand_over(&mut self, intake: &mut Intake) -> bool {
        while !intake.is_full() {
            let Some(line) = self.lines.next() else { return false };
            self.hand_over_line(intake, &line);
        }
        true
    }

    /// Hands over a last line that no newline ends.
    fn hand_over_rest(&mut self, intake: &mut Intake) {
        if let Some(line) = self.lines.rest() {
            self.hand_over_line(intake, &line);
        }
    }

    fn hand_over_line(&self, intake: &mut Intake, line: &Line) {
        let bytes = self.lines.bytes(line);
        if line.is_cut() {
            intake.over_long(self.slot, line.next_offset, bytes, line.length);
        } else {
            intake.record(self.slot, line.next_offset, None, bytes);
        }
    }
}

/// The file that was numbered, with its length; another one in its place is not it.
fn open(scope: &Scope, part: &Part) -> io::Result<(Input, u64)> {
    if scope.is_stdin() {
        return Ok((Input::stdin(scope)?, 0));
    }
    let (input, metadata) = Input::open(scope, &part.path)?;
    if identity(&metadata) == part.identity {
        return Ok((input, metadata.len()));
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the file was replaced before it was read"))
}
