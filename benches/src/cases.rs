//! The cases.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, anyhow, bail};
use highwater_engine::{Flow, Job, Name, Query, Service, Settings, Windowed, seconds};
use highwater_operators::Tally;
use highwater_queries::Standard;
use serde::Deserialize;

use crate::{
    data::Data,
    kafka, rules,
    source::{ManyKeys, Memory, Order, Paced, Rounds},
    usage::{Meter, Usage},
};

/// Logs in memory: those of ten seconds of a busy system.
const LOGS: usize = 200_000;
const LOGS_PER_SECOND: u32 = 20_000;
/// How often a case reads them: some minutes go by.
const ROUNDS: usize = 40;

const fn rounds(count: usize) -> Rounds {
    Rounds { count, length: seconds(10) }
}

pub(crate) fn run(case: &str) -> Result<Usage> {
    match case {
        "parse" => parse(1),
        "parse-2-threads" => parse(2),
        "one-query" => job(1, ROUNDS, Box::new(OneQuery)),
        "one-query-2-workers" => job(2, ROUNDS, Box::new(OneQuery)),
        "all-queries" => job(1, ROUNDS, Box::new(Standard::default())),
        "ten-times-the-history" => job(1, 10 * ROUNDS, Box::new(OneQuery)),
        "fleeting" => many_services(None),
        "durable" => many_services(Some(tempfile::tempdir()?.path())),
        "no-rules" => rules::run(0),
        "10-rules" => rules::run(10),
        "10,000-rules" => rules::run(10_000),
        "backtest" => rules::backtest(),
        "rows" => rows(),
        "latency" => latency(),
        "kafka-bare" => kafka::bare(),
        "kafka" => kafka::job(),
        "kafka-fleeting" => kafka::to_kafka(None),
        "kafka-durable" => kafka::to_kafka(Some(tempfile::tempdir()?.path())),
        other => bail!("no case is called {other}"),
    }
}

/// The yardstick: the same bytes parsed into borrowed fields, and nothing else.
fn parse(threads: usize) -> Result<Usage> {
    let parts = Data::generate(LOGS, LOGS_PER_SECOND)?.split(threads);
    let logs = parts.iter().map(|part| ROUNDS * part.len()).sum::<usize>() as u64;
    let meter = Meter::start()?;
    std::thread::scope(|scope| -> Result<()> {
        let parsing: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| parse_rounds(part))).collect();
        parsing.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    meter.stop(logs)
}

fn parse_rounds(mut data: Data) -> Result<()> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        timestamp: &'a str,
        level: &'a str,
        service: &'a str,
        host: &'a str,
        trace_id: Option<&'a str>,
        span_id: Option<&'a str>,
        latency_ms: Option<f64>,
        #[serde(borrow)]
        message: std::borrow::Cow<'a, str>,
    }
    for round in 0..ROUNDS {
        data.begin_round(rounds(ROUNDS).start(round));
        for at in 0..data.len() {
            let fields: Fields<'_> = sonic_rs::from_slice(data.stamped(at))?;
            let Fields { timestamp, level, service, host, trace_id, span_id, latency_ms, message } = fields;
            std::hint::black_box((timestamp, level, service, host, trace_id, span_id, latency_ms, message));
        }
    }
    Ok(())
}

/// Count, errors, mean and greatest latency per service, in windows of ten seconds.
pub(crate) struct OneQuery;

impl Query for OneQuery {
    fn name(&self) -> &str {
        "one_query"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let tallies = flow.logs().tumbling(seconds(10)).aggregate(Service, Tally::observe);
        flow.view("tallies", &tallies);
    }
}

fn job(workers: usize, rounds: usize, query: Box<dyn Query>) -> Result<Usage> {
    measure(&Data::generate(LOGS, LOGS_PER_SECOND)?, workers, rounds, query, None)
}

/// The built-in queries over some hundred services, with durable state or without.
fn many_services(state: Option<&Path>) -> Result<Usage> {
    measure(&Data::generate(LOGS, LOGS_PER_SECOND)?.spread(16), 1, ROUNDS, Box::new(Standard::default()), state)
}

fn measure(data: &Data, workers: usize, count: usize, query: Box<dyn Query>, state: Option<&Path>) -> Result<Usage> {
    let settings = Settings { workers, ..Settings::default() };
    let logs = (count * (data.len() / workers) * workers) as u64;
    let source = Memory::new(data, workers, rounds(count));
    let meter = Meter::start()?;
    let sources: Vec<Box<dyn highwater_engine::Source>> = vec![Box::new(source)];
    let state = state.map(Path::to_owned);
    let running = Job { settings, sources, queries: vec![query], state, ..Job::default() }.start()?;
    let metrics = running.metrics();
    running.join()?;
    if metrics.logs.get() != logs {
        bail!("{} logs went in and {} were counted", logs, metrics.logs.get());
    }
    meter.stop(logs)
}

/// A million live rows; `logs` of the answer is the number of rows.
fn rows() -> Result<Usage> {
    let meter = Meter::start()?;
    let sources: Vec<Box<dyn highwater_engine::Source>> =
        vec![Box::new(ManyKeys { keys: 10_000, windows: 100, order: Order::ByWindow })];
    let running = Job { sources, queries: vec![Box::new(OneQuery)], ..Job::default() }.start()?;
    let views = running.views();
    running.join()?;
    let rows = views.snapshot().view("tallies").map_or(0, |view| view.len()) as u64;
    if rows != 1_000_000 {
        bail!("{rows} rows instead of a million");
    }
    meter.stop(rows)
}

/// From being handed over to being seen in a view, at 100,000 logs a second: the wall seconds of the answer are the 99th
/// percentile.
fn latency() -> Result<Usage> {
    const PACE: usize = 100_000;
    const SECONDS: usize = 10;
    let data = Arc::new(Data::generate(LOGS, LOGS_PER_SECOND)?);
    let meter = Meter::start()?;
    let (handed_over, received) = std::sync::mpsc::channel();
    let source = Paced { data, logs_per_second: PACE, seconds: SECONDS, handed_over };
    let running =
        Job { sources: vec![Box::new(source)], queries: vec![Box::new(OneQuery)], ..Job::default() }.start()?;
    let views = running.views();
    let mut changes = views.subscribe();
    let mut latencies = Vec::new();
    let mut waiting = VecDeque::new();
    while let Ok(changed) = changes.blocking_recv() {
        let now = Instant::now();
        drop(changed);
        waiting.extend(received.try_iter());
        let snapshot = views.snapshot();
        let rows = snapshot.rows::<Windowed<Name>, Tally>("tallies").context("the view")?;
        let seen: u64 = rows.values().map(|tally| tally.count()).sum();
        while let Some((_, at)) = waiting.pop_front_if(|(logs, _): &mut (u64, Instant)| *logs <= seen) {
            latencies.push(now.duration_since(at).as_secs_f64());
        }
        if seen == (PACE * SECONDS) as u64 {
            break;
        }
    }
    running.join()?;
    latencies.sort_by(f64::total_cmp);
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().context("latencies")?;
    Ok(Usage { wall_seconds: p99, ..meter.stop((PACE * SECONDS) as u64)? })
}
