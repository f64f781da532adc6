//! Isolation forests: how unlike the others is a row of a table?
//!
//! F. T. Liu, K. M. Ting, Z.-H. Zhou: *Isolation forest*, ICDM 2008: a row that few random cuts set apart from the others is
//! odd. Cuts go across two columns at once, at a random angle in units of their spread among the rows that are cut: of the
//! kinds between one column (the paper of 2008) and all (S. Hariri, M. Carrasco Kind, R. J. Brunner, 2019) the one that
//! ranks outliers best, as `docs/detection.md` shows.
//!
//! Trees know nothing of what lies beyond their rows: to them the furthest row is as odd as one a thousand times as far out. A
//! row that is further out than all rows of the training therefore parts from them the sooner, the further out it is.
//!
//! Equal rows and seeds grow equal forests. A forest is plain data: ordered, hashable, to be stored and sent.

mod grow;
mod past;
mod scale;
mod tree;

use serde::{Deserialize, Serialize};

pub use self::past::{Oddness, Past};
use self::{grow::Table, scale::Scale, tree::Tree};

/// What a forest says of everything when all rows it has seen were the same; also the score that the paper takes for "no
/// distinct anomaly".
pub const NEUTRAL_SCORE: f64 = 0.5;

/// How a forest is grown. What lies outside the bounds is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Trees, 1 to 1000.
    pub trees: usize,
    /// Rows that each tree is grown from, at most; 16 to 4096.
    pub samples: usize,
    /// With fewer rows nothing is grown; at least 16.
    pub min_rows: usize,
    /// Chooses the random numbers.
    pub seed: u64,
}

impl Default for Training {
    /// The paper's 100 trees of 256 rows, from 32 rows on.
    fn default() -> Self {
        Training { trees: 100, samples: 256, min_rows: 32, seed: 0 }
    }
}

const LEAST_ROWS: usize = 16;
const MOST_SAMPLES: usize = 4_096;
const MOST_COLUMNS: usize = 1 << 16;

/// Why there is no forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// Too little to learn from.
    #[error("{found} rows where {needed} are needed")]
    TooFewRows {
        /// Rows there are.
        found: usize,
        /// What the training asks for.
        needed: usize,
    },
    /// More columns than a tree can name.
    #[error("{found} columns where 65536 are the most")]
    TooManyColumns {
        /// The columns of the first row.
        found: usize,
    },
}

/// A grown forest.
///
/// ```
/// use highwater_detection::forest::{Forest, Training};
/// let usual: Vec<[f64; 2]> = (0..300).map(|n| [100.0 + f64::from(n % 17), 5.0 + f64::from(n % 11)]).collect();
/// let forest = Forest::train(&usual, &Training::default()).unwrap();
/// assert!(forest.score(&usual[7]) < 0.55);
/// assert!(forest.score(&[400.0, 90.0]) > 0.65);
/// assert_eq!(forest, Forest::train(&usual, &Training::default()).unwrap());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Forest {
    scales: Vec<Scale>,
    /// How many rows it was trained from.
    rows: u64,
    /// How many of them each tree was grown from.
    samples: u16,
    trees: Vec<Tree>,
}

impl Forest {
    /// Grows a forest from rows as wide as the first. A cell that is NaN or not there is taken for its column's median, an
    /// infinity for the largest number.
    ///
    /// # Errors
    /// Where there are too few rows, or too many columns.
    pub fn train<R: AsRef<[f64]>>(rows: &[R], training: &Training) -> Result<Self, TrainError> {
        let needed = training.min_rows.max(LEAST_ROWS);
        if rows.len() < needed {
            return Err(TrainError::TooFewRows { found: rows.len(), needed });
        }
        let columns = rows[0].as_ref().len();
        if columns > MOST_COLUMNS {
            return Err(TrainError::TooManyColumns { found: columns });
        }
        let scales: Vec<Scale> =
            (0..columns).map(|column| Scale::of(rows.iter().map(|row| cell(row.as_ref(), column)))).collect();
        let table = Table::of(rows.iter().map(|row| standardised(&scales, row.as_ref())));
        let samples = training.samples.clamp(LEAST_ROWS, MOST_SAMPLES).min(rows.len());
        let trees = grow::trees(&table, training.trees.clamp(1, 1_000), samples, training.seed);
        Ok(Forest { scales, rows: rows.len() as u64, samples: samples as u16, trees })
    }

    /// How odd a row is, 0 to 1: ordinary ones somewhat below a half, clear outliers from 0.6. Cells are taken as they are
    /// in training.
    pub fn score(&self, row: &[f64]) -> f64 {
        self.score_standardised(&standardised(&self.scales, row))
    }

    /// What each cell adds to the row's score: by how much it falls with the column's median in the cell's place. Cells
    /// that make the row no odder have 0.
    pub fn reasons(&self, row: &[f64]) -> Vec<f64> {
        let mut point = standardised(&self.scales, row);
        let score = self.score_standardised(&point);
        let without = |column: usize| {
            let cell = std::mem::take(&mut point[column]);
            let fallen = score - self.score_standardised(&point);
            point[column] = cell;
            fallen.max(0.0)
        };
        (0..self.scales.len()).map(without).collect()
    }

    /// How many rows it was trained from.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// 2 to the minus (mean path over the path that is to be expected).
    fn score_standardised(&self, point: &[f32]) -> f64 {
        if self.trees.is_empty() {
            return NEUTRAL_SCORE;
        }
        let beyond: Vec<f32> = self.scales.iter().zip(point).map(|(scale, cell)| scale.beyond(*cell)).collect();
        let paths: f64 = self.trees.iter().map(|tree| tree.path(point, &beyond)).sum();
        let mean = paths / self.trees.len() as f64;
        (-mean / tree::average_path(self.samples.max(2))).exp2()
    }
}

fn standardised(scales: &[Scale], row: &[f64]) -> Vec<f32> {
    scales.iter().enumerate().map(|(column, scale)| scale.apply(cell(row, column))).collect()
}

fn cell(row: &[f64], column: usize) -> f64 {
    row.get(column).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calm(rows: usize) -> Vec<[f64; 3]> {
        (0..rows).map(|n| [100.0 + (n * 7 % 13) as f64, 0.01 * (n % 3) as f64, 900.0 + (n * 5 % 17) as f64]).collect()
    }

    fn trained(rows: &[[f64; 3]], seed: u64) -> Forest {
        Forest::train(rows, &Training { trees: 30, seed, ..Training::default() }).unwrap()
    }

    #[test]
    fn too_little_and_too_wide_tables_are_refused() {
        let error = |rows: &[[f64; 3]]| Forest::train(rows, &Training::default()).unwrap_err();
        assert_eq!(error(&calm(31)), TrainError::TooFewRows { found: 31, needed: 32 });
        assert_eq!(error(&[]), TrainError::TooFewRows { found: 0, needed: 32 });
        let wide = vec![vec![0.0; MOST_COLUMNS + 1]; 32];
        let refused = Forest::train(&wide, &Training::default()).unwrap_err();
        assert_eq!(refused, TrainError::TooManyColumns { found: MOST_COLUMNS + 1 });
    }

    #[test]
    fn constant_rows_say_nothing_of_anything() {
        let forest = trained(&vec![[1.0, 2.0, 3.0]; 300], 1);
        let neutral = |score: f64| assert!((score - NEUTRAL_SCORE).abs() < 1e-9, "{score}");
        neutral(forest.score(&[1.0, 2.0, 3.0]));
        neutral(forest.score(&[9e9; 3]));
        neutral(Forest::train(&vec![Vec::new(); 40], &Training::default()).unwrap().score(&[]));
    }

    #[test]
    fn foolish_settings_are_put_right() {
        for (trees, samples) in [(0, 0), (1, usize::MAX)] {
            let forest = Forest::train(&calm(5_000), &Training { trees, samples, min_rows: 0, seed: 0 }).unwrap();
            assert!((0.0..=1.0).contains(&forest.score(&[0.0; 3])));
            assert_eq!(forest.trees.len(), 1);
        }
    }

    #[test]
    fn what_is_odd_scores_above_all_that_is_usual_and_says_why() {
        let rows = calm(500);
        let forest = trained(&rows, 1);
        let usual = rows.iter().map(|row| forest.score(row)).fold(0.0, f64::max);
        for (odd, why) in [([2_000.0, 0.01, 905.0], 0), ([104.0, 0.6, 905.0], 1), ([104.0, 0.01, 1.0], 2)] {
            assert!(forest.score(&odd) > usual, "{odd:?} {} {usual}", forest.score(&odd));
            let reasons = forest.reasons(&odd);
            assert!(reasons.iter().enumerate().all(|(column, reason)| column == why || *reason < reasons[why]));
            assert!(forest.score(&odd) > 0.6, "{odd:?} {}", forest.score(&odd));
        }
    }

    #[test]
    fn a_forest_is_its_rows_and_its_seed_and_survives_a_round_trip() {
        let forest = trained(&calm(300), 5);
        assert_eq!(forest, trained(&calm(300), 5));
        assert_ne!(forest, trained(&calm(300), 6));
        let again: Forest = serde_json::from_slice(&serde_json::to_vec(&forest).unwrap()).unwrap();
        assert_eq!(again, forest);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_numbers_train_and_score(
            rows in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..5), 16..60),
            point in prop::collection::vec(any::<f64>(), 0..7),
        ) {
            let forest = Forest::train(&rows, &Training { trees: 5, min_rows: 0, ..Training::default() }).unwrap();
            let extremes = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e308].map(|value| vec![value; 4]);
            for point in rows.iter().chain([&point]).chain(&extremes) {
                prop_assert!((0.0..=1.0).contains(&forest.score(point)));
                prop_assert!(forest.reasons(point).iter().all(|reason| (0.0..=1.0).contains(reason)));
            }
        }

        #[test]
        fn units_do_not_matter(
            rows in prop::collection::vec(prop::array::uniform3(-1e3..1e3_f64), 40..80),
            powers in prop::array::uniform3(-20..20_i32),
        ) {
            let in_other_units = |row: &[f64; 3]| [0, 1, 2].map(|column| row[column] * 2_f64.powi(powers[column]));
            let others: Vec<[f64; 3]> = rows.iter().map(in_other_units).collect();
            let (forest, other) = (trained(&rows, 3), trained(&others, 3));
            for (row, same) in rows.iter().zip(&others) {
                prop_assert_eq!(forest.score(row), other.score(same));
            }
        }

        #[test]
        fn the_further_out_the_odder(column in 0..3_usize, out in 1.0..1e3_f64, further in 1.0..1e3_f64) {
            let forest = trained(&calm(300), 4);
            let at = |out: f64| {
                let mut row = calm(1)[0];
                row[column] += 10.0 * out;
                forest.score(&row)
            };
            prop_assert!(at(out) <= at(out + further));
        }

        #[test]
        fn what_is_missing_is_the_median(column in 0..3_usize, rest in prop::array::uniform3(0.0..1e3_f64)) {
            let forest = trained(&calm(301), 2);
            let mut medians = calm(301);
            medians.sort_by(|a, b| a[column].total_cmp(&b[column]));
            let [mut missing, mut median] = [rest; 2];
            missing[column] = f64::NAN;
            median[column] = medians[150][column];
            prop_assert_eq!(forest.score(&missing), forest.score(&median));
        }
    }
}
