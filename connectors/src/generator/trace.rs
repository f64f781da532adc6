//! A piece of work from its first call to its last: who calls whom, how long that takes, what fails, and which logs
//! come of it.

use std::time::Duration;

use fastrand::Rng;
use highwater_engine::{Level, Timestamp};

use super::{
    incidents::{Incident, IncidentKind},
    messages::{Messages, TemplateId},
    services::{AUTH, CHECKOUT, Flow, MAX_CALLS, PAYMENT, SERVICES, Work},
};

/// Longer than this no work takes: the edge gives up. In microseconds.
pub(super) const LONGEST_MICROS: u64 = 6_000_000;

/// How many times slower checkout gets at the end of a latency creep.
const CREEP: f64 = 8.0;
/// Of a thousand payments, how many fail in an error burst.
const BURST_ERRORS: u16 = 700;
/// Of a thousand callers of a failed call, how many fail themselves.
const FAILURE_SPREADS: u16 = 120;
/// The same in an error burst.
const BURST_SPREADS: u16 = 550;
/// Of a thousand callers of a failed call, how many succeed at a second attempt.
const RETRY_HELPS: u16 = 350;
/// Of a thousand calls of auth-service, how many log the never seen message while that incident lasts.
const NOVEL_ERRORS: u16 = 200;

/// One log that is to be written when its time has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    /// its event time, in milliseconds
    pub(super) at: i64,
    pub(super) ids: Ids,
    pub(super) latency_micros: Option<u32>,
    pub(super) template: TemplateId,
    pub(super) level: Level,
    pub(super) service: u8,
    pub(super) host: u8,
    pub(super) callee: u8,
}

/// What ties a log to others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) work: &'static Work,
    /// the halves of the trace id; of the correlation id the second half alone
    pub(super) trace: [u64; 2],
    pub(super) span: u64,
    /// the caller's span; 0 where nobody called
    pub(super) parent: u64,
}

/// One call of a piece of work.
#[derive(Clone, Copy, Default)]
struct Call {
    service: usize,
    caller: usize,
    host: u8,
    span: u64,
    /// microseconds since the work arrived
    start: u64,
    /// microseconds the call took by itself
    own: u64,
    /// microseconds of the calls it made, then of both together
    callees: u64,
    total: u64,
    /// how it ended; nothing yet, where nothing spoke against INFO
    level: Option<Level>,
    /// what it says, where that is more than any message of its service at its level
    template: Option<TemplateId>,
    callee: u8,
    timed_out: bool,
}

/// Plans all logs of a piece of work that arrived at `arrival` and hands them to `plan`, callees before their callers,
/// as they would be logged within the same millisecond.
pub(super) fn plan_work(
    work: &'static Work,
    arrival: Timestamp,
    incident: Option<&Incident>,
    messages: &Messages,
    rng: &mut Rng,
    mut plan: impl FnMut(Planned, &mut Rng),
) {
    let ids = Ids { work, trace: [rng.u64(..), rng.u64(..)], span: 0, parent: 0 };
    if work.flow == Flow::Heartbeat {
        return plan(heartbeat(ids, arrival, messages, rng), rng);
    }
    let mut all = [Call::default(); MAX_CALLS];
    let calls = &mut all[..work.calls.len()];
    for (call, &(service, caller)) in calls.iter_mut().zip(work.calls) {
        call.service = service;
        call.caller = caller;
        begin(call, incident, rng);
    }
    for place in (0..calls.len()).rev() {
        end(calls, place, work.flow, incident.map(|incident| (incident, arrival)), messages, rng);
    }
    let whole = calls[0].total;
    if work.flow == Flow::Request && whole > LONGEST_MICROS {
        shorten(calls, whole);
    }
    lay_out(calls, work.flow);
    for place in (0..calls.len()).rev() {
        let call = calls[place];
        let parent = if place == 0 { 0 } else { calls[call.caller].span };
        log_call(&call, Ids { span: call.span, parent, ..ids }, arrival, messages, rng, &mut plan);
    }
}

/// A log of a host about itself.
fn heartbeat(ids: Ids, at: Timestamp, messages: &Messages, rng: &mut Rng) -> Planned {
    let service = rng.usize(..SERVICES.len());
    let (level, template) = messages.pick_heartbeat(rng);
    Planned {
        at: at.as_micros().div_euclid(1000),
        ids: Ids { span: ids.trace[0], ..ids },
        latency_micros: None,
        template,
        level,
        service: service as u8,
        host: rng.u8(..SERVICES[service].hosts),
        callee: 0,
    }
}

/// What a call is by itself, whatever its callees do: where it runs, how long it takes, whether it fails.
fn begin(call: &mut Call, incident: Option<&Incident>, rng: &mut Rng) {
    let service = &SERVICES[call.service];
    call.host = rng.u8(..service.hosts);
    call.span = rng.u64(1..);
    // at least 50 µs, so a caller is slower than its callee by something that shows
    call.own = (log_normal(service.median_ms * 1000.0, service.spread, rng) as u64).max(50);
    let burst = call.service == PAYMENT && incident.is_some_and(|incident| incident.kind == IncidentKind::ErrorBurst);
    let errors = if burst { BURST_ERRORS } else { service.error };
    let chance = rng.u16(..1000);
    call.level = if chance < errors {
        Some(Level::Error)
    } else if chance < errors + service.warn {
        Some(Level::Warn)
    } else {
        None
    };
    if burst && call.level == Some(Level::Error) {
        // the acquirer does not answer, and the call waits for it
        call.own += rng.u64(200_000..600_000);
        call.timed_out = true;
    }
}

/// Ends the call at `place`, whose callees have ended: decides how long it took, and tells its caller.
fn end(
    calls: &mut [Call],
    place: usize,
    flow: Flow,
    incident: Option<(&Incident, Timestamp)>,
    messages: &Messages,
    rng: &mut Rng,
) {
    let mut call = calls[place];
    if let Some((incident, at)) = incident {
        trouble(&mut call, incident, at, messages, rng);
    }
    // up to a millisecond of network
    call.total = call.own + call.callees + rng.u64(100..1000);
    calls[place] = call;
    if place > 0 && flow == Flow::Request {
        let caller = &mut calls[call.caller];
        caller.callees += call.total;
        if call.level == Some(Level::Error) {
            fail_caller(caller, &call, messages, rng);
        }
    }
}

/// What the incidents that are not about failing callees do to a call.
fn trouble(call: &mut Call, incident: &Incident, at: Timestamp, messages: &Messages, rng: &mut Rng) {
    match incident.kind {
        IncidentKind::LatencyCreep if call.service == CHECKOUT => {
            let times = 1.0 + (CREEP - 1.0) * incident.progress(at);
            call.own += ((call.own + call.callees) as f64 * (times - 1.0)) as u64;
        }
        IncidentKind::NewMessage if call.service == AUTH && rng.u16(..1000) < NOVEL_ERRORS => {
            call.level = Some(Level::Error);
            call.template = Some(messages.novel);
        }
        _ => {}
    }
}

/// A callee failed: the caller may fail with it, or succeed at a second attempt.
fn fail_caller(caller: &mut Call, callee: &Call, messages: &Messages, rng: &mut Rng) {
    let spreads = if callee.timed_out { BURST_SPREADS } else { FAILURE_SPREADS };
    let chance = rng.u16(..1000);
    if chance < spreads {
        caller.level = Some(Level::Error);
        caller.template = Some(if callee.timed_out { messages.timed_out } else { messages.callee_failed });
        caller.timed_out = callee.timed_out;
    } else if chance < spreads + RETRY_HELPS && caller.level.is_none() {
        caller.level = Some(Level::Warn);
        caller.template = Some(messages.retried);
    } else {
        return;
    }
    caller.callee = callee.service as u8;
}

/// Makes work that takes too long as long as it may take, everything in proportion.
fn shorten(calls: &mut [Call], whole: u64) {
    for call in calls {
        call.own = call.own * LONGEST_MICROS / whole;
        call.total = call.total * LONGEST_MICROS / whole;
    }
}

/// Decides when each call begins: a caller does a quarter of its own work, makes its calls one after the other, and does
/// the rest. A job's callee begins when its caller has ended.
fn lay_out(calls: &mut [Call], flow: Flow) {
    let mut next = [0; MAX_CALLS];
    for place in 0..calls.len() {
        if place > 0 {
            let caller = calls[place].caller;
            calls[place].start = next[caller];
            next[caller] += calls[place].total;
        }
        let call = &calls[place];
        let first = if flow == Flow::Job { call.total + 5_000 } else { call.own / 4 };
        next[place] = call.start + first;
    }
}

/// Plans what a call logs: sometimes a DEBUG line on its way, and how it ended.
fn log_call(
    call: &Call,
    ids: Ids,
    arrival: Timestamp,
    messages: &Messages,
    rng: &mut Rng,
    plan: &mut impl FnMut(Planned, &mut Rng),
) {
    let at = |micros: u64| arrival.plus(Duration::from_micros(micros)).as_micros().div_euclid(1000);
    let level = call.level.unwrap_or_default();
    let ended = Planned {
        at: at(call.start + call.total),
        ids,
        latency_micros: Some(call.total as u32),
        template: call.template.unwrap_or_else(|| messages.pick(call.service, level, rng)),
        level,
        service: call.service as u8,
        host: call.host,
        callee: call.callee,
    };
    if rng.u16(..1000) < SERVICES[call.service].debug {
        let template = messages.pick(call.service, Level::Debug, rng);
        let on_its_way =
            Planned { at: at(call.start + call.own / 8), latency_micros: None, template, level: Level::Debug, ..ended };
        plan(on_its_way, rng);
    }
    plan(ended, rng);
}

/// A number with a log-normal distribution of the given median and spread.
fn log_normal(median: f32, spread: f32, rng: &mut Rng) -> f32 {
    // The sum of four uniform numbers, here the quarters of one of 64 bits, is as good as normal, and bounded at 3.5
    // standard deviations: no latency runs away.
    let random = rng.u64(..);
    let sum = (random & 0xFFFF) + (random >> 16 & 0xFFFF) + (random >> 32 & 0xFFFF) + (random >> 48);
    let normal = (sum as f32 / 65536.0 - 2.0) * 3_f32.sqrt();
    median * (spread * normal).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_log_normal() {
        let mut rng = Rng::with_seed(1);
        let logarithms: Vec<f64> = (0..100_000).map(|_| f64::from(log_normal(20.0, 0.5, &mut rng)).ln()).collect();
        let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
        let spread = (logarithms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / logarithms.len() as f64).sqrt();
        assert!((mean - 20_f64.ln()).abs() < 0.01, "{mean}");
        assert!((spread - 0.5).abs() < 0.01, "{spread}");
    }
}
