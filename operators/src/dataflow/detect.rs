//! Detectors over series: z-score, moving average, and all methods combined into anomalies.

use std::collections::{BTreeMap, HashMap};

use differential_dataflow::{AsCollection, Hashable, VecCollection, consolidation::consolidate};
use highwater_engine::{Epoch, Key, Name, Series, Window};
use timely::dataflow::{channels::pact::Exchange, operators::Operator};

use crate::{
    Anomaly, Assessment, Detection, Found, History, Point, Real, Sample, Subject, Watched, moving_average, z_score,
};

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
    /// isolation forest's score of each window, where there is a model; `long_term` what was found in
    /// [longer windows](crate::Remember).
    fn anomalies(
        &self,
        forest: Option<&Series<'s, K, Real>>,
        long_term: Option<&Series<'s, K, Assessment>>,
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

impl<'s, K: Key> FindAnomalies<'s, K> for Series<'s, K, Sample> {
    fn anomalies(
        &self,
        forest: Option<&Series<'s, K, Real>>,
        long_term: Option<&Series<'s, K, Assessment>>,
        config: Detection,
        subject: impl Fn(&K) -> Subject + 'static,
    ) -> VecCollection<'s, Epoch, (Name, Anomaly), isize> {
        let mut facts = self.rows().map(|(at, sample)| (at, Point::Sample(sample)));
        if let Some(forest) = forest {
            facts = facts.concat(forest.rows().map(|(at, score)| (at, Point::Forest(score))));
        }
        if let Some(long_term) = long_term {
            let size = long_term.window();
            let found = long_term.rows().map(move |(at, point)| (at, Point::LongTerm(Box::new(Found { size, point }))));
            facts = facts.concat(found);
        }
        let by_key = Exchange::new(|(((key, _), _), _, _): &(At<K>, Epoch, isize)| key.hashed());
        let found = facts.inner.unary_frontier(by_key, "Detect", move |initial, _| {
            drop(initial);
            let mut waiting: BTreeMap<Epoch, (_, Changes<K>)> = BTreeMap::new();
            let mut watched: HashMap<K, Watched> = HashMap::new();
            move |(facts, frontier), output| {
                let port = output.output_index();
                facts.for_each_time(|cap, batches| {
                    let (_, facts) = waiting.entry(*cap.time()).or_insert_with(|| (cap.retain(port), Vec::new()));
                    facts.extend(batches.flat_map(|batch| batch.drain(..)).map(|(at, _, diff)| (at, diff)));
                });
                while let Some(entry) = waiting.first_entry().filter(|entry| !frontier.less_equal(entry.key())) {
                    let (cap, facts) = entry.remove();
                    let epoch = *cap.time();
                    let changes = close(&mut watched, facts, &config, &subject);
                    output.session(&cap).give_iterator(changes.map(|(anomaly, diff)| (anomaly, epoch, diff)));
                }
            }
        });
        found.as_collection().map(|anomaly| (Name::from(anomaly.id.as_str()), anomaly))
    }
}

type At<K> = ((K, Window), Point);
type Changes<K> = Vec<(At<K>, isize)>;

/// Takes an epoch's facts in; says what becomes of the anomalies.
fn close<K: Key>(
    watched: &mut HashMap<K, Watched>,
    mut facts: Changes<K>,
    config: &Detection,
    subject: impl Fn(&K) -> Subject,
) -> impl Iterator<Item = (Anomaly, isize)> {
    consolidate(&mut facts);
    let mut changes = Vec::new();
    for of_key in facts.chunk_by(|(((one, _), _), _), (((other, _), _), _)| one == other) {
        let Some((((key, _), _), _)) = of_key.first() else { continue };
        let facts = of_key.iter().map(|(((_, window), fact), diff)| (*window, fact.clone(), *diff));
        let series = watched.entry(key.clone()).or_default();
        changes.extend(series.update(facts, config, &subject(key)));
        if series.is_empty() {
            watched.remove(key);
        }
    }
    changes.into_iter()
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
