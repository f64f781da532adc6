//! [`Job`]: sources, queries and sinks put together and run.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, bounded, unbounded};
use timely::worker::Worker;

use crate::{
    Epoch, Name, Query, Timestamp,
    cluster::{Cluster, Notice, Start, agree},
    dataflow::Dataflow,
    metrics::Metrics,
    profile::Profile,
    publish::{Output, Views, publish},
    settings::Settings,
    sink::{Sink, SinkError},
    source::{Source, SourceError},
    state::{Changelog, Committed, Committer, Delivery, Event, Keep, StateError, Store, deliver},
    worker,
};

/// A job before it runs: where logs come from, what is asked of them, where answers go.
#[derive(Default)]
pub struct Job {
    /// Time, bounds and width.
    pub settings: Settings,
    /// Ways in.
    pub sources: Vec<Box<dyn Source>>,
    /// What is asked.
    pub queries: Vec<Box<dyn Query>>,
    /// Ways out, each with the views whose changes it takes. Records that are no log go to those of them that take dead
    /// letters; they are counted in any case.
    pub sinks: Vec<(Vec<Name>, Box<dyn Sink>)>,
    /// The folder of the job's durable state, made where it is missing: with it the job goes on, after whatever ended
    /// it, exactly where it was. Without it everything is gone with the process but what sinks were told.
    pub state: Option<PathBuf>,
    /// Where durable state is kept besides, for a folder that may be gone with its machine.
    pub changelog: Option<Box<dyn Changelog>>,
    /// What the job counts about itself.
    pub metrics: Arc<Metrics>,
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A source failed for good.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A sink failed for good.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The job's durable state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The dataflow runtime did not start.
    #[error("the dataflow did not start: {0}")]
    Start(String),
    /// A thread of the job panicked: a bug.
    #[error("a thread of the job panicked ({0}); this is a bug in Highwater or in a query")]
    Panicked(&'static str),
}

/// A job that runs.
pub struct Running {
    views: Views,
    metrics: Arc<Metrics>,
    shared: Arc<worker::Shared>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
    failure: Arc<Mutex<Option<JobError>>>,
}

/// How long a job that ends waits for sinks that are behind: long, where they would never get the rest.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_IF_DURABLE: Duration = Duration::from_secs(5);

impl Job {
    /// Starts the workers, the publisher, the committer and a thread per sink.
    ///
    /// # Errors
    /// Where the durable state cannot be read, a sink cannot say what it holds, or the dataflow runtime cannot start. A
    /// source that cannot be opened ends the job: see [`Running::join`].
    pub fn start(self) -> Result<Running, JobError> {
        let Job { settings, sources, queries, sinks, state, changelog, metrics } = self;
        let (process, _) = settings.process();
        let store = match &state {
            _ if process > 0 => None,
            Some(folder) => Some(Arc::new(Store::open(folder, changelog)?)),
            None => Some(Arc::new(Store::in_memory()?)),
        };
        let views = Views::default();
        let (outputs, received) = unbounded();
        let (events, events_received) = unbounded();
        let workers = settings.workers.max(1);
        let shared = Arc::new(worker::Shared {
            settings,
            metrics: metrics.clone(),
            views: views.clone(),
            outputs,
            events,
            store,
            flushed: AtomicU64::new(0),
            last_epoch: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            stop: Arc::new(AtomicBool::new(false)),
            failed: AtomicBool::new(false),
        });
        let mut running = Running { views, metrics, shared, threads: Vec::new(), failure: Arc::new(Mutex::new(None)) };
        running.start_committer(sinks, events_received)?;
        running.start_publisher(received);
        running.start_workers(workers, sources, queries, state.is_some())?;
        Ok(running)
    }
}

/// Epochs are ticks of the wall clock, so that their numbers rise across restarts; where the clock was set back, they
/// rise still.
fn first_epoch(settings: &Settings, committed: Option<&Committed>) -> Epoch {
    let tick_micros = i64::try_from(settings.tick.as_micros()).unwrap_or(i64::MAX).max(1);
    let now = Epoch::try_from(Timestamp::now().as_micros() / tick_micros).unwrap_or(1).max(1);
    now.max(committed.map_or(0, |committed| committed.epoch + 1))
}

impl Running {
    /// The live views.
    pub fn views(&self) -> Views {
        self.views.clone()
    }

    /// What the job counts about itself.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Something that stops the job from anywhere: sources are read no further, what was read is finished.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + Clone + 'static {
        let shared = self.shared.clone();
        move || shared.stop.store(true, Ordering::Relaxed)
    }

    /// Something that tells from anywhere why the job fails, once it does.
    pub fn failure(&self) -> impl Fn() -> Option<String> + Send + Sync + Clone + 'static {
        let failure = self.failure.clone();
        move || failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string)
    }

    /// Whether the job has been stopped or has failed.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Waits until everything has been read, or the job was stopped, and views and sinks have seen all of it.
    ///
    /// # Errors
    /// The first failure of a source, a sink or the durable state.
    pub fn join(self) -> Result<(), JobError> {
        let Running { shared, threads, failure, .. } = self;
        drop(shared);
        for (name, thread) in threads {
            if thread.join().is_err() {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(JobError::Panicked(name));
            }
        }
        let failed = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), Err)
    }

    fn start_committer(
        &mut self,
        sinks: Vec<(Vec<Name>, Box<dyn Sink>)>,
        events: Receiver<Event>,
    ) -> Result<(), JobError> {
        // process 0 commits, and feeds the sinks
        let Some(store) = self.shared.store.clone() else { return Ok(()) };
        let Settings { commit_interval, max_outbox_bytes, .. } = self.shared.settings;
        let commit_span = self.shared.settings.commit_span();
        let mut committer = Committer::new(store.clone(), max_outbox_bytes, self.metrics.clone());
        for (views, mut sink) in sinks {
            if store.committed().is_some() {
                let empty = sink.empty_views()?;
                if !empty.is_empty() {
                    committer.forget(&sink.name(), &empty)?;
                }
            }
            let (wake, woken) = bounded(1);
            let number = committer.add_outlet(sink.name(), views, wake)?;
            if sink.takes_dead_letters() {
                committer.send_dead_letters_to(number);
            }
            let patience = if store.is_durable() { PATIENCE_IF_DURABLE } else { PATIENCE };
            let (store, metrics, stopping) = (store.clone(), self.metrics.clone(), self.shared.stop.clone());
            self.start_sink(number, sink, Delivery { store, metrics, wake: woken, patience, stopping });
        }
        let (shared, failure) = (self.shared.clone(), self.failure.clone());
        self.spawn("committer", move || {
            let done = committer.run(&events, commit_interval, commit_span, |epoch| {
                shared.flushed.fetch_max(epoch, Ordering::AcqRel);
            });
            done.unwrap_or_else(|error| fail(&shared, &failure, error.into()));
        });
        Ok(())
    }

    fn start_sink(&mut self, number: usize, mut sink: Box<dyn Sink>, delivery: Delivery) {
        let (shared, failure) = (self.shared.clone(), self.failure.clone());
        self.spawn("sink", move || {
            let done = deliver(&mut *sink, &delivery, |epoch| {
                let _ = shared.events.send(Event::Delivered { sink: number, epoch });
            });
            done.unwrap_or_else(|error| fail(&shared, &failure, error.into()));
            let _ = shared.events.send(Event::SinkOver);
        });
    }

    fn start_publisher(&mut self, outputs: Receiver<Output>) {
        let (views, metrics, shared) = (self.views.clone(), self.metrics.clone(), self.shared.clone());
        self.spawn("publisher", move || {
            publish(&outputs, &views, &metrics, |snapshot, changes| {
                let (snapshot, changes) = (snapshot.clone(), changes.clone());
                let _ = shared.events.send(Event::Closed { changes, snapshot });
            });
            let _ = shared.events.send(Event::Over);
        });
    }

    fn start_workers(
        &mut self,
        workers: usize,
        sources: Vec<Box<dyn Source>>,
        queries: Vec<Box<dyn Query>>,
        durable: bool,
    ) -> Result<(), JobError> {
        let mut config = timely::Config {
            communication: communication(&self.shared.settings, workers),
            worker: timely::WorkerConfig::default(),
        };
        // merge arrangements while there is nothing else to do, or idle data would stay large
        differential_dataflow::configure(
            &mut config.worker,
            &differential_dataflow::Config { idle_merge_effort: Some(1000) },
        );
        let (shared, failure) = (self.shared.clone(), self.failure.clone());
        let guards = timely::execute(config, move |worker| {
            if let Err(error) = work(worker, &shared, &sources, &queries, durable, &failure) {
                fail(&shared, &failure, error);
            }
        })
        .map_err(JobError::Start)?;
        let (shared, failure) = (self.shared.clone(), self.failure.clone());
        self.spawn("workers", move || {
            if guards.join().into_iter().any(|result| result.is_err()) {
                fail(&shared, &failure, JobError::Panicked("worker"));
            }
            shared.stop.store(true, Ordering::Relaxed);
            let _ = shared.outputs.send(Output::Over);
        });
        Ok(())
    }

    fn spawn(&mut self, name: &'static str, body: impl FnOnce() + Send + 'static) {
        match std::thread::Builder::new().name(name.to_owned()).spawn(body) {
            Ok(thread) => self.threads.push((name, thread)),
            Err(error) => fail(&self.shared, &self.failure, JobError::Start(format!("thread {name}: {error}"))),
        }
    }
}

fn fail(shared: &worker::Shared, failure: &Mutex<Option<JobError>>, error: JobError) {
    tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the job fails");
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    shared.failed.store(true, Ordering::Relaxed);
    shared.stop.store(true, Ordering::Relaxed);
}

/// How workers reach each other.
fn communication(settings: &Settings, threads: usize) -> timely::CommunicationConfig {
    match &settings.cluster {
        Some(Cluster { process, addresses }) if addresses.len() > 1 => timely::CommunicationConfig::Cluster {
            threads,
            process: *process,
            addresses: addresses.clone(),
            report: false,
            zerocopy: false,
        },
        _ if threads == 1 => timely::CommunicationConfig::Thread,
        _ => timely::CommunicationConfig::Process(threads),
    }
}

/// One worker: its part of the dataflow, its readers, its loop.
fn work(
    worker: &mut Worker,
    shared: &Arc<worker::Shared>,
    sources: &[Box<dyn Source>],
    queries: &[Box<dyn Query>],
    durable: bool,
    failure: &Mutex<Option<JobError>>,
) -> Result<(), JobError> {
    let (settings, metrics) = (&shared.settings, &shared.metrics);
    let committed = shared.store.as_ref().and_then(|store| store.committed().cloned());
    let start = agree(worker, Start { first_epoch: first_epoch(settings, committed.as_ref()), committed });
    let restored = start.committed.as_ref().map(|committed| committed.epoch);
    let keep = Keep { events: shared.events.clone(), durable, restored, threads: settings.workers.max(1) };
    let noticing = shared.clone();
    let noticed = move |notice: &Notice| noticing.noticed(notice);
    let mut profile = Profile::of(worker, metrics.clone());
    let dataflow = Dataflow::build(worker, settings, metrics, queries, shared.outputs.clone(), keep, noticed);
    profile.belong(dataflow.parts());
    let open = |source: &dyn Source| {
        let committed = start.committed.as_ref();
        let resume = committed.map(|committed| committed.positions(&source.name())).unwrap_or_default();
        Ok((source.name(), source.open(worker.index(), worker.peers(), &resume)?))
    };
    let opened: Result<Vec<_>, SourceError> = sources.iter().map(|source| open(&**source)).collect();
    // the other workers need this one to end in order
    let readers = opened.unwrap_or_else(|error| {
        fail(shared, failure, error.into());
        Vec::new()
    });
    worker::run(worker, shared, dataflow, readers, &start, profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_rise_across_restarts_whatever_the_clock_does() {
        let settings = Settings::default();
        let now = first_epoch(&settings, None);
        let committed = |epoch| Committed { epoch, ..Committed::default() };
        assert!(first_epoch(&settings, Some(&committed(now - 1000))) >= now);
        let set_back_by_a_day = committed(now + 864_000);
        assert_eq!(first_epoch(&settings, Some(&set_back_by_a_day)), now + 864_001);
    }
}
