//! The generator: the logs of a made-up web shop, realistic enough to judge a query by and the same every time.
//!
//! Requests and jobs arrive at random, at a rate that follows the hour and the day (`arrivals`); each takes its way
//! through the shop's services (`services`) and leaves a log per call, tied together by a trace or correlation id
//! (`trace`); every few minutes something goes wrong by script (`incidents`). Logs come out in order of time
//! (`wheel`), but for a few that were held up on their way, as JSON lines (`lines`, `messages`).
//!
//! What is logged at an instant depends on the [`Traffic`] alone, not on where a generator began: two that begin at
//! different times write the same bytes from the later one's beginning on.

mod arrivals;
mod incidents;
mod json;
mod lines;
mod messages;
mod services;
mod trace;
mod urn;
mod wheel;

#[cfg(test)]
mod tests;

use std::time::Duration;

use highwater_engine::Timestamp;

pub use self::incidents::{CYCLE, Incident, IncidentKind, schedule, upcoming};
use self::{
    arrivals::{Arrivals, season},
    lines::Lines,
    messages::Messages,
    services::{INVENTORY, PAGE_VIEW, SERVICES, WORK},
    trace::{Planned, plan_work},
    urn::Urn,
    wheel::{HORIZON_MS, Wheel},
};

/// What traffic to generate. Equal traffic gives equal logs.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// How many logs a second, on average over a week without incidents. Taken as at least 0.01 and at most 10 million.
    pub logs_per_second: f64,
    /// Chooses the random numbers.
    pub seed: u64,
    /// Where a cycle of incidents begins; see [`schedule`]. Anchored at the start of a program, the first incident is
    /// 15 seconds away.
    pub anchor: Timestamp,
    /// Whether there are incidents.
    pub incidents: bool,
    /// Whether the rate follows the hour and the weekday. Without, it is the same on average at any time.
    pub seasons: bool,
    /// How far the rate goes up and down by chance where it follows the hour: by half of this part of itself. Taken as 0 to 1.
    pub noise: f64,
    /// How late the latest logs come: one in fifty is held up on its way, by up to this much. Taken as at most a second.
    pub disorder: Duration,
}

impl Default for Traffic {
    /// A thousand logs a second, with everything.
    fn default() -> Self {
        Traffic {
            logs_per_second: 1000.0,
            seed: 1,
            anchor: Timestamp::from_millis(0),
            incidents: true,
            seasons: true,
            noise: 0.08,
            disorder: Duration::from_millis(200),
        }
    }
}

impl Traffic {
    /// The incident, if any, under way at an instant.
    pub fn incident_at(&self, at: Timestamp) -> Option<Incident> {
        if self.incidents { schedule(self.anchor, at) } else { None }
    }
}

/// The names of all services that log.
pub fn services() -> impl ExactSizeIterator<Item = &'static str> {
    SERVICES.iter().map(|service| service.name)
}

/// How many times the usual traffic the edge sees in a traffic spike.
const SPIKE: f64 = 6.0;
/// One log in this many is held up on its way.
const HELD_UP: u32 = 50;
/// The bits of a position that count the logs of one millisecond.
const ORDINAL_BITS: u32 = 20;
/// Instants that a position can express, in milliseconds: the years 1812 to 2191.
const EXPRESSIBLE_MS: std::ops::RangeInclusive<i64> = -5_000_000_000_000..=7_000_000_000_000;

/// Writes the logs of some [`Traffic`], one after the other.
///
/// ```
/// use highwater_connectors::generator::{Generator, Traffic};
/// use highwater_engine::Timestamp;
///
/// let mut generator = Generator::new(Traffic::default(), Timestamp::from_millis(1_761_229_935_000));
/// let mut line = Vec::new();
/// let at = generator.next(&mut line);
/// assert!(line.starts_with(format!("{{\"timestamp\":\"{at}\",\"level\":\"").as_bytes()));
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    traffic: Traffic,
    arrivals: Arrivals,
    /// the arrival that was drawn last and is yet to be planned
    arrival: Timestamp,
    conditions: Conditions,
    wheel: Wheel<Planned>,
    /// the millisecond whose logs are being written
    now: i64,
    /// how many of them have been
    ordinal: i64,
    messages: Messages,
    lines: Lines,
    urn: Urn,
}

/// What holds for one tick of time.
#[derive(Clone, Debug, Default)]
struct Conditions {
    incident: Option<Incident>,
    /// which part of the arrivals is there because of a traffic spike
    surplus: f64,
}

impl Generator {
    /// A generator whose first log is the first to come out at `start` or after. Its event time is a little earlier if it
    /// was held up.
    ///
    /// Plans the eight seconds before `start` too, for what was then under way: at very high rates that takes a moment.
    pub fn new(traffic: Traffic, start: Timestamp) -> Self {
        let traffic = sane(traffic);
        let start = start.as_micros().div_euclid(1000).clamp(*EXPRESSIBLE_MS.start(), *EXPRESSIBLE_MS.end());
        let begin = Timestamp::from_millis(start - HORIZON_MS);
        let mut generator = Generator {
            arrivals: Arrivals::new(traffic.seed, traffic.anchor, begin),
            arrival: begin,
            conditions: Conditions::default(),
            wheel: Wheel::new(),
            // the first tick began up to a second earlier
            now: start - HORIZON_MS - 1000,
            ordinal: 0,
            messages: Messages::new(),
            lines: Lines::new(traffic.seed),
            urn: Urn::new(),
            traffic,
        };
        generator.draw_arrival();
        while generator.now < start {
            while generator.wheel.pop(generator.now).is_some() {}
            generator.step();
        }
        generator
    }

    /// A generator that goes on where another one with the same traffic was when it told this [`position`].
    ///
    /// [`position`]: Generator::position
    pub fn resume(traffic: Traffic, position: i64) -> Self {
        let mut generator = Generator::new(traffic, Timestamp::from_millis(position >> ORDINAL_BITS));
        for _ in 0..position & ((1 << ORDINAL_BITS) - 1) {
            // a position of other traffic may count logs that this one has not
            if generator.wheel.pop(generator.now).is_none() {
                break;
            }
            generator.ordinal += 1;
        }
        generator
    }

    /// Where the next log stands in the traffic: a number that grows with every log.
    pub fn position(&self) -> i64 {
        self.now << ORDINAL_BITS | self.ordinal
    }

    /// The traffic, as it is taken: with impossible numbers replaced by possible ones.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Appends the next log to `out`, as a line of JSON without the newline, and returns its event time. No log's event
    /// time is more than [`Traffic::disorder`] before that of any log written earlier.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Timestamp {
        loop {
            if let Some(planned) = self.wheel.pop(self.now) {
                self.ordinal += 1;
                self.lines.write(out, &planned, &self.messages);
                return Timestamp::from_millis(planned.at);
            }
            self.step();
        }
    }

    /// The incident, if any, under way at an instant.
    pub fn incident_at(&self, at: Timestamp) -> Option<Incident> {
        self.traffic.incident_at(at)
    }

    /// Goes on to the next millisecond and plans what arrives in it.
    fn step(&mut self) {
        self.now += 1;
        self.ordinal = 0;
        while self.arrival.as_micros().div_euclid(1000) <= self.now {
            self.plan();
            self.draw_arrival();
        }
    }

    /// Draws the next arrival; where that is in another tick, sees what holds there.
    fn draw_arrival(&mut self) {
        let Generator { traffic, arrivals, arrival, conditions, messages, urn, .. } = self;
        *arrival = arrivals.next(|tick| {
            let incident = traffic.incident_at(tick);
            let kind = incident.map(|incident| incident.kind);
            if kind == Some(IncidentKind::NewMessage) {
                messages.renew(incidents::cycle_number(traffic.anchor, tick));
            }
            let surplus = if kind == Some(IncidentKind::TrafficSpike) { (SPIKE - 1.0) * urn.edge } else { 0.0 };
            *conditions = Conditions { incident, surplus: surplus / (1.0 + surplus) };
            let season = if traffic.seasons { season(traffic.seed, traffic.noise, tick) } else { 1.0 };
            traffic.logs_per_second / urn.logs * season * (1.0 + surplus)
        });
    }

    /// Plans the logs of the work that has arrived.
    fn plan(&mut self) {
        let Generator { traffic, arrivals, arrival, conditions, wheel, messages, urn, now, .. } = self;
        let rng = arrivals.numbers();
        let surplus = conditions.surplus > 0.0 && rng.f64() < conditions.surplus;
        let work = if surplus { &WORK[PAGE_VIEW] } else { urn.pick(rng) };
        plan_work(work, *arrival, conditions.incident.as_ref(), messages, rng, |planned, rng| {
            let held_up =
                if rng.u32(..HELD_UP) == 0 { (traffic.disorder.as_millis() as f64 * rng.f64()) as i64 } else { 0 };
            // silence is judged by each log's own time, so it begins and ends sharply
            let silent = usize::from(planned.service) == INVENTORY
                && traffic
                    .incident_at(Timestamp::from_millis(planned.at))
                    .is_some_and(|incident| incident.kind == IncidentKind::SilentService);
            if !silent {
                wheel.push((planned.at + held_up).min(*now + HORIZON_MS - 1), planned);
            }
        });
    }
}

/// Traffic that can be generated.
fn sane(mut traffic: Traffic) -> Traffic {
    let rate = traffic.logs_per_second;
    // what is not a number is not greater either
    traffic.logs_per_second = if rate > 0.01 { rate.min(1e7) } else { 0.01 };
    traffic.noise = traffic.noise.clamp(0.0, 1.0);
    traffic.disorder = traffic.disorder.min(Duration::from_secs(1));
    let anchor = traffic.anchor.as_micros().div_euclid(1000).clamp(*EXPRESSIBLE_MS.start(), *EXPRESSIBLE_MS.end());
    traffic.anchor = Timestamp::from_millis(anchor);
    traffic
}
