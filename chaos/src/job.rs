//! [`Job`]: the job under test: its configuration, its topics, its files.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};

use crate::{
    changelog::View,
    kafka::Kafka,
    logs::{LATENESS, PARTITIONS},
    plan::{MAX_PROCESSES, Shape},
    ports,
    process::Process,
};

/// The folder, within the job's own, of its durable state.
pub const STATE: &str = "state";
/// Partitions of each topic that comes out.
const OUTPUT_PARTITIONS: i32 = 2;
/// The views whose topics are read back.
pub const VIEWS: [View; 2] = [View::LogVolume, View::ErrorRate];
/// The view of alerts.
pub const ALERTS: &str = "alerts";

/// How the job takes time.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How much later than others a log may be and still count.
    pub retention: Duration,
    /// A partition that is silent for longer holds nothing back.
    pub idle_after: Duration,
}

/// What is started again and again.
pub struct Job {
    binary: PathBuf,
    config: PathBuf,
    hosts: PathBuf,
    log: File,
    log_path: PathBuf,
    name: String,
}

impl Job {
    /// Writes the configuration and the processes' addresses into `folder` and creates the topics, which begin with
    /// `name`.
    ///
    /// # Errors
    /// Where the folder cannot be written or the cluster does not do it.
    pub fn prepare(binary: &Path, folder: &Path, kafka: &Kafka, name: &str, times: Times) -> Result<Self> {
        let (config, hosts) = (folder.join("highwater.toml"), folder.join("hosts"));
        let unwritable = || format!("{} cannot be written", folder.display());
        let state = folder.join(STATE);
        std::fs::write(&config, configuration(kafka, name, &state, times)).with_context(unwritable)?;
        let addresses = ports::free(MAX_PROCESSES)?.into_iter().map(|port| format!("127.0.0.1:{port}\n"));
        std::fs::write(&hosts, addresses.collect::<String>()).with_context(unwritable)?;
        let log_path = folder.join("highwater.log");
        let log = OpenOptions::new().create(true).append(true).open(&log_path).with_context(unwritable)?;
        let job = Job { binary: binary.to_owned(), config, hosts, log, log_path, name: name.to_owned() };
        kafka.create(&job.input(), PARTITIONS)?;
        for view in VIEWS.map(View::name).into_iter().chain([ALERTS]) {
            kafka.create(&job.output(view), OUTPUT_PARTITIONS)?;
        }
        Ok(job)
    }

    /// Where logs come by.
    pub fn input(&self) -> String {
        topic(&self.name, "logs")
    }

    /// Where the changes of a view go.
    pub fn output(&self, view: &str) -> String {
        topic(&self.name, view)
    }

    /// A failure, with the last line of the job's log: mostly that says why.
    pub fn explain(&self, error: &anyhow::Error) -> anyhow::Error {
        let log = std::fs::read(&self.log_path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let last = log.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
        anyhow!("{error:#}; {} ends with: {last}", self.log_path.display())
    }

    /// Writes a line into its log.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub fn note(&mut self, note: &str) -> Result<()> {
        writeln!(self.log, "--- {note}").context("the log cannot be written")
    }

    /// Starts one of its processes.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(&self, shape: Shape, process: usize) -> Result<Process> {
        let Shape { processes, workers } = shape;
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--config").arg(&self.config).arg("--hosts").arg(&self.hosts);
        for (option, number) in [("--processes", processes), ("--process", process), ("--workers", workers)] {
            command.arg(option).arg(number.to_string());
        }
        Process::start(command, &self.log)
    }
}

fn topic(name: &str, what: &str) -> String {
    format!("{name}-{what}")
}

fn configuration(kafka: &Kafka, name: &str, state: &Path, times: Times) -> String {
    let (retention, idle_after) = (times.retention.as_millis(), times.idle_after.as_millis());
    let brokers = &kafka.brokers;
    let input = topic(name, "logs");
    let sink = |view: &str| {
        let topic = topic(name, view);
        format!("\n[[sink]]\ntype = \"kafka\"\nview = \"{view}\"\ntopic = \"{topic}\"\n")
    };
    let sinks: String = VIEWS.map(View::name).into_iter().chain([ALERTS]).map(sink).collect();
    format!(
        r#"[http]
listen = "127.0.0.1:0"
limits = {{ per_minute = 0, search_per_minute = 0, lookup_per_minute = 0 }}

[kafka]
brokers = "{brokers}"

[state]
path = {state:?}
commit_interval = "200ms"

[time]
lateness = "{LATENESS}ms"
retention = "{retention}ms"
idle_after = "{idle_after}ms"

# few enough that the soak test sees the oldest go before it looks for growth
[queries.rollups]
hours_kept_days = 3

[logging]
level = "info"

[[source]]
type = "kafka"
topic = "{input}"
group = "{name}"
{sinks}"#
    )
}
