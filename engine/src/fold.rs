//! Folding logs into partial aggregates, on the worker that read them: the one place where work is done per log.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use differential_dataflow::difference::Monoid;
use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashMap};
use timely::dataflow::{
    StreamVec,
    channels::pact::Pipeline,
    operators::{Capability, Operator},
};

use crate::{
    Epoch, Log, Window,
    by::{GroupBy, Key},
    flow::LogStream,
    metrics::Metrics,
};

/// Partial aggregates: `((key, pane), aggregate of one epoch on one worker)`.
pub(crate) type Panes<'s, K, A> = StreamVec<'s, Epoch, ((K, Window), A)>;

/// Chooses the logs that count.
pub(crate) type Predicate = Rc<dyn Fn(&Log<'_>) -> bool>;

/// Folds each epoch's logs into one aggregate per touched key and pane of length `pane`.
pub(crate) fn fold<'s, G, A>(
    logs: LogStream<'s>,
    only: Option<Predicate>,
    group: G,
    pane: Duration,
    observe: impl Fn(&mut A, &Log<'_>) + 'static,
    admission: Admission,
) -> Panes<'s, G::Key, A>
where
    G: GroupBy,
    A: Monoid + 'static,
{
    logs.unary_frontier(Pipeline, "Fold", move |initial, _| {
        drop(initial);
        let mut open: Option<Capability<Epoch>> = None;
        let mut panes = Accumulator { group, pane, rows: HashMap::default(), admission, observe };
        move |(input, frontier), output| {
            input.for_each_time(|cap, batches| {
                if let Some(earlier) = open.take_if(|open| open.time() != cap.time()) {
                    output.session(&earlier).give_iterator(panes.rows.drain());
                }
                open.get_or_insert_with(|| cap.retain(output.output_index()));
                for batch in batches {
                    match &only {
                        Some(only) => panes.extend(batch.iter().filter(|log| only(log))),
                        None => panes.extend(batch.iter()),
                    }
                }
            });
            if let Some(closed) = open.take_if(|open| !frontier.less_equal(open.time())) {
                output.session(&closed).give_iterator(panes.rows.drain());
            }
        }
    })
}

struct Accumulator<G: GroupBy, A, F> {
    group: G,
    pane: Duration,
    rows: HashMap<(G::Key, Window), A, RandomState>,
    admission: Admission,
    observe: F,
}

impl<G: GroupBy, A: Monoid, F: Fn(&mut A, &Log<'_>)> Accumulator<G, A, F> {
    fn extend<'a>(&mut self, logs: impl Iterator<Item = Log<'a>>) {
        // neighbours mostly share a pane, and a comparison is cheaper than a division
        let mut pane = Window::containing(crate::Timestamp::MIN, self.pane);
        let mut end = pane.end(self.pane);
        for log in logs {
            let at = log.timestamp();
            if at < pane.start || at >= end {
                pane = Window::containing(at, self.pane);
                end = pane.end(self.pane);
            }
            let probe = Probe::<G> { key: self.group.read(&log), pane };
            if let Some(aggregate) = self.rows.get_mut(&probe) {
                (self.observe)(aggregate, &log);
            } else {
                let row = self.enter(&probe);
                (self.observe)(self.rows.entry(row).or_insert_with(A::zero), &log);
            }
        }
    }

    #[cold]
    fn enter(&mut self, probe: &Probe<'_, G>) -> (G::Key, Window) {
        let key = G::own(&probe.key);
        let key = if self.admission.admits(&key, probe.pane) { key } else { key.folded() };
        (key, probe.pane)
    }
}

/// A key as it stands in a batch, and its pane: finds the owned pair without owning.
struct Probe<'a, G: GroupBy> {
    key: G::Borrowed<'a>,
    pane: Window,
}

impl<G: GroupBy> Hash for Probe<'_, G> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.pane.hash(state);
    }
}

impl<G: GroupBy> Equivalent<(G::Key, Window)> for Probe<'_, G> {
    fn equivalent(&self, (key, pane): &(G::Key, Window)) -> bool {
        self.pane == *pane && G::matches(&self.key, key)
    }
}

/// Bounds the live keys of one aggregate on one worker. A key is live from its first log until none has come for the
/// retention, by event time; keys beyond the bound are folded, and counted.
pub(crate) struct Admission {
    max_keys: usize,
    retention: Duration,
    last_seen: HashMap<u64, Window, RandomState>,
    newest: Window,
    hasher: RandomState,
    metrics: Arc<Metrics>,
}

impl Admission {
    pub(crate) fn new(max_keys: usize, retention: Duration, metrics: Arc<Metrics>) -> Self {
        Admission {
            max_keys: max_keys.max(1),
            retention,
            last_seen: HashMap::default(),
            newest: Window { start: crate::Timestamp::MIN },
            hasher: RandomState::default(),
            metrics,
        }
    }

    fn admits<K: Key>(&mut self, key: &K, pane: Window) -> bool {
        let last_seen = &mut self.last_seen;
        let hash = self.hasher.hash_one(key);
        if let Some(seen) = last_seen.get_mut(&hash) {
            *seen = pane.max(*seen);
            return true;
        }
        if last_seen.len() >= self.max_keys && pane > self.newest {
            let retention = self.retention;
            last_seen.retain(|_, seen| seen.end(retention) > pane.start);
        }
        self.newest = self.newest.max(pane);
        if last_seen.len() >= self.max_keys {
            self.metrics.keys_folded.inc();
            return false;
        }
        last_seen.insert(hash, pane);
        true
    }
}
