//! [`calls`]: who calls whom in a trace.

use std::{cmp::Reverse, time::Duration};

use highwater_engine::{Name, Timestamp};

use super::{Trace, Visit};

/// One service called another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Who called.
    pub caller: Name,
    /// Who was called.
    pub callee: Name,
    /// The callee's last log.
    pub ended: Timestamp,
    /// Whether the callee logged an ERROR or FATAL.
    pub is_error: bool,
    /// How long the callee took, in microseconds: by the longest latency that its logs tell, else from its first log to
    /// its last; none where there is but one.
    pub latency_micros: Option<u64>,
}

/// Logs mostly tell times in whole milliseconds: two that are so close may have happened in either order.
const BLUR: Duration = Duration::from_millis(1);

/// The calls of a trace. A visit's caller is the one that its parent span names; where that is unknown, the innermost
/// visit that lasts longer and whose time holds all of it, else the innermost that began before it and holds its
/// beginning. A service that calls itself makes no call.
///
/// ```
/// use highwater_engine::{Level, Timestamp};
/// use highwater_operators::{Trace, Visit, calls};
/// let visit = |first, last| Visit {
///     first: Timestamp::from_millis(first),
///     last: Timestamp::from_millis(last),
///     worst: Level::Info,
///     latency_micros: None,
///     parent: 0,
/// };
/// let mut trace = Trace::default();
/// trace.add("gateway", 0, visit(0, 90));
/// trace.add("checkout", 0, visit(10, 80));
/// trace.add("payment", 0, visit(20, 60));
/// let edges: Vec<_> = calls(&trace).map(|call| (call.caller, call.callee)).collect();
/// assert_eq!(edges, [("gateway".into(), "checkout".into()), ("checkout".into(), "payment".into())]);
/// ```
pub fn calls(trace: &Trace) -> impl Iterator<Item = Call> {
    trace.visits().filter_map(move |(callee, span, visit)| {
        let caller = by_parent(trace, visit).or_else(|| by_time(trace, (callee, span), visit))?;
        let lasted = visit.last.since(visit.first).as_micros() as u64;
        (caller != callee).then(|| Call {
            caller: caller.clone(),
            callee: callee.clone(),
            ended: visit.last,
            is_error: visit.worst.is_error(),
            latency_micros: visit.latency_micros.or(Some(lasted).filter(|micros| *micros > 0)),
        })
    })
}

fn by_parent<'t>(trace: &'t Trace, visit: &Visit) -> Option<&'t Name> {
    let is_parent = |span: u64| span != 0 && span == visit.parent;
    trace.visits().find(|(_, span, _)| is_parent(*span)).map(|(service, ..)| service)
}

fn by_time<'t>(trace: &'t Trace, own: (&Name, u64), visit: &Visit) -> Option<&'t Name> {
    let length = |visit: &Visit| visit.last.since(visit.first);
    let others = trace.visits().filter(|(service, span, other)| (*service, *span) != own && other.parent_is_not(own.1));
    let holding = others.filter_map(|(service, _, other)| {
        let begins_within = other.first <= visit.first.plus(BLUR) && visit.first <= other.last;
        let ends_within = visit.last <= other.last.plus(BLUR) && length(other) > length(visit);
        let is_first = other.first.plus(BLUR) <= visit.first;
        (begins_within && (ends_within || is_first)).then_some((ends_within, other, service))
    });
    holding
        .min_by_key(|(ends_within, other, service)| (!ends_within, length(other), Reverse(other.first), *service))
        .map(|(.., service)| service)
}

impl Visit {
    /// Whether this is not known to be called from that span.
    fn parent_is_not(&self, span: u64) -> bool {
        span == 0 || self.parent != span
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::Level;

    use super::*;

    fn visit(first: i64, last: i64) -> Visit {
        let (first, last) = (Timestamp::from_millis(first), Timestamp::from_millis(last));
        Visit { first, last, worst: Level::Info, latency_micros: None, parent: 0 }
    }

    fn edges(visits: &[(&str, u64, Visit)]) -> Vec<String> {
        let mut trace = Trace::default();
        visits.iter().for_each(|(service, span, visit)| trace.add(service, *span, *visit));
        calls(&trace).map(|call| format!("{}>{}", call.caller, call.callee)).collect()
    }

    #[test]
    fn siblings_one_right_after_the_other_have_the_same_caller() {
        let visits = [("a", 0, visit(0, 100)), ("b", 0, visit(10, 40)), ("c", 0, visit(40, 70))];
        assert_eq!(edges(&visits), ["a>b", "a>c"]);
    }

    #[test]
    fn whoever_is_told_something_may_answer_later_than_the_caller_ends() {
        assert_eq!(edges(&[("a", 0, visit(0, 50)), ("b", 0, visit(20, 90))]), ["a>b"]);
        assert!(edges(&[("a", 0, visit(0, 50)), ("b", 0, visit(51, 90))]).is_empty(), "nobody was there");
        assert!(edges(&[("a", 0, visit(5, 5)), ("b", 0, visit(5, 5))]).is_empty(), "nobody was first");
    }

    #[test]
    fn a_parent_span_says_more_than_times_do() {
        let called = |parent, first, last| Visit { parent, ..visit(first, last) };
        // by times, b would be c's caller
        let visits = [("a", 1, visit(0, 100)), ("b", 2, called(1, 10, 90)), ("c", 3, called(1, 20, 80))];
        assert_eq!(edges(&visits), ["a>b", "a>c"]);
        // a parent that logged nothing: times again
        let visits = [("a", 1, visit(0, 100)), ("c", 3, called(7, 20, 80))];
        assert_eq!(edges(&visits), ["a>c"]);
        // spans within a service are no calls, nor is what they hold called by anybody else
        let visits = [("a", 1, visit(0, 100)), ("b", 2, called(1, 10, 90)), ("b", 3, called(2, 20, 80))];
        assert_eq!(edges(&visits), ["a>b"]);
    }

    #[test]
    fn a_call_is_as_its_callee_was() {
        let mut trace = Trace::default();
        trace.add("a", 0, visit(0, 100));
        trace.add("b", 0, Visit { worst: Level::Fatal, latency_micros: Some(7), ..visit(10, 20) });
        trace.add("c", 0, visit(30, 42));
        trace.add("d", 0, visit(50, 50));
        let found: Vec<_> = calls(&trace).map(|call| (call.is_error, call.latency_micros)).collect();
        assert_eq!(found, [(true, Some(7)), (false, Some(12_000)), (false, None)]);
    }
}
