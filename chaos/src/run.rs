//! [`run`]: logs come, the job is killed and started again, and what it said is held against a batch.

use std::{
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::{
    Report,
    broker::Broker,
    horizon::Horizon,
    job::{Job, VIEWS},
    kafka::Kafka,
    logs::Logs,
    oracle::Expected,
    plan::{Plan, What},
    process::Process,
    producer::Producer,
    report::Problems,
    verdict, views,
};

/// A job that has counted all logs and whose topics have not moved for so long is done.
const QUIET: Duration = Duration::from_secs(2);
/// One that gets no further for so long never will.
const STUCK: Duration = Duration::from_secs(60);
/// To end by itself when asked.
const TO_END: Duration = Duration::from_secs(60);
/// How often the job is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Partitions that are silent for a while, because a start took long, must not let time pass: nothing else would make
/// logs expire that still count.
const IDLE_AFTER: Duration = Duration::from_secs(30);

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything that is random.
    pub seed: u64,
    /// How often the job is killed.
    pub kills: usize,
    /// How often the broker is restarted while the job runs; only one of its own can be.
    pub broker_restarts: usize,
    /// Logs produced per second.
    pub logs_per_second: u64,
    /// The program `highwater`.
    pub binary: PathBuf,
    /// An empty folder for the job's configuration, state and log.
    pub folder: PathBuf,
}

/// Runs it all. What the job does wrong is in the report.
///
/// # Errors
/// Where the run itself could not be done: the cluster failed, or the job ended by itself.
pub fn run(options: &Options, broker: &Broker) -> Result<Report> {
    let began = Instant::now();
    let Options { seed, kills, broker_restarts, logs_per_second, .. } = *options;
    let kafka = broker.kafka();
    let plan = Plan::new(seed, kills, broker_restarts, logs_per_second);
    // groups and topics of runs on one cluster are kept apart by the process that they belong to
    let name = format!("chaos-{seed}-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
    let mut job = Job::prepare(&options.binary, &options.folder, kafka, &name, IDLE_AFTER)?;
    let logs = || Logs::new(seed, logs_per_second);
    let records = logs().map(|log| (log.partition, log.json()));
    let producer = Producer::start(kafka, job.input(), records, plan.logs, logs_per_second)?;
    let (mut last, recoveries) =
        live_through(&plan, &mut job, &producer, broker).map_err(|error| job.explain(&error))?;
    let expected = Expected::of((0..plan.logs).zip(logs()).map(|(_, log)| log));
    settle(&mut last, producer, &job, kafka, expected.logs).map_err(|error| job.explain(&error))?;

    let mut problems = Problems::default();
    let counted = verdict::views(&last, &expected, &mut problems)?;
    problems.add("the end", end(&mut last)?);
    let horizon = Horizon::of(&expected, began.elapsed());
    let topics = verdict::topics(&job, kafka, &expected, &horizon, &mut problems)?;
    let (took, folder) = (began.elapsed(), options.folder.clone());
    Ok(Report { seed, logs: plan.logs, counted, kills, broker_restarts, recoveries, topics, took, folder, problems })
}

/// Starts the job and lets the faults happen. The last start, and how long those took that came after a kill and became
/// ready.
fn live_through(plan: &Plan, job: &mut Job, producer: &Producer, broker: &Broker) -> Result<(Process, Vec<Duration>)> {
    let mut process = job.start(plan.workers, "the first start")?;
    let (mut kills, mut recoveries) = (0, Vec::new());
    for fault in &plan.faults {
        producer.grant(fault.logs);
        still_alive(process.run_for(fault.after)?)?;
        match fault.what {
            What::BrokerRestart => broker.restart()?,
            What::Kill { workers } => {
                process.kill()?;
                recoveries.extend(process.ready_after().filter(|_| kills > 0));
                kills += 1;
                process = job.start(workers, &format!("the start after kill {kills} of {}", plan.kills()))?;
            }
        }
    }
    producer.grant(plan.logs);
    let recovered = alive_until_ready(&mut process)?;
    recoveries.extend(Some(recovered).filter(|_| kills > 0));
    Ok((process, recoveries))
}

fn alive_until_ready(process: &mut Process) -> Result<Duration> {
    loop {
        still_alive(process.step(ASK_EVERY)?)?;
        match process.ready_after() {
            Some(after) => return Ok(after),
            None if process.age() > STUCK => bail!("the last start is not ready after {STUCK:?}"),
            None => {}
        }
    }
}

fn still_alive(ended: Option<ExitStatus>) -> Result<()> {
    match ended {
        None => Ok(()),
        Some(status) => bail!("highwater ended by itself ({status})"),
    }
}

/// Waits until all logs are produced and counted and the topics are still, or until nothing moves any more.
fn settle(process: &mut Process, producer: Producer, job: &Job, kafka: &Kafka, logs: u64) -> Result<()> {
    while !producer.is_finished() {
        still_alive(process.wait(ASK_EVERY)?)?;
    }
    producer.finish()?;
    let input: i64 = kafka.ends(&job.input())?.iter().sum();
    ensure!(u64::try_from(input) == Ok(logs), "the run itself is wrong: {input} logs in the topic, {logs} expected");
    let (mut before, mut moved) = ((0, Vec::new()), Instant::now());
    loop {
        still_alive(process.wait(ASK_EVERY)?)?;
        let now = (counted(process), output_ends(job, kafka)?);
        let patience = if now.0 >= logs { QUIET } else { STUCK };
        if now != before {
            (before, moved) = (now, Instant::now());
        } else if moved.elapsed() >= patience {
            return Ok(());
        }
    }
}

/// Logs that the job has counted; none while it does not answer.
fn counted(process: &Process) -> u64 {
    let levels = process.address().map(views::levels);
    levels.and_then(Result::ok).map_or(0, |levels| levels.values().sum())
}

fn output_ends(job: &Job, kafka: &Kafka) -> Result<Vec<i64>> {
    let ends: Result<Vec<_>> = VIEWS.iter().map(|view| kafka.ends(&job.output(view.name()))).collect();
    Ok(ends?.concat())
}

/// Asks the job to end. What is wrong with how it does.
fn end(process: &mut Process) -> Result<Option<String>> {
    Ok(match process.terminate(TO_END)? {
        None => Some(format!("the job did not end within {TO_END:?} after SIGTERM")),
        Some(status) if !status.success() => Some(format!("after SIGTERM the job ended with {status}")),
        Some(_) => None,
    })
}
