//! Views: what queries publish, kept as persistent maps so that a reader's snapshot costs the dataflow nothing.

use std::{any::Any, collections::HashSet, ops::Bound, sync::Arc};

use crossbeam_channel::Sender;
use differential_dataflow::VecCollection;
use schemars::Schema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use timely::dataflow::{
    StreamVec,
    channels::pact::Pipeline,
    operators::{Exchange, Operator, vec::Map},
};

use crate::{Epoch, Name, Timestamp, Window, by::Key, flow::Value, publish::Output, rows::ViewRows, sink::Record};

/// The key of a view's row: a key alone, or a key and a window.
pub trait RowKey: differential_dataflow::ExchangeData + Sync {
    /// The key's own type.
    type Key: Key;
    /// Whether rows of this kind have a window.
    const WINDOWED: bool;
    /// The key.
    fn key(&self) -> &Self::Key;
    /// The window, for rows of a series.
    fn window(&self) -> Option<Window>;
    /// The row of a key and, for rows of a series, a window.
    fn of(key: Self::Key, window: Option<Window>) -> Self;
}

/// A row key of a series: by key first, then by window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Windowed<K> {
    /// The key.
    pub key: K,
    /// The window.
    pub window: Window,
}

/// A row key without a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Plain<K> {
    /// The key.
    pub key: K,
}

impl<K: Key> RowKey for Windowed<K> {
    type Key = K;
    const WINDOWED: bool = true;
    fn key(&self) -> &K {
        &self.key
    }
    fn window(&self) -> Option<Window> {
        Some(self.window)
    }
    fn of(key: K, window: Option<Window>) -> Self {
        Windowed { key, window: window.unwrap_or(Window { start: Timestamp::MIN }) }
    }
}

impl<K: Key> RowKey for Plain<K> {
    type Key = K;
    const WINDOWED: bool = false;
    fn key(&self) -> &K {
        &self.key
    }
    fn window(&self) -> Option<Window> {
        None
    }
    fn of(key: K, _: Option<Window>) -> Self {
        Plain { key }
    }
}

/// Some of a view's rows.
#[derive(Clone, Debug, Default)]
pub struct RowFilter {
    /// Exactly this key, as its JSON text shows it (text keys without quotes).
    pub key: Option<String>,
    /// Keys whose text starts so.
    pub prefix: Option<String>,
    /// Windows that start here or later.
    pub from: Option<Timestamp>,
    /// Windows that start before this.
    pub to: Option<Timestamp>,
    /// Rows that come after this one, which need not be there any longer.
    pub after: Option<Place>,
}

/// Where a row stands in its view: its key and, for rows of a series, its window's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The row's key.
    pub key: Json,
    /// Where the row's window starts.
    pub window_start: Option<Timestamp>,
}

/// A view as of one epoch, whatever its types are.
pub trait ViewSnapshot: Send + Sync {
    /// The view's name.
    fn name(&self) -> &Name;
    /// How many rows.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The last epoch that changed it.
    fn last_change(&self) -> Epoch;
    /// The JSON schema of keys.
    fn key_schema(&self) -> Schema;
    /// The JSON schema of values.
    fn value_schema(&self) -> Schema;
    /// Whether rows belong to windows.
    fn is_windowed(&self) -> bool;
    /// Up to `limit` rows that pass the filter, in key order. Those before `after`, or of other keys than `key`, are not
    /// even looked at.
    fn rows(&self, filter: &RowFilter, limit: usize) -> Vec<Record>;
    /// The rows as `ViewRows<R, V>`, see [`Snapshot::rows`](crate::Snapshot::rows).
    fn typed(&self) -> &dyn Any;
}

struct TypedSnapshot<R: RowKey, V: Value> {
    name: Name,
    rows: ViewRows<R, V>,
    last_change: Epoch,
}

fn key_text(key: &Json) -> std::borrow::Cow<'_, str> {
    match key {
        Json::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

impl RowFilter {
    fn admits(&self, key: &Json, window: Option<Window>) -> bool {
        let start = window.map(|window| window.start);
        let text = key_text(key);
        self.key.as_ref().is_none_or(|wanted| *wanted == text)
            && self.prefix.as_ref().is_none_or(|prefix| text.starts_with(prefix.as_str()))
            && self.from.is_none_or(|from| start.is_none_or(|start| start >= from))
            && self.to.is_none_or(|to| start.is_none_or(|start| start < to))
    }
}

/// Where rows that a filter admits begin, and their key where there is only one; `None` where no row can have it.
fn start_of<R: RowKey>(filter: &RowFilter) -> Option<(Bound<R>, Option<R::Key>)> {
    let only = match &filter.key {
        None => None,
        Some(text) => {
            let as_text = serde_json::from_value(Json::String(text.clone()));
            Some(as_text.or_else(|_| serde_json::from_str::<R::Key>(text)).ok()?)
        }
    };
    let from = match (&filter.after, &only) {
        (Some(Place { key, window_start }), _) => {
            let key = serde_json::from_value(key.clone()).ok()?;
            Bound::Excluded(R::of(key, window_start.map(|start| Window { start })))
        }
        (None, Some(key)) => Bound::Included(R::of(key.clone(), filter.from.map(|start| Window { start }))),
        (None, None) => Bound::Unbounded,
    };
    Some((from, only))
}

fn record<R: RowKey, V: Value>(row: &R, value: Option<&V>) -> Record {
    Record { key: to_json(row.key()), window_start: row.window().map(|window| window.start), value: value.map(to_json) }
}

fn to_json(value: &impl Serialize) -> Json {
    // keys and values derive Serialize; what JSON cannot hold (a map with structured keys) shows as its error
    serde_json::to_value(value).unwrap_or_else(|error| Json::String(error.to_string()))
}

impl<R: RowKey, V: Value> ViewSnapshot for TypedSnapshot<R, V> {
    fn name(&self) -> &Name {
        &self.name
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn last_change(&self) -> Epoch {
        self.last_change
    }
    fn key_schema(&self) -> Schema {
        schemars::schema_for!(R::Key)
    }
    fn value_schema(&self) -> Schema {
        schemars::schema_for!(V)
    }
    fn is_windowed(&self) -> bool {
        R::WINDOWED
    }
    fn rows(&self, filter: &RowFilter, limit: usize) -> Vec<Record> {
        let Some((from, only)) = start_of::<R>(filter) else { return Vec::new() };
        // a key's rows are neighbours, so its text is made once for all its windows
        let mut last: Option<(&R::Key, Json)> = None;
        let mut found = Vec::new();
        for (row, value) in self.rows.range((from, Bound::Unbounded)) {
            if only.as_ref().is_some_and(|only| only != row.key()) {
                break;
            }
            if last.as_ref().is_none_or(|(key, _)| *key != row.key()) {
                last = Some((row.key(), to_json(row.key())));
            }
            let Some((_, key)) = &last else { continue };
            if !filter.admits(key, row.window()) {
                continue;
            }
            if found.len() == limit {
                break;
            }
            found.push(record(row, Some(value)));
        }
        found
    }
    fn typed(&self) -> &dyn Any {
        &self.rows
    }
}

/// What changed in one view at one epoch.
pub trait ViewChanges: Send + Sync {
    /// The view's name.
    fn view(&self) -> &Name;
    /// How many changes.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Every change: a record with the row's value, and +1 where it came, -1 where it went.
    fn changes(&self) -> Vec<(Record, i8)>;
    /// One record per changed row: its new value, or a tombstone.
    fn upserts(&self) -> Vec<Record>;
}

struct TypedChanges<R, V> {
    view: Name,
    changes: Vec<((R, V), isize)>,
}

impl<R: RowKey, V: Value> ViewChanges for TypedChanges<R, V> {
    fn view(&self) -> &Name {
        &self.view
    }
    fn len(&self) -> usize {
        self.changes.len()
    }
    fn changes(&self) -> Vec<(Record, i8)> {
        self.changes.iter().map(|((row, value), diff)| (record(row, Some(value)), diff.signum() as i8)).collect()
    }
    fn upserts(&self) -> Vec<Record> {
        // sorted by row: a row's changes are neighbours, and one that came outdoes one that went
        self.changes
            .chunk_by(|((a, _), _), ((b, _), _)| a == b)
            .filter_map(|changes| {
                let ((row, _), _) = changes.first()?;
                let new = changes.iter().find(|(_, diff)| *diff > 0).map(|((_, value), _)| value);
                Some(record(row, new))
            })
            .collect()
    }
}

/// The current rows of a view, and the changes that wait for their epoch.
pub(crate) trait ViewState: Send {
    fn receive(&mut self, changes: Box<dyn Any + Send>);
    /// Applies what waits for epochs up to `epoch`.
    fn advance(&mut self, epoch: Epoch) -> Option<(Arc<dyn ViewSnapshot>, Arc<dyn ViewChanges>)>;
    fn snapshot(&self) -> Arc<dyn ViewSnapshot>;
}

/// What one worker publishes of a view at an epoch.
type Changes<R, V> = (Epoch, Vec<((R, V), isize)>);

struct TypedState<R: RowKey, V: Value> {
    name: Name,
    rows: ViewRows<R, V>,
    waiting: Vec<Changes<R, V>>,
    last_change: Epoch,
}

impl<R: RowKey, V: Value> ViewState for TypedState<R, V> {
    fn receive(&mut self, changes: Box<dyn Any + Send>) {
        match changes.downcast::<Changes<R, V>>() {
            Ok(changes) => self.waiting.push(*changes),
            Err(_) => tracing::error!(view = %self.name, "two queries publish this view with different types"),
        }
    }

    fn advance(&mut self, epoch: Epoch) -> Option<(Arc<dyn ViewSnapshot>, Arc<dyn ViewChanges>)> {
        let due = self.waiting.extract_if(.., |(at, _)| *at <= epoch);
        let mut changes: Vec<_> = due.flat_map(|(_, changes)| changes).collect();
        differential_dataflow::consolidation::consolidate(&mut changes);
        if changes.is_empty() {
            return None;
        }
        // sorted by row: a row's changes are neighbours, and one that came outdoes one that went
        let rows = changes.chunk_by(|((a, _), _), ((b, _), _)| a == b).filter_map(|changes| {
            let ((row, _), _) = changes.first()?;
            let new = changes.iter().find(|(_, diff)| *diff > 0).map(|((_, value), _)| value.clone());
            Some((row.clone(), new))
        });
        self.rows.apply(rows);
        self.last_change = epoch;
        Some((self.snapshot(), Arc::new(TypedChanges { view: self.name.clone(), changes })))
    }

    fn snapshot(&self) -> Arc<dyn ViewSnapshot> {
        Arc::new(TypedSnapshot { name: self.name.clone(), rows: self.rows.clone(), last_change: self.last_change })
    }
}

/// A view that has no rows yet.
pub(crate) fn state_of<R: RowKey, V: Value>(name: Name) -> Box<dyn ViewState> {
    Box::new(TypedState::<R, V> { name, rows: ViewRows::default(), waiting: Vec::new(), last_change: 0 })
}

/// Hands what a worker's part of the dataflow publishes over to the thread that keeps the views.
pub(crate) struct Publisher<'s> {
    pub(crate) outputs: Sender<Output>,
    pub(crate) ends: Vec<StreamVec<'s, Epoch, ()>>,
    pub(crate) names: HashSet<Name>,
    /// workers of a process
    pub(crate) threads: usize,
    pub(crate) processes: usize,
}

impl<'s> Publisher<'s> {
    pub(crate) fn publish<R: RowKey, V: Value>(&mut self, name: Name, rows: VecCollection<'s, Epoch, (R, V), isize>) {
        // every worker says so, since another's changes may come before this one's word
        if self.names.insert(name.clone()) {
            self.send(Output::View { name: name.clone(), state: state_of::<R, V>(name.clone()) });
        }
        let outputs = self.outputs.clone();
        let end = self
            .to_processes(rows.inner)
            .unary::<timely::container::CapacityContainerBuilder<Vec<((R, V), Epoch, isize)>>, _, _, _>(
                Pipeline,
                "Publish",
                move |_, _| {
                    move |input, _| {
                        input.for_each_time(|cap, batches| {
                            let changes: Vec<((R, V), isize)> =
                                batches.flat_map(|batch| batch.drain(..)).map(|(row, _, diff)| (row, diff)).collect();
                            // a job that is over takes nothing any more
                            let _ = outputs.send(Output::Changes {
                                view: name.clone(),
                                changes: Box::new((*cap.time(), changes)),
                            });
                        });
                    }
                },
            );
        self.ends.push(end.map(|_| ()));
    }

    /// Changes as the first worker of every process gets them, since each serves every view.
    fn to_processes<D: differential_dataflow::ExchangeData>(
        &self,
        changes: StreamVec<'s, Epoch, D>,
    ) -> StreamVec<'s, Epoch, D> {
        let (threads, processes) = (self.threads, self.processes);
        if processes == 1 {
            return changes;
        }
        changes
            .flat_map(move |change| (0..processes).map(move |process| ((process * threads) as u64, change.clone())))
            .exchange(|(worker, _)| *worker)
            .map(|(_, change)| change)
    }

    fn send(&self, output: Output) {
        let _ = self.outputs.send(output);
    }
}
