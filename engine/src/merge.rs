//! Merging partial aggregates into live windows: the base collections.
//!
//! The state of a shard is `key → windows in order`. It holds each key once, however many windows it has, and gives a
//! window's memory back when the watermark has passed its retention. An arrangement of the aggregates themselves could
//! not: what cannot be subtracted can never be freed.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use differential_dataflow::{AsCollection, ExchangeData, Hashable, VecCollection, difference::Monoid};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use timely::dataflow::{
    channels::pact::{Exchange, Pipeline},
    operators::{Concat, Operator},
};

use crate::{
    Epoch, Timestamp, Window, by::Key, epochs::Epochs, fold::Panes, metrics::Metrics, state::State,
    watermark::Watermarks,
};

/// The rows of a series: `((key, window), value)`.
pub(crate) type Rows<'s, K, V> = VecCollection<'s, Epoch, ((K, Window), V), isize>;

/// Which windows panes belong to and how long rows live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windowing {
    /// Length of a window.
    pub(crate) size: Duration,
    /// Distance between the starts of windows; the size itself where windows tumble.
    pub(crate) slide: Duration,
    /// How long after its end, by the watermark, a window's row is gone.
    pub(crate) keep: Duration,
    /// Whether it is gone an epoch later than that. Where past logs are read fast, an epoch spans more event time than
    /// what is kept briefly is kept; what comes in it is to be seen at least once.
    pub(crate) linger: bool,
}

impl Windowing {
    /// The windows that hold a pane: those starting at multiples of the slide within one size before its end.
    fn windows(self, pane: Window) -> impl ExactSizeIterator<Item = Window> {
        let last = Window::containing(pane.start, self.slide);
        let count = (self.size.as_micros() / self.slide.as_micros().max(1)).max(1) as u32;
        (0..count).map(move |back| Window { start: last.start.minus(self.slide * back) })
    }

    pub(crate) fn expired(self, window: Window, watermark: Timestamp) -> bool {
        window.end(self.size).plus(self.keep) <= watermark
    }
}

/// Merges panes into the rows of live windows: at the end of each epoch the change of every touched row, and the
/// retraction of rows whose retention the watermark has passed. The rows are a base collection.
pub(crate) fn merge<'s, K: Key, A: Monoid + ExchangeData>(
    panes: Panes<'s, K, A>,
    watermarks: Watermarks<'s>,
    windowing: Windowing,
    state: &State<'s>,
    metrics: Arc<Metrics>,
) -> Rows<'s, K, A> {
    let Windowing { size, slide, .. } = windowing;
    let base = state.base::<(K, Window), A>(&format!("windows of {size:?} every {slide:?}"));
    let restored_through = base.restored_through();
    let by_key = Exchange::new(|((key, _), _): &((K, Window), A)| key.hashed());
    let rows = panes
        .concat(base.restored())
        .binary_frontier(watermarks, by_key, Pipeline, "Merge", move |initial, _| {
            drop(initial);
            let mut epochs = Epochs::default();
            let mut shard = Shard::new(windowing, restored_through, metrics);
            move |(panes, panes_frontier), (watermarks, watermarks_frontier), output| {
                epochs.read_both(panes, watermarks, output.output_index());
                while let Some((cap, panes, watermarks)) = epochs.next_closed(panes_frontier, watermarks_frontier) {
                    let changes = shard.close(*cap.time(), panes, watermarks.last().copied());
                    output.session(&cap).give_iterator(changes.into_iter());
                }
            }
        })
        .as_collection();
    base.keep(&rows);
    rows
}

type Change<K, A> = (((K, Window), A), Epoch, isize);

struct Shard<K, A> {
    windowing: Windowing,
    /// up to this epoch it is rows that come, not panes
    restored_through: Option<Epoch>,
    keys: HashMap<K, VecDeque<(Window, A)>, RandomState>,
    watermark: Timestamp,
    next_expiry: Timestamp,
    metrics: Arc<Metrics>,
}

impl<K: Key, A: Monoid + ExchangeData> Shard<K, A> {
    fn new(windowing: Windowing, restored_through: Option<Epoch>, metrics: Arc<Metrics>) -> Self {
        let (watermark, next_expiry) = (Timestamp::MIN, Timestamp::MAX);
        Shard { windowing, restored_through, keys: HashMap::default(), watermark, next_expiry, metrics }
    }

    fn close(&mut self, epoch: Epoch, panes: Vec<((K, Window), A)>, watermark: Option<Timestamp>) -> Vec<Change<K, A>> {
        let before = self.watermark;
        self.watermark = watermark.map_or(before, |to| to.max(before));
        let judged_by = if self.windowing.linger { before } else { self.watermark };
        let restores = self.restored_through.is_some_and(|restored| epoch <= restored);
        let rows = if restores { panes } else { self.coalesce(panes) };
        let mut changes = Vec::with_capacity(rows.len());
        for ((key, window), aggregate) in rows {
            if self.windowing.expired(window, judged_by) {
                self.metrics.late_updates.inc();
            } else {
                self.add(epoch, key, window, aggregate, &mut changes);
            }
        }
        if self.next_expiry <= judged_by {
            self.expire(epoch, judged_by, &mut changes);
        }
        changes
    }

    /// One aggregate per touched window, in order: hash order never reaches the output.
    fn coalesce(&self, panes: Vec<((K, Window), A)>) -> Vec<((K, Window), A)> {
        let windowing = self.windowing;
        let mut rows: Vec<_> = panes
            .into_iter()
            .flat_map(|((key, pane), aggregate)| {
                let windows = windowing.windows(pane);
                // the last takes what there is: where windows tumble, nothing is copied
                let copies = std::iter::repeat_n((key, aggregate), windows.len());
                windows.zip(copies).map(|(window, (key, aggregate))| ((key, window), aggregate))
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows.dedup_by(|(next, more), (row, sum)| {
            let same = next == row;
            if same {
                sum.plus_equals(more);
            }
            same
        });
        rows
    }

    fn add(&mut self, epoch: Epoch, key: K, window: Window, aggregate: A, changes: &mut Vec<Change<K, A>>) {
        let Windowing { size, keep, .. } = self.windowing;
        self.next_expiry = self.next_expiry.min(window.end(size).plus(keep));
        // the key that state holds already is the one to hand on: its bytes are then shared by all rows
        let (key, windows) = match self.keys.entry(key) {
            hashbrown::hash_map::Entry::Occupied(entry) => (entry.key().clone(), entry.into_mut()),
            hashbrown::hash_map::Entry::Vacant(entry) => (entry.key().clone(), entry.insert(VecDeque::new())),
        };
        match windows.binary_search_by_key(&window, |(window, _)| *window) {
            Ok(at) => {
                let Some((_, value)) = windows.get_mut(at) else { return };
                let old = value.clone();
                value.plus_equals(&aggregate);
                if *value != old {
                    let new = value.clone();
                    changes.push((((key.clone(), window), old), epoch, -1));
                    changes.push((((key, window), new), epoch, 1));
                }
            }
            Err(at) => {
                // doubling would leave up to half of the memory unused
                if windows.len() == windows.capacity() {
                    windows.reserve_exact(windows.len() / 8 + 1);
                }
                windows.insert(at, (window, aggregate.clone()));
                changes.push((((key, window), aggregate), epoch, 1));
            }
        }
    }

    fn expire(&mut self, epoch: Epoch, watermark: Timestamp, changes: &mut Vec<Change<K, A>>) {
        let windowing = self.windowing;
        let mut next_expiry = Timestamp::MAX;
        let from = changes.len();
        self.keys.retain(|key, windows| {
            while let Some((window, value)) = windows.pop_front() {
                if !windowing.expired(window, watermark) {
                    next_expiry = next_expiry.min(window.end(windowing.size).plus(windowing.keep));
                    windows.push_front((window, value));
                    break;
                }
                changes.push((((key.clone(), window), value), epoch, -1));
            }
            if windows.capacity() > 4 * windows.len() {
                windows.shrink_to_fit();
            }
            !windows.is_empty()
        });
        self.next_expiry = next_expiry;
        differential_dataflow::consolidation::consolidate_updates_from(changes, from);
        if self.keys.capacity() > 4 * self.keys.len() {
            self.keys.shrink_to_fit();
        }
    }
}
