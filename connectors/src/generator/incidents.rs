//! The scripted incidents: what goes wrong when, as a pure function of the anchor and event time.

use std::{fmt, time::Duration};

use highwater_engine::{Timestamp, seconds};

use super::services::{AUTH, CHECKOUT, FRONTEND, INVENTORY, PAYMENT, SERVICES};

/// How long until the same incidents come round again.
pub const CYCLE: Duration = Duration::from_secs(600);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// Most calls of a service fail, and its callers time out.
    ErrorBurst,
    /// Six times the usual traffic at the shop's edge: the frontend and the API gateway.
    TrafficSpike,
    /// A service logs nothing at all.
    SilentService,
    /// A service gets slower and slower, up to eight times its usual latency.
    LatencyCreep,
    /// A service logs errors with a message never seen before.
    NewMessage,
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            IncidentKind::ErrorBurst => "error burst",
            IncidentKind::TrafficSpike => "traffic spike",
            IncidentKind::SilentService => "silent service",
            IncidentKind::LatencyCreep => "latency creep",
            IncidentKind::NewMessage => "new message",
        })
    }
}

/// One incident: half-open in event time, from `from` until just before `until`.
///
/// Displays as a status line would say it: `error burst in payment-service`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What goes wrong.
    pub kind: IncidentKind,
    /// Where it goes wrong, or where it shows first.
    pub service: &'static str,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl Incident {
    /// How far the incident has come at `at`: 0 at its start, 1 at its end and after.
    pub fn progress(&self, at: Timestamp) -> f64 {
        let whole = self.until.since(self.from).as_secs_f64();
        if whole > 0.0 { (at.since(self.from).as_secs_f64() / whole).min(1.0) } else { 1.0 }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.kind, self.service)
    }
}

/// An incident of every cycle: what, in which service, how many seconds into the cycle, for how many seconds.
const SCRIPT: [(IncidentKind, usize, u64, u64); 5] = [
    (IncidentKind::ErrorBurst, PAYMENT, 15, 45),
    (IncidentKind::TrafficSpike, FRONTEND, 135, 40),
    (IncidentKind::SilentService, INVENTORY, 255, 60),
    (IncidentKind::LatencyCreep, CHECKOUT, 375, 90),
    (IncidentKind::NewMessage, AUTH, 510, 30),
];

/// The incident, if any, under way at `at`, where a [`CYCLE`] begins at `anchor`. Cycles reach back before the anchor
/// too, so generated history has its incidents.
///
/// ```
/// use highwater_connectors::generator::{IncidentKind, schedule};
/// use highwater_engine::{Timestamp, minutes, seconds};
///
/// let anchor = Timestamp::from_millis(1_761_229_935_000);
/// assert_eq!(schedule(anchor, anchor), None);
/// let burst = schedule(anchor, anchor.plus(seconds(20))).unwrap();
/// assert_eq!(burst.kind, IncidentKind::ErrorBurst);
/// assert_eq!(burst.from, anchor.plus(seconds(15)));
/// assert!(schedule(anchor, anchor.minus(minutes(10)).plus(seconds(20))).is_some());
/// ```
pub fn schedule(anchor: Timestamp, at: Timestamp) -> Option<Incident> {
    let cycle = cycle_start(anchor, at);
    incidents_of(cycle).find(|incident| incident.from <= at && at < incident.until)
}

/// The first incident to begin after `at`.
pub fn upcoming(anchor: Timestamp, at: Timestamp) -> Option<Incident> {
    let cycle = cycle_start(anchor, at);
    incidents_of(cycle).chain(incidents_of(cycle.plus(CYCLE))).find(|incident| incident.from > at)
}

/// Which cycle `at` lies in, counted from the anchor's.
pub(super) fn cycle_number(anchor: Timestamp, at: Timestamp) -> i64 {
    at.as_micros().saturating_sub(anchor.as_micros()).div_euclid(CYCLE.as_micros() as i64)
}

fn cycle_start(anchor: Timestamp, at: Timestamp) -> Timestamp {
    let into = at.as_micros().saturating_sub(anchor.as_micros()).rem_euclid(CYCLE.as_micros() as i64);
    Timestamp::from_micros(at.as_micros().saturating_sub(into))
}

fn incidents_of(cycle: Timestamp) -> impl Iterator<Item = Incident> {
    SCRIPT.into_iter().map(move |(kind, service, after, lasts)| {
        let from = cycle.plus(seconds(after));
        Incident { kind, service: SERVICES[service].name, from, until: from.plus(seconds(lasts)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_of_a_cycle_has_the_scripted_incident_before_and_after_the_anchor() {
        let anchor = Timestamp::from_millis(1_761_229_935_123);
        for cycle in [-1000, -1, 0, 1, 1000] {
            for second in 0..600 {
                let at = Timestamp::from_micros(anchor.as_micros() + (cycle * 600 + second) * 1_000_000);
                let kind = schedule(anchor, at).map(|incident| incident.kind);
                let expected = match second {
                    15..60 => Some(IncidentKind::ErrorBurst),
                    135..175 => Some(IncidentKind::TrafficSpike),
                    255..315 => Some(IncidentKind::SilentService),
                    375..465 => Some(IncidentKind::LatencyCreep),
                    510..540 => Some(IncidentKind::NewMessage),
                    _ => None,
                };
                assert_eq!(kind, expected, "second {second} of cycle {cycle}");
                assert_eq!(cycle_number(anchor, at), cycle);
            }
        }
    }

    #[test]
    fn what_comes_next_begins_later_and_wraps_around() {
        let anchor = Timestamp::from_millis(0);
        let next = |second| upcoming(anchor, anchor.plus(seconds(second))).unwrap();
        assert_eq!((next(0).kind, next(0).from), (IncidentKind::ErrorBurst, anchor.plus(seconds(15))));
        assert_eq!(next(15).kind, IncidentKind::TrafficSpike);
        assert_eq!((next(599).kind, next(599).from), (IncidentKind::ErrorBurst, anchor.plus(seconds(615))));
    }

    #[test]
    fn the_ends_of_time_have_no_incident_or_one_but_never_a_panic() {
        for at in [Timestamp::MIN, Timestamp::MAX] {
            for anchor in [Timestamp::MIN, Timestamp::from_millis(0), Timestamp::MAX] {
                schedule(anchor, at);
                upcoming(anchor, at);
                cycle_number(anchor, at);
            }
        }
    }

    #[test]
    fn an_incident_says_what_and_where_and_how_far() {
        let anchor = Timestamp::from_millis(0);
        let burst = schedule(anchor, anchor.plus(seconds(15))).unwrap();
        assert_eq!(burst.to_string(), "error burst in payment-service");
        assert_eq!(burst.progress(burst.from), 0.0);
        assert_eq!(burst.progress(burst.until), 1.0);
    }
}
