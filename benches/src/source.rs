//! A source that hands out logs from memory as fast as they are taken.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError, Timestamp, seconds};

use crate::data::Data;

/// Every worker reads its share of the logs round after round, each of which happens when the one before is over.
pub(crate) struct Memory {
    shares: Mutex<Vec<Option<Data>>>,
    rounds: Rounds,
}

/// How often logs are read, and how long those of a round are apart.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) count: usize,
    pub(crate) length: Duration,
}

impl Rounds {
    /// When a round begins, such that the last one ends now.
    pub(crate) fn start(self, round: usize) -> Timestamp {
        let length = |rounds: usize| self.length * u32::try_from(rounds).unwrap_or(u32::MAX);
        Timestamp::now().align(self.length).minus(length(self.count)).plus(length(round))
    }
}

impl Memory {
    pub(crate) fn new(data: &Data, workers: usize, rounds: Rounds) -> Self {
        Memory { shares: Mutex::new(data.split(workers).into_iter().map(Some).collect()), rounds }
    }
}

impl Source for Memory {
    fn name(&self) -> Name {
        Name::from("memory")
    }

    fn open(&self, worker: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let data = shares.get_mut(worker).and_then(Option::take);
        let data = data
            .ok_or_else(|| SourceError::new(self.name(), "it is read once, by as many workers as it was made for"))?;
        let rounds: Vec<Timestamp> = (0..self.rounds.count).map(|round| self.rounds.start(round)).collect();
        let at = data.len();
        Ok(Box::new(Share { data, partition: worker as u32, at, rounds: rounds.into_iter() }))
    }
}

struct Share {
    data: Data,
    partition: u32,
    at: usize,
    rounds: std::vec::IntoIter<Timestamp>,
}

impl Reader for Share {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(self.partition);
        while !intake.is_full() {
            if self.at == self.data.len() {
                let Some(start) = self.rounds.next() else { return Ok(Progress::Finished) };
                self.data.begin_round(start);
                self.at = 0;
            }
            intake.record(slot, self.at as i64 + 1, None, self.data.stamped(self.at));
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
