//! `highwater run`: a job as configured, from its start to its end.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use highwater_ask::Model;
use highwater_engine::{JobError, Source, Views, hours, metrics::Metrics};
use highwater_logstore::{Indexer, LogStore};
use highwater_server::{Bound, Ingest, Kept, ServeError, Server};
use tokio::{
    sync::{broadcast::error::RecvError, oneshot},
    time::MissedTickBehavior,
};

use crate::{
    check::{check_sinks, summary, views_of},
    cli, cluster,
    config::{self, Config, SinkTarget},
    logging,
    office::Office,
    signals, status,
    watch::Watch,
    wire::{self, Wired},
};

/// What the terminal says about a job.
pub(crate) struct Show {
    /// The first lines.
    pub(crate) title: String,
    /// How much past the sources bring along.
    pub(crate) history: Duration,
}

/// How often the status line is drawn where people watch, and where nobody does.
const REDRAW: Duration = Duration::from_millis(200);
const REPORT: Duration = Duration::from_secs(10);

/// Runs the job that a file describes.
///
/// # Errors
/// What is wrong with the configuration; why the job failed.
pub(crate) fn run(arguments: &cli::Run) -> anyhow::Result<()> {
    let mut config = config::load(&arguments.config, &arguments.common)?;
    let views = views_of(&config)?;
    check_sinks(&config, &views)?;
    config.settings.cluster = cluster::of(arguments)?;
    let title = format!("Highwater, as {} says\n\n{}\n", arguments.config.display(), summary(&config, &views));
    let history = config.sources.iter().filter_map(|source| match source {
        config::Source::Generator(generated) => Some(generated.history),
        _ => None,
    });
    let history = history.max().unwrap_or_default();
    operate(&config, &Show { title, history })
}

/// Runs a job to its end, by itself or by a signal.
///
/// # Errors
/// Why it could not start, or failed.
pub(crate) fn operate(config: &Config, show: &Show) -> anyhow::Result<()> {
    if writes_to_stdout(config) {
        status::leave_stdout();
    }
    logging::start(&config.logging.level, config.logging.style);
    logging::abort_on_panic();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("http")
        .enable_all()
        .build()
        .context("cannot start the HTTP server's threads")?;
    let _in_runtime = runtime.enter();
    let office = runtime.block_on(Office::open(config))?;
    let alerts = office.as_ref().and_then(Office::sink);
    let Wired { job, followed, ingest, sinks } = wire::wire(config, alerts)?;
    let began = Instant::now();
    let running = job.start()?;
    let (views, metrics) = (running.views(), running.metrics());
    let mut server = server(config, &views, &metrics, ingest.clone(), sinks);
    if let Some(office) = &office {
        office.furnish(config, &mut server);
    }
    server.failure = Some(Arc::new(running.failure()));
    let mut watch = Watch::new(show.history);

    let stopper = running.stopper();
    let store = match follow(config, followed, &mut server) {
        Ok(store) => store,
        Err(error) => {
            stopper();
            running.join()?;
            return Err(error);
        }
    };
    let stop = stopper.clone();
    let (ends, mut ended) = oneshot::channel::<Result<(), JobError>>();
    let wait = move || {
        // nobody waits only where this process ends anyway
        let _ = ends.send(running.join());
    };
    std::thread::Builder::new().name("job".to_owned()).spawn(wait).context("cannot start a thread")?;
    let (interrupt, mut interrupted) = oneshot::channel::<()>();
    let stopped = Arc::new(AtomicBool::new(false));
    let stops = stopped.clone();
    signals::on_stop(move || {
        stops.store(true, Ordering::Relaxed);
        let _ = interrupt.send(());
        stop();
    })?;

    // a connection is one; what the system gives at first is often less than the server takes
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the number of open files stays as it is");
    }
    let outcome = runtime.block_on(async {
        let bound = match config.listen {
            None => None,
            Some(address) => match server.bind(address).await {
                Ok(bound) => Some(bound),
                Err(error) => {
                    stopper();
                    let _ = (&mut ended).await;
                    return Err(not_listening(&error, address));
                }
            },
        };
        greet(show, config.http.scheme(), bound.as_ref().map(Bound::address), ingest.is_some());
        let (quit, quits) = oneshot::channel::<()>();
        let serving = bound.map(|bound| {
            tokio::spawn(bound.serve(async {
                let _ = quits.await;
            }))
        });
        let outcome = attend(&mut watch, &views, &metrics, &mut ended, &mut interrupted).await;
        let _ = quit.send(());
        if let Some(serving) = serving {
            serving.await.context("the HTTP server failed")??;
        }
        outcome
    });
    status::clear();
    if let Some(office) = office {
        runtime.block_on(office.close());
    }
    if let Some((indexer, logs)) = store {
        // another process of a cluster may have been told to stop, with sources that never end
        if outcome.is_ok() && config.settings.cluster.is_none() {
            catch_up(&logs, &stopped);
        }
        // what has been read can be found next time
        drop(indexer);
    }
    outcome?;
    status::say(&format!("ended: {}", watch.farewell(&metrics, began.elapsed())));
    Ok(())
}

/// Keeps logs to be searched, where that is configured.
///
/// # Errors
/// Where their folder cannot be used.
fn follow(
    config: &Config,
    sources: Vec<Box<dyn Source>>,
    server: &mut Server,
) -> anyhow::Result<Option<(Indexer, LogStore)>> {
    let Some(settings) = config.log_store() else { return Ok(None) };
    let (indexer, logs) = Indexer::start(sources, config.settings.clone(), settings, &mut server.registry)?;
    server.logs = Some(logs.clone());
    Ok(Some((indexer, logs)))
}

/// A job that has read all there is ends; the log store reads by itself, and may have more to read.
fn catch_up(logs: &LogStore, stopped: &AtomicBool) {
    let mut said = false;
    loop {
        let now = logs.status();
        if stopped.load(Ordering::Relaxed) || now.finished || now.failure.is_some() {
            return;
        }
        if !std::mem::replace(&mut said, true) {
            status::say("the job is done; its logs are still being indexed, which Ctrl-C ends");
        }
        let _ = crossbeam_channel::after(REDRAW).recv();
    }
}

/// Tells what happens until the job has ended.
async fn attend(
    watch: &mut Watch,
    views: &Views,
    metrics: &Metrics,
    ended: &mut oneshot::Receiver<Result<(), JobError>>,
    interrupted: &mut oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let mut changes = views.subscribe();
    watch.resync(&views.snapshot());
    let redrawn = status::is_terminal();
    let every = if redrawn { REDRAW } else { REPORT };
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut may_be_interrupted = true;
    let outcome = loop {
        tokio::select! {
            outcome = &mut *ended => break outcome,
            signalled = &mut *interrupted, if may_be_interrupted => {
                may_be_interrupted = false;
                if signalled.is_ok() {
                    status::say("stopping: what has been read is finished first; once more to stop at once");
                }
            }
            changed = changes.recv() => match changed {
                Ok(epoch) => watch.epoch(&epoch),
                Err(RecvError::Lagged(_)) => watch.resync(&views.snapshot()),
                // cannot be while `views` is there
                Err(RecvError::Closed) => {}
            },
            _ = clock.tick() => {
                let line = watch.line(&views.snapshot(), metrics);
                if redrawn { status::show(line) } else { status::say(&line) }
            }
        }
    };
    while let Ok(epoch) = changes.try_recv() {
        watch.epoch(&epoch);
    }
    watch.sum_up();
    Ok(outcome.map_err(|_| JobError::Panicked("job"))??)
}

fn server(
    config: &Config,
    views: &Views,
    metrics: &Arc<Metrics>,
    ingest: Option<Arc<dyn Ingest>>,
    sinks: Vec<String>,
) -> Server {
    let mut server = Server::new(views.clone(), metrics.clone());
    server.ingest = ingest;
    server.sinks = sinks;
    // process 0 keeps it
    server.durable = config.state.is_some() && config.is_first();
    server.login_required = config.login_required();
    server.open_registration = config.accounts.open_registration;
    server.hosts = config.hosts.clone();
    server.origins = config.http.origins.clone();
    server.proxies = config.http.proxies.clone();
    server.tls = config.http.tls.clone();
    server.rates = config.http.rates.clone();
    server.tick = config.settings.tick;
    let [ten_seconds, minutes, hour] = config.queries.rollups.kept(config.settings.retention);
    server.kept = Kept { ten_seconds: ten_seconds.min(hours(1)), minutes, hours: hour };
    server.trace_share = config.queries.service_graph.share;
    server.model = config.model.clone().map(|model| Arc::new(Model::new(model)));
    server.limits.record_bytes = config.settings.max_record_bytes;
    server
}

fn not_listening(error: &ServeError, address: SocketAddr) -> anyhow::Error {
    match error {
        ServeError::Bind { .. } => anyhow!("{error}: --listen {}:0 takes any free one", address.ip()),
        _ => anyhow!("{error}"),
    }
}

/// The first lines: what runs, and where to look.
fn greet(show: &Show, scheme: &str, address: Option<SocketAddr>, takes_logs: bool) {
    status::say(&show.title);
    let Some(address) = address else { return };
    status::say(&format!("listening on {scheme}://{address}"));
    // an address for all of the machine's is none to go to
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    let at = format!("{scheme}://{}", SocketAddr::new(ip, address.port()));
    status::say(&format!(
        "\n  look at  {at}/  and  {at}/docs\n  \
         curl {at}/health\n  \
         curl {at}/api/v1/views\n  \
         curl '{at}/api/v1/views/anomalies?limit=5'\n  \
         curl -N {at}/api/v1/views/alerts/changes"
    ));
    if takes_logs {
        status::say(&format!(
            "  curl -d '{{\"level\":\"ERROR\",\"service\":\"mine\",\"message\":\"hello\"}}' {at}/api/v1/logs"
        ));
    }
    status::say("\nCtrl-C ends it.\n");
}

fn writes_to_stdout(config: &Config) -> bool {
    config.sinks.iter().any(|sink| matches!(sink.to, SinkTarget::JsonLines(None)))
}
