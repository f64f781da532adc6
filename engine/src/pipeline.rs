//! [`Pipeline`]: what a job says of its own parts, for whoever wants to know why it is slow.
//!
//! Each part brings its own up to date, once a second or once an epoch; nothing here is touched per log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{Name, Timestamp};

/// What the job's parts have said last.
#[derive(Debug, Default)]
pub struct Pipeline {
    workers: Mutex<BTreeMap<usize, Arc<WorkerReport>>>,
    mishaps: Mutex<BTreeMap<Name, Mishap>>,
    /// How long it took from the end of an epoch to its being seen.
    pub epochs: Recent,
    /// How long commits took.
    pub commits: Recent,
}

/// Most of a failure's words that are remembered.
const MISHAP_CHARS: usize = 500;

impl Pipeline {
    /// The workers of this process, in their order.
    pub fn workers(&self) -> Vec<Arc<WorkerReport>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Why a sink had to try again last.
    pub fn mishap(&self, sink: &str) -> Option<Mishap> {
        self.mishaps.lock().unwrap_or_else(PoisonError::into_inner).get(sink).cloned()
    }

    pub(crate) fn report(&self, report: WorkerReport) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.insert(report.worker, Arc::new(report));
    }

    pub(crate) fn note_mishap(&self, sink: Name, what: String) {
        let what = what.chars().take(MISHAP_CHARS).collect();
        let mishap = Mishap { at: Timestamp::now(), what };
        self.mishaps.lock().unwrap_or_else(PoisonError::into_inner).insert(sink, mishap);
    }
}

/// What a sink said when it failed.
#[derive(Clone, Debug)]
pub struct Mishap {
    /// When.
    pub at: Timestamp,
    /// In its words.
    pub what: String,
}

/// One worker's account of its time, its operators and its partitions, from its start to its last report.
#[derive(Clone, Debug, Default)]
pub struct WorkerReport {
    /// Its number.
    pub worker: usize,
    /// From its start to this report.
    pub took: Duration,
    /// Of that: reading records and making logs of them.
    pub reading: Duration,
    /// Waiting for something to do.
    pub parked: Duration,
    /// Time in which it read nothing, because what was read was not seen or committed yet.
    pub held_back: Duration,
    /// What the dataflow consists of, the same on every worker.
    pub plan: Arc<Plan>,
    /// What operators cost and hold, in the order of the plan.
    pub operators: Vec<OperatorTally>,
    /// What went through channels, in the order of the plan.
    pub channels: Vec<ChannelTally>,
    /// How far partitions have been read.
    pub partitions: Vec<PartitionReport>,
}

/// The operators of a dataflow and what leads from one to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By their numbers.
    pub operators: Vec<Operator>,
    /// By their numbers, too.
    pub channels: Vec<Channel>,
}

/// One operator, or a scope of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its number, the same on every worker.
    pub id: usize,
    /// The scopes that it is in, from the outermost, and its place in the last.
    pub address: Vec<usize>,
    /// What kind it is.
    pub name: String,
    /// The query that it belongs to, or the part of one; none for what carries all of them.
    pub part: Option<Name>,
}

/// What leads from one operator to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its number, which no operator has.
    pub id: usize,
    /// The operator at its beginning, and which of its outputs. A scope stands for its border.
    pub from: (usize, usize),
    /// The operator at its end.
    pub to: usize,
}

/// What an operator costs and holds on one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorTally {
    /// Time of its own, without that of operators within.
    pub spent: Duration,
    /// How often it ran.
    pub runs: u64,
    /// Records in its arrangement.
    pub held: i64,
    /// Records that wait for their epoch to end before they are arranged.
    pub waiting: i64,
    /// Bytes of these.
    pub waiting_bytes: i64,
}

/// What went through a channel, as seen from one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelTally {
    /// Records that this worker sent, to whichever.
    pub sent: u64,
    /// Records that it received, from whichever.
    pub received: u64,
}

/// How far one partition has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionReport {
    /// The source's name.
    pub source: Name,
    /// The partition's number there.
    pub partition: u32,
    /// Where reading goes on; none before the first record.
    pub next_offset: Option<i64>,
    /// The newest event time that came.
    pub newest: Option<Timestamp>,
    /// What it says of the watermark.
    pub watermark: Option<Timestamp>,
    /// Whether it holds the watermark back.
    pub pace: Pace,
}

/// Whether logs come from a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// They do.
    Active,
    /// Not for a while: the wall clock carries its watermark.
    Idle,
    /// None will come any more.
    Ended,
}

/// How long the last few of something took.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Duration>>);

/// As many as are remembered.
const REMEMBERED: usize = 256;

impl Recent {
    pub(crate) fn note(&self, took: Duration) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(took);
    }

    /// The time that this share of them kept within; none where there were none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut last: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        last.sort_unstable();
        let rank = (share.clamp(0.0, 1.0) * last.len() as f64).ceil() as usize;
        last.get(rank.max(1) - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_last_ones() {
        let recent = Recent::default();
        assert_eq!(recent.quantile(0.5), None);
        recent.note(Duration::from_secs(9));
        assert_eq!(recent.quantile(0.0), Some(Duration::from_secs(9)));
        for millis in 1..=REMEMBERED as u64 {
            recent.note(Duration::from_millis(millis));
        }
        let at = |share| recent.quantile(share).map(|took| took.as_millis());
        assert_eq!((at(0.0), at(0.5), at(0.99), at(1.0)), (Some(1), Some(128), Some(254), Some(256)));
    }
}
