//! [`Scale`]: brings the columns of a table to one scale without letting a few outliers set it.

use serde::{Deserialize, Serialize};

/// Middle, width and bounds of a column. Floats are kept as bits, so that a forest is plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Scale {
    /// The bits of `f64`s.
    median: u64,
    width: u64,
    /// The bits of `f32`s, in widths from the middle.
    lowest: u32,
    highest: u32,
}

/// Further out than this, in widths, all is the same.
const FURTHEST: f64 = 1e9;

impl Scale {
    /// Median and interquartile range; the whole range where more than half of the cells are the same.
    pub(super) fn of(cells: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = cells.filter(|cell| !cell.is_nan()).map(finite).collect();
        sorted.sort_by(f64::total_cmp);
        let quartile = |n: usize| sorted.get(sorted.len().saturating_sub(1) * n / 4).copied().unwrap_or_default();
        let widths = [quartile(3) - quartile(1), quartile(4) - quartile(0)];
        let width = widths.into_iter().find(|width| *width > 0.0).map_or(1.0, finite);
        let scale = Scale { median: quartile(2).to_bits(), width: width.to_bits(), lowest: 0, highest: 0 };
        let bound = |n: usize| scale.apply(quartile(n)).to_bits();
        Scale { lowest: bound(0), highest: bound(4), ..scale }
    }

    /// How many widths from the middle; none for what is not known.
    pub(super) fn apply(&self, cell: f64) -> f32 {
        // halves, for the difference of two finite numbers may not be one
        let half = finite(cell) / 2.0 - f64::from_bits(self.median) / 2.0;
        let scaled = half / f64::from_bits(self.width) * 2.0;
        if scaled.is_nan() { 0.0 } else { scaled.clamp(-FURTHEST, FURTHEST) as f32 }
    }

    /// How far beyond all rows of the training a standardised cell lies: the share of its distance in the range from it to
    /// the furthest of them. 0 within, near 1 far out; also 0 where all rows are the same, which says nothing of others.
    pub(super) fn beyond(&self, cell: f32) -> f32 {
        let (lowest, highest) = (f32::from_bits(self.lowest), f32::from_bits(self.highest));
        let out = (lowest - cell).max(cell - highest);
        if out > 0.0 && highest > lowest { out / (highest - lowest + out) } else { 0.0 }
    }
}

/// NaN stays.
fn finite(number: f64) -> f64 {
    number.clamp(f64::MIN, f64::MAX)
}
