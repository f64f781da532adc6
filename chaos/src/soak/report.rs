//! [`Report`]: a line a minute, and what it comes to.

use std::{fmt, path::PathBuf};

use super::Moment;

/// The head of the table.
pub(super) const HEAD: &str = "minute     logs/s  memory MiB  descriptors  state MiB  outbox KiB at most  epochs behind at most  arranged records";

/// What the samples of a minute come to; none of no samples.
pub(super) fn line(minute: u64, moments: &[&Moment]) -> Option<String> {
    let (first, last) = (moments.first()?, moments.last()?);
    let seconds = (last.at - first.at).as_secs_f64().max(1.0);
    let logs = (last.sample.logs - first.sample.logs) as f64 / seconds;
    let memory = moments.iter().map(|moment| moment.sample.resident).sum::<u64>() / moments.len() as u64;
    let most = |of: fn(&Moment) -> u64| moments.iter().map(|moment| of(moment)).max().unwrap_or(0);
    Some(format!(
        "{minute:6} {logs:10.0} {:11} {:12} {:10} {:19} {:22} {:17}",
        memory >> 20,
        most(|moment| moment.sample.descriptors),
        last.sample.state >> 20,
        most(|moment| moment.sample.outbox) >> 10,
        most(|moment| moment.sample.epochs_behind),
        last.sample.arrangements.values().sum::<u64>(),
    ))
}

/// What happened, and what is wrong with it.
#[derive(Debug)]
pub struct Report {
    /// Logs a second that the job took when there was no end of them.
    pub full_speed: u64,
    /// Logs a second of the load.
    pub logs_per_second: u64,
    /// Logs produced, and counted by the job.
    pub logs: u64,
    /// Whether it went on for long enough to tell growth from warm-up.
    pub judged: bool,
    /// The configuration, the state and the log of the job.
    pub folder: PathBuf,
    /// What grew, or did not end well.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} logs produced and counted; files in {}", self.logs, self.folder.display())?;
        self.problems.iter().try_for_each(|problem| writeln!(f, "wrong: {problem}"))?;
        match (self.passed(), self.judged) {
            (true, true) => writeln!(f, "passed: nothing grows"),
            (true, false) => writeln!(f, "passed, but it was too short to see what grows"),
            (false, _) => writeln!(f, "failed"),
        }
    }
}
