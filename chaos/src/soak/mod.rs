//! The soak test: Highwater with durable state on a real Kafka under a steady load, watched for whatever grows.
//!
//! How many logs a second it can take is measured first; it then runs at half of that. What it holds, memory and
//! descriptors, must be the same in the end as after the warm-up.

pub mod load;
mod report;
pub mod sample;
pub mod trend;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use self::{
    load::{Load, PARTITION_SILENT_FROM},
    sample::Sample,
};
pub use self::{report::Report, sample::Moment};
use crate::{
    broker::Broker,
    job::{Job, Times},
    kafka::Kafka,
    plan::Shape,
    process::Process,
    producer::Producer,
};

/// Event time passes so fast that it takes a long retention for logs, and not commits, to be what speed is bound by.
const TIMES: Times = Times { retention: Duration::from_secs(3_600), idle_after: PARTITION_SILENT_FROM };
/// Logs that full speed is measured with: several seconds' worth.
const BACKLOG: u64 = 1_000_000;
/// No producer is asked for more.
const AS_FAST_AS_IT_GOES: u64 = 10_000_000;
/// How often the producer is told how many logs are due.
const GRANT_EVERY: Duration = Duration::from_millis(100);
/// How often the job is looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// A job that counts no further log for so long, or is not ready, never will be.
const STUCK: Duration = Duration::from_secs(60);
/// To end by itself when asked.
const TO_END: Duration = Duration::from_secs(60);

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides the logs.
    pub seed: u64,
    /// How long the load lasts.
    pub time: Duration,
    /// How many logs a second; half of full speed where it is not given.
    pub logs_per_second: Option<u64>,
    /// The program `highwater`.
    pub binary: PathBuf,
    /// An empty folder for the job's configuration, state and log.
    pub folder: PathBuf,
}

/// Runs it all; `tell` is handed each minute's line of the table. What grows is in the report.
///
/// # Errors
/// Where the run itself could not be done: the cluster failed, or the job ended by itself.
pub fn run(options: &Options, broker: &Broker, tell: impl FnMut(&str) -> Result<()>) -> Result<Report> {
    let kafka = broker.kafka();
    let name = format!("soak-{}-{}", options.seed, std::process::id());
    let job = Job::prepare(&options.binary, &options.folder, kafka, &name, TIMES)?;
    let process = job.start(Shape::ALONE, 0)?;
    Soak::new(options, kafka, &job, process, tell)
        .and_then(|soak| soak.run(options))
        .map_err(|error| job.explain(&error))
}

struct Soak<T> {
    process: Process,
    producer: Producer,
    granted: u64,
    folder: PathBuf,
    moments: Vec<Moment>,
    tell: T,
}

impl<T: FnMut(&str) -> Result<()>> Soak<T> {
    fn new(options: &Options, kafka: &Kafka, job: &Job, process: Process, tell: T) -> Result<Self> {
        let load = Load::new(options.seed);
        let producer = Producer::start(kafka, job.input(), load, u64::MAX, AS_FAST_AS_IT_GOES)?;
        Ok(Soak { process, producer, granted: 0, folder: options.folder.clone(), moments: Vec::new(), tell })
    }

    fn run(mut self, options: &Options) -> Result<Report> {
        self.ready()?;
        let full_speed = self.full_speed()?;
        let logs_per_second = options.logs_per_second.unwrap_or(full_speed / 2);
        (self.tell)(&format!("full speed is {full_speed} logs/s; from now on {logs_per_second}"))?;
        (self.tell)(report::HEAD)?;
        self.load(logs_per_second, options.time)?;
        let judged = trend::is_long_enough(options.time);
        let mut problems = if judged { trend::check(&self.moments) } else { Vec::new() };
        self.counted(self.granted)?;
        self.process.terminate()?;
        match self.process.wait(TO_END)? {
            Some(status) if status.success() => {}
            Some(status) => problems.push(format!("after SIGTERM the job ended with {status}")),
            None => problems.push(format!("the job did not end within {TO_END:?} after SIGTERM")),
        }
        Ok(Report { full_speed, logs_per_second, logs: self.granted, judged, folder: self.folder, problems })
    }

    fn ready(&mut self) -> Result<()> {
        while self.process.ready_after().is_none() {
            self.live(GRANT_EVERY)?;
            ensure!(self.process.age() < STUCK, "the job is not ready after {STUCK:?}");
        }
        Ok(())
    }

    /// Logs a second that producer, broker and job manage together on this machine.
    fn full_speed(&mut self) -> Result<u64> {
        let began = Instant::now();
        self.granted = BACKLOG;
        self.producer.grant(self.granted);
        self.counted(BACKLOG)?;
        Ok((BACKLOG as f64 / began.elapsed().as_secs_f64()) as u64)
    }

    /// Waits until the job has counted so many logs.
    fn counted(&mut self, logs: u64) -> Result<()> {
        let (mut before, mut moved) = (0, Instant::now());
        loop {
            self.live(GRANT_EVERY)?;
            let now = self.sample()?.logs;
            match now {
                _ if now == logs => return Ok(()),
                _ if now > logs => bail!("the job has counted {now} of {logs} logs"),
                _ if now > before => (before, moved) = (now, Instant::now()),
                _ => ensure!(moved.elapsed() < STUCK, "the job has counted {now} of {logs} logs, and no more come"),
            }
        }
    }

    /// Logs at a steady pace, a line of the table each minute.
    fn load(&mut self, logs_per_second: u64, time: Duration) -> Result<()> {
        let (began, base) = (Instant::now(), self.granted);
        let (mut next_sample, mut minute) = (SAMPLE_EVERY, 0);
        loop {
            self.live(GRANT_EVERY)?;
            let passed = began.elapsed();
            if passed >= time {
                return self.minute(minute);
            }
            self.granted = base + (logs_per_second as f64 * passed.as_secs_f64()) as u64;
            self.producer.grant(self.granted);
            ensure!(!self.producer.is_finished(), "the producer has ended");
            if passed >= next_sample {
                next_sample += SAMPLE_EVERY;
                let sample = self.sample()?;
                self.moments.push(Moment { at: passed, sample });
            }
            if passed.as_secs() / 60 > minute {
                self.minute(minute)?;
                minute = passed.as_secs() / 60;
            }
        }
    }

    fn minute(&mut self, minute: u64) -> Result<()> {
        let moments: Vec<&Moment> = self.moments.iter().filter(|moment| moment.at.as_secs() / 60 == minute).collect();
        report::line(minute + 1, &moments).map_or(Ok(()), |line| (self.tell)(&line))
    }

    fn live(&mut self, time: Duration) -> Result<()> {
        match self.process.run_for(time)? {
            None => Ok(()),
            Some(status) => bail!("highwater ended by itself ({status})"),
        }
    }

    fn sample(&self) -> Result<Sample> {
        Sample::take(&self.process, &self.folder)
    }
}
