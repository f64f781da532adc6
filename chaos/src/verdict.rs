//! What a job has said, by its views and by its topics, held against what is expected.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    alerts,
    changelog::{Changelog, compare},
    cluster::Cluster,
    horizon::Horizon,
    job::{ALERTS, Job, VIEWS},
    kafka::Kafka,
    oracle::Expected,
    report::Problems,
    topic::{self, Record},
    views as http,
};

/// The log store may be behind the views, but not for longer.
const TO_BE_FOUND: Duration = Duration::from_secs(120);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Every process serves every view: what is wrong with them is added to the problems. How many logs each has counted.
///
/// # Errors
/// Where a process does not answer.
pub fn views(cluster: &Cluster, expected: &Expected, problems: &mut Problems) -> Result<Vec<u64>> {
    let members = cluster.members().iter().enumerate();
    let counted = members.map(|(number, process)| {
        let address = process.address().context("the job says nowhere where it listens")?;
        views_at(address, number, expected, problems)
    });
    counted.collect()
}

/// The log store, which is the first process's, has each log once.
///
/// # Errors
/// Where the process does not answer.
pub fn logs(cluster: &mut Cluster, expected: &Expected, problems: &mut Problems) -> Result<()> {
    let first = cluster.members().first().and_then(|process| process.address()).map(str::to_owned);
    let address = &first.context("the job says nowhere where it listens")?;
    let mut due: [BTreeMap<String, u64>; 2] = Default::default();
    for ((service, level), count) in expected.levels.iter().filter(|(_, count)| **count > 0) {
        *due[0].entry(service.clone()).or_default() += count;
        *due[1].entry(level.clone()).or_default() += count;
    }
    let began = Instant::now();
    let mut found = http::found(address)?;
    while found != due && began.elapsed() < TO_BE_FOUND {
        cluster.step(ASK_AGAIN)?;
        found = http::found(address)?;
    }
    for (found, due) in found.iter().zip(&due) {
        let keys: BTreeSet<_> = found.keys().chain(due.keys()).collect();
        let count = |of: &BTreeMap<String, u64>, key: &String| of.get(key).copied().unwrap_or(0);
        let wrong = keys.into_iter().filter(|key| count(found, key) != count(due, key));
        let wrong = wrong.map(|key| format!("{} logs of {key}, expected {}", count(found, key), count(due, key)));
        problems.add("what a search finds", wrong);
    }
    Ok(())
}

fn views_at(address: &str, process: usize, expected: &Expected, problems: &mut Problems) -> Result<u64> {
    let levels = http::levels(address)?;
    let keys: BTreeSet<_> = levels.keys().chain(expected.levels.keys()).collect();
    let wrong = keys.into_iter().filter_map(|key| {
        let of = |levels: &BTreeMap<_, u64>| levels.get(key).copied().unwrap_or(0);
        let (told, due) = (of(&levels), of(&expected.levels));
        let (service, level) = key;
        (told != due).then(|| format!("{service} has {told} logs of level {level}, expected {due}"))
    });
    problems.add(format!("levels over HTTP of process {process}"), wrong);
    for view in VIEWS {
        let live = http::windows(address, view)?;
        let oldest = live.keys().map(|row| row.window).min();
        let mut due = expected.rows(view).clone();
        due.retain(|row, _| Some(row.window) >= oldest);
        problems.add(format!("{} over HTTP of process {process}", view.name()), compare(&live, &due));
    }
    Ok(levels.values().sum())
}

/// What came out of each topic; what is wrong with it is added to the problems.
///
/// # Errors
/// Where the job or the cluster does not answer.
pub fn topics(
    job: &Job,
    kafka: &Kafka,
    expected: &Expected,
    horizon: &Horizon,
    problems: &mut Problems,
) -> Result<BTreeMap<String, String>> {
    let mut topics = BTreeMap::new();
    for view in VIEWS {
        let records = read(job, kafka, view.name(), problems)?;
        let changelog = Changelog::of(view, &records);
        let (rows, live) = (changelog.told.len(), changelog.live.len());
        let what = format!("{} records, {rows} rows, {} of them expired", records.len(), rows - live);
        topics.insert(view.name().to_owned(), what);
        problems.add(format!("where {} ends", view.name()), changelog.check(expected.rows(view), horizon));
        problems.add(format!("how {} is told", view.name()), changelog.problems);
    }
    let records = read(job, kafka, ALERTS, problems)?;
    topics.insert(ALERTS.to_owned(), format!("{} records", records.len()));
    problems.add(ALERTS, alerts::check(&records, &expected.error_alerts(), horizon));
    Ok(topics)
}

fn read(job: &Job, kafka: &Kafka, view: &str, problems: &mut Problems) -> Result<Vec<Record>> {
    let topic = job.output(view);
    let open = kafka.open_transactions(&topic)?.into_iter();
    let open = open.map(|partition| format!("a transaction was left open in partition {partition} of {topic}"));
    problems.add("transactions", open);
    topic::read(kafka, &topic)
}
