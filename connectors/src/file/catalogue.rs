//! Which files there are, and which partition each of them is, as all workers see it.

use std::{
    collections::{HashMap, HashSet},
    fs::Metadata,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use highwater_engine::{Positions, SourceError};

use super::{
    first_line::FirstLine,
    input::{Identity, Input, identity, is_pipe},
    scope::Scope,
};

/// How often new files are looked for.
const SCAN_EVERY: Duration = Duration::from_secs(1);

/// The catalogue that the workers of a source share.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedCatalogue(Arc<Mutex<Catalogue>>);

#[derive(Debug, Default)]
pub(super) struct Catalogue {
    /// what is to be read, in the order in which it was found
    parts: Vec<Part>,
    /// the files that are or were read, as long as they are open or some path shows them
    files: HashMap<Identity, Known>,
    taken: HashSet<u32>,
    /// where the job's state ends in files that have not been found yet
    resume: Positions,
    /// how many files the pattern matched
    matches: usize,
    scanned: Option<Instant>,
}

/// A file to be read by the worker that its number belongs to.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    /// where reading begins
    pub(super) start: u64,
}

#[derive(Debug)]
struct Known {
    number: u32,
    /// none while it is read
    left: Option<Left>,
}

/// How a file was left.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    /// Read up to `end` when its length on the disk was `length`.
    Read { end: u64, length: u64 },
    /// What was read is not in it any more.
    Cut,
}

impl SharedCatalogue {
    /// Whether no reader has it.
    pub(super) fn is_unread(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Catalogue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalogue {
    /// Looks for files for the first time; the first worker does it for all.
    pub(super) fn begin(&mut self, scope: &Scope, resume: &Positions) -> Result<(), SourceError> {
        if self.scanned.is_none() {
            self.resume.clone_from(resume);
            self.scan(scope)?;
        }
        Ok(())
    }

    /// Looks again where the last time is long ago.
    pub(super) fn refresh(&mut self, scope: &Scope) -> Result<(), SourceError> {
        match self.scanned {
            Some(at) if !scope.is_endless() || at.elapsed() < SCAN_EVERY => Ok(()),
            _ => self.scan(scope),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.matches == 0
    }

    /// The files found after the first `known`.
    pub(super) fn after(&self, known: usize) -> &[Part] {
        self.parts.get(known..).unwrap_or_default()
    }

    /// Says that a file is not read any more.
    pub(super) fn leave(&mut self, part: &Part, left: Left) {
        match left {
            Left::Read { .. } => {
                self.files.insert(part.identity, Known { number: part.number, left: Some(left) });
            }
            Left::Cut => {
                self.forget(part.identity);
                self.scanned = None;
            }
        }
    }

    fn scan(&mut self, scope: &Scope) -> Result<(), SourceError> {
        self.scanned = Some(Instant::now());
        if scope.is_stdin() {
            self.matches = 1;
            self.take_pipe(scope, PathBuf::from(&scope.pattern), (0, 0), 0);
            return Ok(());
        }
        let mut visible = HashSet::new();
        for path in scope.paths()? {
            let Ok(metadata) = path.metadata() else { continue };
            if !metadata.is_dir() {
                visible.insert(identity(&metadata));
                self.consider(scope, path, &metadata)?;
            }
        }
        self.matches = visible.len();
        // the system may give the identity of a file that is nowhere any more to a new one
        let gone = |(identity, known): (&Identity, &Known)| {
            (known.left.is_some() && !visible.contains(identity)).then_some(*identity)
        };
        let gone: Vec<Identity> = self.files.iter().filter_map(gone).collect();
        gone.into_iter().for_each(|identity| self.forget(identity));
        Ok(())
    }

    /// Takes a file on where it, or something in it, is new.
    fn consider(&mut self, scope: &Scope, path: PathBuf, metadata: &Metadata) -> Result<(), SourceError> {
        match self.files.get(&identity(metadata)) {
            Some(Known { left: None, .. }) => return Ok(()),
            Some(&Known { number, left: Some(Left::Read { end, length }) }) if length <= metadata.len() => {
                if length < metadata.len() {
                    self.take(Part { number, path, identity: identity(metadata), start: end });
                }
                return Ok(());
            }
            Some(_) => self.forget(identity(metadata)),
            None => {}
        }
        if is_pipe(metadata) {
            let number = crc32fast::hash(path.as_os_str().as_bytes());
            self.take_pipe(scope, path, identity(metadata), number);
            return Ok(());
        }
        let (first_line, metadata) = match first_line(scope, &path) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(scope.failed(&path, "cannot be read", error)),
        };
        if !self.files.contains_key(&identity(&metadata)) {
            let number = self.free_number(&first_line);
            let start = self.resume.remove(&number).and_then(|end| u64::try_from(end).ok()).unwrap_or(0);
            self.take(Part { number, path, identity: identity(&metadata), start });
        }
        Ok(())
    }

    /// A pipe's number says nothing of what comes through it.
    fn take_pipe(&mut self, scope: &Scope, path: PathBuf, identity: Identity, number: u32) {
        if self.resume.remove(&number).is_some() {
            let path = path.display();
            tracing::warn!(source = %scope.name, %path, "a pipe cannot be gone on with: what it gives now is read");
        }
        self.take(Part { number, path, identity, start: 0 });
    }

    fn take(&mut self, part: Part) {
        self.files.insert(part.identity, Known { number: part.number, left: None });
        self.taken.insert(part.number);
        self.parts.push(part);
    }

    fn free_number(&self, first_line: &FirstLine) -> u32 {
        let mut twin = 0;
        while self.taken.contains(&first_line.number(twin)) {
            twin += 1;
        }
        first_line.number(twin)
    }

    fn forget(&mut self, identity: Identity) {
        if let Some(known) = self.files.remove(&identity) {
            self.taken.remove(&known.number);
        }
    }
}

/// The first line of a file, where it has one; when following, its end may still be being written.
fn first_line(scope: &Scope, path: &Path) -> io::Result<Option<(FirstLine, Metadata)>> {
    let (mut input, metadata) = Input::open(scope, path)?;
    let follow = scope.follow;
    let packed = matches!(input, Input::Gzip(_));
    match FirstLine::read(&mut input, follow && !packed) {
        Err(error) if follow && packed && error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        found => Ok(found?.map(|line| (line, metadata))),
    }
}
