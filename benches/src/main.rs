//! `cargo run --release -p highwater-benches`: each case runs in a process of its own over the same logs and says what
//! CPU it took; the table sets it against the yardstick, which only parses them.

mod cases;
mod data;
mod kafka;
mod source;
mod usage;

use std::{io::Write, process::Command};

use anyhow::{Context, Result, bail};

use crate::usage::Usage;

/// As in `highwater` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of each case; the table shows medians.
const RUNS: usize = 3;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--case"), Some(case)) => {
            let usage = cases::run(&case)?;
            writeln!(std::io::stdout(), "{usage}")?;
            Ok(())
        }
        (None, _) => table(),
        (Some(other), _) => bail!("unknown argument {other}: run without any for the table"),
    }
}

/// Case, what it is measured against, what it must not exceed.
const ROWS: &[(&str, &str, f64)] = &[
    ("parse", "parse", 1.0),
    ("one-query", "parse", 1.2),
    ("all-queries", "parse", 1.67),
    ("one-query-2-workers", "parse", 1.2),
    ("ten-times-the-history", "one-query", 1.1),
];

fn table() -> Result<()> {
    let mut out = std::io::stdout().lock();
    let with_kafka: &[&str] = if kafka::broker().is_some() { &["kafka-bare", "kafka"] } else { &[] };
    let others = ["rows", "latency"].iter().chain(with_kafka).copied();
    let names: Vec<&str> = ROWS.iter().map(|(case, ..)| *case).chain(others).collect();
    let mut runs: Vec<Vec<Usage>> = vec![Vec::new(); names.len()];
    for round in 1..=RUNS {
        for (case, measured) in names.iter().zip(&mut runs) {
            writeln!(std::io::stderr(), "round {round} of {RUNS}: {case}")?;
            measured.push(measure(case)?);
        }
    }
    let median = |case: &str| -> Result<Usage> {
        let at = names.iter().position(|name| *name == case).context("a case of the table")?;
        let mut sorted = runs.get(at).cloned().unwrap_or_default();
        sorted.sort_by(|a, b| a.cpu_per_log().total_cmp(&b.cpu_per_log()));
        sorted.get(sorted.len() / 2).copied().context("a run")
    };
    writeln!(
        out,
        "{:24} {:>12} {:>12} {:>10} {:>14} {:>8}",
        "case", "ns CPU/log", "M logs/s", "peak MiB", "against", "ratio"
    )?;
    for (case, against, limit) in ROWS {
        let (usage, yardstick) = (median(case)?, median(against)?);
        let ratio = usage.cpu_per_log() / yardstick.cpu_per_log();
        writeln!(
            out,
            "{case:24} {:12.0} {:12.2} {:10.0} {against:>14} {ratio:8.2}  (at most {limit})",
            usage.cpu_per_log() * 1e9,
            usage.logs_per_second() / 1e6,
            usage.peak_bytes as f64 / (1 << 20) as f64,
        )?;
    }
    let (one, two) = (median("one-query")?, median("one-query-2-workers")?);
    let speedup = two.logs_per_second() / one.logs_per_second();
    writeln!(out, "two workers against one: {speedup:.2} times the logs/s (at least 1.8)")?;
    let rows = median("rows")?;
    writeln!(
        out,
        "live rows of a tally: {:.0} bytes each, all in, at {} rows (at most 200)",
        rows.peak_bytes as f64 / rows.logs as f64,
        rows.logs
    )?;
    let p99 = median("latency")?.wall_seconds * 1e3;
    writeln!(out, "from log to view at 100,000 logs/s: {p99:.0} ms at the 99th percentile (at most 150)")?;
    if with_kafka.is_empty() {
        writeln!(out, "from Kafka: not measured, no broker at HIGHWATER_TEST_KAFKA (scripts/kafka start --port 0)")?;
    } else {
        let (bare, job) = (median("kafka-bare")?, median("kafka")?);
        let ratio = job.logs_per_second() / bare.logs_per_second();
        let rate = job.logs_per_second() / 1e6;
        writeln!(
            out,
            "from Kafka: {rate:.2} M logs/s, {ratio:.2} times a bare consumer that counts bytes (at least 0.7)"
        )?;
    }
    Ok(())
}

fn measure(case: &str) -> Result<Usage> {
    let own = std::env::current_exe().context("where this program lies")?;
    let output = Command::new(own).args(["--case", case]).output().with_context(|| format!("running case {case}"))?;
    if !output.status.success() {
        bail!("case {case} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().with_context(|| format!("what case {case} printed"))
}
