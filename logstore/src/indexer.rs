//! [`Indexer`]: the one thread that follows the sources and writes.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use highwater_engine::{Follower, Name, Positions, Settings, Source, Stretch, Timestamp};
use prometheus_client::registry::Registry;
use tantivy::{IndexWriter, indexer::UserOperation};

use crate::{
    LogStore, StoreError, StoreSettings, StoredLog,
    entry::{Entry, stream},
    log,
    metrics::Metrics,
    room::Room,
    slice::{Commit, Disk, Slice, SourcePositions, plain_disk},
    slices::Slices,
    store::Shared,
    tail::Listeners,
};

/// Reads sources and adds what it reads to the store, until it is dropped. Where something fails it begins again at
/// the newest commit, for as long as it takes.
pub struct Indexer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Opens the store and begins to follow the sources where it ends. `engine` says how records are read.
    ///
    /// # Errors
    /// Where the folder cannot be used: another process has it, or it is not what this version wrote.
    pub fn start(
        sources: Vec<Box<dyn Source>>,
        engine: Settings,
        settings: StoreSettings,
        registry: &mut Registry,
    ) -> Result<(Indexer, LogStore), StoreError> {
        Indexer::start_on(plain_disk(), sources, engine, settings, registry)
    }

    pub(crate) fn start_on(
        disk: Disk,
        sources: Vec<Box<dyn Source>>,
        engine: Settings,
        settings: StoreSettings,
        registry: &mut Registry,
    ) -> Result<(Indexer, LogStore), StoreError> {
        settings.check()?;
        let slices = Slices::open(&settings.path, disk)?;
        let found = slices.newest().map(|slice| slice.last_commit().positions).unwrap_or_default();
        let listeners = Listeners::new(&found);
        let shared = Shared { slices, listeners, report: Default::default(), settings };
        let shared = Arc::new(shared);
        let store = LogStore::new(shared.clone());
        let (stop, stopped) = bounded(0);
        let metrics = Metrics::register(registry);
        let work = Work { shared, sources, engine, metrics, stopped, merging: None };
        let thread = std::thread::Builder::new().name("log-store".to_owned()).spawn(move || {
            give_way();
            work.run();
        });
        let thread = thread.map_err(StoreError::io("thread"))?;
        Ok((Indexer { stop: Some(stop), thread: Some(thread) }, store))
    }
}

/// Where there is not enough CPU for all, views, alerts and answers come first, and searches find logs somewhat later: the
/// niceness of this thread, which those that it starts inherit. Elsewhere than on Linux it would be the whole process's.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "the log store's threads are as important as others");
    }
}

impl Drop for Indexer {
    /// Commits what was read, and ends.
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the log store's thread has panicked");
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    sources: Vec<Box<dyn Source>>,
    engine: Settings,
    metrics: Metrics,
    /// disconnected to stop this
    stopped: Receiver<()>,
    /// ends the merges of the slice before
    merging: Option<JoinHandle<()>>,
}

/// Longest that a look for new logs waits: how soon a stop is seen.
const PATIENCE: Duration = Duration::from_millis(20);

/// Waits after a failure: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Batches on their way into the index.
const BATCHES_UNDER_WAY: usize = 16;

/// Longest that the index may take for them, before it counts as stuck.
const INDEX_PATIENCE: Duration = Duration::from_secs(120);

/// Who has found more to read for longer than this is behind.
const CATCHING_UP: Duration = Duration::from_secs(2);

/// How often it is committed that logs were read of which none is kept.
const IDLE_COMMIT: Duration = Duration::from_secs(30);

impl Work {
    fn run(mut self) {
        let _end = End(self.shared.clone());
        let mut backoff = BACKOFF.0;
        loop {
            let start = Instant::now();
            let Err(error) = self.follow() else { break };
            // one that has worked for a while begins anew with its patience
            if start.elapsed() > BACKOFF.1 {
                backoff = BACKOFF.0;
            }
            tracing::warn!(
                error = &error as &(dyn std::error::Error + 'static),
                "the log store cannot add logs; it tries again"
            );
            self.metrics.failures.inc();
            self.shared.report.lock().failure = Some(error.to_string());
            if self.stopped.recv_timeout(backoff) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Goes on from the newest commit until it is stopped.
    fn follow(&mut self) -> Result<(), StoreError> {
        let mut writing = Writing::open(self.newest_slice()?, &self.shared.settings)?;
        self.shared.listeners.found(&writing.commit.positions);
        let resume = writing.commit.positions.iter();
        let resume: BTreeMap<Name, Positions> =
            resume.map(|(source, positions)| (Name::from(source.as_str()), positions.clone())).collect();
        let mut follower = Follower::open(&self.sources, &self.engine, &resume)?;
        loop {
            let is_stopped = self.stopped.try_recv() == Err(TryRecvError::Disconnected);
            let stretch = if is_stopped { None } else { follower.next(PATIENCE)? };
            let is_idle = stretch.is_none();
            if let Some(stretch) = stretch {
                self.add(&mut writing, &stretch)?;
            }
            if writing.is_due(&self.shared.settings) || ((is_stopped || follower.is_finished()) && writing.is_ahead()) {
                self.commit(&mut writing, &mut follower)?;
            }
            if is_stopped {
                return Ok(());
            }
            self.report(&mut writing, is_idle, follower.is_finished());
            if is_idle {
                self.tidy(&mut writing)?;
            }
            if is_idle && follower.is_finished() {
                let _ = self.stopped.recv_timeout(PATIENCE);
            }
        }
    }

    fn newest_slice(&self) -> Result<Arc<Slice>, StoreError> {
        match self.shared.slices.newest() {
            Some(slice) => {
                slice.reread()?;
                Ok(slice)
            }
            None => self.shared.slices.begin(),
        }
    }

    fn add(&self, writing: &mut Writing, stretch: &Stretch) -> Result<(), StoreError> {
        let permit = writing.room.take(INDEX_PATIENCE).ok_or_else(stuck)?;
        // whole milliseconds are kept
        let ingested_at = Timestamp::from_millis(Timestamp::now().as_micros() / 1000);
        let mut heard = self.shared.listeners.expect(&stretch.source, &stretch.positions).then(Vec::new);
        let mut entries = Vec::with_capacity(stretch.logs.len());
        let mut streams: BTreeMap<u32, Arc<str>> = BTreeMap::new();
        for (id, log) in log::places(stretch) {
            let micros = log.latency_micros();
            let (log, template) = log::stored(id, log, ingested_at);
            if let Some(heard) = &mut heard {
                heard.push(log.clone());
            }
            if self.shared.settings.keep.wants(&log) {
                let stream = streams.entry(id.partition).or_insert_with(|| stream(&id).into()).clone();
                writing.commit.add(log.timestamp);
                entries.push(UserOperation::Add(Entry::new(log, template, micros, stream, &permit)));
            }
        }
        self.tell(heard);
        let (kept, read) = (entries.len() as u64, stretch.logs.len() as u64);
        self.metrics.left_out.inc_by(read - kept);
        writing.writer.run(entries)?;
        writing.added += kept;
        writing.reach(stretch);
        Ok(())
    }

    fn tell(&self, heard: Option<Vec<StoredLog>>) {
        if let Some(logs) = heard.filter(|logs| !logs.is_empty()) {
            self.shared.listeners.tell(&logs.into());
        }
    }

    fn commit(&mut self, writing: &mut Writing, follower: &mut Follower) -> Result<(), StoreError> {
        let start = Instant::now();
        writing.slice.commit(&mut writing.writer, writing.commit.clone())?;
        self.shared.listeners.found(&writing.commit.positions);
        self.metrics.commit_seconds.observe(start.elapsed().as_secs_f64());
        self.metrics.indexed.inc_by(writing.added);
        (writing.added, writing.moved, writing.committed_at) = (0, false, Instant::now());
        self.shared.report.lock().failure = None;
        let positions = writing.commit.positions.iter();
        let positions = positions.map(|(source, positions)| (Name::from(source.as_str()), positions.clone())).collect();
        follower.commit(&positions)?;
        if writing.is_full(&self.shared.settings) {
            self.begin_slice(writing)?;
        }
        self.tidy(writing)
    }

    /// Begins a new slice; what is left to be merged of the one before is merged beside.
    fn begin_slice(&mut self, writing: &mut Writing) -> Result<(), StoreError> {
        let next = Writing::open(self.shared.slices.begin()?, &self.shared.settings)?;
        let full = std::mem::replace(writing, next);
        tracing::info!(slice = full.slice.number, logs = full.commit.logs, "a slice of the log store is full");
        if let Some(merging) = self.merging.take() {
            let _ = merging.join();
        }
        let thread = std::thread::Builder::new().name("log-store-merge".to_owned());
        let merging = thread.spawn(move || {
            let done = full.writer.wait_merging_threads().map_err(StoreError::from).and_then(|()| full.slice.refresh());
            if let Err(error) = done {
                tracing::warn!(%error, "a full slice of the log store stays as it is, unmerged");
            }
        });
        self.merging = Some(merging.map_err(StoreError::io("thread"))?);
        Ok(())
    }

    /// Lets go what is too old, and sees what was merged, at most so often as commits may come.
    fn tidy(&self, writing: &mut Writing) -> Result<(), StoreError> {
        if writing.tidied_at.is_some_and(|at| at.elapsed() < self.shared.settings.commit_interval) {
            return Ok(());
        }
        writing.tidied_at = Some(Instant::now());
        if writing.slice.is_stale()? {
            writing.slice.refresh()?;
        }
        self.shared.slices.retire(&self.shared.settings)?;
        let slices = self.shared.slices.all();
        let bytes: u64 = slices.iter().map(|slice| slice.bytes()).sum();
        self.metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.slices.set(slices.len() as i64);
        Ok(())
    }

    fn report(&self, writing: &mut Writing, is_idle: bool, is_finished: bool) {
        let is_all = is_idle && !writing.is_ahead();
        if is_idle {
            writing.read_all_at = Instant::now();
        }
        let newest = writing.commit.newest().filter(|_| writing.read_all_at.elapsed() > CATCHING_UP);
        let behind = newest.map(|newest| Timestamp::now().since(newest));
        self.metrics.behind_ms.set(behind.map_or(0, |behind| i64::try_from(behind.as_millis()).unwrap_or(i64::MAX)));
        let mut said = self.shared.report.lock();
        said.behind = behind;
        said.finished = is_all && is_finished;
        if is_all {
            said.failure = None;
        }
    }
}

/// The end of the thread, however it comes.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.report.lock().failure = Some("the log store's thread has panicked; a new start goes on".to_owned());
        }
        self.0.listeners.close();
    }
}

fn stuck() -> StoreError {
    StoreError::Index(tantivy::TantivyError::ErrorInThread("the index takes no more logs".to_owned()))
}

/// The slice that is written to, and what the next commit will say.
struct Writing {
    slice: Arc<Slice>,
    writer: IndexWriter<Entry>,
    commit: Commit,
    room: Room,
    /// logs since the last commit
    added: u64,
    /// whether anything was read since the last commit
    moved: bool,
    committed_at: Instant,
    /// when there was last nothing to read
    read_all_at: Instant,
    tidied_at: Option<Instant>,
}

impl Writing {
    fn open(slice: Arc<Slice>, settings: &StoreSettings) -> Result<Self, StoreError> {
        Ok(Writing {
            writer: slice.writer(settings.memory)?,
            commit: slice.last_commit(),
            slice,
            room: Room::new(BATCHES_UNDER_WAY),
            added: 0,
            moved: false,
            committed_at: Instant::now(),
            read_all_at: Instant::now(),
            tidied_at: None,
        })
    }

    fn reach(&mut self, stretch: &Stretch) {
        let positions: &mut SourcePositions = &mut self.commit.positions;
        let reached = stretch.positions.iter().map(|(partition, offset)| (*partition, *offset));
        positions.entry(stretch.source.to_string()).or_default().extend(reached);
        self.moved = true;
    }

    fn is_ahead(&self) -> bool {
        self.added > 0 || self.moved
    }

    fn is_due(&self, settings: &StoreSettings) -> bool {
        let waited = self.committed_at.elapsed();
        (self.added > 0 && waited >= settings.commit_interval) || (self.moved && waited >= IDLE_COMMIT)
    }

    fn is_full(&self, settings: &StoreSettings) -> bool {
        let is_old = Timestamp::now().since(self.commit.began()) > settings.slice_time();
        let logs = self.commit.logs;
        logs > 0 && (is_old || logs >= settings.slice_logs || self.slice.bytes() >= settings.slice_bytes())
    }
}
