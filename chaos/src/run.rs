//! [`run`]: logs come, the job is killed and started again, and what it said is held against a batch.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    Report,
    broker::Broker,
    cluster::Cluster,
    horizon::Horizon,
    job::{Job, Times, VIEWS},
    kafka::Kafka,
    logs::{Logs, RETENTION},
    oracle::Expected,
    plan::{Plan, Shape, What},
    producer::Producer,
    report::{Problems, Starts},
    verdict, views,
};

/// A job that has counted all logs and whose topics have not moved for so long is done.
const QUIET: Duration = Duration::from_secs(2);
/// One that gets no further for so long never will.
const STUCK: Duration = Duration::from_secs(60);
/// So many starts in a row may be killed before they are ready. More, as on a machine that has other things to do, and
/// the job would get nowhere until what it has to tell is too old to be told.
const UNREADY: usize = 3;
/// To end by itself when asked.
const TO_END: Duration = Duration::from_secs(60);
/// How often the job is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Partitions that are silent for a while, because a start took long, must not let time pass: nothing else would make
/// logs expire that still count.
const TIMES: Times =
    Times { retention: Duration::from_millis(RETENTION.unsigned_abs()), idle_after: Duration::from_secs(30) };

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
    let mut job = Job::prepare(&options.binary, &options.folder, kafka, &name, TIMES)?;
    let logs = || Logs::new(seed, logs_per_second);
    let records = logs().map(|log| (log.partition, log.json()));
    let producer = Producer::start(kafka, job.input(), records, plan.logs, logs_per_second)?;
    let life = Life::live(&plan, &mut job, &producer, broker).map_err(|error| job.explain(&error))?;
    let Life { cluster: mut last, starts, mut problems, .. } = life;
    let expected = Expected::of((0..plan.logs).zip(logs()).map(|(_, log)| log));
    settle(&mut last, producer, &job, kafka, expected.logs).map_err(|error| job.explain(&error))?;

    let counted = verdict::views(&last, &expected, &mut problems)?;
    verdict::logs(&mut last, &expected, &mut problems)?;
    problems.add("the end", last.terminate(plan.asked, TO_END)?);
    let horizon = Horizon::of(&expected, began.elapsed());
    let topics = verdict::topics(&job, kafka, &expected, &horizon, &mut problems)?;
    let (took, folder) = (began.elapsed(), options.folder.clone());
    Ok(Report { seed, logs: plan.logs, counted, kills, broker_restarts, starts, topics, took, folder, problems })
}

/// A job through all its faults.
struct Life {
    /// The start that runs.
    cluster: Cluster,
    shape: Shape,
    kills: usize,
    /// the last so many starts were killed before they were ready
    unready: usize,
    starts: BTreeMap<usize, Starts>,
    problems: Problems,
}

impl Life {
    /// Starts the job and lets the faults happen.
    fn live(plan: &Plan, job: &mut Job, producer: &Producer, broker: &Broker) -> Result<Self> {
        let cluster = Cluster::start(job, plan.first, "the first start")?;
        let (starts, problems) = (BTreeMap::new(), Problems::default());
        let mut life = Life { cluster, shape: plan.first, kills: 0, unready: 0, starts, problems };
        life.starts().count += 1;
        for fault in &plan.faults {
            producer.grant(fault.logs);
            life.run_for(fault.after)?;
            match fault.what {
                What::BrokerRestart => broker.restart()?,
                What::Kill { victim, next } => {
                    life.kill(victim)?;
                    let note = format!("the start after kill {} of {}", life.kills, plan.kills());
                    (life.cluster, life.shape) = (Cluster::start(job, next, &note)?, next);
                    life.starts().count += 1;
                }
            }
        }
        producer.grant(plan.logs);
        life.cluster.until_ready(STUCK)?;
        life.note_recovery();
        Ok(life)
    }

    /// At least so long, and until it is ready where those before never were.
    fn run_for(&mut self, time: Duration) -> Result<()> {
        self.cluster.run_for(time)?;
        if self.unready >= UNREADY && self.cluster.ready_after().is_none() {
            self.cluster.until_ready(STUCK)?;
            self.cluster.run_for(time)?;
        }
        Ok(())
    }

    fn kill(&mut self, victim: usize) -> Result<()> {
        self.note_recovery();
        self.unready = if self.cluster.ready_after().is_some() { 0 } else { self.unready + 1 };
        let aftermath = self.cluster.kill(victim)?;
        self.kills += 1;
        self.starts().losses.extend(aftermath.ended_after);
        self.problems.add(format!("after kill {}", self.kills), aftermath.problems);
        Ok(())
    }

    /// The first start recovers from nothing.
    fn note_recovery(&mut self) {
        let recovery = self.cluster.ready_after().filter(|_| self.kills > 0);
        self.starts().recoveries.extend(recovery);
    }

    /// Those like the one that runs.
    fn starts(&mut self) -> &mut Starts {
        self.starts.entry(self.shape.processes).or_default()
    }
}

/// Waits until all logs are produced and counted and the topics are still, or until nothing moves any more.
fn settle(cluster: &mut Cluster, producer: Producer, job: &Job, kafka: &Kafka, logs: u64) -> Result<()> {
    while !producer.is_finished() {
        cluster.step(ASK_EVERY)?;
    }
    producer.finish()?;
    let input: i64 = kafka.ends(&job.input())?.iter().sum();
    ensure!(u64::try_from(input) == Ok(logs), "the run itself is wrong: {input} logs in the topic, {logs} expected");
    let (mut before, mut moved) = ((0, Vec::new()), Instant::now());
    loop {
        cluster.step(ASK_EVERY)?;
        let now = (counted(cluster), output_ends(job, kafka)?);
        let patience = if now.0 >= logs { QUIET } else { STUCK };
        if now != before {
            (before, moved) = (now, Instant::now());
        } else if moved.elapsed() >= patience {
            return Ok(());
        }
    }
}

/// Logs that every process has counted; none while one does not answer.
fn counted(cluster: &Cluster) -> u64 {
    let counted = cluster.members().iter().map(|process| {
        let levels = process.address().map(views::levels);
        levels.and_then(Result::ok).map_or(0, |levels| levels.values().sum())
    });
    counted.min().unwrap_or(0)
}

fn output_ends(job: &Job, kafka: &Kafka) -> Result<Vec<i64>> {
    let ends: Result<Vec<_>> = VIEWS.iter().map(|view| kafka.ends(&job.output(view.name()))).collect();
    Ok(ends?.concat())
}
