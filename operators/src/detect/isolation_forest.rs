//! [`Model`]: an isolation forest trained on windows, as data.
//!
//! A model is a value, kept like any other base data; scoring with it is a pure function.

use std::{cmp::Ordering, fmt, hash, sync::Arc};

use highwater_detection::forest::{Forest, TrainError, Training};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stable_hash;

/// How many numbers describe a window to the forest.
pub const FEATURES: usize = 4;

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

/// How finely a feature is known: 5 % of volume and of latency, one error in a hundred. A service without a single error has
/// not thereby made the first one infinitely odd.
const RESOLUTION: [f64; FEATURES] = [0.05, 0.01, 0.05, 0.05];

/// The fractional parts of the square roots of the first primes: their multiples spread evenly over 0 to 1.
const STEPS: [f64; FEATURES] =
    [0.414_213_562_373_095, 0.732_050_807_568_877, 0.236_067_977_499_79, 0.645_751_311_064_591];

/// A trained forest: a value to be stored, sent and compared; cheap to clone. Two models are equal when they are the same
/// to the last cut; equal rows give equal models.
///
/// ```
/// use highwater_operators::{Model, Training, features};
/// let calm: Vec<_> = (0..300).map(|n| features(100 + n % 7, 0.01, Some(900.0 + (n % 11) as f64), 103)).collect();
/// let model = Model::train(&calm, &Training::default()).unwrap();
/// let (usual, odd) = (model.score(&calm[5]), model.score(&features(9, 0.9, Some(80_000.0), 103)));
/// assert!(usual < 0.6 && odd > 0.6 && odd <= 1.0, "{usual} {odd}");
/// ```
#[derive(Clone)]
pub struct Model {
    /// A hash of the forest, the same in every process.
    id: u64,
    forest: Arc<Forest>,
}

impl Model {
    /// Grows a model from the features of windows, each blurred by as much as it is known: what never varies is cut, too.
    ///
    /// # Errors
    /// Where there are too few rows.
    pub fn train(rows: &[[f64; FEATURES]], training: &Training) -> Result<Self, TrainError> {
        let blurred = |(n, row): (f64, &[f64; FEATURES])| -> [f64; FEATURES] {
            std::array::from_fn(|feature| row[feature] + ((n * STEPS[feature]).fract() - 0.5) * RESOLUTION[feature])
        };
        let rows: Vec<_> = rows.iter().enumerate().map(|(n, row)| blurred((n as f64, row))).collect();
        Ok(Model::of(Forest::train(&rows, training)?))
    }

    /// How odd a window is, 0 to 1: ordinary ones somewhat below a half, clear outliers from 0.6. A feature that is NaN is
    /// taken for its median; infinities for very large numbers. Pure.
    pub fn score(&self, features: &[f64; FEATURES]) -> f64 {
        self.forest.score(features)
    }

    /// Tells models apart: a hash of all they hold, the same in every process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many rows it was trained from.
    pub fn rows(&self) -> u64 {
        self.forest.rows()
    }

    fn of(forest: Forest) -> Self {
        let mut bytes = Bytes::default();
        hash::Hash::hash(&forest, &mut bytes);
        Model { id: stable_hash(&bytes.0), forest: Arc::new(forest) }
    }
}

/// What is hashed, as it comes: the standard hashers promise no number that stays. Words are eight bytes everywhere.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl hash::Hasher for Bytes {
    fn finish(&self) -> u64 {
        stable_hash(&self.0)
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({:016x}, from {} rows)", self.id, self.rows())
    }
}

impl Ord for Model {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.forest, &other.forest) {
            return Ordering::Equal;
        }
        self.id.cmp(&other.id).then_with(|| self.forest.cmp(&other.forest))
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
        self.forest.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Forest::deserialize(deserializer).map(Model::of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calm(rows: usize) -> Vec<[f64; FEATURES]> {
        (0..rows as u64)
            .map(|n| features(100 + n * 7 % 13, 0.0, Some(900.0 + (n * 5 % 17) as f64), 100 + n % 5))
            .collect()
    }

    fn trained(rows: &[[f64; FEATURES]]) -> Model {
        Model::train(rows, &Training { trees: 30, ..Training::default() }).unwrap()
    }

    #[test]
    fn too_little_is_refused() {
        let refused = Model::train(&calm(31), &Training::default());
        assert_eq!(refused.unwrap_err(), TrainError::TooFewRows { found: 31, needed: 32 });
    }

    #[test]
    fn a_model_survives_a_round_trip_as_the_same_value() {
        let model = trained(&calm(300));
        let again: Model = serde_json::from_slice(&serde_json::to_vec(&model).unwrap()).unwrap();
        assert_eq!((&again, again.id()), (&model, model.id()));
        let point = features(400, 0.5, None, 100);
        assert_eq!(again.score(&point).to_bits(), model.score(&point).to_bits());
        assert_ne!(trained(&calm(301)), model);
    }

    #[test]
    fn outliers_score_above_everything_usual_in_what_never_varied_too() {
        let rows = calm(500);
        let model = trained(&rows);
        let usual = rows.iter().map(|row| model.score(row)).fold(0.0, f64::max);
        for odd in [
            features(2_000, 0.0, Some(905.0), 102),
            features(0, 0.0, None, 102),
            features(104, 0.3, Some(905.0), 102),
            features(104, 0.6, Some(50_000.0), 102),
        ] {
            assert!(model.score(&odd) > usual.max(0.6), "{odd:?} {} {usual}", model.score(&odd));
        }
        // one error in a thousand is not yet what a service without errors is known not to have
        assert!(model.score(&features(104, 0.001, Some(905.0), 102)) < 0.6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_numbers_train_or_are_refused(rows in prop::collection::vec(prop::array::uniform4(any::<f64>()), 0..60), point in prop::array::uniform4(any::<f64>())) {
            if let Ok(model) = Model::train(&rows, &Training { trees: 5, ..Training::default() }) {
                for point in rows.iter().chain([&point, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]]) {
                    prop_assert!((0.0..=1.0).contains(&model.score(point)));
                }
            }
        }
    }
}
