//! Rows that outlive what they are computed from.
//!
//! What a series is computed from may be too large to be kept for as long as the series itself: thousands of traces make
//! a handful of rows. So windows settle. For a while their rows follow their origin, corrections included; then they stay
//! as they are, and that the origin goes has no effect any more. What has settled is a function of nothing that is left,
//! so all of these rows are a base collection.

use std::collections::BTreeMap;

use differential_dataflow::{AsCollection, ExchangeData, Hashable, consolidation::consolidate_updates};
use timely::dataflow::{
    channels::pact::{Exchange, Pipeline},
    operators::{
        Concat, Operator,
        vec::{Filter, Map},
    },
};

use crate::{
    Epoch, Timestamp, Window,
    by::Key,
    epochs::Epochs,
    merge::{Rows, Windowing},
    state::State,
    watermark::Watermarks,
};

/// The rows of windows that follow their origin until the watermark has passed `follow`, and are kept until it has
/// passed `keep`.
pub(crate) fn settle<'s, K: Key, V: ExchangeData>(
    rows: Rows<'s, K, V>,
    watermarks: Watermarks<'s>,
    follow: Windowing,
    keep: Windowing,
    state: &State<'s>,
) -> Rows<'s, K, V> {
    let base = state.base::<(K, Window), V>(&format!("settled windows of {:?}", keep.size));
    let restored_through = base.restored_through();
    let is_restoring = move |epoch: Epoch| restored_through.is_some_and(|restored| epoch <= restored);
    // what the origin says while it is restored itself is part of the rows that were kept
    let news = rows.inner.filter(move |(_, epoch, _)| !is_restoring(*epoch));
    let kept = base.restored().map(|row| (row, Epoch::MIN, 1));
    let by_key = Exchange::new(|(((key, _), _), _, _): &Change<K, V>| key.hashed());
    let settled = news
        .concat(kept)
        .binary_frontier(watermarks, by_key, Pipeline, "Settle", move |initial, _| {
            drop(initial);
            let mut epochs = Epochs::default();
            let mut shard = Shard { follow, keep, rows: BTreeMap::new(), watermark: Timestamp::MIN };
            move |(rows, rows_frontier), (watermarks, watermarks_frontier), output| {
                epochs.read_both(rows, watermarks, output.output_index());
                while let Some((cap, rows, watermarks)) = epochs.next_closed(rows_frontier, watermarks_frontier) {
                    let epoch = *cap.time();
                    let changes = shard.close(epoch, rows, watermarks.last().copied(), is_restoring(epoch));
                    output.session(&cap).give_iterator(changes.into_iter());
                }
            }
        })
        .as_collection();
    base.keep(&settled);
    settled
}

type Change<K, V> = (((K, Window), V), Epoch, isize);

struct Shard<K, V> {
    follow: Windowing,
    keep: Windowing,
    rows: BTreeMap<Window, BTreeMap<K, V>>,
    watermark: Timestamp,
}

impl<K: Key, V: ExchangeData> Shard<K, V> {
    fn close(
        &mut self,
        epoch: Epoch,
        mut changes: Vec<Change<K, V>>,
        watermark: Option<Timestamp>,
        is_restoring: bool,
    ) -> Vec<Change<K, V>> {
        let before = self.watermark;
        self.watermark = watermark.map_or(before, |to| to.max(before));
        let judged_by = if self.follow.linger { before } else { self.watermark };
        changes.retain_mut(|(((_, window), _), at, _)| {
            *at = epoch;
            is_restoring || !self.follow.expired(*window, judged_by)
        });
        // what came and went in between is nothing; what went first, so that what came in its place stays
        consolidate_updates(&mut changes);
        changes.sort_by_key(|(_, _, diff)| *diff);
        for (((key, window), value), _, diff) in &changes {
            let rows = self.rows.entry(*window).or_default();
            if *diff > 0 {
                rows.insert(key.clone(), value.clone());
            } else {
                rows.remove(key);
            }
        }
        while let Some(oldest) = self.rows.first_entry().filter(|rows| self.keep.expired(*rows.key(), judged_by)) {
            let (window, rows) = oldest.remove_entry();
            changes.extend(rows.into_iter().map(|(key, value)| (((key, window), value), epoch, -1)));
        }
        changes
    }
}
