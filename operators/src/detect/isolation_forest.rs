//! [`Model`]: a trained isolation forest as data.
//!
//! F. T. Liu, K. M. Ting, Z.-H. Zhou: *Isolation forest*, ICDM 2008: a point that few random cuts set apart from the others
//! is odd. The trees are grown by the crate extended-isolation-forest (S. Hariri, M. Carrasco Kind, R. J. Brunner, 2019) with a
//! guard before it: it panics on numbers that are not finite, divides by zero trees, takes what is NaN for ordinary
//! and says the same of constant data as of any other.
//!
//! Growing is random. A model therefore is a value, kept like any other base data; scoring with it is a pure function.

use std::{cmp::Ordering, fmt, hash, sync::Arc};

use ndarray::{Array2, ArrayView1, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::forest::{GrowError, MOST_SAMPLES, Point, Trees};
use crate::stable_hash;

/// How many numbers describe a window to the forest.
pub const FEATURES: usize = 4;

/// What a model says of everything when it has seen nothing but one and the same point; also the score that the paper
/// takes for "no distinct anomaly".
pub const NEUTRAL_SCORE: f64 = 0.5;

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Trees, 1 to 1000.
    pub trees: usize,
    /// Rows that each tree is grown from, at most; 16 to 4096.
    pub samples: usize,
    /// With fewer usable rows nothing is trained; at least 16.
    pub min_rows: usize,
}

impl Default for Training {
    /// The paper's 100 trees of 256 rows, from 32 rows on.
    fn default() -> Self {
        Training { trees: 100, samples: 256, min_rows: 32 }
    }
}

const LEAST_ROWS: usize = 16;

/// Why there is no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// A table of another width.
    #[error("a table of {found} columns where {FEATURES} features are known")]
    WrongColumns {
        /// The table's columns.
        found: usize,
    },
    /// Too little to learn from. Rows with a number that is not finite do not count.
    #[error("{found} usable rows where {needed} are needed")]
    TooFewRows {
        /// Usable rows.
        found: usize,
        /// What the training asks for.
        needed: usize,
    },
    /// The crate that grows the trees refused.
    #[error("no forest was grown: {0}")]
    NotGrown(String),
}

impl From<GrowError> for TrainError {
    fn from(error: GrowError) -> Self {
        TrainError::NotGrown(error.to_string())
    }
}

/// The features of one window: logarithm of the volume, error rate (0 to 1), logarithm of the mean latency in microseconds
/// (0 where there is none), and the logarithm of the volume's ratio to that of the window before. Logarithms of one more
/// than the number, so that 0 is 0.
///
/// ```
/// use highwater_operators::features;
/// assert_eq!(features(0, 0.0, None, 0), [0.0; 4]);
/// let [.., change] = features(199, 0.01, Some(1_500.0), 99);
/// assert!((change - 2f64.ln()).abs() < 1e-12);
/// ```
pub fn features(volume: u64, error_rate: f64, mean_latency_micros: Option<f64>, volume_before: u64) -> [f64; FEATURES] {
    let size = |count: u64| (count as f64).ln_1p();
    let latency = mean_latency_micros.unwrap_or_default().max(0.0).ln_1p();
    [size(volume), error_rate, latency, size(volume) - size(volume_before)]
}

/// Rows of features as the table to train from.
pub fn feature_table(rows: &[[f64; FEATURES]]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), FEATURES), |(row, column)| rows[row][column])
}

/// A trained forest: a value to be stored, sent and compared; cheap to clone. Two models are equal when they are the same
/// to the last node.
///
/// ```
/// use highwater_operators::{Model, Training, feature_table, features};
/// let calm: Vec<_> = (0..300).map(|n| features(100 + n % 7, 0.01, Some(900.0 + (n % 11) as f64), 103)).collect();
/// let model = Model::train(&feature_table(&calm), &Training::default()).unwrap();
/// let (usual, odd) = (model.score(&calm[5]), model.score(&features(9, 0.9, Some(80_000.0), 103)));
/// assert!(usual < 0.6 && odd > 0.6 && odd <= 1.0, "{usual} {odd}");
/// ```
#[derive(Clone)]
pub struct Model {
    /// A hash of the content, the same in every process.
    id: u64,
    content: Arc<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Content {
    scaling: [Scaling; FEATURES],
    /// How many rows it was trained from.
    rows: u64,
    /// None where all rows were the same: there is nothing to cut.
    trees: Option<Trees>,
}

impl Model {
    /// Grows a model from a table of features, a row a window. Rows with a number that is not finite are left out. Each call
    /// gives another model.
    ///
    /// # Errors
    /// Where the table has other columns than the features, or too few usable rows.
    pub fn train(table: &Array2<f64>, training: &Training) -> Result<Self, TrainError> {
        if table.ncols() != FEATURES {
            return Err(TrainError::WrongColumns { found: table.ncols() });
        }
        let usable: Vec<usize> =
            (0..table.nrows()).filter(|row| table.row(*row).iter().all(|number| number.is_finite())).collect();
        let needed = training.min_rows.max(LEAST_ROWS);
        if usable.len() < needed {
            return Err(TrainError::TooFewRows { found: usable.len(), needed });
        }
        let table = table.select(Axis(0), &usable);
        let scaling = std::array::from_fn(|column| Scaling::of(table.column(column), LEAST_WIDTHS[column]));
        let rows: Vec<Point> = table
            .rows()
            .into_iter()
            .map(|row| standardise(&scaling, &std::array::from_fn(|column| row[column])))
            .collect();
        let samples = training.samples.clamp(LEAST_ROWS, MOST_SAMPLES).min(rows.len());
        let varied = rows.iter().any(|row| *row != rows[0]);
        let trees = if varied { Some(Trees::grow(&rows, training.trees.clamp(1, 1_000), samples)?) } else { None };
        Ok(Model::of(Content { scaling, rows: rows.len() as u64, trees }))
    }

    /// How odd a window is, 0 to 1: ordinary ones somewhat below a half, clear outliers from 0.6. A feature that is NaN is
    /// taken for its median; infinities for very large numbers. Pure.
    pub fn score(&self, features: &[f64; FEATURES]) -> f64 {
        let point = standardise(&self.content.scaling, features);
        self.content.trees.as_ref().map_or(NEUTRAL_SCORE, |trees| trees.score(&point))
    }

    /// Tells models apart: a hash of all they hold, the same in every process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many rows it was trained from.
    pub fn rows(&self) -> u64 {
        self.content.rows
    }

    fn of(content: Content) -> Self {
        let scaling = content.scaling.iter().flat_map(|scaling| [scaling.median, scaling.width]);
        let mut bytes: Vec<u8> = scaling.chain([content.rows]).flat_map(u64::to_le_bytes).collect();
        bytes.extend(content.trees.iter().flat_map(Trees::bytes));
        Model { id: stable_hash(&bytes), content: Arc::new(content) }
    }
}

/// Middle and width of a feature over the training rows, as the bits of `f64`s: what brings the features to one scale
/// without letting a few outliers set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Scaling {
    median: u64,
    width: u64,
}

/// The least widths of the features: 5 % of volume and of latency, one error in a hundred. A service without a single
/// error has not thereby made the first one infinitely odd.
const LEAST_WIDTHS: [f64; FEATURES] = [0.05, 0.01, 0.05, 0.05];

/// Further out than this, in widths, all is the same.
const FURTHEST: f64 = 1e6;

impl Scaling {
    /// Median and interquartile range, the latter at least `least`.
    fn of(column: ArrayView1<'_, f64>, least: f64) -> Self {
        let mut sorted = column.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quartile = |n: usize| sorted.get(sorted.len().saturating_sub(1) * n / 4).copied().unwrap_or_default();
        let width = (quartile(3) - quartile(1)).clamp(least, f64::MAX);
        Scaling { median: quartile(2).to_bits(), width: width.to_bits() }
    }

    fn apply(&self, value: f64) -> f32 {
        let scaled = (value - f64::from_bits(self.median)) / f64::from_bits(self.width);
        if scaled.is_nan() { 0.0 } else { scaled.clamp(-FURTHEST, FURTHEST) as f32 }
    }
}

fn standardise(scaling: &[Scaling; FEATURES], features: &[f64; FEATURES]) -> Point {
    std::array::from_fn(|column| scaling[column].apply(features[column]))
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({:016x}, from {} rows)", self.id, self.content.rows)
    }
}

impl Ord for Model {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.content, &other.content) {
            return Ordering::Equal;
        }
        self.id.cmp(&other.id).then_with(|| self.content.cmp(&other.content))
    }
}

impl PartialOrd for Model {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Model {}

impl hash::Hash for Model {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.content.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Content::deserialize(deserializer).map(Model::of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calm(rows: usize) -> Vec<[f64; FEATURES]> {
        (0..rows as u64)
            .map(|n| features(100 + n * 7 % 13, 0.01, Some(900.0 + (n * 5 % 17) as f64), 100 + n % 5))
            .collect()
    }

    fn trained(rows: &[[f64; FEATURES]]) -> Result<Model, TrainError> {
        Model::train(&feature_table(rows), &Training { trees: 30, ..Training::default() })
    }

    #[test]
    fn too_little_and_other_tables_are_refused() {
        assert_eq!(trained(&calm(31)), Err(TrainError::TooFewRows { found: 31, needed: 32 }));
        let mut rows = calm(40);
        rows.iter_mut().take(10).for_each(|row| row[1] = f64::NAN);
        assert_eq!(trained(&rows), Err(TrainError::TooFewRows { found: 30, needed: 32 }));
        assert_eq!(
            Model::train(&Array2::zeros((50, 3)), &Training::default()),
            Err(TrainError::WrongColumns { found: 3 })
        );
    }

    #[test]
    fn constant_data_says_nothing_of_anything() {
        let model = trained(&vec![[1.0, 2.0, 3.0, 4.0]; 300]).unwrap();
        assert_eq!((model.score(&[1.0, 2.0, 3.0, 4.0]), model.score(&[9e9; 4])), (NEUTRAL_SCORE, NEUTRAL_SCORE));
    }

    #[test]
    fn foolish_settings_are_put_right() {
        let foolish = Training { trees: 0, samples: 0, min_rows: 0 };
        assert!((0.0..=1.0).contains(&Model::train(&feature_table(&calm(50)), &foolish).unwrap().score(&[0.0; 4])));
        let large = Training { trees: 1, samples: usize::MAX, min_rows: 0 };
        assert!(Model::train(&feature_table(&calm(9_000)), &large).unwrap().content.trees.is_some());
    }

    #[test]
    fn a_model_survives_a_round_trip_as_the_same_value() {
        let model = trained(&calm(300)).unwrap();
        let again: Model = serde_json::from_slice(&serde_json::to_vec(&model).unwrap()).unwrap();
        assert_eq!((&again, again.id()), (&model, model.id()));
        let point = features(400, 0.5, None, 100);
        assert_eq!(again.score(&point).to_bits(), model.score(&point).to_bits());
        assert_ne!(trained(&calm(300)).unwrap(), model); // another random forest
    }

    #[test]
    fn outliers_score_above_everything_usual() {
        let rows = calm(500);
        let model = trained(&rows).unwrap();
        let usual = rows.iter().map(|row| model.score(row)).fold(0.0, f64::max);
        for odd in [
            features(2_000, 0.01, Some(905.0), 102),
            features(0, 0.0, None, 102),
            features(104, 0.6, Some(50_000.0), 102),
        ] {
            assert!(model.score(&odd) > usual.max(0.55), "{odd:?} {} {usual}", model.score(&odd));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_numbers_train_or_are_refused(rows in prop::collection::vec(prop::array::uniform4(any::<f64>()), 0..60), point in prop::array::uniform4(any::<f64>())) {
            if let Ok(model) = Model::train(&feature_table(&rows), &Training { trees: 5, ..Training::default() }) {
                for point in rows.iter().chain([&point, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]]) {
                    prop_assert!((0.0..=1.0).contains(&model.score(point)));
                }
            }
        }
    }
}
