//! Files and standard input: a log per line.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::{File, Metadata},
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::Range,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use flate2::read::MultiGzDecoder;
use highwater_engine::{Intake, Name, PartitionSlot, Positions, Progress, Reader, Source, SourceError};

/// Reads the lines of files, or of standard input. Each file is a partition, numbered by path, then in the order in
/// which they appeared; file `p` belongs to worker `p % workers`. Offsets are positions in the file, of what it holds
/// uncompressed where its name ends in `.gz`. Reading begins at each file's start; nothing remembers where it ended.
///
/// When following, files that appear and lines that are appended are read too, for ever. A file that is renamed and
/// made anew is read to its end, then the new one; one that is cut short is read again from its start. Copies made by
/// rotation (`copytruncate`) look like new files: use a pattern that leaves them out.
#[derive(Debug)]
pub struct FileSource {
    name: Name,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Name,
    pattern: String,
    follow: bool,
    max_record_bytes: usize,
    catalogue: Mutex<Catalogue>,
}

/// The files, as all workers see them.
#[derive(Debug, Default)]
struct Catalogue {
    files: Vec<PathBuf>,
    /// what readers have open, by place in `files`
    held: HashMap<usize, Identity>,
    /// what readers have read to the end, as long as some path shows it
    done: HashSet<Identity>,
    scanned: Option<Instant>,
}

/// Device and inode: what a file keeps when it is renamed.
type Identity = (u64, u64);

const STDIN: &str = "-";
/// How much is read at once.
const CHUNK: usize = 128 << 10;
/// Most files that a worker has open when not following; others wait.
const MAX_OPEN: usize = 128;
/// How often new files are looked for.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// How often a file at its end is checked for having been replaced.
const CHECK_EVERY: Duration = Duration::from_millis(250);
/// How often a file at its end is read on.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// How long a file that was replaced must have been silent: its writer may not know yet.
const GRACE: Duration = Duration::from_secs(1);

impl FileSource {
    /// The files that `pattern` matches: a path, a pattern with `*`, `**`, `?` and `[..]`, or `-` for standard input.
    pub fn new(pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        let name = if pattern == STDIN { Name::from("stdin") } else { Name::from(format!("file:{pattern}")) };
        let shared = Shared {
            name: name.clone(),
            pattern,
            follow: false,
            max_record_bytes: highwater_engine::Settings::default().max_record_bytes,
            catalogue: Mutex::default(),
        };
        FileSource { name, shared: Arc::new(shared) }
    }

    /// Whether to wait for more at the end.
    #[must_use]
    pub fn follow(self, follow: bool) -> Self {
        self.with(|shared| shared.follow = follow)
    }

    /// The job's `max_record_bytes`: of longer lines, no more than this and a byte is held.
    #[must_use]
    pub fn max_record_bytes(self, bytes: usize) -> Self {
        self.with(|shared| shared.max_record_bytes = bytes)
    }

    fn with(self, change: impl FnOnce(&mut Shared)) -> Self {
        let Shared { name, pattern, follow, max_record_bytes, .. } = &*self.shared;
        let mut shared = Shared {
            name: name.clone(),
            pattern: pattern.clone(),
            follow: *follow,
            max_record_bytes: *max_record_bytes,
            catalogue: Mutex::default(),
        };
        change(&mut shared);
        FileSource { shared: Arc::new(shared), ..self }
    }
}

impl Source for FileSource {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn open(&self, worker: usize, workers: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let shared = self.shared.clone();
        let mut catalogue = shared.catalogue();
        if catalogue.scanned.is_none() {
            shared.scan(&mut catalogue)?;
        }
        if catalogue.files.is_empty() {
            if !shared.follow {
                return Err(shared.error(format!("no file matches {:?}", shared.pattern)));
            }
            tracing::warn!(source = %self.name, "no file matches yet");
        }
        drop(catalogue);
        let look_at = Instant::now();
        Ok(Box::new(FileReader {
            shared,
            worker,
            workers,
            known: 0,
            waiting: VecDeque::new(),
            tails: Vec::new(),
            turn: 0,
            look_at,
        }))
    }
}

impl Shared {
    fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, what: impl Into<String>) -> SourceError {
        SourceError::new(self.name.clone(), what)
    }

    fn failed(&self, path: &Path, what: &str, error: io::Error) -> SourceError {
        self.error(format!("{} {what}", path.display())).because(error)
    }

    /// Looks for files that are new.
    fn scan(&self, catalogue: &mut Catalogue) -> Result<(), SourceError> {
        catalogue.scanned = Some(Instant::now());
        if self.pattern == STDIN {
            catalogue.files = vec![PathBuf::from(STDIN)];
            return Ok(());
        }
        let mut visible = HashSet::new();
        for path in self.paths()? {
            let Ok(metadata) = path.metadata() else { continue };
            if metadata.is_dir() {
                continue;
            }
            let identity = identity(&metadata);
            visible.insert(identity);
            let renamed = catalogue.done.contains(&identity) || catalogue.held.values().any(|held| *held == identity);
            if !renamed && !catalogue.files.contains(&path) {
                catalogue.files.push(path);
            }
        }
        // a file that is nowhere any more may have left its number to a new one
        catalogue.done.retain(|done| visible.contains(done));
        Ok(())
    }

    fn paths(&self) -> Result<Vec<PathBuf>, SourceError> {
        let literal = PathBuf::from(&self.pattern);
        if literal.exists() {
            return Ok(vec![literal]);
        }
        let found = glob::glob(&self.pattern)
            .map_err(|error| self.error(format!("{:?} is no path pattern", self.pattern)).because(error))?;
        let mut paths: Vec<PathBuf> = found
            .filter_map(|path| {
                path.inspect_err(|error| tracing::warn!(source = %self.name, %error, "a folder cannot be read")).ok()
            })
            .collect();
        paths.sort_unstable();
        Ok(paths)
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

struct FileReader {
    shared: Arc<Shared>,
    worker: usize,
    workers: usize,
    /// how many files of the catalogue have been seen
    known: usize,
    /// those of this worker that are not open yet
    waiting: VecDeque<(usize, PathBuf, PartitionSlot)>,
    tails: Vec<Tail>,
    /// which file's turn it is
    turn: usize,
    look_at: Instant,
}

/// An open file.
struct Tail {
    place: usize,
    path: PathBuf,
    slot: PartitionSlot,
    input: Input,
    /// none of what cannot be renamed
    identity: Option<Identity>,
    lines: Lines,
    /// when there was something to read
    active_at: Instant,
    poll_at: Instant,
    check_at: Instant,
}

enum Input {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Piped(Piped),
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// There may be more at once.
    Read,
    /// Nothing for now.
    Quiet,
    /// Nothing, ever.
    Over,
}

impl Reader for FileReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        self.look(intake)?;
        loop {
            let mut any = false;
            let mut turns = self.tails.len();
            while turns > 0 {
                if intake.is_full() {
                    return Ok(Progress::More);
                }
                turns -= 1;
                self.turn = if self.turn + 1 < self.tails.len() { self.turn + 1 } else { 0 };
                let Some(tail) = self.tails.get_mut(self.turn) else { break };
                match tail.step(&self.shared, intake)? {
                    Step::Read => any = true,
                    Step::Quiet => {}
                    Step::Over => {
                        let tail = self.tails.swap_remove(self.turn);
                        if let Some(identity) = tail.identity {
                            let mut catalogue = self.shared.catalogue();
                            catalogue.held.remove(&tail.place);
                            catalogue.done.insert(identity);
                        }
                        self.open_waiting()?;
                        any = true;
                    }
                }
            }
            if !any {
                break;
            }
        }
        let endless = self.shared.follow && self.shared.pattern != STDIN;
        Ok(if self.tails.is_empty() && !endless { Progress::Finished } else { Progress::Idle })
    }
}

impl FileReader {
    /// Takes on what is new and this worker's.
    fn look(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let now = Instant::now();
        if now < self.look_at {
            return Ok(());
        }
        self.look_at = now + CHECK_EVERY;
        let mut catalogue = self.shared.catalogue();
        if self.shared.follow && catalogue.scanned.is_none_or(|at| now.saturating_duration_since(at) >= SCAN_EVERY) {
            self.shared.scan(&mut catalogue)?;
        }
        let new = catalogue.files.iter().enumerate().skip(self.known);
        for (place, path) in new.filter(|(place, _)| place % self.workers == self.worker) {
            // its place is taken at once, so that the watermark waits for every file's first lines
            let slot = intake.partition(u32::try_from(place).unwrap_or(u32::MAX));
            self.waiting.push_back((place, path.clone(), slot));
        }
        self.known = catalogue.files.len();
        drop(catalogue);
        self.open_waiting()
    }

    fn open_waiting(&mut self) -> Result<(), SourceError> {
        while self.shared.follow || self.tails.len() < MAX_OPEN {
            let Some((place, path, slot)) = self.waiting.pop_front() else { break };
            self.tails.extend(Tail::open(&self.shared, place, path, slot)?);
        }
        Ok(())
    }
}

impl Tail {
    /// `None` where a file that was there is gone.
    fn open(shared: &Shared, place: usize, path: PathBuf, slot: PartitionSlot) -> Result<Option<Self>, SourceError> {
        let (input, identity) = if shared.pattern == STDIN {
            (
                Input::Piped(Piped::new(io::stdin()).map_err(|error| shared.failed(&path, "cannot be read", error))?),
                None,
            )
        } else {
            match Input::open(&path) {
                Ok((input, identity)) => (input, identity),
                Err(error) if error.kind() == io::ErrorKind::NotFound && shared.follow => {
                    // it keeps its partition for when it comes back
                    let mut catalogue = shared.catalogue();
                    if let Some(file) = catalogue.files.get_mut(place) {
                        *file = PathBuf::new();
                    }
                    return Ok(None);
                }
                Err(error) => return Err(shared.failed(&path, "cannot be opened", error)),
            }
        };
        if let Some(identity) = identity {
            shared.catalogue().held.insert(place, identity);
        }
        tracing::info!(source = %shared.name, partition = place, path = %path.display(), "reading");
        let now = Instant::now();
        let lines = Lines::new(shared.max_record_bytes);
        Ok(Some(Tail { place, path, slot, input, identity, lines, active_at: now, poll_at: now, check_at: now }))
    }

    /// Hands over what has been read already, or else reads on.
    fn step(&mut self, shared: &Shared, intake: &mut Intake) -> Result<Step, SourceError> {
        let now = Instant::now();
        if now < self.poll_at {
            return Ok(Step::Quiet);
        }
        if self.hand_over(intake) {
            return Ok(Step::Read);
        }
        match self.lines.fill(&mut self.input) {
            Ok(0) => {}
            Ok(_) => {
                self.active_at = now;
                self.hand_over(intake);
                return Ok(Step::Read);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Step::Quiet),
            Err(error) => return Err(shared.failed(&self.path, "cannot be read", error)),
        }
        let Input::Plain(file) = &mut self.input else {
            self.hand_over_rest(intake);
            return Ok(Step::Over);
        };
        if !shared.follow {
            self.hand_over_rest(intake);
            return Ok(Step::Over);
        }
        self.poll_at = now + POLL_EVERY;
        if now < self.check_at {
            return Ok(Step::Quiet);
        }
        self.check_at = now + CHECK_EVERY;
        self.lines.shrink();
        let failed = |error| shared.failed(&self.path, "cannot be read", error);
        if file.metadata().map_err(failed)?.len() < self.lines.end() {
            tracing::info!(source = %shared.name, path = %self.path.display(), "the file was cut; reading it anew");
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            self.hand_over_rest(intake);
            self.lines.restart();
            return Ok(Step::Read);
        }
        let now_there = self.path.metadata().ok().map(|metadata| identity(&metadata));
        let replaced = now_there.is_some() && now_there != self.identity;
        if replaced && now.saturating_duration_since(self.active_at) >= GRACE {
            return self.move_on(shared, intake);
        }
        Ok(Step::Quiet)
    }

    /// Leaves a file that was replaced for the one in its place.
    fn move_on(&mut self, shared: &Shared, intake: &mut Intake) -> Result<Step, SourceError> {
        let (input, identity) = match Input::open(&self.path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Step::Quiet),
            Err(error) => return Err(shared.failed(&self.path, "cannot be opened", error)),
        };
        tracing::info!(source = %shared.name, path = %self.path.display(), "the file was replaced; reading the new one");
        self.hand_over_rest(intake);
        self.lines.restart();
        let mut catalogue = shared.catalogue();
        catalogue.done.extend(self.identity);
        if let Some(identity) = identity {
            catalogue.held.insert(self.place, identity);
        }
        drop(catalogue);
        (self.input, self.identity) = (input, identity);
        self.active_at = Instant::now();
        self.poll_at = self.active_at;
        Ok(Step::Read)
    }

    /// Hands over whole lines until the intake is full; true where that was before the last.
    fn hand_over(&mut self, intake: &mut Intake) -> bool {
        let mut any = false;
        while !intake.is_full() {
            let Some((line, next_offset)) = self.lines.next() else {
                if any {
                    intake.skip_to(self.slot, self.lines.offset);
                }
                return false;
            };
            any = true;
            intake.record(self.slot, next_offset, None, self.lines.bytes(line));
        }
        true
    }

    /// Hands over a last line that no newline ends.
    fn hand_over_rest(&mut self, intake: &mut Intake) {
        if let Some((line, next_offset)) = self.lines.rest() {
            intake.record(self.slot, next_offset, None, self.lines.bytes(line));
        }
    }
}

impl Input {
    fn open(path: &Path) -> io::Result<(Input, Option<Identity>)> {
        if path.metadata()?.file_type().is_fifo() {
            // opening it waits for a writer, reading it for what is written: both on a thread
            let path = path.to_owned();
            return Ok((Input::Piped(Piped::opened(move || File::open(path))?), None));
        }
        let file = File::open(path)?;
        let identity = identity(&file.metadata()?);
        let gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let input =
            if gzip { Input::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(file)))) } else { Input::Plain(file) };
        Ok((input, Some(identity)))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Plain(file) => file.read(buffer),
            Input::Gzip(decoder) => decoder.read(buffer),
            Input::Piped(piped) => piped.read(buffer),
        }
    }
}

/// What can only be read by waiting, read by a thread of its own.
struct Piped {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Piped {
    fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        Self::opened(|| Ok(input))
    }

    fn opened<R: Read>(open: impl FnOnce() -> io::Result<R> + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = bounded(4);
        // ends with its input; one that never ends dies with the process
        std::thread::Builder::new().name("pipe".into()).spawn(move || {
            let mut input = match open() {
                Ok(input) => input,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            let mut buffer = vec![0; CHUNK];
            loop {
                let read = match input.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => Ok(buffer.iter().copied().take(read).collect()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    break;
                }
            }
        })?;
        Ok(Piped { chunks, chunk: Vec::new(), at: 0 })
    }
}

impl Read for Piped {
    /// Fails with `WouldBlock` instead of waiting.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.chunk = match self.chunks.try_recv() {
                Ok(chunk) => chunk?,
                Err(TryRecvError::Empty) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryRecvError::Disconnected) => return Ok(0),
            };
            self.at = 0;
        }
        let read = (&self.chunk[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Cuts what is read into lines, without ever holding much more than the longest that is allowed.
struct Lines {
    buffer: Vec<u8>,
    /// where what has not been handed over begins
    start: usize,
    /// up to where there is no newline
    searched: usize,
    /// the position in the file of `start`
    offset: i64,
    max: usize,
    /// in a line that was handed over already because of its length
    skipping: bool,
}

impl Lines {
    fn new(max: usize) -> Self {
        Lines { buffer: Vec::new(), start: 0, searched: 0, offset: 0, max, skipping: false }
    }

    /// Begins anew, with an empty buffer, at the start of a file.
    fn restart(&mut self) {
        *self = Lines::new(self.max);
    }

    /// The position in the file up to which it has been read.
    fn end(&self) -> u64 {
        u64::try_from(self.offset).unwrap_or(0) + (self.buffer.len() - self.start) as u64
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Reads once; 0 at the end.
    fn fill(&mut self, input: &mut impl Read) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + CHUNK, 0);
        let read = loop {
            match input.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(held + read.as_ref().copied().unwrap_or(0));
        read
    }

    /// The next whole line and the position after it.
    fn next(&mut self) -> Option<(Range<usize>, i64)> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let newline = self.searched + at;
                let line = self.advance(newline + 1, newline);
                if !std::mem::take(&mut self.skipping) {
                    return Some((line, self.offset));
                }
                continue;
            }
            let end = self.buffer.len();
            self.searched = end;
            if self.skipping {
                self.advance(end, end);
            } else if end - self.start > self.max.saturating_add(1) {
                self.skipping = true;
                let line = self.advance(end, end);
                return Some((line, self.offset));
            }
            return None;
        }
    }

    /// What is left at the end.
    fn rest(&mut self) -> Option<(Range<usize>, i64)> {
        let end = self.buffer.len();
        if self.skipping || self.start == end {
            return None;
        }
        let line = self.advance(end, end);
        Some((line, self.offset))
    }

    /// Goes on at `next`; what came before, up to `end`, as it is handed over: without a carriage return, and no
    /// longer than shows that it is too long.
    fn advance(&mut self, next: usize, end: usize) -> Range<usize> {
        let start = self.start;
        self.start = next;
        self.searched = next;
        self.offset += i64::try_from(next - start).unwrap_or(0);
        let end = if self.buffer[start..end].ends_with(b"\r") { end - 1 } else { end };
        start..end.min(start.saturating_add(self.max).saturating_add(1))
    }

    /// Gives back memory.
    fn shrink(&mut self) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &[u8], max: usize, reads: usize) -> Vec<(Vec<u8>, i64)> {
        let mut lines = Lines::new(max);
        let mut out = Vec::new();
        let mut input = text;
        loop {
            let read = lines.fill(&mut (&mut input).take(reads as u64)).unwrap();
            while let Some((line, offset)) = lines.next() {
                out.push((lines.bytes(line).to_vec(), offset));
            }
            assert!(lines.buffer.len() - lines.start <= max + 1);
            if read == 0 {
                break;
            }
        }
        out.extend(lines.rest().map(|(line, offset)| (lines.bytes(line).to_vec(), offset)));
        assert_eq!(lines.end(), text.len() as u64);
        out
    }

    #[test]
    fn lines_end_with_either_newline_or_the_file() {
        let expected: [(&[u8], i64); 4] = [(b"one", 5), (b"", 6), (b"t\rwo", 11), (b"three", 16)];
        for reads in 1..20 {
            let lines = cut(b"one\r\n\nt\rwo\nthree", 100, reads);
            assert_eq!(lines.iter().map(|(line, at)| (&line[..], *at)).collect::<Vec<_>>(), expected, "{reads}");
        }
        assert!(cut(b"", 100, 1).is_empty());
    }

    #[test]
    fn long_lines_are_cut_and_counted_once() {
        let text = [&b"x".repeat(50)[..], b"\nab\n", &b"y".repeat(5), b"\r\n", &b"z".repeat(6)].concat();
        for reads in 1..80 {
            let lines = cut(&text, 5, reads);
            let lines: Vec<&[u8]> = lines.iter().map(|(line, _)| &line[..]).collect();
            assert_eq!(lines, [&b"xxxxxx"[..], b"ab", b"yyyyy", b"zzzzzz"], "{reads}");
        }
    }

    proptest! {
        #[test]
        fn cutting_does_not_depend_on_how_it_is_read(text in "[ab\r\n]{0,60}", max in 0_usize..10, reads in 1_usize..20) {
            let expected: Vec<Vec<u8>> = text
                .split_inclusive('\n')
                .map(|line| line.strip_suffix('\n').unwrap_or(line))
                .map(|line| line.strip_suffix('\r').unwrap_or(line).bytes().take(max + 1).collect())
                .collect();
            let lines: Vec<Vec<u8>> = cut(text.as_bytes(), max, reads).into_iter().map(|(line, _)| line).collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
