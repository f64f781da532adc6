//! The score of log templates: whether messages are grouped as they were written.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// How well mined groups are the true ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grouping {
    /// The part of lines whose mined group holds exactly the lines of their true group.
    pub accuracy: f64,
    /// The harmonic mean of the part of mined groups that are true ones and the part of true groups that were mined: each
    /// group weighs the same.
    pub f1: f64,
    /// True groups.
    pub known: usize,
    /// Mined groups.
    pub mined: usize,
    /// Groups that are both.
    pub right: usize,
}

/// Holds the mined group of each line against its true one.
///
/// ```
/// use highwater_detection::scoring::grouping::grouping;
/// let grouping = grouping(&["a", "a", "b", "c"], &[1, 1, 2, 2]);
/// assert_eq!((grouping.accuracy, grouping.right), (0.5, 1));
/// assert_eq!(grouping.f1, 2.0 * 0.5 / 2.5);
/// ```
pub fn grouping<K: Eq + Hash, M: Eq + Hash>(known: &[K], mined: &[M]) -> Grouping {
    let (truth, found) = (groups(known), groups(mined));
    let (known, mined) = (truth.len(), found.len());
    let truth: HashSet<Vec<usize>> = truth.into_values().collect();
    let right: Vec<usize> =
        found.into_values().filter(|lines| truth.contains(lines)).map(|lines| lines.len()).collect();
    let lines: usize = truth.iter().map(Vec::len).sum();
    Grouping {
        accuracy: right.iter().sum::<usize>() as f64 / lines.max(1) as f64,
        f1: 2.0 * right.len() as f64 / (known + mined).max(1) as f64,
        known,
        mined,
        right: right.len(),
    }
}

/// The lines of each group, ascending.
fn groups<T: Eq + Hash>(of: &[T]) -> HashMap<&T, Vec<usize>> {
    let mut groups: HashMap<&T, Vec<usize>> = HashMap::new();
    of.iter().enumerate().for_each(|(line, group)| groups.entry(group).or_default().push(line));
    groups
}
