//! The logs that every case reads: the generator's, in memory, a JSON object of about 250 bytes each.

use std::sync::Arc;

use highwater_connectors::generator::{Generator, Traffic};
use highwater_engine::{Timestamp, minutes};

/// Logs as they would come over a wire.
pub(crate) struct Data {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Data {
    /// `logs` logs of a busy system; the same ones each time but for when they happened: in the last minutes.
    pub(crate) fn generate(logs: usize) -> Arc<Self> {
        let traffic = Traffic { logs_per_second: 1000.0, incidents: false, seasons: false, ..Traffic::default() };
        let mut generator = Generator::new(traffic, Timestamp::now().minus(minutes(10)));
        let mut data = Data { bytes: Vec::with_capacity(logs * 270), ends: Vec::with_capacity(logs) };
        for _ in 0..logs {
            generator.next(&mut data.bytes);
            data.ends.push(data.bytes.len());
        }
        Arc::new(data)
    }

    /// The same logs of so many times as many services.
    pub(crate) fn spread(&self, times: usize) -> Arc<Self> {
        let mut data = Data { bytes: Vec::with_capacity(self.bytes.len() + 4 * self.len()), ends: Vec::new() };
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
        Arc::new(data)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }
}
