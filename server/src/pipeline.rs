//! `/pipeline`: the dataflow itself, from its sources to its sinks, for whoever wants to know why it is slow.
//!
//! Figures are totals since the start: two answers make a rate, over the `seconds` of the workers between them.

use std::{collections::BTreeMap, sync::Arc};

use highwater_engine::{
    Epoch, Snapshot, Timestamp,
    format::Reason,
    metrics::{Metrics, PartitionLabel, ReasonLabel, SinkLabel},
    pipeline::{Mishap, Pace, Recent, WorkerReport},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Handle, Operation, Verb, of},
    operators::{Part, parts},
    rates::Class,
    reply::{Response, json_at},
    state::State,
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/pipeline"],
    tag: "Health",
    about: "The dataflow itself: sources, workers, operators and what they hold, commits and sinks",
    params: &[],
    body: None,
    answer: Answer::at_epoch(&[("application/json", Some(of::<Pipeline>))]),
    access: Access::Read,
    class: Class::Usual,
    handle: Handle::Views(pipeline),
}];

#[derive(Serialize, JsonSchema)]
struct Pipeline {
    /// What counts as now.
    timestamp: Timestamp,
    /// The last epoch that was published.
    epoch: Epoch,
    /// How long an epoch is meant to be, in seconds.
    tick_seconds: f64,
    /// Event time up to which all is known.
    watermark: Option<Timestamp>,
    /// From the end of an epoch to its being seen, in seconds.
    epoch_seconds: Quantiles,
    intake: IntakeCounts,
    /// The partitions that this process reads.
    sources: Vec<PartitionState>,
    /// The workers of this process.
    workers: Vec<WorkerTime>,
    /// The operators of each query or part of one, and of what carries all of them.
    parts: Vec<Part>,
    commits: Commits,
    sinks: Vec<SinkState>,
    /// The log store beside the dataflow, where there is one.
    log_store: Option<LogStoreState>,
}

/// Of the last few, in seconds; none where there was none yet.
#[derive(Serialize, JsonSchema)]
struct Quantiles {
    p50: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

/// What has come, in total.
#[derive(Serialize, JsonSchema)]
struct IntakeCounts {
    logs: u64,
    bytes: u64,
    /// Records that are no log, by reason.
    dead_letters: BTreeMap<&'static str, u64>,
    /// Partial aggregates that came after their window was gone.
    late_updates: u64,
    /// Keys beyond the bound of an aggregate, folded into `__other__`.
    keys_folded: u64,
}

#[derive(Serialize, JsonSchema)]
struct PartitionState {
    source: String,
    partition: u32,
    /// The worker that reads it.
    worker: usize,
    /// Where reading goes on.
    next_offset: Option<i64>,
    /// Records up to its end, where the source can tell.
    lag: Option<i64>,
    /// The newest event time that came.
    newest: Option<Timestamp>,
    /// What it says of the watermark.
    watermark: Option<Timestamp>,
    /// How far that is behind the wall clock, in seconds.
    delay_seconds: Option<f64>,
    pace: PartitionPace,
}

/// Active: logs come. Idle: not for a while, and the wall clock carries its watermark. Ended: none will come.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PartitionPace {
    Active,
    Idle,
    Ended,
}

/// What became of a worker's time, in seconds since its start.
#[derive(Serialize, JsonSchema)]
struct WorkerTime {
    worker: usize,
    /// All of it, up to its last report.
    seconds: f64,
    /// Reading records and making logs of them.
    reading_seconds: f64,
    /// In operators.
    operator_seconds: f64,
    /// Waiting for something to do.
    parked_seconds: f64,
    /// Time in which it read nothing, because what was read was not seen or committed yet.
    held_back_seconds: f64,
}

#[derive(Serialize, JsonSchema)]
struct Commits {
    /// Whether they outlive the process.
    durable: bool,
    /// The newest epoch that is committed; none before the first.
    epoch: Option<Epoch>,
    /// How old that is, in seconds.
    age_seconds: Option<f64>,
    /// How long one takes, in seconds.
    seconds: Quantiles,
}

#[derive(Serialize, JsonSchema)]
struct SinkState {
    name: String,
    /// Handed over.
    records: u64,
    /// Attempts that had to be repeated.
    retries: u64,
    /// Bytes that wait for it.
    waiting_bytes: i64,
    last_failure: Option<SinkFailure>,
}

/// Why a sink had to try again last.
#[derive(Serialize, JsonSchema)]
struct SinkFailure {
    at: Timestamp,
    what: String,
}

#[derive(Serialize, JsonSchema)]
struct LogStoreState {
    /// Logs that can be found.
    logs: u64,
    /// Bytes on disk.
    bytes: u64,
    slices: usize,
    /// How far it is behind, in seconds; none where it is not.
    behind_seconds: Option<f64>,
    /// Why no logs are added now.
    failure: Option<String>,
}

fn pipeline(call: &Call, snapshot: &Snapshot) -> Result<Response, Problem> {
    let state = &*call.state;
    let metrics = &*state.metrics;
    let (now, workers) = (Timestamp::now(), metrics.pipeline.workers());
    let answer = Pipeline {
        timestamp: now,
        epoch: snapshot.epoch,
        tick_seconds: state.tick.as_secs_f64(),
        watermark: Some(snapshot.watermark).filter(|at| snapshot.epoch > 0 && *at > Timestamp::MIN),
        epoch_seconds: Quantiles::of(&metrics.pipeline.epochs),
        intake: intake(metrics),
        sources: sources(metrics, &workers, now),
        workers: workers.iter().map(|worker| time(worker)).collect(),
        parts: parts(&workers),
        commits: commits(state),
        sinks: state.sinks.iter().map(|name| sink(metrics, name)).collect(),
        log_store: state.logs.as_ref().map(|logs| log_store(logs.status())),
    };
    Ok(json_at(snapshot.epoch, &answer))
}

impl Quantiles {
    fn of(recent: &Recent) -> Self {
        let at = |share| recent.quantile(share).map(|took| took.as_secs_f64());
        Quantiles { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

fn intake(metrics: &Metrics) -> IntakeCounts {
    let count = |reason: Reason| {
        let label = ReasonLabel { reason: reason.label().to_owned() };
        Some((reason.label(), metrics.dead_letters.get(&label)?.get()))
    };
    IntakeCounts {
        logs: metrics.logs.get(),
        bytes: metrics.log_bytes.get(),
        dead_letters: Reason::ALL.into_iter().filter_map(count).collect(),
        late_updates: metrics.late_updates.get(),
        keys_folded: metrics.keys_folded.get(),
    }
}

fn sources(metrics: &Metrics, workers: &[Arc<WorkerReport>], now: Timestamp) -> Vec<PartitionState> {
    let partitions = workers.iter().flat_map(|worker| worker.partitions.iter().map(move |read| (worker, read)));
    let mut sources: Vec<_> = partitions
        .map(|(worker, read)| {
            let label = PartitionLabel { source: read.source.to_string(), partition: read.partition };
            PartitionState {
                source: read.source.to_string(),
                partition: read.partition,
                worker: worker.worker,
                next_offset: read.next_offset,
                lag: metrics.source_lag.get(&label).map(|lag| lag.get()),
                newest: read.newest,
                watermark: read.watermark,
                delay_seconds: read.watermark.map(|watermark| now.since(watermark).as_secs_f64()),
                pace: match read.pace {
                    Pace::Active => PartitionPace::Active,
                    Pace::Idle => PartitionPace::Idle,
                    Pace::Ended => PartitionPace::Ended,
                },
            }
        })
        .collect();
    sources.sort_by(|a, b| (&a.source, a.partition).cmp(&(&b.source, b.partition)));
    sources
}

fn time(report: &WorkerReport) -> WorkerTime {
    WorkerTime {
        worker: report.worker,
        seconds: report.took.as_secs_f64(),
        reading_seconds: report.reading.as_secs_f64(),
        operator_seconds: report.operators.iter().map(|tally| tally.spent.as_secs_f64()).sum(),
        parked_seconds: report.parked.as_secs_f64(),
        held_back_seconds: report.held_back.as_secs_f64(),
    }
}

fn commits(state: &State) -> Commits {
    let metrics = &state.metrics;
    let committed = Epoch::try_from(metrics.committed_epoch.get()).ok().filter(|epoch| *epoch > 0);
    let age = committed.map(|epoch| {
        let epochs = state.views.published().saturating_sub(epoch);
        epochs as f64 * state.tick.as_secs_f64()
    });
    Commits {
        durable: state.durable,
        epoch: committed,
        age_seconds: age,
        seconds: Quantiles::of(&metrics.pipeline.commits),
    }
}

fn sink(metrics: &Metrics, name: &str) -> SinkState {
    let label = SinkLabel { sink: name.to_owned() };
    let count = |counter: Option<u64>| counter.unwrap_or(0);
    SinkState {
        name: name.to_owned(),
        records: count(metrics.sink_records.get(&label).map(|counter| counter.get())),
        retries: count(metrics.sink_retries.get(&label).map(|counter| counter.get())),
        waiting_bytes: metrics.outbox_bytes.get(&label).map_or(0, |bytes| bytes.get()),
        last_failure: metrics.pipeline.mishap(name).map(|Mishap { at, what }| SinkFailure { at, what }),
    }
}

fn log_store(status: highwater_logstore::Status) -> LogStoreState {
    LogStoreState {
        logs: status.logs,
        bytes: status.bytes,
        slices: status.slices,
        behind_seconds: status.behind.map(|behind| behind.as_secs_f64()),
        failure: status.failure,
    }
}
