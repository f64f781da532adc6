//! [`Trace`]: what is remembered of one trace.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::{Level, Log, Name, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stable_hash;

/// The visits of one trace, at most [`Trace::MOST`]: a span of a service each, or all logs of a service that name none.
///
/// Merging is idempotent, too: a log that is read twice changes nothing. Beyond the bound, the visits that are least by
/// service and span stay, whatever order they come in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// by service and span
    visits: Vec<((Name, u64), Visit)>,
}

/// One span of a service, as far as its logs tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Visit {
    /// When it began at the latest: the least of its logs' times, each less the latency that the log tells.
    pub first: Timestamp,
    /// Its last log.
    pub last: Timestamp,
    /// Its gravest level.
    pub worst: Level,
    /// The longest latency that its logs tell, in microseconds.
    pub latency_micros: Option<u64>,
    /// The span that it is part of, as a hash; 0 where no log tells.
    pub parent: u64,
}

/// Names of the span that a log's span is part of.
const PARENTS: [&str; 3] = ["parent_span_id", "parentSpanId", "parent.id"];

impl Trace {
    /// Most visits of a trace that are remembered.
    pub const MOST: usize = 64;

    /// Takes one log in.
    pub fn observe(&mut self, log: &Log<'_>) {
        let latency_micros = log.latency_micros();
        let last = log.timestamp();
        let (mut span, mut parent) = (0, 0);
        if !log.span_id().is_empty() {
            span = hash(log.span_id());
            // a record that has none is seen faster than read
            if log.record().contains("parent") {
                parent = PARENTS.iter().find_map(|name| log.field(name)).map_or(0, |id| hash(&id));
            }
        }
        let visit = Visit {
            first: last.minus(std::time::Duration::from_micros(latency_micros.unwrap_or(0))),
            last,
            worst: log.level(),
            latency_micros,
            parent,
        };
        self.add(log.service(), span, visit);
    }

    /// Takes a visit of a service in; spans are told apart by a hash of their id, 0 where there is none.
    pub fn add(&mut self, service: &str, span: u64, visit: Visit) {
        match self.visits.binary_search_by(|((name, id), _)| (name.as_str(), *id).cmp(&(service, span))) {
            Ok(at) => self.visits[at].1.merge(&visit),
            Err(Self::MOST..) => {}
            Err(at) => {
                self.visits.truncate(Self::MOST - 1);
                self.visits.insert(at, ((Name::from(service), span), visit));
            }
        }
    }

    /// Each visit with its service and the hash of its span.
    pub fn visits(&self) -> impl ExactSizeIterator<Item = (&Name, u64, &Visit)> {
        self.visits.iter().map(|((service, span), visit)| (service, *span, visit))
    }
}

/// Never 0, which stands for no span.
fn hash(span_id: &str) -> u64 {
    if span_id.is_empty() { 0 } else { stable_hash(span_id.as_bytes()).max(1) }
}

impl Visit {
    fn merge(&mut self, more: &Visit) {
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
        self.worst = self.worst.max(more.worst);
        self.latency_micros = self.latency_micros.max(more.latency_micros);
        // one span has one parent; should logs disagree, any of theirs will do if it is always the same
        self.parent = self.parent.max(more.parent);
    }
}

impl IsZero for Trace {
    fn is_zero(&self) -> bool {
        self.visits.is_empty()
    }
}

impl Semigroup for Trace {
    fn plus_equals(&mut self, more: &Self) {
        for ((service, span), visit) in &more.visits {
            self.add(service, *span, *visit);
        }
    }
}

impl Monoid for Trace {
    fn zero() -> Self {
        Trace::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn visits() -> impl Strategy<Value = Vec<(u8, u64, Visit)>> {
        let visit = (0i64..100, 0i64..50, 0usize..6, prop::option::of(0u64..50), 0u64..4).prop_map(
            |(first, length, level, latency_micros, parent)| Visit {
                first: Timestamp::from_millis(first),
                last: Timestamp::from_millis(first + length),
                worst: Level::ALL[level],
                latency_micros,
                parent,
            },
        );
        prop::collection::vec((any::<u8>(), 0u64..3, visit), 0..200)
    }

    fn trace(visits: &[(u8, u64, Visit)]) -> Trace {
        let mut trace = Trace::default();
        visits.iter().for_each(|(service, span, visit)| trace.add(&format!("s{service}"), *span, *visit));
        trace
    }

    proptest! {
        #[test]
        fn neither_order_nor_cuts_nor_duplicates_matter(mut visits in visits(), cut in 0usize..200) {
            let whole = trace(&visits);
            prop_assert!(whole.visits.len() <= Trace::MOST && whole.visits.is_sorted());
            let (left, right) = visits.split_at(cut.min(visits.len()));
            let mut sum = trace(right);
            sum.plus_equals(&trace(left));
            prop_assert_eq!(&sum, &whole);
            sum.plus_equals(&trace(left));
            prop_assert_eq!(&sum, &whole);
            visits.reverse();
            prop_assert_eq!(trace(&visits), whole);
        }
    }
}
