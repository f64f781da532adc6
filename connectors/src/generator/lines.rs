//! Lines: one planned log as JSON.

use fastrand::Rng;
use highwater_engine::{Level, Timestamp};

use super::{
    json::{escaped, hex64, hundredths, three_digits},
    messages::{Messages, Values},
    services::{Flow, SERVICES},
    trace::Planned,
};

/// One trace in this many is kept in full: its logs name their callers' spans.
const FULL_TRACES: u64 = 4;
/// Where the shop runs; the first has half of the traffic.
const REGIONS: [&str; 4] = ["eu-central-1", "us-east-1", "eu-central-1", "ap-southeast-1"];

/// What is the same in many lines, written once.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// by service and level: what stands between the time and the host
    heads: Vec<[String; Level::ALL.len()]>,
    /// by service and host
    hosts: Vec<Vec<String>>,
    clock: Clock,
}

impl Lines {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let heads = SERVICES.iter().map(|service| {
            Level::ALL
                .map(|level| format!("Z\",\"level\":\"{level}\",\"service\":\"{}\",\"host\":\"", escaped(service.name)))
        });
        let hosts = SERVICES.iter().map(|service| {
            let name = service.name.trim_end_matches("-service");
            let host = |_| format!("{}-{}", escaped(name), suffix(&mut rng));
            (0..service.hosts).map(host).collect()
        });
        Lines { heads: heads.collect(), hosts: hosts.collect(), clock: Clock::default() }
    }

    /// Appends the line of one log, without a newline.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, log: &Planned, messages: &Messages) {
        let service = usize::from(log.service);
        out.extend_from_slice(b"{\"timestamp\":\"");
        self.clock.write(out, log.at);
        out.extend_from_slice(self.heads[service][log.level as usize].as_bytes());
        out.extend_from_slice(self.hosts[service][usize::from(log.host)].as_bytes());
        write_ids(out, log);
        if let Some(micros) = log.latency_micros {
            out.extend_from_slice(b",\"latency_ms\":");
            hundredths(out, u64::from(micros) / 10);
        }
        out.extend_from_slice(b",\"message\":\"");
        let values = Values {
            stable: log.ids.trace[1],
            own: log.ids.span,
            page: log.ids.work.page,
            ms: u64::from(log.latency_micros.unwrap_or(0)).div_ceil(1000),
            callee: SERVICES[usize::from(log.callee)].name,
        };
        messages.write(out, log.template, &values);
        out.push(b'"');
        write_extras(out, log);
        out.push(b'}');
    }
}

/// Closes the host's quotes and appends what ties the log to others.
fn write_ids(out: &mut Vec<u8>, log: &Planned) {
    let [first, second] = log.ids.trace;
    match log.ids.work.flow {
        Flow::Request => {
            out.extend_from_slice(b"\",\"trace_id\":\"");
            hex64(out, first);
            hex64(out, second);
            out.extend_from_slice(b"\",\"span_id\":\"");
            hex64(out, log.ids.span);
        }
        Flow::Job => {
            out.extend_from_slice(b"\",\"correlation_id\":\"job-");
            hex64(out, second);
        }
        Flow::Heartbeat => {}
    }
    out.push(b'"');
}

/// Appends what only some logs have.
fn write_extras(out: &mut Vec<u8>, log: &Planned) {
    if log.ids.parent != 0 && log.ids.work.flow == Flow::Request && log.ids.trace[0].is_multiple_of(FULL_TRACES) {
        out.extend_from_slice(b",\"parent_span_id\":\"");
        hex64(out, log.ids.parent);
        out.push(b'"');
    }
    if SERVICES[usize::from(log.service)].region {
        out.extend_from_slice(b",\"region\":\"");
        out.extend_from_slice(REGIONS[(log.ids.trace[0] >> 62) as usize].as_bytes());
        out.push(b'"');
    }
}

/// The end of a host's name, as orchestrators choose it.
fn suffix(rng: &mut Rng) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5).map(|_| char::from(LETTERS[rng.usize(..LETTERS.len())])).collect()
}

/// Writes times. The calendar is asked once a second, for what all times of that second begin with.
#[derive(Clone, Debug)]
struct Clock {
    second: i64,
    text: String,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { second: i64::MIN, text: String::new() }
    }
}

impl Clock {
    /// Appends the time `millis` milliseconds after 1970 began, up to its milliseconds.
    fn write(&mut self, out: &mut Vec<u8>, millis: i64) {
        let second = millis.div_euclid(1000);
        if second != self.second {
            self.second = second;
            self.text = Timestamp::from_millis(second * 1000).to_string();
            // what is left is "2025-10-23T14:32:15."
            self.text.truncate("yyyy-mm-ddThh:mm:ss.".len());
        }
        out.extend_from_slice(self.text.as_bytes());
        three_digits(out, millis.rem_euclid(1000) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_engine_does() {
        let mut clock = Clock::default();
        for millis in [0, 1, 999, 1000, -1, -1000, 1_761_229_935_250, 1_761_229_935_999, 1_761_229_936_000] {
            let mut out = Vec::new();
            clock.write(&mut out, millis);
            assert_eq!(String::from_utf8(out).unwrap() + "Z", Timestamp::from_millis(millis).to_string());
        }
    }
}
