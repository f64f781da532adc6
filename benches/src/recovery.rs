//! Recovery: a job that goes on with its state, from the start of its process to its views with every row in them.

use std::{
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::exit,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use highwater_engine::{Intake, Job, Name, Positions, Progress, Query, Reader, Settings, Source, SourceError, hours};
use highwater_queries::Standard;

use crate::{
    cases::OneQuery,
    source::{ManyKeys, Order},
    usage::Meter,
};

/// A state that is gone on with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    pub(crate) case: &'static str,
    built_in_queries: bool,
    keys: usize,
    windows: usize,
    /// What it may take, in seconds; none is said of built-in queries, whose rows are larger and derive others.
    pub(crate) limit: Option<f64>,
}

/// About 100 MB and 1 GB on disk.
pub(crate) const RECOVERIES: [Recovery; 3] = [
    Recovery { case: "recovery-small", built_in_queries: false, keys: 10_000, windows: 200, limit: Some(2.0) },
    Recovery { case: "recovery-large", built_in_queries: false, keys: 100_000, windows: 200, limit: Some(10.0) },
    Recovery { case: "recovery-built-in", built_in_queries: true, keys: 500, windows: 200, limit: None },
];

/// What is kept for long enough to be recovered, and how many keys.
fn settings() -> Settings {
    Settings { max_keys: 1_000_000, retention: hours(1), ..Settings::default() }
}

impl Recovery {
    pub(crate) fn of(case: &str) -> Option<Self> {
        RECOVERIES.into_iter().find(|recovery| recovery.case == case)
    }

    fn query(&self) -> Box<dyn Query> {
        if self.built_in_queries { Box::new(Standard::default()) } else { Box::new(OneQuery) }
    }

    fn view(&self) -> &'static str {
        if self.built_in_queries { "service_stats_10s" } else { "tallies" }
    }

    fn rows(&self) -> usize {
        self.keys * self.windows
    }

    /// Commits the state.
    pub(crate) fn fill(&self, folder: &Path) -> Result<()> {
        let source = ManyKeys { keys: self.keys, windows: self.windows, order: Order::ByKey };
        let (settings, state) = (settings(), Some(folder.to_owned()));
        let job =
            Job { settings, sources: vec![Box::new(source)], queries: vec![self.query()], state, ..Job::default() };
        let running = job.start()?;
        let views = running.views();
        running.join()?;
        let rows = views.snapshot().view(self.view()).map_or(0, |view| view.len());
        ensure!(rows == self.rows(), "{rows} rows instead of {}", self.rows());
        Ok(())
    }

    /// Goes on with it; the first epoch that is seen must have all of it. Ends the process, since ending the job in good
    /// order is not measured.
    pub(crate) fn recover(&self, folder: &Path) -> Result<()> {
        let meter = Meter::start()?;
        let (settings, state) = (settings(), Some(folder.to_owned()));
        let job =
            Job { settings, sources: vec![Box::new(Silence)], queries: vec![self.query()], state, ..Job::default() };
        let running = job.start()?;
        let mut changes = running.views().subscribe();
        while running.views().published() == 0 {
            if changes.blocking_recv().is_err() {
                bail!("the job ended before it published anything");
            }
        }
        let rows = running.views().snapshot().view(self.view()).map_or(0, |view| view.len());
        ensure!(rows == self.rows(), "{rows} rows instead of {} in the first epoch", self.rows());
        writeln!(std::io::stdout(), "{}", meter.stop(rows as u64)?)?;
        exit(0)
    }
}

/// Where the state of a case is, and how large it is.
pub(crate) struct State {
    folder: tempfile::TempDir,
}

impl State {
    pub(crate) fn new() -> Result<Self> {
        Ok(State { folder: tempfile::tempdir().context("a folder for the state")? })
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn bytes(&self) -> Result<u64> {
        // blocks, in their fixed unit: the file is longer than what is written of it
        fs::read_dir(self.folder.path())?.map(|entry| Ok(entry?.metadata()?.blocks() * 512)).sum()
    }
}

/// A source from which nothing comes.
struct Silence;

impl Source for Silence {
    fn name(&self) -> Name {
        Name::from("silence")
    }

    fn open(&self, _: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(Silence))
    }
}

impl Reader for Silence {
    fn read(&mut self, _: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        Ok(Progress::Idle)
    }
}
