//! [`Query`] and [`Flow`]: how a query is written.

use std::{cell::Cell, ops::Range, rc::Rc, sync::Arc, time::Duration};

use differential_dataflow::{ExchangeData, VecCollection, difference::Monoid};
use serde::Serialize;
use timely::dataflow::{Stream, operators::vec::Map};

use crate::{
    Epoch, Log, LogBatch, Name, Timestamp, Window,
    by::{GroupBy, Key},
    expire::expire,
    fold::{Admission, Panes, Predicate, fold},
    input::Feeder,
    merge::{Windowing, merge},
    metrics::Metrics,
    series::Series,
    settings::Settings,
    state::{Base, State},
    view::{Plain, Publisher, RowKey, Windowed},
    watermark::Watermarks,
};

pub(crate) type LogStream<'s> = Stream<'s, Epoch, Rc<LogBatch>>;

/// A query: a dataflow module that turns logs into views. Built once on every worker, in the same way on each.
///
/// ```
/// use highwater_engine::{Flow, Log, Query, Service, seconds};
///
/// /// How many logs each service wrote, in windows of ten seconds.
/// struct Volume;
///
/// impl Query for Volume {
///     fn name(&self) -> &str { "volume" }
///     fn build(&self, flow: &mut Flow<'_>) {
///         let volume = flow.logs().tumbling(seconds(10)).aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1);
///         flow.view("volume", &volume);
///     }
/// }
/// ```
pub trait Query: Send + Sync {
    /// What the query is called in configuration and in durable state.
    fn name(&self) -> &str;
    /// Adds its operators and views.
    fn build(&self, flow: &mut Flow<'_>);
}

/// A dataflow under construction.
pub struct Flow<'s> {
    pub(crate) logs: LogStream<'s>,
    pub(crate) only: Option<Predicate>,
    pub(crate) watermarks: Watermarks<'s>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) longest: Rc<LongestWindow>,
    pub(crate) state: State<'s>,
    pub(crate) feeders: Vec<Feeder>,
    /// which part the operators from a number on belong to
    pub(crate) parts: Vec<(usize, Option<Name>)>,
    pub(crate) publisher: Publisher<'s>,
}

/// The longest window that somebody waits for the end of.
#[derive(Debug, Default)]
pub(crate) struct LongestWindow(Cell<Duration>);

impl LongestWindow {
    pub(crate) fn note(&self, size: Duration) {
        self.0.set(self.0.get().max(size));
    }
    pub(crate) fn get(&self) -> Duration {
        self.0.get()
    }
}

/// A value that a view can show.
pub trait Value: ExchangeData + Serialize + schemars::JsonSchema + Sync {}
impl<V: ExchangeData + Serialize + schemars::JsonSchema + Sync> Value for V {}

impl<'s> Flow<'s> {
    /// All logs.
    pub fn logs(&self) -> Logs<'s> {
        Logs {
            stream: self.logs.clone(),
            only: self.only.clone(),
            watermarks: self.watermarks.clone(),
            settings: self.settings.clone(),
            metrics: self.metrics.clone(),
            longest: self.longest.clone(),
            state: self.state.clone(),
        }
    }

    /// What the rest of the query, up to the next part, is called where the job shows what its operators cost.
    pub fn part(&mut self, name: &str) {
        self.parts.push((self.state.next_operator(), Some(Name::from(name))));
    }

    /// To the rest of the query there are no logs but those of this time, and time goes no further.
    pub fn within(&mut self, Range { start, end }: Range<Timestamp>) {
        self.only = self.logs().filter(move |log| start <= log.timestamp() && log.timestamp() < end).only;
        self.watermarks = self.watermarks.clone().map(move |at: Timestamp| at.min(end));
    }

    /// When nothing more will come, windows of this length are closed, too.
    pub fn waits_for(&self, window: Duration) {
        self.longest.note(window);
    }

    /// A base collection: see [`Base`] for what `what` is.
    pub fn base<R: ExchangeData, V: ExchangeData>(&self, what: &str) -> Base<'s, R, V> {
        self.state.base(what)
    }

    /// The job's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Publishes a series as the view `name`: a row per key and window. Several queries may publish parts of one
    /// view, if their keys differ.
    pub fn view<K: Key, V: Value>(&mut self, name: &str, series: &Series<'s, K, V>) {
        let rows = series.rows().map(|((key, window), value)| (Windowed { key, window }, value));
        self.publish(name, rows);
    }

    /// Publishes a keyed collection as the view `name`: a row per key, one value each.
    pub fn table<K: Key, V: Value>(&mut self, name: &str, rows: VecCollection<'s, Epoch, (K, V), isize>) {
        self.publish(name, rows.map(|(key, value)| (Plain { key }, value)));
    }

    /// The rows whose time the watermark has not passed by `keep` yet; then they are gone, whatever they come from.
    pub fn expire<D: ExchangeData>(
        &self,
        rows: VecCollection<'s, Epoch, D, isize>,
        keep: Duration,
        at: impl Fn(&D) -> Timestamp + 'static,
    ) -> VecCollection<'s, Epoch, D, isize> {
        expire(rows, self.watermarks.clone(), keep, at)
    }

    fn publish<R: RowKey, V: Value>(&mut self, name: &str, rows: VecCollection<'s, Epoch, (R, V), isize>) {
        self.publisher.publish(Name::from(name), rows);
    }
}

/// Logs on their way into a window.
#[derive(Clone)]
pub struct Logs<'s> {
    stream: LogStream<'s>,
    only: Option<Predicate>,
    watermarks: Watermarks<'s>,
    settings: Settings,
    metrics: Arc<Metrics>,
    longest: Rc<LongestWindow>,
    state: State<'s>,
}

impl<'s> Logs<'s> {
    /// Only the logs that a pure function chooses.
    #[must_use]
    pub fn filter(mut self, choose: impl Fn(&Log<'_>) -> bool + 'static) -> Self {
        self.only = Some(match self.only {
            None => Rc::new(choose),
            Some(only) => Rc::new(move |log| only(log) && choose(log)),
        });
        self
    }

    /// In windows of length `size` that follow each other.
    pub fn tumbling(self, size: Duration) -> Windows<'s> {
        self.sliding(size, size)
    }

    /// In windows of length `size` that start every `slide`, which must divide the size; otherwise the size is
    /// rounded up to the next multiple.
    pub fn sliding(self, size: Duration, slide: Duration) -> Windows<'s> {
        let slides = size.as_micros().div_ceil(slide.as_micros().max(1)).max(1);
        let keep = self.settings.retention;
        let windowing =
            Windowing { size: slide * u32::try_from(slides).unwrap_or(u32::MAX), slide, keep, linger: false };
        Windows { logs: self, windowing }
    }
}

/// Logs in windows.
#[derive(Clone)]
pub struct Windows<'s> {
    logs: Logs<'s>,
    windowing: Windowing,
}

impl<'s> Windows<'s> {
    /// Keeps each window for this long after its end instead of the job's retention, if that is longer.
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.windowing.keep = self.windowing.keep.max(keep);
        self
    }

    /// Keeps each window for no longer than this after its end, where the job's retention is longer: for what is only
    /// material. Later logs of a window are then not counted in it.
    #[must_use]
    pub fn keep_at_most(mut self, keep: Duration) -> Self {
        self.windowing.keep = self.windowing.keep.min(keep);
        self.windowing.linger = true;
        self
    }

    /// One aggregate per key and window: `observe` folds a log into it, its monoid merges what workers folded. The
    /// aggregates are kept current as logs come, late ones included.
    pub fn aggregate<G: GroupBy, A: Monoid + ExchangeData>(
        self,
        group: G,
        observe: impl Fn(&mut A, &Log<'_>) + 'static,
    ) -> Series<'s, G::Key, A> {
        let windowing = self.windowing;
        self.fold(group, observe).merge(windowing)
    }

    /// Folds logs as [`Windows::aggregate`] does, once, for several resolutions or groupings.
    pub fn fold<G: GroupBy, A: Monoid + ExchangeData>(
        self,
        group: G,
        observe: impl Fn(&mut A, &Log<'_>) + 'static,
    ) -> Partials<'s, G::Key, A> {
        let Logs { stream, only, settings, metrics, .. } = self.logs.clone();
        let admission = Admission::new(settings.max_keys, self.windowing.keep.min(settings.retention), metrics);
        let panes = fold(stream, only, group, self.windowing.slide, observe, admission);
        Partials { panes, logs: self.logs, windowing: self.windowing }
    }
}

/// Logs folded on the worker that read them: what is work per log is done, what follows is work per key.
#[derive(Clone)]
pub struct Partials<'s, K: Clone + 'static, A: Clone + 'static> {
    panes: Panes<'s, K, A>,
    logs: Logs<'s>,
    windowing: Windowing,
}

impl<'s, K: Key, A: Monoid + ExchangeData> Partials<'s, K, A> {
    /// In the windows they were folded for.
    pub fn windows(&self) -> Series<'s, K, A> {
        self.merge(self.windowing)
    }

    /// The same, each window for no longer than `keep` after its end: for what is only material.
    pub fn recent(&self, keep: Duration) -> Series<'s, K, A> {
        self.merge(Windowing { keep: keep.min(self.windowing.keep), linger: true, ..self.windowing })
    }

    /// In longer windows, kept for `keep`: a rollup. `size` must be a multiple of the folded windows.
    pub fn rollup(&self, size: Duration, keep: Duration) -> Series<'s, K, A> {
        self.merge(Windowing { size, slide: size, keep: keep.max(self.windowing.keep), ..self.windowing })
    }

    /// A part of each aggregate, which must be a homomorphism: the part of a sum is the sum of the parts.
    pub fn part<B: Monoid + ExchangeData>(&self, f: impl Fn(&A) -> B + 'static) -> Partials<'s, K, B> {
        let panes = self.panes.clone().map(move |(at, aggregate)| (at, f(&aggregate)));
        Partials { panes, logs: self.logs.clone(), windowing: self.windowing }
    }

    /// By another key, a pure function of this one: from services to everything, say.
    pub fn regroup<J: Key>(&self, f: impl Fn(&K) -> J + 'static) -> Partials<'s, J, A> {
        let panes =
            self.panes.clone().map(move |((key, pane), aggregate): ((K, Window), A)| ((f(&key), pane), aggregate));
        Partials { panes, logs: self.logs.clone(), windowing: self.windowing }
    }

    fn merge(&self, windowing: Windowing) -> Series<'s, K, A> {
        let Logs { watermarks, metrics, longest, state, .. } = self.logs.clone();
        let rows = merge(self.panes.clone(), watermarks.clone(), windowing, &state, metrics);
        Series::new(rows, watermarks, windowing, longest, state)
    }
}
