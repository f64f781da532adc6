//! Which span lies in which.

use std::collections::BTreeMap;

use super::Span;

/// Gives spans, which are in order, their parents: those that are named, where that makes no circle, and else the
/// shortest around.
pub(super) fn nest(spans: &mut [Span], named: &BTreeMap<String, String>) {
    let places: BTreeMap<String, usize> = spans
        .iter()
        .enumerate()
        .filter(|(_, span)| !span.inferred)
        .map(|(at, span)| (span.id.to_lowercase(), at))
        .collect();
    let mut parents: Vec<Option<usize>> = vec![None; spans.len()];
    for (id, parent) in named {
        if let (Some(&child), Some(&parent)) = (places.get(id), places.get(parent))
            && !lies_in(&parents, parent, child)
        {
            parents[child] = Some(parent);
        }
    }
    for child in 0..spans.len() {
        if parents[child].is_none() {
            parents[child] = shortest_around(spans, &parents, child);
        }
    }
    for (child, parent) in parents.into_iter().enumerate() {
        spans[child].parent = parent.map(|parent| spans[parent].id.clone());
    }
}

/// Whether `inner` is `outer` or lies in it, by the parents that are known.
fn lies_in(parents: &[Option<usize>], inner: usize, outer: usize) -> bool {
    std::iter::successors(Some(inner), |span| parents[*span]).any(|span| span == outer)
}

/// Spans before `child` only: of two that are alike the earlier is the outer.
fn shortest_around(spans: &[Span], parents: &[Option<usize>], child: usize) -> Option<usize> {
    let inner = &spans[child];
    let end = inner.end();
    let around = (0..child).filter(|outer| spans[*outer].end() >= end && !lies_in(parents, *outer, child));
    around.min_by_key(|outer| {
        let outer = &spans[*outer];
        (outer.end().since(outer.start), outer.service != inner.service, outer.start)
    })
}
