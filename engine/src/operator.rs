//! [`Flow::operator`]: an operator written by hand, for what differential's own would keep too much for.

use differential_dataflow::{AsCollection, ExchangeData, VecCollection, consolidation::consolidate};
use timely::dataflow::{
    channels::pact::Pipeline,
    operators::{
        Concat, Exchange, Operator,
        vec::{Broadcast, Map},
    },
};

use crate::{Epoch, Flow, Timestamp, epochs::Epochs};

/// An epoch that is complete, as an operator sees it. What came and went within it is nothing; what goes comes before what
/// comes.
#[derive(Clone, Debug)]
pub struct Closed<A, B> {
    /// The epoch.
    pub epoch: Epoch,
    /// Changes of this worker's rows.
    pub rows: Vec<(A, isize)>,
    /// Changes of the rows that every worker has.
    pub shared: Vec<(B, isize)>,
    /// The watermark as of it.
    pub watermark: Timestamp,
    /// Whether what comes is what was before a start.
    pub restoring: bool,
}

/// What all workers have is boxed: it is rare and may be large, and rows, which are many, would each be as large.
#[derive(Clone)]
enum Item<A, B> {
    Row(A, isize),
    Shared(Box<B>, isize),
}

impl<'s> Flow<'s> {
    /// An operator that is shown each epoch once it is complete, and says what changes by it. Rows go to the worker
    /// that `by` says (modulo how many there are), shared rows to all. It is called for epochs in which rows change or the
    /// watermark rises.
    pub fn operator<A: ExchangeData, B: ExchangeData, D: ExchangeData>(
        &self,
        name: &str,
        rows: VecCollection<'s, Epoch, A, isize>,
        by: impl Fn(&A) -> u64 + 'static,
        shared: VecCollection<'s, Epoch, B, isize>,
        mut close: impl FnMut(Closed<A, B>) -> Vec<(D, isize)> + 'static,
    ) -> VecCollection<'s, Epoch, D, isize> {
        let restored = self.state.restored();
        let rows = rows.inner.exchange(move |(row, _, _)| by(row)).map(|(row, _, diff)| Item::Row(row, diff));
        let shared = shared.inner.broadcast().map(|(row, _, diff)| Item::Shared(Box::new(row), diff));
        rows.concat(shared)
            .binary_frontier(self.watermarks.clone(), Pipeline, Pipeline, name, move |initial, _| {
                drop(initial);
                let mut epochs = Epochs::default();
                let mut watermark = Timestamp::MIN;
                move |(items, items_frontier), (watermarks, watermarks_frontier), output| {
                    epochs.read_both(items, watermarks, output.output_index());
                    while let Some((cap, items, watermarks)) = epochs.next_closed(items_frontier, watermarks_frontier) {
                        let epoch = *cap.time();
                        watermark = watermarks.last().copied().map_or(watermark, |to| watermark.max(to));
                        let (rows, shared) = sorted(items);
                        let restoring = restored.is_some_and(|restored| epoch <= restored);
                        let changes = close(Closed { epoch, rows, shared, watermark, restoring });
                        let changes = changes.into_iter().map(|(row, diff)| (row, epoch, diff));
                        output.session(&cap).give_iterator(changes);
                    }
                }
            })
            .as_collection()
    }
}

type Changes<D> = Vec<(D, isize)>;

fn sorted<A: Ord, B: Ord>(items: Vec<Item<A, B>>) -> (Changes<A>, Changes<B>) {
    let (mut rows, mut shared) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match item {
            Item::Row(row, diff) => rows.push((row, diff)),
            Item::Shared(row, diff) => shared.push((*row, diff)),
        }
    }
    consolidate(&mut rows);
    consolidate(&mut shared);
    rows.sort_by_key(|(_, diff)| *diff);
    shared.sort_by_key(|(_, diff)| *diff);
    (rows, shared)
}
