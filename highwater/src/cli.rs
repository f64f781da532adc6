//! The command line: what can be asked of `highwater`, and the help that says so.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use highwater_engine::Timestamp;

use crate::{config::parse_duration, table::Written};

/// Watches streams of logs and says, at once, when they run higher, lower or stranger than they should.
#[derive(Debug, Parser)]
#[command(
    name = "highwater",
    version,
    after_help = "\
Examples:
  highwater                                        start the demo: no Kafka, no configuration
  highwater demo --rate 5000 --listen 0.0.0.0:9000
  highwater check --config highwater.toml          is the configuration right?
  highwater run --config highwater.toml            the real thing
  highwater generate --rate 100 --duration 10s     made-up logs, as JSON lines

Logs go in by Kafka, files or POST /api/v1/logs; views, anomalies and alerts come out by HTTP, Kafka and webhooks.
`highwater COMMAND --help` says more about each command."
)]
pub(crate) struct Cli {
    /// What to do; `demo` unless given.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the demo: a made-up web shop, watched live
    #[command(
        long_about = "Starts the demo: the logs of a made-up web shop go through the same dataflow that production uses, \
            after an hour of past that the detectors learn from. Every few minutes something goes wrong by script: an \
            error burst, a traffic spike, a silent service, latency creep, a message never seen before. The terminal \
            shows each anomaly and alert as it comes. Nothing else is needed: no Kafka, no configuration.",
        after_help = "\
Examples:
  highwater demo
  highwater demo --rate 20000 --workers 2
  highwater demo --listen 127.0.0.1:0              any free port; the banner says which
  curl -d '{\"level\":\"ERROR\",\"service\":\"mine\",\"message\":\"hello\"}' http://127.0.0.1:8000/api/v1/logs

Ctrl-C ends it: what has been read is finished first. A second Ctrl-C ends it at once."
    )]
    Demo(Demo),
    /// Run a job as a configuration file describes it
    #[command(
        long_about = "Runs the job that a configuration file describes: its sources, queries and sinks, and the HTTP API. \
            Ends by itself when every source has ended (a file that is not followed), else by Ctrl-C or SIGTERM. \
            Anomalies, alerts and a status line are shown on the terminal, the program's own log goes to stderr.",
        after_help = "\
Each key of the file can be overridden by an environment variable, HIGHWATER_SECTION__KEY; tables of a list by number.
Flags come before the environment, the environment before the file.

Examples:
  highwater run --config docker/highwater.toml
  HIGHWATER_SOURCE__0__TOPIC=app-logs highwater run --config highwater.toml
  highwater run --config highwater.toml --workers 4 --log-level info,highwater_connectors=debug
  highwater run --config highwater.toml --processes 2 --process 0 &
  highwater run --config highwater.toml --processes 2 --process 1 --listen 127.0.0.1:8001

A job of several processes ends as a whole: when one is gone the others end too, and started again they go on from the
last commit, in whatever number.

highwater.example.toml describes every key."
    )]
    Run(Run),
    /// Write made-up logs to the terminal, a file or a Kafka topic
    #[command(
        long_about = "Writes the logs of a made-up web shop as JSON lines: a dozen services with their own volumes, \
            latencies and messages, traces that cross services, and scripted incidents. Writes them at the pace at which \
            they would come, now; with --fast, as fast as the target takes them, ending now.",
        after_help = "\
Examples:
  highwater generate --rate 5 --duration 10s
  highwater generate --rate 1000 --duration 1h --fast --to logs.json
  highwater generate --rate 20000 --to kafka://127.0.0.1:9092/logs
  highwater generate --count 1000 --fast --seed 7 | jq .service | sort | uniq -c"
    )]
    Generate(Generate),
    /// Say whether a configuration is right, and what is wrong where
    #[command(
        long_about = "Reads a configuration file, with the environment over it, and says everything that is wrong, each \
            with its file and line; or sums up the job that it describes. Connects to nothing, starts nothing.",
        after_help = "\
Examples:
  highwater check --config highwater.toml
  highwater check --config highwater.toml && highwater run --config highwater.toml

Exit codes: 0 the configuration is right, 1 it is not, 2 the command line is not."
    )]
    Check(Check),
    /// Say when an alert rule would have fired over logs that have passed
    #[command(
        long_about = "Tries an alert rule out: reads logs from files, standard input (-) or a Kafka topic through the very dataflow that \
            rules run in, by event time and as fast as they are read, and says when the rule would have fired and for \
            how long. The rule is a file of rules, as [alerts] rules names one.",
        after_help = "\
Examples:
  highwater backtest --rule rules.toml --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z /var/log/app/*.log.gz
  highwater backtest --rule rules.toml --name 'many errors' --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z logs.json
  highwater backtest --rule rules.toml --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z kafka://127.0.0.1:9092/logs
  highwater generate --duration 6h --rate 200 --fast | highwater backtest --rule rules.toml --from .. --to .. -

Logs that the server keeps: POST /api/v1/alerts/rules/{id}/backtest. What no rule is tried out on ends with exit code 1."
    )]
    Backtest(Backtest),
    /// Write users, rules, silences and what else people made to a file
    #[command(
        long_about = "Writes everything of the metadata store to a file: users, tokens, rules, silences, alerts and their \
            history, saved searches. The job may run meanwhile; what is written is of one instant. The file can be restored \
            into a database of either kind, so it also leads from SQLite to PostgreSQL and back. It has hashes of passwords \
            and the keys of logins in it: only its owner may read it. Secrets of channels are sealed in it, by a key that is not \
            in it ([metadata] key_file): without that, a restored job does not start.",
        after_help = "\
Examples:
  highwater backup --config highwater.toml --to backup-2026-11-21.jsonl"
    )]
    Backup(Backup),
    /// Fill the metadata store from such a file
    #[command(
        long_about = "Fills the metadata store from a file that `highwater backup` wrote, whole or not at all. The job must not \
            run. A store that has something in it already stays as it is, unless --replace is given.",
        after_help = "\
Examples:
  highwater restore --config highwater.toml --from backup-2026-11-21.jsonl
  HIGHWATER_METADATA__URL=postgres://highwater@db/highwater highwater restore --config highwater.toml --from backup.jsonl"
    )]
    Restore(Restore),
    /// Let go of secrets in the metadata store whose key is gone
    #[command(
        long_about = "Forgets the sealed configurations of channels in the metadata store, for when the key that they are sealed by \
            is gone for good, and the job does not start for want of it. Rules stay; their channels have to be configured \
            again, and their alerts go to the receivers of the configuration until then. The job must not run.",
        after_help = "\
Examples:
  highwater forget-secrets --config highwater.toml"
    )]
    ForgetSecrets(ForgetSecrets),
    /// Say what is strange about a table of numbers
    #[command(
        long_about = "Reads a table as CSV and judges each row by those before it, with the detectors that judge logs: each value by \
            its own past and the time of day, and rows of several values by an isolation forest as well, trained on what has passed and again as \
            time goes. Writes a row for each row, as it comes: a score from 0 to 1, whether it is an anomaly, what was expected. \
            A cell that is no number \
            counts as a gap.",
        after_help = "\
Examples:
  highwater detect requests.csv --timestamp time --value count --plot requests.svg
  highwater detect machine.csv --value cpu,memory,disk --format json
  tail -f metrics.csv | highwater detect --timestamp at --value p95 -"
    )]
    Detect(Detect),
    /// Say how good the detectors are on labelled data
    #[command(
        long_about = "Runs the detectors over a folder of labelled data, as they are by default, and writes the table of its \
            benchmark. A folder of such folders gives a table each. Known kinds:
  combined_windows.json and series               the scores of the Numenta Anomaly Benchmark, by method
  incidents.csv and metrics of services          faults found, false alerts, and who is blamed
  tables of numbers with a last column `label`   isolation forests: ROC-AUC and average precision, over ten seeds
  <System>/<System>_2k.log_structured.csv        templates, as in Loghub: grouping accuracy and F1",
        after_help = "\
Examples:
  highwater evaluate benchmarks/outliers
  highwater evaluate benchmarks"
    )]
    Evaluate(Evaluate),
    /// Say which messages a log file has, variables aside
    #[command(
        long_about = "Reads a file of logs, in any format that sources read, and writes the templates of its messages with how often \
            each comes, the most frequent first; numbers, addresses, paths and other variables stand as <num>, <ip>, <path> or \
            <*>. In what order the logs come does not matter.",
        after_help = "\
Examples:
  highwater templates app.log
  highwater templates app.log --assign --format csv
  highwater templates table.csv --column Content
  highwater generate --count 100000 --fast | highwater templates - | head"
    )]
    Templates(Templates),
    /// Say which version this is
    #[command(after_help = "Example:\n  highwater version")]
    Version,
}

/// What `demo` can be told.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Logs per second, on average over a day
    #[arg(long, value_name = "NUMBER", default_value_t = 500.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// How much past to begin with
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) history: Duration,
    /// Chooses the random numbers of the made-up logs
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Demo {
    /// What `highwater` alone means: the same as `highwater demo`.
    pub(crate) fn unasked() -> Self {
        Demo { rate: 500.0, history: Duration::from_secs(3600), seed: 1, common: Common::default() }
    }
}

/// What `run` can be told.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The configuration file; highwater.example.toml describes every key
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How many processes share the job; each has as many workers
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) processes: usize,
    /// Which of them this is, from 0; process 0 keeps the durable state and feeds the sinks
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) process: usize,
    /// Where they listen for each other: a host:port per line, process 0 first [default: 127.0.0.1, from port 2101 on]
    #[arg(long, value_name = "FILE")]
    pub(crate) hosts: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What `check` can be told.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The configuration file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// The keys of the configuration that are set so often that they have a flag.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Common {
    /// Where HTTP listens; port 0 picks a free one [key: http.listen, default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Worker threads; no more than there are cores [key: limits.workers, default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<String>,
    /// What of its own log the program writes: error, warn, info, debug, trace, or per module as in
    /// "info,highwater_engine=debug" [key: logging.level]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// How it writes it: text or json [key: logging.format]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// What `generate` can be told.
#[derive(Args, Debug)]
pub(crate) struct Generate {
    /// Logs per second, on average without incidents
    #[arg(long, value_name = "NUMBER", default_value_t = 100.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// For how long; until Ctrl-C unless given
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// How many logs at most
    #[arg(long, value_name = "NUMBER")]
    pub(crate) count: Option<u64>,
    /// Where to: stdout, a file, or kafka://HOST:PORT/TOPIC
    #[arg(long, value_name = "TARGET", default_value = "stdout")]
    pub(crate) to: String,
    /// Chooses the random numbers: equal seeds and starts give equal logs
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Event time of the first log, RFC 3339; now unless given, or with --fast so that the last log is now
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<Timestamp>,
    /// Write as fast as the target takes it; needs --duration or --count
    #[arg(long)]
    pub(crate) fast: bool,
    /// No scripted incidents
    #[arg(long)]
    pub(crate) no_incidents: bool,
    /// Let the rate follow the hour and the weekday
    #[arg(long)]
    pub(crate) seasons: bool,
}

/// What `backtest` can be told.
#[derive(Args, Debug)]
pub(crate) struct Backtest {
    /// The file of rules: TOML, a table `[[rule]]` each
    #[arg(long, value_name = "FILE")]
    pub(crate) rule: PathBuf,
    /// Which of its rules; needed where it has several
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// From when on alerts are told, event time, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Timestamp,
    /// When the test ends: later logs are not there
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Timestamp,
    /// Write what is found as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Files of logs, patterns such as 'logs/*.json.gz', - for standard input, or kafka://HOST:PORT/TOPIC
    #[arg(required = true, value_name = "LOGS")]
    pub(crate) logs: Vec<String>,
}

/// What `backup` can be told.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The configuration file, which says where the store is
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What `restore` can be told.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The configuration file, which says where the store is
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The file to read
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// Let what is in the store go
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What `forget-secrets` can be told.
#[derive(Args, Debug)]
pub(crate) struct ForgetSecrets {
    /// The configuration file, which says where the store is
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What `detect` can be told.
#[derive(Args, Debug)]
pub(crate) struct Detect {
    /// The table, CSV with a header; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// The column that says when; without one, rows follow each other evenly
    #[arg(long, value_name = "COLUMN")]
    pub(crate) timestamp: Option<String>,
    /// The columns of values
    #[arg(long, value_name = "COLUMN", required = true, value_delimiter = ',')]
    pub(crate) value: Vec<String>,
    /// How verdicts are written
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub(crate) format: Written,
    /// Draw each series with its expected band and its anomalies into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}

/// What `evaluate` can be told.
#[derive(Args, Debug)]
pub(crate) struct Evaluate {
    /// The folder of labelled data
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// What `templates` can be told.
#[derive(Args, Debug)]
pub(crate) struct Templates {
    /// The file; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// The file is CSV with a header, and messages stand in this column
    #[arg(long, value_name = "COLUMN", conflicts_with = "whole_lines")]
    pub(crate) column: Option<String>,
    /// Each line is a message, whatever it looks like
    #[arg(long)]
    pub(crate) whole_lines: bool,
    /// Write the template of each line instead
    #[arg(long)]
    pub(crate) assign: bool,
    /// How templates are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Written,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a duration like 100ms, 2s, 5m, 1h or 7d".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.replace('_', "").parse().ok();
    rate.filter(|rate| (0.01..=1e7).contains(rate)).ok_or_else(|| "a number from 0.01 to 10000000".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
