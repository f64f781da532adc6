//! [`Report`]: what a run came to.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// Problems of each run that are told in full.
const SHOWN: usize = 10;

/// What happened, and what is wrong with it.
#[derive(Debug)]
pub struct Report {
    /// Replays the run.
    pub seed: u64,
    /// Logs produced.
    pub logs: u64,
    /// Kills.
    pub kills: usize,
    /// From the start after a kill to when views were served again, where that came before the next kill.
    pub recoveries: Vec<Duration>,
    /// Topics with their committed records.
    pub records: BTreeMap<String, usize>,
    /// How long all of it took.
    pub took: Duration,
    /// The configuration, the state and the log of the job.
    pub folder: PathBuf,
    /// What a job that was never killed does not do.
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
        let mut line = |name: &str, value: String| writeln!(f, "  {name:<20} {value}");
        line("seed", self.seed.to_string())?;
        line("logs", self.logs.to_string())?;
        line("kills", self.kills.to_string())?;
        line("recoveries", recoveries(self.recoveries.clone()))?;
        for (topic, records) in &self.records {
            line(topic, format!("{records} records"))?;
        }
        line("took", format!("{:.1} s", self.took.as_secs_f64()))?;
        line("files", self.folder.display().to_string())?;
        if self.passed() {
            return writeln!(f, "passed: nothing lost, nothing twice");
        }
        for problem in self.problems.iter().take(SHOWN) {
            writeln!(f, "wrong: {problem}")?;
        }
        if self.problems.len() > SHOWN {
            writeln!(f, "wrong: {} more", self.problems.len() - SHOWN)?;
        }
        writeln!(f, "failed: {} problems; seed {} replays the run", self.problems.len(), self.seed)
    }
}

fn recoveries(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    match (times.get(times.len() / 2), times.last()) {
        (Some(median), Some(max)) => {
            let count = times.len();
            format!("{count}, median {:.2} s, longest {:.2} s", median.as_secs_f64(), max.as_secs_f64())
        }
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recoveries_in_short() {
        let times = [3, 1, 2].map(Duration::from_secs);
        assert_eq!(recoveries(times.to_vec()), "3, median 2.00 s, longest 3.00 s");
        assert_eq!(recoveries(Vec::new()), "none");
    }
}
