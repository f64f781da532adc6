//! Base collections: the rows that are kept, since nothing else could give them again.

use std::{any::Any, cell::RefCell, collections::BTreeMap, marker::PhantomData, rc::Rc};

use crossbeam_channel::Sender;
use differential_dataflow::{AsCollection, ExchangeData, VecCollection, consolidation::consolidate};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        InputHandle, Scope, StreamVec,
        channels::pact::{Exchange, Pipeline},
        operators::{Input, Operator, generic::operator::empty, vec::Map},
    },
};

use super::committer::Event;
use crate::{Epoch, Name};

/// A worker's way to durable state while its dataflow is built.
#[derive(Clone)]
pub(crate) struct State<'s>(Rc<Inner<'s>>);

struct Inner<'s> {
    scope: Scope<'s, Epoch>,
    keep: Keep,
    query: RefCell<Name>,
    /// how many base collections of a kind there are
    kinds: RefCell<BTreeMap<String, usize>>,
    restorers: RefCell<Vec<Box<dyn Restorer>>>,
    ends: RefCell<Vec<StreamVec<'s, Epoch, ()>>>,
}

/// Whether rows of base collections are kept, and by whom.
#[derive(Clone)]
pub(crate) struct Keep {
    /// where changes go
    pub(crate) events: Sender<Event>,
    /// whether anybody keeps them
    pub(crate) durable: bool,
    /// the epoch that the job goes on from: what comes up to it is kept already
    pub(crate) restored: Option<Epoch>,
    /// workers of a process
    pub(crate) threads: usize,
}

impl<'s> State<'s> {
    pub(crate) fn new(scope: Scope<'s, Epoch>, keep: Keep) -> Self {
        State(Rc::new(Inner {
            scope,
            keep,
            query: RefCell::new(Name::from("")),
            kinds: RefCell::default(),
            restorers: RefCell::default(),
            ends: RefCell::default(),
        }))
    }

    pub(crate) fn scope(&self) -> Scope<'s, Epoch> {
        self.0.scope
    }

    /// The base collections from now on are this query's.
    pub(crate) fn of_query(&self, name: &str) {
        self.0.query.replace(Name::from(name));
    }

    /// A number that no operator has yet; the next ones have it and those after it.
    pub(crate) fn next_operator(&self) -> usize {
        self.0.scope.worker().peek_identifier()
    }

    /// A base collection. Its rows are found again by the query's name, by `what` and by their types, so what has
    /// another meaning must have another of these.
    pub(crate) fn base<R: ExchangeData, V: ExchangeData>(&self, what: &str) -> Base<'s, R, V> {
        let Inner { scope, keep, query, kinds, restorers, .. } = &*self.0;
        let types = format!("{} → {}", std::any::type_name::<R>(), std::any::type_name::<V>());
        let kind = format!("{} {what}: {types}", query.borrow());
        let count = *kinds.borrow_mut().entry(kind.clone()).and_modify(|count| *count += 1).or_insert(1);
        let name = Name::from(if count == 1 { kind } else { format!("{kind} #{count}") });
        if !keep.durable {
            return Base { name, restored: empty(*scope), state: self.clone(), rows: PhantomData };
        }
        let _ = keep.events.send(Event::Collection { name: name.clone(), delta: delta_of::<R, V>() });
        let (input, restored) = scope.new_input();
        restorers.borrow_mut().push(Box::new(TypedRestorer::<R, V> { name: name.clone(), input }));
        Base { name, restored, state: self.clone(), rows: PhantomData }
    }

    /// What rows that are found again are fed through.
    pub(crate) fn take_restorers(&self) -> Vec<Box<dyn Restorer>> {
        self.0.restorers.take()
    }

    /// What must have passed before an epoch is complete.
    pub(crate) fn take_ends(&self) -> Vec<StreamVec<'s, Epoch, ()>> {
        self.0.ends.take()
    }

    /// The epoch that the job goes on from, if it does.
    pub(crate) fn restored(&self) -> Option<Epoch> {
        self.0.keep.restored
    }
}

/// A base collection: rows that no other collection of the dataflow could give again, such as aggregates of logs that
/// have passed, or models that were trained at random. They outlive the process where the job's state is durable.
pub struct Base<'s, R, V> {
    name: Name,
    restored: StreamVec<'s, Epoch, (R, V)>,
    state: State<'s>,
    rows: PhantomData<(R, V)>,
}

impl<'s, R: ExchangeData, V: ExchangeData> Base<'s, R, V> {
    /// The rows that were kept, each once, on any worker, before any log. None on a first start.
    pub fn restored(&self) -> StreamVec<'s, Epoch, (R, V)> {
        self.restored.clone()
    }

    /// The same as a collection.
    pub fn restored_rows(&self) -> VecCollection<'s, Epoch, (R, V), isize> {
        let rows = self.restored.clone().unary::<CapacityContainerBuilder<Vec<((R, V), Epoch, isize)>>, _, _, _>(
            Pipeline,
            "Restored",
            |_, _| {
                |input, output| {
                    input.for_each_time(|cap, batches| {
                        let epoch = *cap.time();
                        let rows = batches.flat_map(|batch| batch.drain(..)).map(|row| (row, epoch, 1));
                        output.session(&cap).give_iterator(rows);
                    });
                }
            },
        );
        rows.as_collection()
    }

    /// The epoch up to which [`Base::restored`] brings rows and nothing else happens.
    pub fn restored_through(&self) -> Option<Epoch> {
        self.state.restored()
    }

    /// Keeps these rows, one value each. They must be restored rows and what became of them.
    pub fn keep(&self, rows: &VecCollection<'s, Epoch, (R, V), isize>) {
        let Keep { events, durable, restored, threads } = self.state.0.keep.clone();
        if !durable {
            return;
        }
        let collection = self.name.clone();
        // to process 0, spread over its workers; rows of its own stay where they are
        let keeper = (self.state.0.scope.index() % threads.max(1)) as u64;
        let to_keeper = Exchange::new(move |_: &((R, V), Epoch, isize)| keeper);
        let end = rows.inner.clone().unary::<CapacityContainerBuilder<Vec<((R, V), Epoch, isize)>>, _, _, _>(
            to_keeper,
            "Keep",
            move |_, _| {
                move |input, _| {
                    input.for_each_time(|cap, batches| {
                        let epoch = *cap.time();
                        if restored.is_some_and(|restored| epoch <= restored) {
                            return;
                        }
                        let changes: Changes<R, V> =
                            batches.flat_map(|batch| batch.drain(..)).map(|(row, _, diff)| (row, diff)).collect();
                        let changes = Box::new(changes);
                        // a job that is over keeps nothing any more
                        let _ = events.send(Event::Changes { collection: collection.clone(), epoch, changes });
                    });
                }
            },
        );
        self.state.0.ends.borrow_mut().push(end.map(|_| ()));
    }
}

type Changes<R, V> = Vec<((R, V), isize)>;

/// Puts a row's value into the store, `None` where the row is gone.
pub(super) type Put<'a> = dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), redb::Error> + 'a;

/// Where rows of one base collection are fed into the dataflow.
pub(crate) trait Restorer {
    fn collection(&self) -> &Name;
    /// Feeds a row, as the store has it.
    fn row(&mut self, row: &[u8], value: &[u8]) -> Result<(), postcard::Error>;
    fn advance_to(&mut self, epoch: Epoch);
}

struct TypedRestorer<R: ExchangeData, V: ExchangeData> {
    name: Name,
    input: InputHandle<Epoch, CapacityContainerBuilder<Vec<(R, V)>>>,
}

impl<R: ExchangeData, V: ExchangeData> Restorer for TypedRestorer<R, V> {
    fn collection(&self) -> &Name {
        &self.name
    }

    fn row(&mut self, row: &[u8], value: &[u8]) -> Result<(), postcard::Error> {
        self.input.send((postcard::from_bytes(row)?, postcard::from_bytes(value)?));
        Ok(())
    }

    fn advance_to(&mut self, epoch: Epoch) {
        self.input.advance_to(epoch);
    }
}

/// What changed in a base collection and is not committed yet.
pub(crate) trait Delta: Send {
    /// Takes boxed [`Changes`] of an epoch.
    fn receive(&mut self, epoch: Epoch, changes: Box<dyn Any + Send>);
    /// Whether nothing changed up to an epoch.
    fn is_empty(&self, up_to: Epoch) -> bool;
    /// Hands each row that changed up to an epoch to `put`: its value now, `None` where it is gone.
    fn drain(&mut self, up_to: Epoch, put: &mut Put<'_>) -> Result<(), redb::Error>;
}

/// A base collection in which nothing has changed yet.
pub(super) fn delta_of<R: ExchangeData, V: ExchangeData>() -> Box<dyn Delta> {
    Box::new(TypedDelta::<R, V> { waiting: BTreeMap::new() })
}

struct TypedDelta<R, V> {
    waiting: BTreeMap<Epoch, Changes<R, V>>,
}

impl<R: ExchangeData, V: ExchangeData> Delta for TypedDelta<R, V> {
    fn receive(&mut self, epoch: Epoch, changes: Box<dyn Any + Send>) {
        // a name has one pair of types: they are part of it
        if let Ok(changes) = changes.downcast::<Changes<R, V>>() {
            self.waiting.entry(epoch).or_default().extend(*changes);
        }
    }

    fn is_empty(&self, up_to: Epoch) -> bool {
        self.waiting.first_key_value().is_none_or(|(first, _)| *first > up_to)
    }

    fn drain(&mut self, up_to: Epoch, put: &mut Put<'_>) -> Result<(), redb::Error> {
        let later = self.waiting.split_off(&(up_to + 1));
        let mut rows: BTreeMap<R, Option<V>> = BTreeMap::new();
        for (_, mut changes) in std::mem::replace(&mut self.waiting, later) {
            // what came and went in between is nothing; what went first, so that what came in its place stays
            consolidate(&mut changes);
            changes.sort_by_key(|(_, diff)| *diff);
            rows.extend(changes.into_iter().map(|((row, value), diff)| (row, (diff > 0).then_some(value))));
        }
        let (mut row_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        for (row, value) in rows {
            row_bytes = encode(&row, row_bytes)?;
            match value {
                Some(value) => {
                    value_bytes = encode(&value, value_bytes)?;
                    put(&row_bytes, Some(&value_bytes))?;
                }
                None => put(&row_bytes, None)?,
            }
        }
        Ok(())
    }
}

fn encode(value: &impl serde::Serialize, mut into: Vec<u8>) -> Result<Vec<u8>, redb::Error> {
    into.clear();
    postcard::to_extend(value, into).map_err(|error| redb::Error::Io(std::io::Error::other(error)))
}
