//! [`Logs`]: the logs of a run, decided by its seed.

use fastrand::Rng;

use crate::time::{Millis, spell};

/// Partitions of the topic that logs come by.
pub const PARTITIONS: i32 = 4;
/// The services that write.
pub const SERVICES: [&str; 6] = ["auth", "cart", "checkout", "frontend", "payment", "search"];

/// 2025-01-01T00:00:00Z: when the first log was written.
pub const BASE: Millis = 1_735_689_600_000;
/// Event time passes so much faster than the time in which logs are produced, that windows close and expire in a run.
const SPEED: u64 = 60;

/// How far behind the newest log of its partition a log may be without being late.
pub const LATENESS: Millis = 2_000;
/// How much later a late log still counts. Event time runs 60 times as fast as the clock here, so some outages are longer.
pub const RETENTION: Millis = 300_000;

/// Every ten minutes of event time one service after the other writes nothing but errors for a minute, long enough for
/// an alert and far from its threshold: late logs alone never make it come or go.
const BURST_EVERY: Millis = 600_000;
const BURST_FROM: Millis = 240_000;
const BURST_LENGTH: Millis = 60_000;

/// One log.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The partition that it is sent to.
    pub partition: i32,
    /// Event time.
    pub at: Millis,
    /// Who wrote it.
    pub service: &'static str,
    /// Its level.
    pub level: &'static str,
    /// A latency that it tells of.
    pub latency_ms: u32,
}

impl Log {
    /// Whether it counts as an error.
    pub fn is_error(&self) -> bool {
        matches!(self.level, "ERROR" | "FATAL")
    }

    /// As a JSON record.
    pub fn json(&self) -> String {
        self.json_of(self.service)
    }

    /// The same of another service.
    pub fn json_of(&self, service: &str) -> String {
        let Log { at, level, latency_ms, .. } = self;
        let at = spell(*at);
        format!(
            r#"{{"timestamp":"{at}","level":"{level}","service":"{service}","latency_ms":{latency_ms},"message":"request done in {latency_ms} ms"}}"#
        )
    }
}

/// All logs of a seed, without end, in the order of production.
pub struct Logs {
    rng: Rng,
    /// how much event time passes with a thousand logs
    millis_per_thousand: u64,
    made: u64,
}

impl Logs {
    /// From the first one on, as so many a second are produced.
    pub fn new(seed: u64, logs_per_second: u64) -> Self {
        Logs::with_pace(seed, 1_000_000 * SPEED / logs_per_second.max(1))
    }

    /// From the first one on; with a thousand of them, so much event time passes.
    pub fn with_pace(seed: u64, millis_per_thousand: u64) -> Self {
        // another stream of numbers than the plan's
        Logs { rng: Rng::with_seed(seed ^ 0x6c6f_6773), millis_per_thousand, made: 0 }
    }

    /// Five of a hundred are late, by up to nine tenths of the retention; the others are out of order a little.
    fn delay(&mut self, since_base: Millis) -> Millis {
        let late = self.rng.u8(0..100) < 5;
        let delay = if late { self.rng.i64(LATENESS..RETENTION / 10 * 9) } else { self.rng.i64(0..LATENESS / 2) };
        // nothing is older than the base, so that the first window is as full as the others
        if delay <= since_base { delay } else { 0 }
    }

    fn level(&mut self, at: Millis, service: &str) -> &'static str {
        if burst(at) == service {
            return "ERROR";
        }
        match self.rng.u8(0..100) {
            0 => "FATAL",
            1..=4 => "ERROR",
            5..=14 => "WARN",
            15..=24 => "DEBUG",
            _ => "INFO",
        }
    }
}

impl Iterator for Logs {
    type Item = Log;

    fn next(&mut self) -> Option<Log> {
        let since_base = (self.made * self.millis_per_thousand / 1000) as Millis;
        self.made += 1;
        let at = BASE + since_base - self.delay(since_base);
        let service = SERVICES[self.rng.usize(0..SERVICES.len())];
        let level = self.level(at, service);
        Some(Log { partition: self.rng.i32(0..PARTITIONS), at, service, level, latency_ms: self.rng.u32(1..400) })
    }
}

/// The service that writes errors alone at this instant; none is called "".
fn burst(at: Millis) -> &'static str {
    let since_base = at - BASE;
    let within = since_base.rem_euclid(BURST_EVERY) - BURST_FROM;
    let turn = usize::try_from(since_base / BURST_EVERY).unwrap_or(0);
    if (0..BURST_LENGTH).contains(&within) { SERVICES[turn % SERVICES.len()] } else { "" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_seed_replays_its_logs() {
        let logs = |seed| Logs::new(seed, 1000).take(1000).collect::<Vec<_>>();
        assert_eq!(logs(7), logs(7));
        assert_ne!(logs(7), logs(8));
    }

    #[test]
    fn some_are_late_and_none_too_late_to_count() {
        let mut newest = BTreeMap::<i32, Millis>::new();
        let mut late = 0;
        for log in Logs::new(1, 1000).take(50_000) {
            let newest = newest.entry(log.partition).or_insert(log.at);
            assert!(log.at > *newest - LATENESS - RETENTION);
            late += usize::from(log.at < *newest - LATENESS);
            *newest = log.at.max(*newest);
        }
        assert!((2_000..3_000).contains(&late), "{late}");
    }

    #[test]
    fn a_record_says_what_the_log_is() {
        let log = Log { partition: 0, at: BASE, service: "cart", level: "ERROR", latency_ms: 12 };
        let read: serde_json::Value = serde_json::from_str(&log.json()).unwrap();
        assert_eq!(
            (read["timestamp"].as_str(), read["latency_ms"].as_u64()),
            (Some("2025-01-01T00:00:00.000Z"), Some(12))
        );
    }

    #[test]
    fn bursts_go_round() {
        assert_eq!(burst(BASE), "");
        assert_eq!(burst(BASE + BURST_FROM), SERVICES[0]);
        assert_eq!(burst(BASE + BURST_EVERY + BURST_FROM + BURST_LENGTH - 1), SERVICES[1]);
        assert_eq!(burst(BASE + BURST_EVERY + BURST_FROM + BURST_LENGTH), "");
    }
}
