//! [`Report`]: what a run came to; [`Starts`]: how its starts went.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// Problems of a kind that are told in full.
const SHOWN: usize = 3;

/// What is wrong, by where it was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    /// Adds what is wrong with something, if anything is.
    pub fn add(&mut self, with: impl Into<String>, problems: impl IntoIterator<Item = String>) {
        let mut problems = problems.into_iter().peekable();
        if problems.peek().is_some() {
            self.0.entry(with.into()).or_default().extend(problems);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (with, problems) in &self.0 {
            writeln!(f, "wrong: {with}, {} times", problems.len())?;
            problems.iter().take(SHOWN).try_for_each(|problem| writeln!(f, "    {problem}"))?;
            if problems.len() > SHOWN {
                writeln!(f, "    ..")?;
            }
        }
        Ok(())
    }
}

/// How starts of as many processes went.
#[derive(Debug, Default)]
pub struct Starts {
    /// How many there were.
    pub count: usize,
    /// From a start after a kill to when all processes served views again, where that came before the next kill.
    pub recoveries: Vec<Duration>,
    /// From a kill to when the other processes had ended by themselves.
    pub losses: Vec<Duration>,
}

/// What happened, and what is wrong with it.
#[derive(Debug)]
pub struct Report {
    /// Replays the run.
    pub seed: u64,
    /// Logs produced.
    pub logs: u64,
    /// Logs that each process has counted in the end.
    pub counted: Vec<u64>,
    /// Kills.
    pub kills: usize,
    /// Restarts of the broker.
    pub broker_restarts: usize,
    /// How starts went, by how many processes they had.
    pub starts: BTreeMap<usize, Starts>,
    /// What came out of each topic, in short.
    pub topics: BTreeMap<String, String>,
    /// How long all of it took.
    pub took: Duration,
    /// The configuration, the state and the log of the job.
    pub folder: PathBuf,
    /// What a job that was never killed does not do.
    pub problems: Problems,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &str| writeln!(f, "  {name:<20} {value}");
        line("seed", &self.seed.to_string())?;
        let counted: Vec<String> = self.counted.iter().map(u64::to_string).collect();
        line("logs", &format!("{} produced, {} counted", self.logs, counted.join(" and ")))?;
        line("kills", &self.kills.to_string())?;
        line("broker restarts", &self.broker_restarts.to_string())?;
        for (processes, starts) in &self.starts {
            line(&format!("starts as {processes}"), &starts.count.to_string())?;
            line("    recovered", &summary(starts.recoveries.clone()))?;
            if *processes > 1 {
                line("    others ended", &summary(starts.losses.clone()))?;
            }
        }
        self.topics.iter().try_for_each(|(topic, what)| line(topic, what))?;
        line("took", &format!("{:.1} s", self.took.as_secs_f64()))?;
        line("files", &self.folder.display().to_string())?;
        match self.problems.len() {
            0 => writeln!(f, "passed: nothing lost, nothing twice"),
            problems => {
                write!(f, "{}", self.problems)?;
                writeln!(f, "failed: {problems} problems; seed {} replays the run", self.seed)
            }
        }
    }
}

fn summary(mut times: Vec<Duration>) -> String {
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
    fn times_in_short() {
        let times = [3, 1, 2].map(Duration::from_secs);
        assert_eq!(summary(times.to_vec()), "3, median 2.00 s, longest 3.00 s");
        assert_eq!(summary(Vec::new()), "none");
    }

    #[test]
    fn problems_by_kind_in_short() {
        let mut problems = Problems::default();
        problems.add("alerts", Vec::new());
        assert!(problems.is_empty());
        problems.add("log_volume", (0..5).map(|n| format!("row {n}")));
        assert_eq!((problems.len(), problems.to_string().lines().count()), (5, 5));
    }
}
