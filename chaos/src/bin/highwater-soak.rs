//! `highwater-soak`: the soak test. `make soak` runs it.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use highwater_chaos::{broker::Broker, folder::fresh, interrupt, soak};

/// Runs Highwater at half of its full speed, with late logs, keys that come and go and partitions that fall silent, and
/// checks that neither memory nor descriptors grow.
#[derive(Parser)]
struct Cli {
    /// How long
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: u64,
    /// Decides the logs [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// Logs produced per second [default: half of full speed, which is measured first]
    #[arg(long)]
    logs_per_second: Option<u64>,
    /// The program to run
    #[arg(long, value_name = "PATH", default_value = "target/release/highwater")]
    binary: PathBuf,
    /// A Kafka that runs already [default: one of its own, by scripts/kafka]
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Where configuration, state and log of the job are left
    #[arg(long, value_name = "DIR", default_value = "target/soak")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match soak(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // nobody is left to tell where even this cannot be written
            let _ = writeln!(std::io::stderr(), "highwater-soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether it passed.
fn soak(cli: Cli) -> Result<bool> {
    interrupt::heed()?;
    let Cli { minutes, logs_per_second, binary, .. } = cli;
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let folder = fresh(&cli.folder, seed)?;
    let broker = Broker::of(cli.brokers, &folder)?;
    let mut out = std::io::stdout();
    writeln!(out, "{minutes} minutes, seed {seed}; files in {}", folder.display())?;
    let options = soak::Options { seed, time: Duration::from_secs(60 * minutes), logs_per_second, binary, folder };
    let report = soak::run(&options, &broker, |line| writeln!(std::io::stdout(), "{line}").context("no output"))?;
    write!(out, "{report}")?;
    Ok(report.passed())
}
