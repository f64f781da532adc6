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

use either::Either;
use imbl::OrdMap;

/// The rows of a view with typed keys and values, sorted by key. Cloning it costs next to nothing.
#[derive(Clone)]
pub struct ViewRows<R, V>(Values<R, V>);

/// Values that own nothing lie in the blocks and are copied with them; others are shared.
#[derive(Clone)]
enum Values<R, V> {
    Plain(Blocks<R, V>),
    Shared(Blocks<R, Arc<V>>),
}

impl<R, V> Default for ViewRows<R, V> {
    fn default() -> Self {
        let shared = std::mem::needs_drop::<V>();
        ViewRows(if shared { Values::Shared(Blocks::default()) } else { Values::Plain(Blocks::default()) })
    }
}

impl<R: Ord + Clone, V: Clone> ViewRows<R, V> {
    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.0 {
            Values::Plain(blocks) => blocks.len,
            Values::Shared(blocks) => blocks.len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row.
    pub fn get(&self, row: &R) -> Option<&V> {
        match &self.0 {
            Values::Plain(blocks) => blocks.get(row),
            Values::Shared(blocks) => blocks.get(row).map(|value| &**value),
        }
    }

    /// Every row and its value, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&R, &V)> {
        self.range(..)
    }

    /// Every row's key, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.iter().map(|(row, _)| row)
    }

    /// Every row's value, in the order of the rows.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The rows within bounds, in order; found without looking at those before.
    pub fn range(&self, bounds: impl RangeBounds<R>) -> impl DoubleEndedIterator<Item = (&R, &V)> {
        match &self.0 {
            Values::Plain(blocks) => Either::Left(blocks.range(bounds)),
            Values::Shared(blocks) => Either::Right(blocks.range(bounds).map(|(row, value)| (row, &**value))),
        }
    }

    /// Sets and removes rows; they must come in order, each once.
    pub(crate) fn apply(&mut self, changes: impl Iterator<Item = (R, Option<V>)>) {
        match &mut self.0 {
            Values::Plain(blocks) => blocks.apply(changes),
            Values::Shared(blocks) => blocks.apply(changes.map(|(row, value)| (row, value.map(Arc::new)))),
        }
    }
}

/// Sorted rows in blocks.
#[derive(Clone)]
struct Blocks<R, C> {
    /// by their first row
    blocks: OrdMap<R, Block<R, C>>,
    len: usize,
}

type Block<R, C> = Arc<[(R, C)]>;

/// Most rows of a block: what one changed row makes copied.
const MOST: usize = 16;
/// A block that is too large leaves so many rows behind: rows mostly come at the end of their key's, as windows do, so
/// what is left behind changes no more.
const FULL: usize = 14;
/// A block with fewer joins its neighbour.
const LEAST: usize = 3;

impl<R, C> Default for Blocks<R, C> {
    fn default() -> Self {
        Blocks { blocks: OrdMap::new(), len: 0 }
    }
}

impl<R: Ord + Clone, C: Clone> Blocks<R, C> {
    fn get(&self, row: &R) -> Option<&C> {
        let (_, block) = self.blocks.get_prev(row)?;
        let at = block.binary_search_by(|(other, _)| other.cmp(row)).ok()?;
        block.get(at).map(|(_, value)| value)
    }

    fn range(&self, bounds: impl RangeBounds<R>) -> impl DoubleEndedIterator<Item = (&R, &C)> {
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

    fn apply(&mut self, changes: impl Iterator<Item = (R, Option<C>)>) {
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

    /// Puts neighbouring rows where no block is.
    fn put(&mut self, mut rows: Vec<(R, C)>) {
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
        let mut rows = rows.into_iter();
        while let Some((first, _)) = rows.as_slice().first() {
            let size = if rows.len() > MOST { FULL } else { MOST };
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
fn merge<R: Ord + Clone, C: Clone>(
    old: &[(R, C)],
    changes: &mut Peekable<impl Iterator<Item = (R, Option<C>)>>,
    next: Option<&R>,
) -> Vec<(R, C)> {
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

    /// Rows are those of a plain map, whatever came and went, and snapshots stay as they were.
    fn check<V: Clone + PartialEq + std::fmt::Debug>(
        epochs: Vec<BTreeMap<u16, Option<u8>>>,
        bounds: &[(u16, u16)],
        value: impl Fn(u8) -> V,
    ) {
        let (mut rows, mut plain) = (ViewRows::default(), BTreeMap::new());
        let mut snapshots = Vec::new();
        for epoch in epochs {
            rows.apply(epoch.iter().map(|(&row, &changed)| (row, changed.map(&value))));
            for (row, changed) in epoch {
                match changed {
                    Some(changed) => plain.insert(row, value(changed)),
                    None => plain.remove(&row),
                };
            }
            snapshots.push((rows.clone(), plain.clone()));
        }
        for (rows, plain) in snapshots {
            assert_eq!(rows.len(), plain.len());
            assert!(rows.iter().eq(plain.iter()) && rows.iter().rev().eq(plain.iter().rev()));
            for &(from, to) in bounds {
                assert_eq!(rows.get(&from), plain.get(&from));
                assert!(rows.range(from..).eq(plain.range(from..)));
                assert!(rows.range(..=to).rev().eq(plain.range(..=to).rev()));
                let within = |row: &u16| from <= *row && *row < to;
                assert!(rows.range(from..to).eq(plain.iter().filter(|(row, _)| within(row))));
            }
            let sizes: Vec<usize> = match &rows.0 {
                Values::Plain(blocks) => blocks.blocks.values().map(|block| block.len()).collect(),
                Values::Shared(blocks) => blocks.blocks.values().map(|block| block.len()).collect(),
            };
            assert!(sizes.iter().all(|size| (1..=MOST).contains(size)));
        }
    }

    proptest! {
        #[test]
        fn rows_are_those_of_a_plain_map(
            epochs in prop::collection::vec(prop::collection::btree_map(0u16..600, prop::option::of(0u8..9), 0..90), 1..12),
            bounds in prop::collection::vec((0u16..600, 0u16..600), 8),
        ) {
            check(epochs.clone(), &bounds, |value| value);
            check(epochs, &bounds, |value| value.to_string());
        }
    }
}
