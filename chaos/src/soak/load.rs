//! [`Load`]: what a job lives on for long: late logs, keys that come and go, partitions that fall silent.

use std::time::Duration;

use crate::logs::{BASE, Log, Logs, PARTITIONS};
use crate::time::Millis;

/// Event time passes by the log, not by the clock: so much for a thousand logs. Windows of every length then come and
/// go within a run.
const MILLIS_PER_THOUSAND: u64 = 30_000;
/// Each service runs as so many instances, each a key of its own.
const INSTANCES: u64 = 2;
/// After so much event time an instance is replaced.
const LIFE: Millis = 3_600_000;
/// So long one partition after the other is silent, with as long a pause between.
const SILENCE: Millis = 3 * 3_600_000;

/// What the job is told: a partition that says nothing for so long does not hold time back. Much less than `SILENCE`
/// lasts.
pub const PARTITION_SILENT_FROM: Duration = Duration::from_secs(1);

/// Records and their partitions, without end.
pub struct Load {
    logs: Logs,
    made: u64,
}

impl Load {
    /// As `seed` decides.
    pub fn new(seed: u64) -> Self {
        Load { logs: Logs::with_pace(seed, MILLIS_PER_THOUSAND), made: 0 }
    }
}

impl Iterator for Load {
    type Item = (i32, String);

    fn next(&mut self) -> Option<(i32, String)> {
        let log = self.logs.next()?;
        let passed = (self.made * MILLIS_PER_THOUSAND / 1000) as Millis;
        self.made += 1;
        let service = format!("{}-{}", log.service, instance(&log));
        Some((partition(log.partition, passed), log.json_of(&service)))
    }
}

/// Which instance of its service wrote a log. They are replaced one after the other.
fn instance(log: &Log) -> u64 {
    let slot = u64::from(log.latency_ms) % INSTANCES;
    let stagger = slot as Millis * LIFE / INSTANCES as Millis;
    let replaced = (log.at - BASE + stagger).max(0) / LIFE;
    replaced as u64 * INSTANCES + slot
}

/// The partition, or the next one while it is silent.
fn partition(partition: i32, passed: Millis) -> i32 {
    let turn = passed / SILENCE;
    let silent = (turn % 2 == 1).then(|| (turn / 2 % Millis::from(PARTITIONS)) as i32);
    if silent == Some(partition) { (partition + 1) % PARTITIONS } else { partition }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_come_and_go() {
        let services = |skip| -> BTreeSet<String> {
            let of = |(_, json): (i32, String)| {
                serde_json::from_str::<serde_json::Value>(&json).unwrap()["service"].as_str().unwrap().to_owned()
            };
            Load::new(1).skip(skip).take(2_000).map(of).collect()
        };
        let (first, later) = (services(0), services(1_000_000));
        assert!((12..30).contains(&first.len()), "{}", first.len());
        assert!(first.is_disjoint(&later));
    }

    #[test]
    fn one_partition_after_the_other_is_silent() {
        let logs = |passed| (0..PARTITIONS).map(|of| partition(of, passed)).collect::<BTreeSet<_>>();
        assert_eq!(logs(0).len(), PARTITIONS as usize);
        for (turn, silent) in [(1, 0), (3, 1), (5, 2), (7, 3), (9, 0)] {
            assert!(!logs(turn * SILENCE).contains(&silent));
        }
    }
}
