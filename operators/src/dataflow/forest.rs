//! Isolation forests over series: models are trained on the past, kept as data, and scoring is a join with them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use differential_dataflow::{AsCollection, Hashable, VecCollection, consolidation::consolidate};
use highwater_engine::{Epoch, Key, Series, Window};
use timely::dataflow::{channels::pact::Exchange, operators::Operator};

use crate::{FEATURES, Model, Real, Training};

/// A window's features, in the order of [`features`](crate::features).
pub type FeatureRow = [Real; FEATURES];

/// Scores closed windows by forests trained on the windows before them.
pub trait IsolationForest<'s, K: Key> {
    /// The models: one per key and period of `period` event time, trained when the key's first window of the period
    /// closes, on the retained windows before it. A model is data: it is never trained again, whatever corrections come, and
    /// everything after it is a pure function of models and features.
    fn models(&self, period: Duration, training: Training) -> VecCollection<'s, Epoch, ((K, Window), Model), isize>;

    /// Each window's score, 0 to 1, by the model of its period; no row where there is none.
    #[must_use]
    fn forest_scores(
        &self,
        models: &VecCollection<'s, Epoch, ((K, Window), Model), isize>,
        period: Duration,
    ) -> Series<'s, K, Real>;
}

impl<'s, K: Key> IsolationForest<'s, K> for Series<'s, K, FeatureRow> {
    fn models(&self, period: Duration, training: Training) -> VecCollection<'s, Epoch, ((K, Window), Model), isize> {
        let base = self.base::<(K, Window), Option<Model>>("isolation forests across two features");
        let by_key = Exchange::new(|(((key, _), _), _, _): &Row<K>| key.hashed());
        let restored_by_key = Exchange::new(|((key, _), _): &Restored<K>| key.hashed());
        let models = self
            .rows()
            .inner
            .binary_frontier(base.restored(), by_key, restored_by_key, "TrainForests", move |initial, _| {
                drop(initial);
                let mut waiting: BTreeMap<Epoch, (_, Vec<Row<K>>)> = BTreeMap::new();
                let mut trainer = Trainer { period, training, keys: HashMap::new() };
                move |(rows, rows_frontier), (restored, restored_frontier), output| {
                    let port = output.output_index();
                    rows.for_each_time(|cap, batches| {
                        let (_, rows) = waiting.entry(*cap.time()).or_insert_with(|| (cap.retain(port), Vec::new()));
                        rows.extend(batches.flat_map(|batch| batch.drain(..)));
                    });
                    restored.for_each_time(|cap, batches| {
                        let mut changes: Vec<Change<K>> = Vec::new();
                        for model in batches.flat_map(|batch| batch.drain(..)) {
                            trainer.restore(&model);
                            changes.push((model, *cap.time(), 1));
                        }
                        output.session(&cap).give_iterator(changes.into_iter());
                    });
                    let open = |epoch: &Epoch| rows_frontier.less_equal(epoch) || restored_frontier.less_equal(epoch);
                    while let Some(entry) = waiting.first_entry().filter(|entry| !open(entry.key())) {
                        let (cap, rows) = entry.remove();
                        let changes = trainer.close(*cap.time(), rows);
                        output.session(&cap).give_iterator(changes.into_iter());
                    }
                }
            })
            .as_collection();
        base.keep(&models);
        models.flat_map(|(of, model)| model.map(|model| (of, model)))
    }

    fn forest_scores(
        &self,
        models: &VecCollection<'s, Epoch, ((K, Window), Model), isize>,
        period: Duration,
    ) -> Series<'s, K, Real> {
        let by_period = self
            .rows()
            .map(move |((key, window), row)| ((key, Window::containing(window.start, period)), (window, row)));
        let scores = by_period.join_map(models.clone(), |(key, _), (window, row), model| {
            ((key.clone(), *window), Real::from(model.score(&row.map(|feature| feature.0))))
        });
        self.with_rows(scores)
    }
}

struct Trainer<K> {
    period: Duration,
    training: Training,
    keys: HashMap<K, Trained>,
}

#[derive(Default)]
struct Trained {
    rows: BTreeMap<Window, FeatureRow>,
    /// by period; none where the past was too short
    models: BTreeMap<Window, Option<Model>>,
}

type Row<K> = (((K, Window), FeatureRow), Epoch, isize);
type Update = ((Window, FeatureRow), isize);
type Change<K> = (((K, Window), Option<Model>), Epoch, isize);
type Restored<K> = ((K, Window), Option<Model>);

impl<K: Key> Trainer<K> {
    fn restore(&mut self, ((key, period), model): &Restored<K>) {
        self.keys.entry(key.clone()).or_default().models.insert(*period, model.clone());
    }

    fn close(&mut self, epoch: Epoch, rows: Vec<Row<K>>) -> Vec<Change<K>> {
        let mut touched: BTreeMap<K, Vec<Update>> = BTreeMap::new();
        for (((key, window), row), _, diff) in rows {
            touched.entry(key).or_default().push(((window, row), diff));
        }
        let mut changes = Vec::new();
        for (key, mut updates) in touched {
            // what came and went in between is nothing; what went comes first
            consolidate(&mut updates);
            updates.sort_by_key(|(_, diff)| *diff);
            let trained = self.keys.entry(key.clone()).or_default();
            trained.update(updates);
            for (period, model, diff) in trained.train(self.period, &self.training) {
                changes.push((((key.clone(), period), model), epoch, diff));
            }
            if trained.rows.is_empty() {
                self.keys.remove(&key);
            }
        }
        changes
    }
}

impl Trained {
    fn update(&mut self, updates: Vec<Update>) {
        for ((window, row), diff) in updates {
            if diff > 0 {
                self.rows.insert(window, row);
            } else if self.rows.get(&window) == Some(&row) {
                self.rows.remove(&window);
            }
        }
    }

    /// Trains for every period that has begun since last time; drops models whose windows are all gone.
    fn train(&mut self, period: Duration, training: &Training) -> Vec<(Window, Option<Model>, isize)> {
        let mut changes = Vec::new();
        let begun: Vec<Window> = {
            let mut periods: Vec<_> = self.rows.keys().map(|w| Window::containing(w.start, period)).collect();
            periods.dedup();
            let newest = self.models.last_key_value().map(|(newest, _)| *newest);
            periods.retain(|&period| Some(period) > newest);
            periods
        };
        for of in begun {
            let past: Vec<[f64; FEATURES]> =
                self.rows.range(..of).map(|(_, row)| row.map(|feature| feature.0)).collect();
            // too short a past gives no model, and its windows no score
            let model = Model::train(&past, training).ok();
            self.models.insert(of, model.clone());
            changes.push((of, model, 1));
        }
        let oldest = self.rows.keys().next().map(|w| Window::containing(w.start, period));
        while let Some(entry) =
            self.models.first_entry().filter(|entry| oldest.is_none_or(|oldest| *entry.key() < oldest))
        {
            let (of, model) = entry.remove_entry();
            changes.push((of, model, -1));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Timestamp, minutes, seconds};

    use super::*;

    #[test]
    fn what_comes_and_goes_within_an_epoch_leaves_nothing_behind() {
        let mut trainer = Trainer { period: minutes(10), training: Training::default(), keys: HashMap::new() };
        let window = |n: u64| Window::containing(Timestamp::from_millis(0).plus(seconds(10 * n)), seconds(10));
        let row = |n: u64, value: f64| (((), window(n)), [Real::from(value); FEATURES]);
        let mut models = 0;
        let mut close = |epoch, rows: Vec<(((), Window), FeatureRow, isize)>| {
            let rows = rows.into_iter().map(|(at, row, diff)| ((at, row), epoch, diff)).collect();
            models += trainer.close(epoch, rows).iter().map(|(_, _, diff)| diff).sum::<isize>();
            (models, trainer.keys.len())
        };
        let with = |(at, row), diff| (at, row, diff);
        let first = (0..200).map(|n| with(row(n, n as f64), 1)).collect();
        assert!(close(1, first).0 > 0);
        // a window is corrected twice within an epoch, as a join tells it
        let twice = vec![with(row(7, 7.0), -1), with(row(7, 9.0), 1), with(row(7, 9.0), -1), with(row(7, 8.0), 1)];
        close(2, twice);
        let gone = (0..200).map(|n| with(row(n, if n == 7 { 8.0 } else { n as f64 }), -1)).collect();
        assert_eq!(close(3, gone), (0, 0), "models and keys that are left");
    }
}
