//! A source that hands out logs from memory as fast as they are taken.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError, Timestamp, seconds};

use crate::data::Data;

/// Every worker reads its share of the logs, `rounds` times over.
pub(crate) struct Memory {
    pub(crate) data: Arc<Data>,
    pub(crate) rounds: usize,
}

impl Source for Memory {
    fn name(&self) -> Name {
        Name::from("memory")
    }

    fn open(&self, worker: usize, workers: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let share = self.data.len() / workers;
        let from = worker * share;
        Ok(Box::new(Share {
            data: self.data.clone(),
            partition: worker as u32,
            from,
            to: from + share,
            at: from,
            rounds: self.rounds,
        }))
    }
}

struct Share {
    data: Arc<Data>,
    partition: u32,
    from: usize,
    to: usize,
    at: usize,
    rounds: usize,
}

impl Reader for Share {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(self.partition);
        while !intake.is_full() {
            if self.at == self.to {
                self.rounds -= 1;
                self.at = self.from;
            }
            if self.rounds == 0 {
                return Ok(Progress::Finished);
            }
            intake.record(slot, self.at as i64 + 1, None, self.data.get(self.at));
            self.at += 1;
        }
        Ok(Progress::More)
    }
}

/// One log for each of many services in each of many windows, made as it is read.
#[derive(Clone, Copy)]
pub(crate) struct ManyKeys {
    pub(crate) keys: usize,
    pub(crate) windows: usize,
    pub(crate) order: Order,
}

/// What comes first of many keys in many windows.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    /// A window an epoch, so that what is measured is rows that live, not the burst that makes them.
    ByWindow,
    /// As fast as they are taken, a key's windows one after the other, which is how a store takes them fastest.
    ByKey,
}

impl Source for ManyKeys {
    fn name(&self) -> Name {
        Name::from("many-keys")
    }

    fn open(&self, _: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let start = Timestamp::now().minus(seconds(self.windows as u64 * 10));
        Ok(Box::new(ManyKeysReader { of: *self, start, at: 0, next_window: Instant::now() }))
    }
}

struct ManyKeysReader {
    of: ManyKeys,
    start: Timestamp,
    at: usize,
    next_window: Instant,
}

impl Reader for ManyKeysReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(0);
        while !intake.is_full() {
            if self.at == self.of.keys * self.of.windows {
                return Ok(Progress::Finished);
            }
            let ManyKeys { keys, windows, order } = self.of;
            let (window, key) = match order {
                Order::ByWindow => (self.at / keys, self.at % keys),
                Order::ByKey => (self.at % windows, self.at / windows),
            };
            if order == Order::ByWindow && key == 0 {
                if Instant::now() < self.next_window {
                    return Ok(Progress::Idle);
                }
                self.next_window = Instant::now() + Duration::from_millis(100);
            }
            let at = self.start.plus(seconds(window as u64 * 10));
            let record = format!(r#"{{"timestamp":"{at}","service":"service-{key:05}","message":"m"}}"#);
            self.at += 1;
            intake.record(slot, self.at as i64, None, record.as_bytes());
        }
        Ok(Progress::More)
    }
}

/// Keeps to a pace, and tells when it handed over how many logs.
pub(crate) struct Paced {
    pub(crate) data: Arc<Data>,
    pub(crate) logs_per_second: usize,
    pub(crate) seconds: usize,
    pub(crate) handed_over: std::sync::mpsc::Sender<(u64, Instant)>,
}

impl Source for Paced {
    fn name(&self) -> Name {
        Name::from("paced")
    }

    fn open(&self, _: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let Paced { data, logs_per_second, seconds, handed_over } = self;
        let (data, handed_over) = (data.clone(), handed_over.clone());
        let (rate, logs) = (*logs_per_second, logs_per_second * seconds);
        Ok(Box::new(PacedReader { data, rate, logs, handed_over, started: Instant::now(), at: 0 }))
    }
}

struct PacedReader {
    data: Arc<Data>,
    rate: usize,
    logs: usize,
    handed_over: std::sync::mpsc::Sender<(u64, Instant)>,
    started: Instant,
    at: usize,
}

impl Reader for PacedReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(0);
        let due = ((self.started.elapsed().as_secs_f64() * self.rate as f64) as usize).min(self.logs);
        if self.at == due {
            return Ok(if due == self.logs { Progress::Finished } else { Progress::Idle });
        }
        let now = Instant::now();
        while self.at < due && !intake.is_full() {
            intake.record(slot, self.at as i64 + 1, None, self.data.get(self.at % self.data.len()));
            self.at += 1;
        }
        // nobody listens any more once the case is over
        let _ = self.handed_over.send((self.at as u64, now));
        Ok(Progress::More)
    }
}
