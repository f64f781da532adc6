//! `highwater-chaos`: the kill test in its long form. `make chaos` runs it.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use highwater_chaos::{Options, broker::Broker, folder::fresh, interrupt, run};

/// Kills a process of Highwater at random instants while logs come, starts the job again as one to three, and checks that
/// nothing is lost and nothing counted twice.
#[derive(Parser)]
struct Cli {
    /// Decides logs, instants of kills, victims, and how many processes and workers there are [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// How often it is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// How often the broker is stopped and started meanwhile
    #[arg(long, default_value_t = 0, conflicts_with = "brokers")]
    broker_restarts: usize,
    /// Logs produced per second
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(100..=100_000))]
    logs_per_second: u64,
    /// The program to kill
    #[arg(long, value_name = "PATH", default_value = "target/release/highwater")]
    binary: PathBuf,
    /// A Kafka that runs already [default: one of its own, by scripts/kafka]
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Where configuration, state and log of the job are left
    #[arg(long, value_name = "DIR", default_value = "target/chaos")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let done = chaos(&cli, seed);
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // nobody is left to tell where even this cannot be written
            let _ = writeln!(std::io::stderr(), "highwater-chaos: {error:#}; seed {seed} replays the run");
            ExitCode::FAILURE
        }
    }
}

/// Whether it passed.
fn chaos(cli: &Cli, seed: u64) -> Result<bool> {
    interrupt::heed()?;
    let folder = fresh(&cli.folder, seed)?;
    let broker = Broker::of(cli.brokers.clone(), &folder)?;
    let Cli { kills, broker_restarts, logs_per_second, .. } = *cli;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{kills} kills, {broker_restarts} broker restarts, {logs_per_second} logs per second, seed {seed}; files in {}",
        folder.display()
    )?;
    let options = Options { seed, kills, broker_restarts, logs_per_second, binary: cli.binary.clone(), folder };
    let report = run(&options, &broker)?;
    write!(out, "{report}")?;
    Ok(report.passed())
}
