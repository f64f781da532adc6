//! [`run`]: logs come, the job is killed and started again, and what it said is held against a batch.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    Report, alerts,
    changelog::{Changelog, compare},
    horizon::Horizon,
    job::{ALERTS, Job, VIEWS},
    kafka::Kafka,
    logs::Logs,
    oracle::Expected,
    plan::Plan,
    process::Process,
    producer::Producer,
    topic::{self, Record},
    views,
};

/// A job that has counted all logs and whose topics have not moved for so long is done.
const QUIET: Duration = Duration::from_secs(2);
/// One that gets no further for so long never will.
const STUCK: Duration = Duration::from_secs(60);
/// To end by itself when asked.
const TO_END: Duration = Duration::from_secs(60);
/// How often the job is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything that is random.
    pub seed: u64,
    /// How often the job is killed.
    pub kills: usize,
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
pub fn run(options: &Options, kafka: &Kafka) -> Result<Report> {
    let began = Instant::now();
    let Options { seed, logs_per_second, .. } = *options;
    let plan = Plan::new(seed, options.kills, logs_per_second);
    // groups and topics of runs on one cluster are kept apart by the process that they belong to
    let name = format!("chaos-{seed}-{}-{}", std::process::id(), jiff::Timestamp::now().as_millisecond());
    let mut job = Job::prepare(&options.binary, &options.folder, kafka, &name)?;
    let producer = Producer::start(kafka, job.input(), Logs::new(seed, logs_per_second), plan.logs, logs_per_second)?;
    let mut recoveries = kill_again_and_again(&mut job, &plan)?;
    let expected = Expected::of(Logs::new(seed, logs_per_second).take(plan.logs as usize));

    let mut last = job.start(plan.last_workers, "the last start")?;
    let recovered = alive_until_ready(&mut last)?;
    if !plan.rounds.is_empty() {
        recoveries.push(recovered);
    }
    settle(&mut last, producer, &job, kafka, expected.logs)?;
    let mut problems = check_views(&last, &expected)?;
    problems.extend(end(&mut last)?);
    let horizon = Horizon::of(&expected, began.elapsed());
    let (records, wrong) = check_topics(&job, kafka, &expected, &horizon)?;
    problems.extend(wrong);
    Ok(Report {
        seed,
        logs: plan.logs,
        kills: plan.rounds.len(),
        recoveries,
        records,
        took: began.elapsed(),
        folder: options.folder.clone(),
        problems,
    })
}

/// Each start with the kill that ends it. Says how long those took that came after a kill and became ready.
fn kill_again_and_again(job: &mut Job, plan: &Plan) -> Result<Vec<Duration>> {
    let mut recoveries = Vec::new();
    for (number, round) in plan.rounds.iter().enumerate() {
        let mut process = job.start(round.workers, &format!("start {number}, killed after {:?}", round.lifetime))?;
        still_alive(process.run_until(round.lifetime)?)?;
        process.kill()?;
        if number > 0 {
            recoveries.extend(process.ready_after());
        }
    }
    Ok(recoveries)
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
        Some(status) => bail!("highwater ended by itself ({status}): its log says why"),
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

/// What is wrong with the views over HTTP.
fn check_views(process: &Process, expected: &Expected) -> Result<Vec<String>> {
    let address = process.address().context("the job says nowhere where it listens")?;
    let mut problems = Vec::new();
    let levels = views::levels(address)?;
    let keys: BTreeSet<_> = levels.keys().chain(expected.levels.keys()).collect();
    for key in keys {
        let of = |levels: &BTreeMap<_, u64>| levels.get(key).copied().unwrap_or(0);
        let (told, due) = (of(&levels), of(&expected.levels));
        if told != due {
            problems.push(format!("over HTTP, {} has {told} logs of level {}, expected {due}", key.0, key.1));
        }
    }
    for view in VIEWS {
        let live = views::windows(address, view)?;
        let oldest = live.keys().map(|row| row.window).min();
        let mut due = expected.rows(view).clone();
        due.retain(|row, _| Some(row.window) >= oldest);
        let wrong = compare(&live, &due).into_iter();
        problems.extend(wrong.map(|problem| format!("over HTTP, {}: {problem}", view.name())));
    }
    Ok(problems)
}

/// Asks the job to end. What is wrong with how it does.
fn end(process: &mut Process) -> Result<Option<String>> {
    Ok(match process.terminate(TO_END)? {
        None => Some(format!("the job did not end within {TO_END:?} after SIGTERM")),
        Some(status) if !status.success() => Some(format!("after SIGTERM the job ended with {status}")),
        Some(_) => None,
    })
}

/// How many records topics have, and what is wrong with them.
fn check_topics(
    job: &Job,
    kafka: &Kafka,
    expected: &Expected,
    horizon: &Horizon,
) -> Result<(BTreeMap<String, usize>, Vec<String>)> {
    let (mut counts, mut problems) = (BTreeMap::new(), Vec::new());
    let mut read = |view: &str| -> Result<Vec<Record>> {
        let topic = job.output(view);
        let open = kafka.open_transactions(&topic)?;
        if !open.is_empty() {
            problems.push(format!("{view}: a transaction was left open in partitions {open:?}"));
        }
        let records = topic::read(kafka, &topic)?;
        counts.insert(view.to_owned(), records.len());
        Ok(records)
    };
    let changelogs: Vec<_> = VIEWS.into_iter().map(|view| Ok((view, read(view.name())?))).collect::<Result<_>>()?;
    let alerts = read(ALERTS)?;
    for (view, records) in changelogs {
        let changelog = Changelog::of(view, &records);
        let wrong = changelog.check(view, expected.rows(view), horizon);
        problems.extend(changelog.problems.into_iter().chain(wrong));
    }
    problems.extend(alerts::check(&alerts, &expected.error_alerts(), horizon));
    Ok((counts, problems))
}
