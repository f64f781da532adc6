//! [`Series`]: a keyed value per window, the collection that queries are written with.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use differential_dataflow::{AsCollection, ExchangeData, Hashable, VecCollection, consolidation::consolidate_updates};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use timely::dataflow::{
    channels::pact::{Exchange, Pipeline},
    operators::Operator,
};

use crate::{
    Epoch, Timestamp, Window,
    by::Key,
    ended::ended,
    epochs::Epochs,
    flow::LongestWindow,
    merge::{Rows, Windowing},
    settle::settle,
    state::{Base, State},
    watermark::Watermarks,
};

/// A value per key and window: `((key, window), value)`, one value for each pair. The rows are a differential
/// collection; any of its operators can be used on [`Series::rows`] at any point.
#[derive(Clone)]
pub struct Series<'s, K: Clone + 'static, V: Clone + 'static> {
    rows: Rows<'s, K, V>,
    pub(crate) watermarks: Watermarks<'s>,
    pub(crate) windowing: Windowing,
    pub(crate) longest: Rc<LongestWindow>,
    state: State<'s>,
}

impl<'s, K: Key, V: ExchangeData> Series<'s, K, V> {
    pub(crate) fn new(
        rows: Rows<'s, K, V>,
        watermarks: Watermarks<'s>,
        windowing: Windowing,
        longest: Rc<LongestWindow>,
        state: State<'s>,
    ) -> Self {
        Series { rows, watermarks, windowing, longest, state }
    }

    /// The rows as a differential collection.
    pub fn rows(&self) -> VecCollection<'s, Epoch, ((K, Window), V), isize> {
        self.rows.clone()
    }

    /// Length of a window.
    pub fn window(&self) -> Duration {
        self.windowing.size
    }

    /// Distance between the starts of windows: the length itself where windows tumble.
    pub fn slide(&self) -> Duration {
        self.windowing.slide
    }

    /// The same windows with other rows, which must again have one value per key and window.
    pub fn with_rows<J: Key, W: ExchangeData>(
        &self,
        rows: VecCollection<'s, Epoch, ((J, Window), W), isize>,
    ) -> Series<'s, J, W> {
        Series::new(rows, self.watermarks.clone(), self.windowing, self.longest.clone(), self.state.clone())
    }

    /// A base collection beside the series, for what is derived from it but is no pure function of it. See
    /// [`Base`] for what `what` is.
    pub fn base<R: ExchangeData, W: ExchangeData>(&self, what: &str) -> Base<'s, R, W> {
        self.state.base(what)
    }

    /// Each value changed by a pure function.
    pub fn map<W: ExchangeData>(&self, f: impl Fn(V) -> W + 'static) -> Series<'s, K, W> {
        self.with_rows(self.rows().map(move |(at, value)| (at, f(value))))
    }

    /// The rows that a pure function of key, window and value chooses.
    pub fn filter(&self, f: impl Fn(&K, Window, &V) -> bool + 'static) -> Series<'s, K, V> {
        self.with_rows(self.rows().filter(move |((key, window), value)| f(key, *window, value)))
    }

    /// The same rows, which outlive their origin: each window follows it until the watermark has passed `follow` after
    /// its end, then stays as it is, and is gone after `keep`.
    ///
    /// A pure function of the rows, if these do not change for age alone within `follow`.
    #[must_use]
    pub fn settled(&self, follow: Duration, keep: Duration) -> Series<'s, K, V> {
        let [follow, keep] = [follow, keep.max(follow)].map(|keep| Windowing { keep, linger: true, ..self.windowing });
        let rows = settle(self.rows(), self.watermarks.clone(), follow, keep, &self.state);
        Series::new(rows, self.watermarks.clone(), keep, self.longest.clone(), self.state.clone())
    }

    /// Closed windows alone: those whose end the watermark has passed. A late log corrects its window. Unlike
    /// [`closed`](Self::closed) there is no row where a key had no log.
    #[must_use]
    pub fn ended(&self) -> Series<'s, K, V> {
        self.with_rows(ended(self.rows(), self.watermarks.clone(), self.windowing))
    }

    /// Closed windows alone, with no gaps: every key's windows from its first one that is retained to the newest one
    /// whose end the watermark has passed, `gap` where the key had no log. A late log corrects its window.
    ///
    /// A pure function of the rows and the watermark; a key is gone when the last of its rows is.
    pub fn closed(&self, gap: V) -> Series<'s, K, V> {
        self.longest.note(self.windowing.size);
        self.closed_by_logs(gap)
    }

    /// The same, for windows that later logs close: those that are under way when all input ends are no whole windows, and
    /// nothing waits for them.
    pub fn closed_by_logs(&self, gap: V) -> Series<'s, K, V> {
        let windowing = self.windowing;
        let by_key = Exchange::new(|(((key, _), _), _, _): &(((K, Window), V), Epoch, isize)| key.hashed());
        let rows = self
            .rows()
            .inner
            .binary_frontier(self.watermarks.clone(), by_key, Pipeline, "Closed", move |initial, _| {
                drop(initial);
                let mut epochs = Epochs::default();
                let mut shard = Closed { windowing, gap, keys: HashMap::default(), newest: None };
                move |(rows, rows_frontier), (watermarks, watermarks_frontier), output| {
                    epochs.read_both(rows, watermarks, output.output_index());
                    while let Some((cap, rows, watermarks)) = epochs.next_closed(rows_frontier, watermarks_frontier) {
                        let changes = shard.close(*cap.time(), rows, watermarks.last().copied());
                        output.session(&cap).give_iterator(changes.into_iter());
                    }
                }
            })
            .as_collection();
        self.with_rows(rows)
    }
}

type Change<K, V> = (((K, Window), V), Epoch, isize);

struct Closed<K, V> {
    windowing: Windowing,
    gap: V,
    keys: HashMap<K, BTreeMap<Window, V>, RandomState>,
    newest: Option<Window>,
}

impl<K: Key, V: ExchangeData> Closed<K, V> {
    fn close(&mut self, epoch: Epoch, rows: Vec<Change<K, V>>, watermark: Option<Timestamp>) -> Vec<Change<K, V>> {
        let before = self.newest;
        if let Some(watermark) = watermark.filter(|&watermark| watermark > Timestamp::MIN) {
            let closed = Window::containing(watermark.minus(self.windowing.size), self.windowing.slide);
            self.newest = self.newest.max(Some(closed));
        }
        let mut touched: BTreeMap<K, Vec<(Window, V, isize)>> = BTreeMap::new();
        for (((key, window), value), _, diff) in rows {
            touched.entry(key).or_default().push((window, value, diff));
        }
        if self.newest != before {
            for key in self.keys.keys() {
                touched.entry(key.clone()).or_default();
            }
        }
        let mut changes = Vec::new();
        for (key, updates) in touched {
            self.update(epoch, key, updates, before, &mut changes);
        }
        changes
    }

    fn update(
        &mut self,
        epoch: Epoch,
        key: K,
        mut updates: Vec<(Window, V, isize)>,
        newest_before: Option<Window>,
        changes: &mut Vec<Change<K, V>>,
    ) {
        let slide = self.windowing.slide;
        let rows = self.keys.entry(key.clone()).or_default();
        let before = span(rows, newest_before);
        // what came and went in between is nothing; retractions first, so that a replaced row is not taken away again
        consolidate_updates(&mut updates);
        updates.sort_by_key(|(_, _, diff)| *diff);
        let mut old: BTreeMap<Window, Option<V>> = BTreeMap::new();
        for (window, value, diff) in updates {
            old.entry(window).or_insert_with(|| rows.get(&window).cloned());
            if diff > 0 {
                rows.insert(window, value);
            } else {
                rows.remove(&window);
            }
        }
        let after = span(rows, self.newest);
        let mut emit =
            |window: Window, value: &V, diff| changes.push((((key.clone(), window), value.clone()), epoch, diff));
        let windows = touched_windows(before, after, old.keys().copied(), slide);
        for window in windows {
            let was = within(before, window)
                .then(|| old.get(&window).map_or_else(|| rows.get(&window), Option::as_ref).unwrap_or(&self.gap));
            let is = within(after, window).then(|| rows.get(&window).unwrap_or(&self.gap));
            if was != is {
                was.into_iter().for_each(|value| emit(window, value, -1));
                is.into_iter().for_each(|value| emit(window, value, 1));
            }
        }
        if rows.is_empty() {
            self.keys.remove(&key);
        }
    }
}

/// First and last window shown of a key.
type Span = Option<(Window, Window)>;

fn span<V>(rows: &BTreeMap<Window, V>, newest: Option<Window>) -> Span {
    let first = *rows.keys().next()?;
    newest.filter(|&newest| first <= newest).map(|newest| (first, newest))
}

fn within(span: Span, window: Window) -> bool {
    span.is_some_and(|(first, last)| first <= window && window <= last)
}

/// The windows whose value may differ: those updated, and those in one span alone.
fn touched_windows(before: Span, after: Span, updated: impl Iterator<Item = Window>, slide: Duration) -> Vec<Window> {
    let mut windows: Vec<Window> = updated.filter(|&w| within(before, w) || within(after, w)).collect();
    let mut walk = |from: Window, to: Window| {
        let mut window = from;
        while window <= to {
            windows.push(window);
            window = window.later(slide);
        }
    };
    match (before, after) {
        (Some((a, b)), Some((c, d))) if a <= d && c <= b => {
            let (first, last) = (a.min(c), b.max(d));
            walk(first, Window { start: a.max(c).start.minus(slide) });
            walk(b.min(d).later(slide), last);
        }
        (before, after) => [before, after].into_iter().flatten().for_each(|(first, last)| walk(first, last)),
    }
    windows.sort_unstable();
    windows.dedup();
    windows
}
