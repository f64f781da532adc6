//! The logs that every case reads: the generator's, in memory, a JSON object of about 250 bytes each.

use anyhow::{Context, Result};
use highwater_connectors::generator::{Generator, Traffic};
use highwater_engine::{Timestamp, seconds};

/// Logs as they would come over a wire, which can be read round after round: each time they happen anew.
pub(crate) struct Data {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// seconds from the beginning of a round
    seconds: Vec<usize>,
    /// dates and times of the seconds of the round under way
    stamps: Vec<[u8; STAMP]>,
}

/// Where a log begins with the time that it happened, to the second.
const TIMESTAMP: &[u8] = br#"{"timestamp":""#;
const STAMP: usize = "2026-01-31T00:00:00".len();

impl Data {
    /// So many logs of a busy system, the last of which happens now.
    pub(crate) fn generate(logs: usize, logs_per_second: u32) -> Result<Self> {
        let traffic = Traffic {
            logs_per_second: f64::from(logs_per_second),
            incidents: false,
            seasons: false,
            ..Traffic::default()
        };
        let start = Timestamp::now().minus(seconds(logs as u64 / u64::from(logs_per_second))).align(seconds(1));
        let mut generator = Generator::new(traffic, start);
        let mut data =
            Data { bytes: Vec::with_capacity(logs * 270), ends: Vec::new(), seconds: Vec::new(), stamps: Vec::new() };
        for _ in 0..logs {
            let at = data.bytes.len();
            generator.next(&mut data.bytes);
            data.ends.push(data.bytes.len());
            let log = data.bytes.get(at..).unwrap_or_default();
            let time =
                log.strip_prefix(TIMESTAMP).and_then(|rest| rest.get(..STAMP)).context("a log without a time")?;
            let time: Timestamp = format!("{}Z", std::str::from_utf8(time)?).parse()?;
            data.seconds.push(time.since(start).as_secs() as usize);
        }
        Ok(data)
    }

    /// As many parts, one for each worker.
    pub(crate) fn split(&self, parts: usize) -> Vec<Self> {
        let share = self.len() / parts;
        let part = |number: usize| {
            let (from, to) = (number * share, (number + 1) * share);
            let start = self.start(from);
            Data {
                bytes: self.bytes.get(start..self.start(to)).unwrap_or_default().to_vec(),
                ends: self.ends.iter().skip(from).take(share).map(|end| end - start).collect(),
                seconds: self.seconds.iter().skip(from).take(share).copied().collect(),
                stamps: Vec::new(),
            }
        };
        (0..parts).map(part).collect()
    }

    /// From now on the logs happen from this second on.
    pub(crate) fn begin_round(&mut self, start: Timestamp) {
        let last = self.seconds.iter().max().copied().unwrap_or(0);
        self.stamps.clear();
        for second in 0..=last {
            let time = start.plus(seconds(second as u64)).to_string();
            self.stamps.extend(time.as_bytes().first_chunk::<STAMP>());
        }
    }

    /// A log as it happens in the round under way.
    pub(crate) fn stamped(&mut self, at: usize) -> &[u8] {
        let (start, end) = (self.start(at), self.start(at + 1));
        let Some(log) = self.bytes.get_mut(start..end) else { return &[] };
        let stamp = self.seconds.get(at).and_then(|second| self.stamps.get(*second));
        if let (Some(stamp), Some(time)) = (stamp, log.get_mut(TIMESTAMP.len()..TIMESTAMP.len() + STAMP)) {
            time.copy_from_slice(stamp);
        }
        log
    }

    /// The same logs of so many times as many services.
    pub(crate) fn spread(&self, times: usize) -> Self {
        let mut data = Data {
            bytes: Vec::with_capacity(self.bytes.len() + 4 * self.len()),
            ends: Vec::new(),
            seconds: self.seconds.clone(),
            stamps: Vec::new(),
        };
        for at in 0..self.len() {
            let log = self.get(at);
            let host = b"\",\"host\"";
            let name_ends = log.windows(host.len()).position(|bytes| bytes == host).unwrap_or(0);
            let (head, rest) = log.split_at(name_ends);
            data.bytes.extend_from_slice(head);
            data.bytes.extend_from_slice(format!("-{}", at % times).as_bytes());
            data.bytes.extend_from_slice(rest);
            data.ends.push(data.bytes.len());
        }
        data
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A log as it was made.
    pub(crate) fn get(&self, at: usize) -> &[u8] {
        self.bytes.get(self.start(at)..self.start(at + 1)).unwrap_or_default()
    }

    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(self.bytes.len()) }
    }
}
