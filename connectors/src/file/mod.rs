//! Files and standard input: a log per line.

mod catalogue;
mod first_line;
mod input;
mod lines;
mod pipe;
mod reader;
mod scope;
mod tail;

use std::time::Duration;

use catalogue::{Catalogue, SharedCatalogue};
use highwater_engine::{Name, Positions, Reader, Source, SourceError};
use reader::FileReader;
use scope::Scope;

/// How much is read at once.
const CHUNK: usize = 128 << 10;
/// How often a worker looks whether files are new, cut or replaced.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// Reads the lines of files, or of standard input. Each file is a partition; partition `p` belongs to worker
/// `p % workers`. Offsets are positions in the file, of what it holds uncompressed where its name ends in `.gz`.
///
/// A partition's number is the CRC-32 of its file's first line (of 64 KiB at most), so that a file keeps its number, and
/// its position, under another name and compressed. A file without a whole first line is no partition yet, except that
/// without following the end of the file ends the line too. Of files that begin with the same line, the first in the
/// order of paths has that number; each further one has the next free number that derives from it. Which of them is
/// which is then known by their order alone, so where logs are read on after a restart, let them begin differently, as
/// those with timestamps do.
///
/// Reading goes on where the job's state ends; without state it begins at each file's start. A file that is shorter than
/// the position in it was cut short: it is read from its start. Pipes and standard input have no past to go on from:
/// what they give is read, and what was lost on the way is lost. Their numbers are 0 for standard input and else the
/// CRC-32 of the path.
///
/// When following, files that appear and lines that are appended are read too, for ever. A file that is renamed is read
/// to its end, then what is in its place; for that to work across a restart the pattern must match the new name too.
/// Copies made by rotation (`copytruncate`, or compression while the original is there) look like new files: use a
/// pattern that leaves them out.
#[derive(Debug)]
pub struct FileSource {
    scope: Scope,
    catalogue: SharedCatalogue,
}

impl FileSource {
    /// The files that `pattern` matches: a path, a pattern with `*`, `**`, `?` and `[..]`, or `-` for standard input.
    pub fn new(pattern: impl Into<String>) -> Self {
        FileSource { scope: Scope::new(pattern.into()), catalogue: SharedCatalogue::default() }
    }

    /// Another source of the same lines, for another reader: what comes out of a pipe or standard input both get. To be
    /// made once this one is as it should be, and before any of them is opened.
    #[must_use]
    pub fn twin(&self) -> Self {
        FileSource { scope: self.scope.twin(), catalogue: SharedCatalogue::default() }
    }

    /// Whether to wait for more at the end.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.scope.follow = follow;
        self
    }

    /// The job's `max_record_bytes`: no more of a longer line is held.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.scope.max_record_bytes = bytes;
        self
    }
}

impl Source for FileSource {
    fn name(&self) -> Name {
        self.scope.name.clone()
    }

    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let is_unread = self.catalogue.is_unread();
        let mut catalogue = self.catalogue.lock();
        if is_unread {
            // whoever read it before goes on elsewhere now
            *catalogue = Catalogue::default();
        }
        catalogue.begin(&self.scope, resume)?;
        if catalogue.is_empty() {
            if !self.scope.follow {
                return Err(self.scope.error(format!("no file matches {:?}", self.scope.pattern)));
            }
            tracing::warn!(source = %self.scope.name, "no file matches yet");
        }
        drop(catalogue);
        Ok(Box::new(FileReader::new(self.scope.clone(), self.catalogue.clone(), worker, workers)))
    }
}
