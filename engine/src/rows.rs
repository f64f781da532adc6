//! [`ViewRows`]: a view's rows, sorted, as a persistent map of blocks.
//!
//! A persistent map with an entry per row would be half empty and would copy a path per changed row. So neighbours
//! share a block of exactly their size, and an epoch's changes rewrite each block they touch once; what a snapshot
//! holds is never written to.

use std::{
    iter::Peekable,
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use imbl::OrdMap;

/// The rows of a view with typed keys and values, sorted by key. Cloning it costs next to nothing.
#[derive(Clone)]
pub struct ViewRows<R, V> {
    /// by their first row
    blocks: OrdMap<R, Block<R, V>>,
    len: usize,
}

type Block<R, V> = Arc<[(R, Arc<V>)]>;

/// Most rows of a block: what one changed row makes copied.
const MOST: usize = 32;
/// A block with fewer joins its neighbour.
const LEAST: usize = 8;

impl<R, V> Default for ViewRows<R, V> {
    fn default() -> Self {
        ViewRows { blocks: OrdMap::new(), len: 0 }
    }
}

impl<R: Ord + Clone, V> ViewRows<R, V> {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a row.
    pub fn get(&self, row: &R) -> Option<&Arc<V>> {
        let (_, block) = self.blocks.get_prev(row)?;
        let at = block.binary_search_by(|(other, _)| other.cmp(row)).ok()?;
        block.get(at).map(|(_, value)| value)
    }

    /// Every row and its value, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&R, &Arc<V>)> {
        self.range(..)
    }

    /// Every row's key, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.iter().map(|(row, _)| row)
    }

    /// Every row's value, in the order of the rows.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Arc<V>> {
        self.iter().map(|(_, value)| value)
    }

    /// The rows within bounds, in order; found without looking at those before.
    pub fn range(&self, bounds: impl RangeBounds<R>) -> impl DoubleEndedIterator<Item = (&R, &Arc<V>)> {
        let (from, to) = (bounds.start_bound().cloned(), bounds.end_bound().cloned());
        let first_block = match &from {
            Bound::Included(row) | Bound::Excluded(row) => self.blocks.get_prev(row).map(|(first, _)| first.clone()),
            Bound::Unbounded => None,
        };
        let blocks = (first_block.map_or(Bound::Unbounded, Bound::Included), no_earlier(&from, to.clone()));
        self.blocks.range(blocks).flat_map(move |(_, block)| {
            let start = match &from {
                Bound::Included(row) => block.partition_point(|(other, _)| other < row),
                Bound::Excluded(row) => block.partition_point(|(other, _)| other <= row),
                Bound::Unbounded => 0,
            };
            let end = match &to {
                Bound::Included(row) => block.partition_point(|(other, _)| other <= row),
                Bound::Excluded(row) => block.partition_point(|(other, _)| other < row),
                Bound::Unbounded => block.len(),
            };
            block.get(start..end.max(start)).unwrap_or_default().iter().map(|(row, value)| (row, value))
        })
    }

    /// Sets and removes rows; they must come in order, each once.
    pub(crate) fn apply(&mut self, changes: impl Iterator<Item = (R, Option<Arc<V>>)>) {
        let mut changes = changes.peekable();
        while let Some((row, _)) = changes.peek() {
            let found =
                self.blocks.get_prev(row).or_else(|| self.blocks.get_min().map(|(first, block)| (first, block)));
            let (first, old) = match found {
                Some((first, block)) => (Some(first.clone()), block.clone()),
                None => (None, Arc::from([])),
            };
            let next = first.as_ref().and_then(|first| {
                self.blocks
                    .range::<_, R>((Bound::Excluded(first), Bound::Unbounded))
                    .next()
                    .map(|(next, _)| next.clone())
            });
            let rows = merge(&old, &mut changes, next.as_ref());
            self.len = self.len + rows.len() - old.len();
            if let Some(first) = first {
                self.blocks.remove(&first);
            }
            self.put(rows);
        }
    }

    /// Puts neighbouring rows where no block is, in blocks of about the same size.
    fn put(&mut self, mut rows: Vec<(R, Arc<V>)>) {
        let Some((first, _)) = rows.first() else { return };
        if rows.len() < LEAST
            && let Some((previous, block)) = self.blocks.get_prev(first)
        {
            let previous = previous.clone();
            let mut joined = block.to_vec();
            joined.append(&mut rows);
            self.blocks.remove(&previous);
            rows = joined;
        }
        let size = rows.len().div_ceil(rows.len().div_ceil(MOST).max(1)).max(1);
        let mut rows = rows.into_iter().peekable();
        while let Some((first, _)) = rows.peek() {
            self.blocks.insert(first.clone(), rows.by_ref().take(size).collect());
        }
    }
}

/// `to`, unless the range is empty, which the map's own ranges must not be asked for.
fn no_earlier<R: Ord + Clone>(from: &Bound<R>, to: Bound<R>) -> Bound<R> {
    match (from, &to) {
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end))
            if end <= start =>
        {
            Bound::Included(start.clone())
        }
        _ => to,
    }
}

/// A block's rows after the changes that come before `next`.
fn merge<R: Ord + Clone, V>(
    old: &[(R, Arc<V>)],
    changes: &mut Peekable<impl Iterator<Item = (R, Option<Arc<V>>)>>,
    next: Option<&R>,
) -> Vec<(R, Arc<V>)> {
    let mut rows = Vec::with_capacity(old.len() + 1);
    let mut old = old.iter().peekable();
    while let Some((row, value)) = changes.next_if(|(row, _)| next.is_none_or(|next| row < next)) {
        while let Some(kept) = old.next_if(|(other, _)| *other < row) {
            rows.push(kept.clone());
        }
        old.next_if(|(other, _)| *other == row);
        rows.extend(value.map(|value| (row, value)));
    }
    rows.extend(old.cloned());
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_those_of_a_plain_map(
            epochs in prop::collection::vec(prop::collection::btree_map(0u16..600, prop::option::of(0u8..9), 0..90), 1..12),
            bounds in prop::collection::vec((0u16..600, 0u16..600), 8),
        ) {
            let (mut rows, mut plain) = (ViewRows::default(), BTreeMap::new());
            let mut snapshots = Vec::new();
            for epoch in epochs {
                rows.apply(epoch.iter().map(|(&row, &value)| (row, value.map(Arc::new))));
                for (row, value) in epoch {
                    match value {
                        Some(value) => { plain.insert(row, Arc::new(value)); }
                        None => { plain.remove(&row); }
                    }
                }
                snapshots.push((rows.clone(), plain.clone()));
            }
            for (rows, plain) in snapshots {
                prop_assert_eq!(rows.len(), plain.len());
                prop_assert!(rows.iter().eq(plain.iter()) && rows.iter().rev().eq(plain.iter().rev()));
                for &(from, to) in &bounds {
                    prop_assert_eq!(rows.get(&from), plain.get(&from));
                    prop_assert!(rows.range(from..).eq(plain.range(from..)));
                    prop_assert!(rows.range(..=to).rev().eq(plain.range(..=to).rev()));
                    let within = |row: &u16| from <= *row && *row < to;
                    prop_assert!(rows.range(from..to).eq(plain.iter().filter(|(row, _)| within(row))));
                }
                prop_assert!(rows.blocks.values().all(|block| !block.is_empty() && block.len() <= MOST));
            }
        }
    }
}
