//! [`Trees`]: the trees of an isolation forest, flattened into 24 bytes a cut: ordered, hashable, quick to walk.
//!
//! The crate extended-isolation-forest grows the trees but keeps them boxed and private, neither cloneable nor
//! comparable, and its scoring recurses. They are taken out through its serde form, one tree at a time.

use extended_isolation_forest::{Forest, ForestOptions};
use serde::{Deserialize, Serialize};

use super::isolation_forest::FEATURES;

/// A point as the trees see it: its features, standardised.
pub(super) type Point = [f32; FEATURES];

/// Grown trees. Floats are kept as bits, so that the whole is plain data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Trees {
    /// The mean path to a leaf that the paths are measured by, as the bits of an `f32`.
    average_path: u32,
    trees: Vec<Tree>,
}

/// One tree: its cuts in pre-order, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Tree {
    root: Side,
    cuts: Box<[Cut]>,
}

/// A cut by a plane: a point goes to the lower side where its product with the normal is at most the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Cut {
    /// The bits of `f32`s.
    normal: [u32; FEATURES],
    /// The bits of an `f32`.
    offset: u32,
    lower: Side,
    upper: Side,
}

/// What lies on one side of a cut: the index of the next cut, or [`LEAF`] and the number of rows left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Side(u16);

const LEAF: u16 = 1 << 15;

/// More rows in a tree would not fit a [`Side`]; far fewer are better anyway.
pub(super) const MOST_SAMPLES: usize = 4_096;

impl Trees {
    /// Grows `trees` trees of `samples` rows each, at most ⌈log₂ samples⌉ deep. `rows` must be finite and at least
    /// `samples`.
    ///
    /// Cuts go across all features at once (the full extension level): the features have been brought to one scale, and
    /// cuts along one feature of four tell a window that is odd in that one from the others too seldom.
    pub(super) fn grow(rows: &[Point], trees: usize, samples: usize) -> Result<Self, GrowError> {
        let options =
            ForestOptions { n_trees: 1, sample_size: samples, max_tree_depth: None, extension_level: FEATURES - 1 };
        let mut grown = Trees { average_path: 0, trees: Vec::with_capacity(trees) };
        for _ in 0..trees {
            grown.take(&Forest::from_slice(rows, &options)?)?;
        }
        Ok(grown)
    }

    /// The score of Liu, Ting and Zhou: 2 to the minus (mean path over average path); in 0..1, odd points near 1.
    pub(super) fn score(&self, point: &Point) -> f64 {
        let paths: f64 = self.trees.iter().map(|tree| tree.path(point)).sum();
        let mean = paths / self.trees.len().max(1) as f64;
        (-mean / f64::from(f32::from_bits(self.average_path))).exp2()
    }

    /// All that the score depends on, as bytes to take a hash of.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.average_path.to_le_bytes().to_vec();
        for tree in &self.trees {
            bytes.extend(tree.root.0.to_le_bytes());
            for cut in &tree.cuts {
                bytes.extend(cut.normal.iter().chain([&cut.offset]).flat_map(|bits| bits.to_le_bytes()));
                bytes.extend([cut.lower.0, cut.upper.0].iter().flat_map(|side| side.to_le_bytes()));
            }
        }
        bytes
    }

    /// Takes the trees of a forest over, through its serialised form.
    fn take(&mut self, forest: &Forest<f32, FEATURES>) -> Result<(), GrowError> {
        let grown: Grown = serde_json::from_slice(&serde_json::to_vec(forest)?)?;
        self.average_path = (grown.avg_path_length_c as f32).to_bits();
        for tree in &grown.trees {
            let mut cuts = Vec::new();
            let root = flatten(&tree.root, &mut cuts);
            self.trees.push(Tree { root, cuts: cuts.into() });
        }
        Ok(())
    }
}

impl Tree {
    /// How many cuts set the point apart. Only ever walks forward, so it ends whatever was read from outside.
    fn path(&self, point: &Point) -> f64 {
        let (mut side, mut next, mut path) = (self.root, 0, 0.0);
        while let Some(at) = side.cut().filter(|at| *at >= next) {
            let Some(cut) = self.cuts.get(at) else { return path };
            side = if cut.is_lower(point) { cut.lower } else { cut.upper };
            (next, path) = (at + 1, path + 1.0);
        }
        path + average_path(side.rows())
    }
}

impl Cut {
    fn is_lower(&self, point: &Point) -> bool {
        let product: f32 = self.normal.iter().zip(point).map(|(bits, value)| f32::from_bits(*bits) * value).sum();
        product <= f32::from_bits(self.offset)
    }
}

impl Side {
    fn cut(self) -> Option<usize> {
        (self.0 & LEAF == 0).then_some(usize::from(self.0))
    }

    fn rows(self) -> u16 {
        if self.0 & LEAF == 0 { 0 } else { self.0 & !LEAF }
    }
}

/// Why no forest could be grown.
#[derive(Debug, thiserror::Error)]
pub(super) enum GrowError {
    #[error(transparent)]
    Forest(#[from] extended_isolation_forest::Error),
    #[error("the forest's serialised form is not the known one: {0}")]
    Form(#[from] serde_json::Error),
}

/// c(n), the mean path of an unsuccessful search in a binary tree of `n`: what the rows left in a leaf would still take.
fn average_path(n: u16) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = f64::from(n);
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

/// Appends the cuts of a subtree in pre-order.
fn flatten(node: &GrownNode, cuts: &mut Vec<Cut>) -> Side {
    match node {
        GrownNode::Ex { num_samples } => Side(LEAF | (*num_samples).min(MOST_SAMPLES) as u16),
        GrownNode::In { left, right, n, p } => {
            let offset: f32 = n.iter().zip(p).map(|(normal, value)| normal * value).sum();
            let here = cuts.len();
            let unknown = Side(LEAF);
            cuts.push(Cut { normal: n.map(f32::to_bits), offset: offset.to_bits(), lower: unknown, upper: unknown });
            let lower = flatten(left, cuts);
            let upper = flatten(right, cuts);
            (cuts[here].lower, cuts[here].upper) = (lower, upper);
            Side(here as u16)
        }
    }
}

/// The serialised form of the crate's `Forest`.
#[derive(Deserialize)]
struct Grown {
    avg_path_length_c: f64,
    trees: Vec<GrownTree>,
}

#[derive(Deserialize)]
struct GrownTree {
    root: GrownNode,
}

#[derive(Deserialize)]
enum GrownNode {
    Ex { num_samples: usize },
    In { left: Box<GrownNode>, right: Box<GrownNode>, n: Point, p: Point },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u32) -> Vec<Point> {
        (0..count).map(|n| [n * 37 % 101, n * 53 % 97, n * 11 % 31, n * n % 7].map(|value| value as f32)).collect()
    }

    #[test]
    fn taking_over_keeps_every_path_of_the_crate() {
        let rows = rows(64);
        let options = ForestOptions { n_trees: 20, sample_size: 64, max_tree_depth: None, extension_level: 3 };
        let forest = Forest::from_slice(&rows, &options).unwrap();
        let mut trees = Trees { average_path: 0, trees: Vec::new() };
        trees.take(&forest).unwrap();
        for point in rows.iter().chain(&[[500.0, -500.0, 0.0, 0.0], [0.5, 96.5, 3.0, 8.0]]) {
            // the crate has 0.154 for c(2), which by its definition is 1: less than one cut apart
            let (ours, theirs) = (trees.score(point), forest.score(point));
            assert!((ours - theirs).abs() < 0.06, "{ours} {theirs}");
        }
    }

    #[test]
    fn broken_cuts_end_the_walk() {
        let cut = |lower, upper| Cut { normal: [0; 4], offset: 0, lower: Side(lower), upper: Side(upper) };
        for cuts in [vec![cut(0, 0)], vec![cut(1, 1), cut(0, 0)], vec![cut(99, 99)], vec![]] {
            let tree = Tree { root: Side(0), cuts: cuts.into() };
            assert!(tree.path(&[1.0; 4]) <= 2.0);
        }
    }

    #[test]
    fn trees_stay_within_their_depth_and_size() {
        assert_eq!(size_of::<Cut>(), 24);
        let trees = Trees::grow(&rows(256), 10, 256).unwrap();
        assert!(trees.trees.iter().all(|tree| tree.cuts.len() <= 255));
        assert!(Trees::grow(&vec![[1.0; 4]; 32], 1, 32).unwrap().trees[0].cuts.len() <= 31);
    }
}
