//! Watermarks as data: what each worker's partitions say, broadcast and joined into the one watermark of the dataflow.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde::{Deserialize, Serialize};
use timely::dataflow::{
    StreamVec,
    channels::pact::Pipeline,
    operators::{Operator, vec::Broadcast},
};

use crate::{Epoch, Timestamp};

/// What partitions say of the watermark: each its greatest event time less the lateness.
///
/// Marks join: the least of the active ones, and where none is active the greatest of the rest, since silence must
/// not stop time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// Logs come; nothing older than this is expected.
    Active(Timestamp),
    /// No logs come: this far the wall clock has carried the watermark.
    Idle(Timestamp),
    /// No log will ever come again; the newest was of this time.
    Ended(Timestamp),
}

impl Mark {
    /// No partition, or none that ever spoke.
    pub(crate) const NOTHING: Mark = Mark::Idle(Timestamp::MIN);

    /// What two parts say together.
    #[must_use]
    pub(crate) fn join(self, other: Mark) -> Mark {
        use Mark::{Active, Ended, Idle};
        match (self, other) {
            (Active(a), Active(b)) => Active(a.min(b)),
            (Active(a), _) | (_, Active(a)) => Active(a),
            (Ended(a), Ended(b)) => Ended(a.max(b)),
            (nothing, Ended(a)) | (Ended(a), nothing) if nothing == Mark::NOTHING => Ended(a),
            (Idle(a) | Ended(a), Idle(b) | Ended(b)) => Idle(a.max(b)),
        }
    }

    /// The watermark this amounts to.
    pub(crate) fn watermark(self) -> Timestamp {
        match self {
            Mark::Active(at) | Mark::Idle(at) | Mark::Ended(at) => at,
        }
    }
}

/// The watermarks that a worker knows of, by the epochs that they are of.
#[derive(Clone, Default)]
pub(crate) struct Known(Rc<RefCell<BTreeMap<Epoch, Timestamp>>>);

impl Known {
    pub(crate) fn learn(&self, epoch: Epoch, watermark: Timestamp) {
        self.0.borrow_mut().insert(epoch, watermark);
    }

    /// The newest, which may be of an epoch that is not complete.
    pub(crate) fn newest(&self) -> Timestamp {
        self.0.borrow().last_key_value().map_or(Timestamp::MIN, |(_, watermark)| *watermark)
    }

    /// That of a complete epoch. Older ones are forgotten.
    pub(crate) fn at(&self, epoch: Epoch) -> Timestamp {
        let mut known = self.0.borrow_mut();
        let later = known.split_off(&epoch.saturating_add(1));
        let at = known.last_key_value().map_or(Timestamp::MIN, |(_, watermark)| *watermark);
        *known = later;
        known.insert(epoch, at);
        at
    }
}

/// One stream of watermarks per worker, alike on all: at each epoch where it rises, the new one. Never falls.
pub(crate) type Watermarks<'s> = StreamVec<'s, Epoch, Timestamp>;

/// Joins the marks of all workers `(worker, mark)`. When every partition has ended, nothing can be late any more and
/// the watermark passes the end of the newest window that somebody waits for, `longest_window` further.
pub(crate) fn watermarks<'s>(
    marks: StreamVec<'s, Epoch, (usize, Mark)>,
    workers: usize,
    longest_window: impl Fn() -> std::time::Duration + 'static,
) -> Watermarks<'s> {
    marks.broadcast().unary_frontier(Pipeline, "Watermark", |initial, _| {
        drop(initial);
        let mut latest = vec![Mark::Active(Timestamp::MIN); workers];
        let mut waiting = BTreeMap::new();
        let mut watermark = Timestamp::MIN;
        move |(input, frontier), output| {
            input.for_each_time(|cap, batches| {
                let port = output.output_index();
                let (_, marks) = waiting.entry(*cap.time()).or_insert_with(|| (cap.retain(port), Vec::new()));
                marks.extend(batches.flat_map(|batch| batch.drain(..)));
            });
            while let Some(entry) = waiting.first_entry().filter(|entry| !frontier.less_equal(entry.key())) {
                let (cap, marks) = entry.remove();
                for (worker, mark) in marks {
                    latest[worker] = mark;
                }
                let joined = latest.iter().copied().fold(Mark::NOTHING, Mark::join);
                let reached = match joined {
                    Mark::Ended(newest) => newest.plus(longest_window()),
                    other => other.watermark(),
                };
                if reached > watermark {
                    watermark = reached;
                    output.session(&cap).give(watermark);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_active_mark_holds_and_idle_ones_do_not() {
        let at = Timestamp::from_millis;
        let joined =
            [Mark::Active(at(30)), Mark::Idle(at(5)), Mark::Active(at(20))].into_iter().fold(Mark::NOTHING, Mark::join);
        assert_eq!(joined, Mark::Active(at(20)));
        assert_eq!(Mark::Idle(at(5)).join(Mark::Idle(at(9))), Mark::Idle(at(9)));
        assert_eq!(Mark::NOTHING.join(Mark::Ended(at(9))), Mark::Ended(at(9)));
        assert_eq!(Mark::Idle(at(5)).join(Mark::Ended(at(9))), Mark::Idle(at(9)));
    }
}
