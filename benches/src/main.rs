//! `cargo run --release -p highwater-benches`: each case runs in a process of its own over the same logs and says what
//! CPU it took; the table sets it against the yardstick, which only parses them.

mod cases;
mod data;
mod kafka;
mod recovery;
mod rules;
mod source;
mod usage;

use std::{io::Write, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    recovery::{RECOVERIES, Recovery, State},
    usage::Usage,
};

/// As in `highwater` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of each case; the table shows medians.
const RUNS: usize = 3;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let recovery = |case: &str| Recovery::of(case).with_context(|| format!("no recovery is called {case}"));
    match arguments[..] {
        ["--case", case] => Ok(writeln!(std::io::stdout(), "{}", cases::run(case)?)?),
        ["--fill", case, folder] => recovery(case)?.fill(folder.as_ref()),
        ["--recover", case, folder] => recovery(case)?.recover(folder.as_ref()),
        ["--recoveries"] => recoveries(&mut std::io::stdout()),
        [] => table(),
        _ => bail!("unknown arguments {arguments:?}: none for the table, --recoveries for that part alone"),
    }
}

/// Case, what it is measured against, what it must not exceed.
const ROWS: &[(&str, &str, f64)] = &[
    ("parse", "parse", 1.0),
    ("one-query", "parse", 1.2),
    ("all-queries", "parse", 1.67),
    ("one-query-2-workers", "parse", 1.2),
    ("ten-times-the-history", "one-query", 1.1),
    ("10-rules", "no-rules", 1.1),
    ("10,000-rules", "10-rules", 2.0),
];

fn table() -> Result<()> {
    let mut out = std::io::stdout().lock();
    let with_kafka: &[&str] = match kafka::broker() {
        Some(_) => &["kafka-bare", "kafka", "kafka-fleeting", "kafka-durable"],
        None => &[],
    };
    let others = ["parse-2-threads", "no-rules", "backtest", "rows", "latency", "fleeting", "durable"]
        .iter()
        .chain(with_kafka)
        .copied();
    let names: Vec<&str> = ROWS.iter().map(|(case, ..)| *case).chain(others).collect();
    let mut runs: Vec<Vec<Usage>> = vec![Vec::new(); names.len()];
    for round in 1..=RUNS {
        for (case, measured) in names.iter().zip(&mut runs) {
            writeln!(std::io::stderr(), "round {round} of {RUNS}: {case}")?;
            measured.push(measure(&["--case", case])?);
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
    let speedup =
        |one: &str, two: &str| -> Result<f64> { Ok(median(two)?.logs_per_second() / median(one)?.logs_per_second()) };
    writeln!(
        out,
        "two workers against one: {:.2} times the logs/s (at least 1.8; two threads that only parse: {:.2})",
        speedup("one-query", "one-query-2-workers")?,
        speedup("parse", "parse-2-threads")?
    )?;
    let rows = median("rows")?;
    writeln!(
        out,
        "live rows of a tally: {:.0} bytes each, all in, at {} rows (at most 200)",
        rows.peak_bytes as f64 / rows.logs as f64,
        rows.logs
    )?;
    let tested = median("backtest")?;
    let times = tested.logs as f64 / 1e3 / tested.wall_seconds;
    writeln!(
        out,
        "a rule tried on 1,000 logs/s that have passed: {times:.0} times as fast as they came (at least 50)"
    )?;
    let p99 = median("latency")?.wall_seconds * 1e3;
    writeln!(out, "from log to view at 100,000 logs/s: {p99:.0} ms at the 99th percentile (at most 150)")?;
    let of = |case: &str| -> &[Usage] {
        names.iter().zip(&runs).find(|(name, _)| **name == case).map_or(&[], |(_, measured)| measured)
    };
    let durable = |of: &str, ratio| format!("durable state, {of}: {ratio} (at most 1.15 times as long)");
    writeln!(out, "{}", durable("240 services", beside(of("durable"), of("fleeting"))))?;
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
        let ratio = beside(of("kafka-durable"), of("kafka-fleeting"));
        writeln!(out, "{}", durable("from Kafka to Kafka", ratio))?;
    }
    recoveries(&mut out)
}

/// What runs took beside those of the same rounds: medians of the ratios, since what else the machine does changes more
/// from round to round than within one.
fn beside(runs: &[Usage], yardsticks: &[Usage]) -> String {
    let median = |of: fn(&Usage) -> f64| {
        let mut ratios: Vec<f64> =
            runs.iter().zip(yardsticks).map(|(run, yardstick)| of(run) / of(yardstick)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let (wall, cpu) = (median(|usage| usage.wall_seconds), median(|usage| usage.cpu_seconds));
    format!("{wall:.2} times as long, {cpu:.2} times the CPU of the same without")
}

/// From the start of a process to its views, by the size of the state that it goes on with.
fn recoveries(out: &mut impl Write) -> Result<()> {
    for Recovery { case, limit, .. } in RECOVERIES {
        writeln!(std::io::stderr(), "{case}")?;
        let state = State::new()?;
        let folder = state.folder();
        let folder = folder.to_str().context("a folder's name")?;
        run(&["--fill", case, folder])?;
        let bytes = state.bytes()?;
        let usage = measure(&["--recover", case, folder])?;
        let limit = limit.map(|limit| format!(" (at most {limit} s)")).unwrap_or_default();
        writeln!(
            out,
            "{case}: {} rows, {} MB on disk: {:.2} s{limit}, peak {:.0} MiB",
            usage.logs,
            bytes / 1_000_000,
            usage.wall_seconds,
            usage.peak_bytes as f64 / (1 << 20) as f64,
        )?;
    }
    Ok(())
}

fn measure(arguments: &[&str]) -> Result<Usage> {
    run(arguments)?.trim().parse().with_context(|| format!("what {arguments:?} printed"))
}

/// Runs this program in a process of its own. What it printed.
fn run(arguments: &[&str]) -> Result<String> {
    let own = std::env::current_exe().context("where this program lies")?;
    let output = Command::new(own).args(arguments).output().with_context(|| format!("running {arguments:?}"))?;
    if !output.status.success() {
        bail!("{arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
