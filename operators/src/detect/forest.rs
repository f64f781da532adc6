//! [`Trees`]: the trees of an isolation forest, flattened into eight bytes a node: ordered, hashable, quick to walk.
//!
//! The crate extended-isolation-forest grows the trees but keeps them boxed and private, neither cloneable nor
//! comparable, and its scoring recurses. They are taken out through its serde form, one tree at a time.

use extended_isolation_forest::{Forest, ForestOptions};
use serde::{Deserialize, Serialize};

/// Grown trees. Floats are kept as bits, so that the whole is plain data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Trees {
    /// The mean path to a leaf that the paths are measured by, as the bits of an `f32`.
    average_path: u32,
    /// Where each tree begins.
    roots: Vec<u32>,
    /// The trees in pre-order: what lies on the lower side of a cut follows its node.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Node {
    /// The bits of an `f32`: the greatest value on the lower side; at a leaf, the path that its points would still have.
    value: u32,
    /// Which feature is cut, or [`LEAF`].
    feature: u16,
    /// How many nodes further the upper side begins.
    skip: u16,
}

const LEAF: u16 = u16::MAX;

/// More points in a tree would make a side too large for [`Node::skip`]; far fewer are better anyway.
pub(super) const MOST_SAMPLES: usize = 4_096;

impl Trees {
    /// Grows `trees` trees of `samples` rows each, at most ⌈log₂ samples⌉ deep, cut along one feature at a time (level 0:
    /// over the usual outlier sets the better of the crate's levels). `rows` must be finite and at least `samples`.
    pub(super) fn grow<const N: usize>(rows: &[[f32; N]], trees: usize, samples: usize) -> Result<Self, GrowError> {
        let options = ForestOptions { n_trees: 1, sample_size: samples, max_tree_depth: None, extension_level: 0 };
        let mut grown = Trees { average_path: 0, roots: Vec::with_capacity(trees), nodes: Vec::new() };
        for _ in 0..trees {
            let forest = serde_json::to_vec(&Forest::from_slice(rows, &options)?)?;
            let forest: Grown = serde_json::from_slice(&forest)?;
            grown.average_path = (forest.avg_path_length_c as f32).to_bits();
            for tree in &forest.trees {
                grown.roots.push(grown.nodes.len() as u32);
                grown.flatten(&tree.root);
            }
        }
        grown.nodes.shrink_to_fit();
        Ok(grown)
    }

    /// The score of Liu, Ting and Zhou: 2 to the minus (mean path over average path); in 0..1, odd points near 1.
    pub(super) fn score<const N: usize>(&self, point: &[f32; N]) -> f64 {
        let paths: f64 = self.roots.iter().map(|root| f64::from(self.path(*root as usize, point))).sum();
        let mean = paths / self.roots.len().max(1) as f64;
        (-mean / f64::from(f32::from_bits(self.average_path))).exp2()
    }

    /// Always walks forward, so it ends whatever the nodes are.
    fn path<const N: usize>(&self, root: usize, point: &[f32; N]) -> f32 {
        let (mut at, mut cuts) = (root, 0.0);
        while let Some(node) = self.nodes.get(at) {
            let value = f32::from_bits(node.value);
            let Some(coordinate) = point.get(usize::from(node.feature)) else { return cuts + value };
            at += if *coordinate <= value { 1 } else { usize::from(node.skip.max(1)) };
            cuts += 1.0;
        }
        cuts
    }

    fn flatten(&mut self, node: &GrownNode) {
        match node {
            GrownNode::Ex { num_samples } => {
                let rest = average_path(*num_samples).to_bits();
                self.nodes.push(Node { value: rest, feature: LEAF, skip: 0 });
            }
            GrownNode::In { left, right, n, p } => {
                // the normal has one component; which way it points decides on which side the crate puts what
                let feature = n.iter().position(|component| *component != 0.0).unwrap_or_default();
                let at = |vector: &[f32]| vector.get(feature).copied().unwrap_or_default();
                let (value, lower, upper) =
                    if at(n) < 0.0 { (at(p).next_down(), right, left) } else { (at(p), left, right) };
                let here = self.nodes.len();
                self.nodes.push(Node { value: value.to_bits(), feature: feature as u16, skip: 0 });
                self.flatten(lower);
                self.nodes[here].skip = (self.nodes.len() - here) as u16;
                self.flatten(upper);
            }
        }
    }

    /// The whole as bytes, to take a hash of.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let node = |node: &Node| {
            let shape = u32::from(node.feature) << 16 | u32::from(node.skip);
            [node.value.to_le_bytes(), shape.to_le_bytes()].concat()
        };
        self.roots.iter().chain([&self.average_path]).flat_map(|n| n.to_le_bytes()).chain(self.nodes.iter().flat_map(node))
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

/// c(n), the mean path of an unsuccessful search in a binary tree of `n`: what a leaf with so many points left would
/// still take.
fn average_path(n: usize) -> f32 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            (2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n) as f32
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
    In { left: Box<GrownNode>, right: Box<GrownNode>, n: Vec<f32>, p: Vec<f32> },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u32) -> Vec<[f32; 2]> {
        (0..count).map(|n| [(n * 37 % 101) as f32, (n * 53 % 97) as f32]).collect()
    }

    #[test]
    fn flattening_keeps_every_path_of_the_crate() {
        // grown by the crate, taken apart by us: both must score alike
        let rows = rows(64);
        let options = ForestOptions { n_trees: 20, sample_size: 64, max_tree_depth: None, extension_level: 0 };
        let forest = Forest::from_slice(&rows, &options).unwrap();
        let json: Grown = serde_json::from_slice(&serde_json::to_vec(&forest).unwrap()).unwrap();
        let average_path = (json.avg_path_length_c as f32).to_bits();
        let mut trees = Trees { average_path, roots: Vec::new(), nodes: Vec::new() };
        for tree in &json.trees {
            trees.roots.push(trees.nodes.len() as u32);
            trees.flatten(&tree.root);
        }
        for point in rows.iter().chain(&[[500.0, -500.0], [0.5, 96.5]]) {
            // the crate takes c(2) for 0.154 where its definition says 1: less than one cut apart
            let (ours, theirs) = (trees.score(point), forest.score(point));
            assert!((ours - theirs).abs() < 0.06, "{ours} {theirs}");
        }
    }

    #[test]
    fn broken_nodes_end_the_walk() {
        let node = |feature, skip| Node { value: 0, feature, skip };
        let trees = Trees { average_path: 1f32.to_bits(), roots: vec![0, 9], nodes: vec![node(0, 0), node(1, 999)] };
        assert!((0.0..=1.0).contains(&trees.score(&[1.0f32, 1.0])));
    }

    #[test]
    fn trees_stay_within_their_depth() {
        let trees = Trees::grow(&rows(256), 10, 256).unwrap();
        assert!(trees.nodes.len() <= 10 * 511);
        assert_eq!(Trees::grow(&vec![[1.0f32; 2]; 32], 1, 32).unwrap().roots.len(), 1);
    }
}
