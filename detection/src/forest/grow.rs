//! How trees grow: a few rows drawn at random, cut apart by random planes.

use std::{f64::consts::TAU, ops::Range};

use fastrand::Rng;

use super::tree::{Cut, Plane, Side, Tree};

/// Standardised rows, one behind the other.
pub(super) struct Table {
    cells: Vec<f32>,
    columns: usize,
    rows: usize,
}

impl Table {
    /// The rows must be equally wide.
    pub(super) fn of(rows: impl Iterator<Item = Vec<f32>>) -> Self {
        let mut table = Table { cells: Vec::new(), columns: 0, rows: 0 };
        for row in rows {
            table.columns = row.len();
            table.rows += 1;
            table.cells.extend(row);
        }
        table
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.cells[row * self.columns..][..self.columns]
    }
}

/// Grows `count` trees of `samples` rows each, at most ⌈log₂ samples⌉ cuts deep. The table must have as many rows.
pub(super) fn trees(table: &Table, count: usize, samples: usize, seed: u64) -> Vec<Tree> {
    let mut gardener = Gardener {
        table,
        rng: Rng::with_seed(seed),
        columns: (0..table.columns).map(|column| column as u16).collect(),
    };
    let mut rows: Vec<usize> = (0..table.rows).collect();
    let mut grow = |_| {
        for at in 0..samples {
            rows.swap(at, gardener.rng.usize(at..table.rows));
        }
        gardener.grow(&mut rows[..samples])
    };
    (0..count).map(&mut grow).collect()
}

struct Gardener<'a> {
    table: &'a Table,
    rng: Rng,
    /// All columns, in whatever order.
    columns: Vec<u16>,
}

/// Rows that are not cut apart yet, and whose side of which cut they are.
struct Open {
    below: Option<(usize, bool)>,
    rows: Range<usize>,
    depth: u32,
}

impl Gardener<'_> {
    fn grow(&mut self, rows: &mut [usize]) -> Tree {
        let deepest = rows.len().next_power_of_two().trailing_zeros();
        let mut root = Side::leaf(rows.len());
        let mut cuts: Vec<Cut> = Vec::new();
        let mut open = vec![Open { below: None, rows: 0..rows.len(), depth: 0 }];
        while let Some(Open { below, rows: range, depth }) = open.pop() {
            let here = &mut rows[range.clone()];
            let plane = if depth < deepest { self.plane(here) } else { None };
            let side = plane.map_or(Side::leaf(here.len()), |_| Side::to(cuts.len()));
            match below {
                None => root = side,
                Some((cut, true)) => cuts[cut].lower = side,
                Some((cut, false)) => cuts[cut].upper = side,
            }
            if let Some(plane) = plane {
                let middle = range.start + self.part(here, plane);
                let (cut, depth) = (cuts.len(), depth + 1);
                cuts.push(Cut { plane, lower: Side::leaf(0), upper: Side::leaf(0) });
                open.push(Open { below: Some((cut, false)), rows: middle..range.end, depth });
                open.push(Open { below: Some((cut, true)), rows: range.start..middle, depth });
            }
        }
        Tree { root, cuts: cuts.into() }
    }

    /// A random plane with rows on both sides; none where all rows are the same.
    fn plane(&mut self, rows: &[usize]) -> Option<Plane> {
        if rows.len() < 2 {
            return None;
        }
        let mut varied = self.two_that_vary(rows);
        let (a, spread_a) = varied.next()?;
        let plane = match varied.next() {
            None => Plane::new([a, a], 0.0, 0.0),
            Some((b, spread_b)) => {
                let (sin, cos) = (self.rng.f64() * TAU).sin_cos();
                let (of_a, of_b) = (cos / spread_a, sin / spread_b);
                // the one that counts more comes first, so that the slope is at most one
                let (columns, slope) =
                    if of_a.abs() > of_b.abs() { ([a, b], of_b / of_a) } else { ([b, a], of_a / of_b) };
                Plane::new(columns, slope as f32, 0.0)
            }
        };
        let sums = rows.iter().map(|row| plane.sum(self.table.row(*row)));
        let (low, high) =
            sums.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), sum| (low.min(sum), high.max(sum)));
        let at = low + self.rng.f32() * (high - low);
        (low < high).then(|| plane.moved(if at < high { at } else { low }))
    }

    /// At most two columns, drawn among those in which the rows differ, with their standard deviations.
    fn two_that_vary(&mut self, rows: &[usize]) -> std::vec::IntoIter<(u16, f64)> {
        let mut found = Vec::with_capacity(2);
        for at in 0..self.columns.len() {
            let drawn = self.rng.usize(at..self.columns.len());
            self.columns.swap(at, drawn);
            let column = self.columns[at];
            let spread = self.spread(rows, usize::from(column));
            if spread > 0.0 {
                found.push((column, spread));
            }
            if found.len() == 2 {
                break;
            }
        }
        found.into_iter()
    }

    fn spread(&self, rows: &[usize], column: usize) -> f64 {
        let cells = || rows.iter().map(|row| f64::from(self.table.row(*row)[column]));
        let count = rows.len() as f64;
        let mean = cells().sum::<f64>() / count;
        (cells().map(|cell| (cell - mean).powi(2)).sum::<f64>() / count).sqrt()
    }

    /// Puts the rows below the plane first, and says how many they are.
    fn part(&self, rows: &mut [usize], plane: Plane) -> usize {
        let mut below = 0;
        for at in 0..rows.len() {
            if plane.is_below_or_on(self.table.row(rows[at])) {
                rows.swap(at, below);
                below += 1;
            }
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Table {
        Table::of((0..rows).map(|n| [n * 37 % 101, n * 53 % 97, 5, n * n % 7].map(|cell| cell as f32).to_vec()))
    }

    #[test]
    fn trees_stay_within_their_depth_and_size() {
        let table = table(300);
        for tree in trees(&table, 10, 256, 1) {
            assert!(tree.cuts.len() <= 255, "{}", tree.cuts.len());
            assert!((0..300).all(|row| tree.path(table.row(row), &[]) <= 8.0 + 10.3));
        }
        let same = Table::of((0..32).map(|_| vec![1.0; 4]));
        assert_eq!(trees(&same, 1, 32, 1)[0].cuts.len(), 0);
    }

    #[test]
    fn rows_that_all_differ_are_all_set_apart_where_the_depth_allows() {
        // two rows need one cut and no more
        let two = Table::of([vec![1.0, 5.0], vec![2.0, 5.0]].into_iter());
        assert!(trees(&two, 5, 2, 9).iter().all(|tree| tree.cuts.len() == 1 && tree.path(&[1.0, 5.0], &[]) == 1.0));
    }
}
