//! Detectors over series: z-score, moving average, and all methods combined into anomalies.

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Key, Name, Series, Window};

use crate::{Anomaly, Detection, History, Real, Sample, Subject, detect, moving_average, z_score};

/// What can be asked of a closed series of numbers. Each answer is a pure function of a key's rows: a late log that
/// corrects a window corrects every score that the window is part of.
pub trait Detect<'s, K: Key> {
    /// How many standard deviations each value is from the mean of those before it; no row while the past is short.
    #[must_use]
    fn z_score(&self, history: History) -> Series<'s, K, Real>;

    /// By how many percent each value deviates from the mean of those before it; no row while the past is short.
    #[must_use]
    fn moving_average(&self, history: History) -> Series<'s, K, Real>;

    /// The rows whose value is at least `distance` away from zero: of z-scores, those that far from the mean.
    #[must_use]
    fn beyond(&self, distance: f64) -> Series<'s, K, Real>;
}

/// Anomalies of a closed series of samples.
pub trait FindAnomalies<'s, K: Key> {
    /// Anomalies by all methods together, by id. `subject` says what a key's series measures; `forest` holds the
    /// isolation forest's score of each window, where there is a model.
    fn anomalies(
        &self,
        forest: Option<&Series<'s, K, Real>>,
        config: Detection,
        subject: impl Fn(&K) -> Subject + 'static,
    ) -> VecCollection<'s, Epoch, (Name, Anomaly), isize>;
}

impl<'s, K: Key> Detect<'s, K> for Series<'s, K, Real> {
    fn z_score(&self, history: History) -> Series<'s, K, Real> {
        per_key(self, move |past, value| z_score(past, value, &history))
    }

    fn moving_average(&self, history: History) -> Series<'s, K, Real> {
        per_key(self, move |past, value| {
            moving_average(past, value, &history, 3.0).map(|found| found.deviation_percent)
        })
    }

    fn beyond(&self, distance: f64) -> Series<'s, K, Real> {
        self.filter(move |_, _, value| value.abs() >= distance)
    }
}

/// A sample, or the forest's score of the same window.
type Point = Result<Sample, Real>;

impl<'s, K: Key> FindAnomalies<'s, K> for Series<'s, K, Sample> {
    fn anomalies(
        &self,
        forest: Option<&Series<'s, K, Real>>,
        config: Detection,
        subject: impl Fn(&K) -> Subject + 'static,
    ) -> VecCollection<'s, Epoch, (Name, Anomaly), isize> {
        let mut points = self.rows().map(|((key, window), sample)| (key, (window, Point::Ok(sample))));
        if let Some(forest) = forest {
            points = points.concat(forest.rows().map(|((key, window), score)| (key, (window, Point::Err(score)))));
        }
        let found = points.reduce(move |key, points, anomalies| {
            let of = |(point, _): &(&(Window, Point), isize)| (point.0, point.1);
            let samples: Vec<_> =
                points.iter().map(of).filter_map(|(window, point)| Some((window, point.ok()?))).collect();
            let scores: Vec<_> =
                points.iter().map(of).filter_map(|(window, point)| Some((window, *point.err()?))).collect();
            let found = detect(&subject(key), &samples, &scores, &config);
            anomalies.extend(found.into_iter().map(|anomaly| (anomaly, 1)));
        });
        found.map(|(_, anomaly)| (Name::from(anomaly.id.as_str()), anomaly))
    }
}

/// Scores each value of a key by those before it.
fn per_key<'s, K: Key>(
    series: &Series<'s, K, Real>,
    score: impl Fn(&[f64], f64) -> Option<f64> + 'static,
) -> Series<'s, K, Real> {
    let scored = series.rows().map(|((key, window), value)| (key, (window, value))).reduce(move |_, points, scores| {
        let values: Vec<f64> = points.iter().map(|((_, value), _)| value.0).collect();
        for (at, ((window, value), _)) in points.iter().enumerate() {
            let past = values.get(..at).unwrap_or_default();
            scores.extend(score(past, value.0).map(|score| ((*window, Real::from(score)), 1)));
        }
    });
    series.with_rows(scored.map(|(key, (window, score))| ((key, window), score)))
}
