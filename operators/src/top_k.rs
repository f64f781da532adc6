//! [`top_k`]: the few that weigh most.

use std::{cmp::Reverse, collections::BinaryHeap};

/// The `k` items of greatest weight, greatest first; equal weights by item, least first, so that the answer does not
/// depend on the order of the rows. A heap of `k` (Williams 1964): O(n log k) time, O(k) room.
///
/// ```
/// use highwater_operators::top_k;
/// let rows = [("timeout", 7), ("refused", 9), ("reset", 7), ("closed", 1)];
/// assert_eq!(top_k(3, rows), [("refused", 9), ("reset", 7), ("timeout", 7)]);
/// ```
pub fn top_k<T: Ord, W: Ord>(k: usize, rows: impl IntoIterator<Item = (T, W)>) -> Vec<(T, W)> {
    let mut best = BinaryHeap::new();
    for (item, weight) in rows {
        // the heap's greatest is the first to go: the least weight, then the greatest item
        best.push((Reverse(weight), item));
        if best.len() > k {
            best.pop();
        }
    }
    best.into_sorted_vec().into_iter().map(|(Reverse(weight), item)| (item, weight)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_head_of_the_sorted_rows(mut rows in prop::collection::vec((any::<u8>(), 0u8..9), 0..50), k in 0usize..60) {
            let top = top_k(k, rows.clone());
            rows.sort_by_key(|&(item, weight)| (Reverse(weight), item));
            rows.truncate(k);
            prop_assert_eq!(top, rows);
        }
    }
}
