//! [`Tree`]: one tree of a forest, flattened into 16 bytes a cut: quick to walk, without recursion.

use serde::{Deserialize, Serialize};

/// Its cuts, each before those below it, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Tree {
    pub(super) root: Side,
    pub(super) cuts: Box<[Cut]>,
}

/// Two sides of a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Cut {
    pub(super) plane: Plane,
    pub(super) lower: Side,
    pub(super) upper: Side,
}

/// Points on it have the same sum of one column and a multiple of another. Floats are kept as bits, so that the whole is
/// plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Plane {
    columns: [u16; 2],
    /// How often the second column counts, as the bits of an `f32`.
    slope: u32,
    /// The sum of the points on the plane, as the bits of an `f32`.
    at: u32,
}

/// What lies on one side of a cut: the index of the next cut, or [`LEAF`] and the number of rows left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Side(u16);

const LEAF: u16 = 1 << 15;

impl Tree {
    /// How many cuts set the point apart, to be expected where it lies `beyond` all rows by some share of each column's
    /// range: a cut of the column would have gone between, as likely as that share. Only ever walks forward, so it ends
    /// whatever was read from outside.
    pub(super) fn path(&self, point: &[f32], beyond: &[f32]) -> f64 {
        let (mut side, mut next, mut path, mut still_among) = (self.root, 0, 0.0, 1.0);
        while let Some(at) = side.cut().filter(|at| *at >= next) {
            let Some(cut) = self.cuts.get(at) else { return path };
            path += still_among;
            still_among *= 1.0 - f64::from(cut.plane.beyond(beyond));
            side = if cut.plane.is_below_or_on(point) { cut.lower } else { cut.upper };
            next = at + 1;
        }
        path + still_among * average_path(side.rows())
    }
}

impl Plane {
    /// Through the points whose sum is `at`.
    pub(super) fn new(columns: [u16; 2], slope: f32, at: f32) -> Self {
        Plane { columns, slope: slope.to_bits(), at: at.to_bits() }
    }

    /// The same, but through the points whose sum is `at`.
    pub(super) fn moved(self, at: f32) -> Self {
        Plane { at: at.to_bits(), ..self }
    }

    /// The point's sum.
    pub(super) fn sum(&self, point: &[f32]) -> f32 {
        let [a, b] = self.columns.map(|column| point.get(usize::from(column)).copied().unwrap_or_default());
        a + f32::from_bits(self.slope) * b
    }

    /// The larger share of those of its columns.
    fn beyond(&self, shares: &[f32]) -> f32 {
        let [a, b] = self.columns.map(|column| shares.get(usize::from(column)).copied().unwrap_or_default());
        a.max(b)
    }

    pub(super) fn is_below_or_on(&self, point: &[f32]) -> bool {
        self.sum(point) <= f32::from_bits(self.at)
    }
}

impl Side {
    pub(super) fn leaf(rows: usize) -> Self {
        Side(LEAF | (rows as u16 & !LEAF))
    }

    pub(super) fn to(cut: usize) -> Self {
        Side(cut as u16 & !LEAF)
    }

    fn cut(self) -> Option<usize> {
        (self.0 & LEAF == 0).then_some(usize::from(self.0))
    }

    fn rows(self) -> u16 {
        if self.0 & LEAF == 0 { 0 } else { self.0 & !LEAF }
    }
}

/// c(n), the mean path of an unsuccessful search in a binary tree of `n`: what the rows left in a leaf would still take.
pub(super) fn average_path(n: u16) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_point_by_hand() {
        // x <= 1, then x + 2y <= 10
        let cuts = [
            Cut { plane: Plane::new([0, 0], 0.0, 1.0), lower: Side::leaf(1), upper: Side::to(1) },
            Cut { plane: Plane::new([0, 1], 2.0, 10.0), lower: Side::leaf(2), upper: Side::leaf(3) },
        ];
        let tree = Tree { root: Side::to(0), cuts: cuts.into() };
        let within = [0.0; 2];
        assert_eq!(tree.path(&[1.0, 50.0], &within), 1.0);
        assert_eq!(tree.path(&[2.0, 4.0], &within), 3.0);
        // half of the time it has parted before the second cut, and then three quarters
        assert_eq!(tree.path(&[2.0, 4.0], &[0.5, 0.75]), 1.0 + 0.5 + 0.5 * 0.25);
        assert!(
            (tree.path(&[2.0, 4.5], &within) - (2.0 + 2.0 * (2f64.ln() + 0.577_215_664_9) - 4.0 / 3.0)).abs() < 1e-9
        );
    }

    #[test]
    fn broken_cuts_end_the_walk() {
        let cut =
            |lower, upper| Cut { plane: Plane::new([7, 9], 0.0, 0.0), lower: Side::to(lower), upper: Side::to(upper) };
        for cuts in [vec![cut(0, 0)], vec![cut(1, 1), cut(0, 0)], vec![cut(99, 99)], vec![]] {
            let tree = Tree { root: Side::to(0), cuts: cuts.into() };
            assert!(tree.path(&[1.0; 4], &[0.0; 4]) <= 2.0);
        }
    }

    #[test]
    fn a_cut_is_small() {
        assert_eq!(size_of::<Cut>(), 16);
    }
}
