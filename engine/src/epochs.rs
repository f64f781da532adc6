//! Holding input back until its epoch is complete: what operators do that must see an epoch whole.

use std::collections::BTreeMap;

use timely::{
    Accountable,
    communication::Pull,
    dataflow::{
        channels::Message,
        operators::{Capability, generic::InputHandleCore},
    },
    progress::frontier::MutableAntichain,
};

use crate::Epoch;

/// Input of two streams by epoch, with the capability to answer at it.
pub(crate) struct Epochs<A, B> {
    waiting: BTreeMap<Epoch, Waiting<A, B>>,
}

type Waiting<A, B> = (Capability<Epoch>, Vec<A>, Vec<B>);

impl<A, B> Default for Epochs<A, B> {
    fn default() -> Self {
        Epochs { waiting: BTreeMap::new() }
    }
}

impl<A: 'static, B: 'static> Epochs<A, B> {
    /// Takes in all that has come.
    pub(crate) fn read_both<P, Q>(
        &mut self,
        left: &mut InputHandleCore<Epoch, Vec<A>, P>,
        right: &mut InputHandleCore<Epoch, Vec<B>, Q>,
        port: usize,
    ) where
        P: Pull<Message<Epoch, Vec<A>>>,
        Q: Pull<Message<Epoch, Vec<B>>>,
        Vec<A>: Accountable,
    {
        left.for_each_time(|cap, batches| {
            let (_, items, _) =
                self.waiting.entry(*cap.time()).or_insert_with(|| (cap.retain(port), Vec::new(), Vec::new()));
            batches.for_each(|batch| items.append(batch));
        });
        right.for_each_time(|cap, batches| {
            let (_, _, items) =
                self.waiting.entry(*cap.time()).or_insert_with(|| (cap.retain(port), Vec::new(), Vec::new()));
            batches.for_each(|batch| items.append(batch));
        });
    }

    /// The earliest epoch that neither input can add to any more.
    pub(crate) fn next_closed(
        &mut self,
        left: &MutableAntichain<Epoch>,
        right: &MutableAntichain<Epoch>,
    ) -> Option<Waiting<A, B>> {
        let first = self.waiting.first_entry()?;
        let open = left.less_equal(first.key()) || right.less_equal(first.key());
        (!open).then(|| first.remove())
    }
}
