//! [`Input`]: rows that come from elsewhere than logs, such as alert rules.
//!
//! They are a base collection: a start finds them as of the committed epoch. Whoever owns the truth then says all rows
//! once, and the difference alone enters the dataflow, so nothing that follows from rows that stayed is ever retracted.

use std::{
    collections::BTreeMap,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use differential_dataflow::{AsCollection, ExchangeData, VecCollection, consolidation::consolidate_updates};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        InputHandle,
        channels::pact::{Exchange, Pipeline},
        operators::{Input as _, Operator},
    },
};
use tokio::sync::oneshot;

use crate::{Epoch, Flow, epochs::Epochs};

/// A handle on rows of an input collection, one value per key: made before the job starts, given to the query that reads
/// them by [`Flow::input`], kept by whoever edits them, on any thread. Clones are one and the same.
///
/// Edits take effect together, in the epoch under way when they are taken. Process 0 of a cluster takes them.
pub struct Input<K, V>(Arc<Shared<K, V>>);

/// Why an edit was not taken. None of it has taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// There would be more rows than the input may have.
    #[error("there may be {max_rows} rows at most")]
    TooMany {
        /// Most rows.
        max_rows: usize,
    },
    /// Edits come faster than they are taken.
    #[error("too many edits wait already")]
    Busy,
    /// Another process of the cluster takes edits.
    #[error("process 0 of the cluster takes edits")]
    Elsewhere,
    /// The job is over.
    #[error("the job is over")]
    Over,
}

/// An edit under way.
#[derive(Debug)]
pub struct Entering(oneshot::Receiver<Result<Epoch, InputError>>);

impl Entering {
    /// The epoch that the edit enters at. Readers see what follows from it once
    /// [`Views::published`](crate::Views::published) has come so far.
    ///
    /// # Errors
    /// Where it is not taken.
    pub async fn entered(self) -> Result<Epoch, InputError> {
        self.0.await.unwrap_or(Err(InputError::Over))
    }

    /// The same, on a thread that may wait.
    ///
    /// # Errors
    /// Where it is not taken.
    pub fn wait(self) -> Result<Epoch, InputError> {
        self.0.blocking_recv().unwrap_or(Err(InputError::Over))
    }
}

struct Shared<K, V> {
    max_rows: usize,
    queue: Mutex<Queue<K, V>>,
}

struct Queue<K, V> {
    waiting: Vec<Order<K, V>>,
    /// rows in them
    rows: usize,
    refused: Option<InputError>,
}

struct Order<K, V> {
    edit: Edit<K, V>,
    answer: oneshot::Sender<Result<Epoch, InputError>>,
}

enum Edit<K, V> {
    Replace(BTreeMap<K, V>),
    Set(K, Option<V>),
}

impl<K, V> Input<K, V> {
    /// One of at most so many rows.
    pub fn new(max_rows: usize) -> Self {
        let queue = Queue { waiting: Vec::new(), rows: 0, refused: None };
        Input(Arc::new(Shared { max_rows, queue: Mutex::new(queue) }))
    }

    /// All rows, in place of those there are.
    pub fn replace(&self, rows: BTreeMap<K, V>) -> Entering {
        self.order(rows.len(), Edit::Replace(rows))
    }

    /// The value of one key; with none, its row is gone.
    pub fn set(&self, key: K, value: Option<V>) -> Entering {
        self.order(1, Edit::Set(key, value))
    }

    fn order(&self, rows: usize, edit: Edit<K, V>) -> Entering {
        let (answer, entering) = oneshot::channel();
        let mut queue = self.queue();
        let refused = queue.refused.or_else(|| {
            let max_rows = self.0.max_rows;
            let too_many = (rows > max_rows).then_some(InputError::TooMany { max_rows });
            too_many
                .or_else(|| (queue.rows.saturating_add(rows) > max_rows.saturating_mul(2)).then_some(InputError::Busy))
        });
        match refused {
            Some(error) => drop(answer.send(Err(error))),
            None => {
                queue.rows += rows;
                queue.waiting.push(Order { edit, answer });
            }
        }
        Entering(entering)
    }

    fn queue(&self) -> MutexGuard<'_, Queue<K, V>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_news(&self) -> bool {
        !self.queue().waiting.is_empty()
    }

    fn take(&self) -> Vec<Order<K, V>> {
        let mut queue = self.queue();
        queue.rows = 0;
        mem::take(&mut queue.waiting)
    }

    /// From now on edits are refused; those that wait are, too.
    fn refuse(&self, error: InputError) {
        let mut queue = self.queue();
        queue.refused = Some(error);
        queue.rows = 0;
        for order in queue.waiting.drain(..) {
            let _ = order.answer.send(Err(error));
        }
    }
}

impl<K, V> Clone for Input<K, V> {
    fn clone(&self) -> Self {
        Input(self.0.clone())
    }
}

/// One of at most 100,000 rows.
impl<K, V> Default for Input<K, V> {
    fn default() -> Self {
        Input::new(100_000)
    }
}

impl<K, V> fmt::Debug for Input<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("max_rows", &self.0.max_rows).finish_non_exhaustive()
    }
}

impl<K: Ord + Clone, V: Eq + Clone> Edit<K, V> {
    /// Edits the rows and says what that changes.
    fn apply(
        self,
        rows: &mut BTreeMap<K, V>,
        max_rows: usize,
        mut emit: impl FnMut((K, V), isize),
    ) -> Result<(), InputError> {
        match self {
            Edit::Replace(new) => {
                let old = mem::replace(rows, new);
                rows.iter().for_each(|(key, value)| {
                    if old.get(key) != Some(value) {
                        emit((key.clone(), value.clone()), 1);
                    }
                });
                old.into_iter().filter(|(key, value)| rows.get(key) != Some(value)).for_each(|row| emit(row, -1));
            }
            Edit::Set(key, Some(_)) if rows.len() >= max_rows && !rows.contains_key(&key) => {
                return Err(InputError::TooMany { max_rows });
            }
            Edit::Set(key, value) => {
                let old = match &value {
                    Some(value) => rows.insert(key.clone(), value.clone()),
                    None => rows.remove(&key),
                };
                old.into_iter().for_each(|old| emit((key.clone(), old), -1));
                value.into_iter().for_each(|value| emit((key.clone(), value), 1));
            }
        }
        Ok(())
    }
}

/// What lets an input's edits into the dataflow of one worker, once an epoch.
pub(crate) struct Feeder {
    has_news: Box<dyn Fn() -> bool>,
    wakes: InputHandle<Epoch, CapacityContainerBuilder<Vec<()>>>,
}

impl Feeder {
    /// Lets in what waits, in the epoch under way.
    pub(crate) fn feed(&mut self) {
        if (self.has_news)() {
            self.wakes.send(());
        }
    }

    pub(crate) fn advance_to(&mut self, epoch: Epoch) {
        self.wakes.advance_to(epoch);
    }
}

/// Says that the job is over when the operator is gone.
struct Taker<K, V>(Input<K, V>);

impl<K, V> Drop for Taker<K, V> {
    fn drop(&mut self) {
        self.0.refuse(InputError::Over);
    }
}

impl<'s> Flow<'s> {
    /// The rows of an input, one value per key: a base collection called `name`. The rows are on worker 0.
    pub fn input<K, V>(&mut self, name: &str, input: &Input<K, V>) -> VecCollection<'s, Epoch, (K, V), isize>
    where
        K: ExchangeData,
        V: ExchangeData,
    {
        let scope = self.state.scope();
        let (wakes_handle, wakes) = scope.new_input();
        let (worker, (process, _)) = (scope.index(), self.settings.process());
        let taker = (worker == 0).then(|| Taker(input.clone()));
        input.queue().refused = (process > 0).then_some(InputError::Elsewhere);
        let news = taker.as_ref().map(|_| input.clone());
        let has_news = Box::new(move || news.as_ref().is_some_and(Input::has_news));
        self.feeders.push(Feeder { has_news, wakes: wakes_handle });

        let base = self.state.base::<K, V>(&format!("input {name}"));
        let to_worker_0 = Exchange::new(|_: &(K, V)| 0);
        let rows = base
            .restored()
            .binary_frontier(wakes, to_worker_0, Pipeline, "Input", move |initial, _| {
                drop(initial);
                let mut epochs = Epochs::<(K, V), ()>::default();
                let mut rows = BTreeMap::new();
                move |(restored, restored_frontier), (wakes, wakes_frontier), output| {
                    epochs.read_both(restored, wakes, output.output_index());
                    while let Some((cap, restored, wakes)) = epochs.next_closed(restored_frontier, wakes_frontier) {
                        let mut changes = Vec::new();
                        for (key, value) in restored {
                            changes.push(((key.clone(), value.clone()), *cap.time(), 1));
                            rows.insert(key, value);
                        }
                        if let Some(Taker(input)) = taker.as_ref().filter(|_| !wakes.is_empty()) {
                            enter(input, *cap.time(), &mut rows, &mut changes);
                        }
                        output.session(&cap).give_iterator(changes.into_iter());
                    }
                }
            })
            .as_collection();
        base.keep(&rows);
        rows
    }
}

fn enter<K: ExchangeData, V: ExchangeData>(
    input: &Input<K, V>,
    epoch: Epoch,
    rows: &mut BTreeMap<K, V>,
    changes: &mut Vec<((K, V), Epoch, isize)>,
) {
    for Order { edit, answer } in input.take() {
        let done = edit.apply(rows, input.0.max_rows, |row, diff| changes.push((row, epoch, diff)));
        // nobody may wait for it
        let _ = answer.send(done.map(|()| epoch));
    }
    consolidate_updates(changes);
}
