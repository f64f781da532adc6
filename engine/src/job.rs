//! [`Job`]: sources, queries and sinks put together and run.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::{
    Epoch, Name, Query, Timestamp,
    dataflow::Dataflow,
    metrics::{Metrics, SinkLabel},
    publish::{EpochChanges, Output, Views, publish},
    settings::Settings,
    sink::{DeadLetter, DeadLetterSink, Sink, SinkError},
    source::{Positions, Source, SourceError},
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
    /// Ways out: each takes the changes of one view.
    pub sinks: Vec<(Name, Box<dyn Sink>)>,
    /// Where records go that are no log; they are counted in any case.
    pub dead_letters: Option<Box<dyn DeadLetterSink>>,
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

/// Epochs that may wait for a sink.
const EGRESS_EPOCHS: usize = 4;

impl Job {
    /// Starts the workers, the publisher and a thread per sink.
    ///
    /// # Errors
    /// Where the dataflow runtime cannot start. A source that cannot be opened ends the job: see [`Running::join`].
    pub fn start(self) -> Result<Running, JobError> {
        let Job { settings, sources, queries, sinks, dead_letters, metrics } = self;
        let views = Views::default();
        let (outputs, received) = unbounded();
        let (letters, letters_received) = bounded(64);
        let tick_micros = i64::try_from(settings.tick.as_micros()).unwrap_or(i64::MAX).max(1);
        let workers = settings.workers.max(1);
        let shared = Arc::new(worker::Shared {
            settings,
            metrics: metrics.clone(),
            views: views.clone(),
            outputs,
            dead_letters: letters,
            flushed: AtomicU64::new(0),
            last_epoch: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            started: Instant::now(),
            // wall-clock ticks: an epoch's number rises across restarts too
            first_epoch: Epoch::try_from(Timestamp::now().as_micros() / tick_micros).unwrap_or(1).max(1),
        });
        let mut running = Running { views, metrics, shared, threads: Vec::new(), failure: Arc::new(Mutex::new(None)) };
        running.start_egress(sinks, dead_letters, received, letters_received);
        running.start_workers(workers, sources, queries)?;
        Ok(running)
    }
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

    /// Whether the job has been stopped or has failed.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Waits until everything has been read, or the job was stopped, and views and sinks have seen all of it.
    ///
    /// # Errors
    /// The first failure of a source or a sink.
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

    fn start_egress(
        &mut self,
        sinks: Vec<(Name, Box<dyn Sink>)>,
        dead_letters: Option<Box<dyn DeadLetterSink>>,
        outputs: Receiver<Output>,
        letters: Receiver<Vec<DeadLetter>>,
    ) {
        let (acks, acked) = unbounded::<(usize, Epoch)>();
        let count = sinks.len();
        let mut egress: Vec<Sender<Arc<EpochChanges>>> = Vec::new();
        for (number, (view, sink)) in sinks.into_iter().enumerate() {
            let (sender, receiver) = bounded(EGRESS_EPOCHS);
            egress.push(sender);
            let (acks, metrics, shared, failure) =
                (acks.clone(), self.metrics.clone(), self.shared.clone(), self.failure.clone());
            self.spawn("sink", move || {
                let done = drive_sink(sink, &view, &receiver, &metrics, |epoch| {
                    let _ = acks.send((number, epoch));
                });
                if let Err(error) = done {
                    fail(&shared, &failure, error.into());
                    // keep taking, so that the others can finish
                    receiver.iter().for_each(drop);
                }
            });
        }
        drop(acks);
        let (views, metrics, shared) = (self.views.clone(), self.metrics.clone(), self.shared.clone());
        self.spawn("publisher", move || {
            publish(&outputs, &views, &egress, &metrics, |snapshot| {
                if egress.is_empty() {
                    shared.flushed.store(snapshot.epoch, Ordering::Release);
                }
            });
        });
        let shared = self.shared.clone();
        self.spawn("acknowledger", move || {
            let mut flushed = vec![0; count];
            for (sink, epoch) in acked {
                if let Some(at) = flushed.get_mut(sink) {
                    *at = epoch;
                }
                shared.flushed.store(flushed.iter().copied().min().unwrap_or(0), Ordering::Release);
            }
        });
        let (shared, failure) = (self.shared.clone(), self.failure.clone());
        self.spawn("dead letters", move || {
            drive_dead_letters(dead_letters, &letters).unwrap_or_else(|error| fail(&shared, &failure, error.into()));
        });
    }

    fn start_workers(
        &mut self,
        workers: usize,
        sources: Vec<Box<dyn Source>>,
        queries: Vec<Box<dyn Query>>,
    ) -> Result<(), JobError> {
        let mut config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
        // merge arrangements while there is nothing else to do, or idle data would stay large
        differential_dataflow::configure(
            &mut config.worker,
            &differential_dataflow::Config { idle_merge_effort: Some(1000) },
        );
        let (shared, failure) = (self.shared.clone(), self.failure.clone());
        let guards = timely::execute(config, move |worker| {
            let dataflow = Dataflow::build(worker, &shared.settings, &shared.metrics, &queries, shared.outputs.clone());
            let opened: Result<Vec<_>, SourceError> = sources
                .iter()
                .map(|source| Ok((source.name(), source.open(worker.index(), worker.peers(), &Positions::new())?)))
                .collect();
            let readers = opened.unwrap_or_else(|error| {
                fail(&shared, &failure, error.into());
                Vec::new()
            });
            if let Err(error) = worker::run(worker, &shared, dataflow, readers) {
                fail(&shared, &failure, error.into());
            }
        })
        .map_err(JobError::Start)?;
        let shared = self.shared.clone();
        let failure = self.failure.clone();
        self.spawn("workers", move || {
            if guards.join().into_iter().any(|result| result.is_err()) {
                fail(&shared, &failure, JobError::Panicked("worker"));
            }
            shared.stop.store(true, Ordering::Relaxed);
            let _ = shared.outputs.send(Output::Over);
            let _ = shared.dead_letters.send(Vec::new());
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
    tracing::error!(error = %error, "the job fails");
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    shared.failed.store(true, Ordering::Relaxed);
    shared.stop.store(true, Ordering::Relaxed);
}

/// Writes what has come, flushes once, acknowledges, until the publisher is gone.
fn drive_sink(
    mut sink: Box<dyn Sink>,
    view: &Name,
    changes: &Receiver<Arc<EpochChanges>>,
    metrics: &Metrics,
    acknowledge: impl Fn(Epoch),
) -> Result<(), SinkError> {
    let written = metrics.sink_records.get_or_create(&SinkLabel { sink: sink.name().to_string() }).clone();
    while let Ok(first) = changes.recv() {
        let mut newest = first.epoch;
        for changes in std::iter::once(first).chain(changes.try_iter()) {
            newest = changes.epoch;
            for changed in changes.views.iter().filter(|changed| changed.view() == view) {
                let records = changed.upserts();
                written.inc_by(records.len() as u64);
                sink.write(newest, &records)?;
            }
        }
        sink.flush()?;
        acknowledge(newest);
    }
    Ok(())
}

fn drive_dead_letters(
    mut sink: Option<Box<dyn DeadLetterSink>>,
    letters: &Receiver<Vec<DeadLetter>>,
) -> Result<(), SinkError> {
    for letters in letters {
        if letters.is_empty() {
            break;
        }
        match &mut sink {
            Some(sink) => sink.write(&letters)?,
            None => {
                for letter in &letters {
                    tracing::debug!(source = %letter.source, partition = letter.partition, reason = %letter.reason,
                        "a record is no log");
                }
            }
        }
    }
    Ok(())
}
