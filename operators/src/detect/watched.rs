//! [`Watched`]: a series whose anomalies are kept up to date as its windows change.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use highwater_engine::Window;
use serde::{Deserialize, Serialize};

use super::{Anomaly, Assessment, Detection, Sample, Subject, assess, merge};
use crate::Real;

/// What is known of a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Point {
    /// Its value.
    Sample(Sample),
    /// The isolation forest's score of it.
    Forest(Real),
    /// What a longer window that begins with it was found to be. Boxed, for it is rare, and the others are many.
    LongTerm(Box<Found>),
}

/// A window of another length that was found strange.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Found {
    /// How long it is.
    pub size: Duration,
    /// What is strange about it.
    pub point: Assessment,
}

/// The windows of one series, and what was found in them. At any time its anomalies are those of
/// [`detect`](super::detect) over its windows; but a window that changes costs no more than itself and the windows
/// that look back on it, however long the series is.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    samples: BTreeMap<Window, Sample>,
    forest: BTreeMap<Window, Real>,
    long_term: BTreeMap<Window, Found>,
    flagged: BTreeMap<Window, Assessment>,
    anomalies: Vec<Anomaly>,
}

impl Watched {
    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.forest.is_empty() && self.long_term.is_empty()
    }

    /// Takes in facts that come (1) and go (-1); says which anomalies go and which come.
    pub fn update(
        &mut self,
        facts: impl IntoIterator<Item = (Window, Point, isize)>,
        config: &Detection,
        of: &Subject,
    ) -> Vec<(Anomaly, isize)> {
        let (touched, found_otherwise) = self.learn(facts, config.reach());
        if !self.judge(touched, config) && !found_otherwise {
            return Vec::new();
        }
        let flagged = self.flagged.iter().map(|(window, point)| (*window, point.clone()));
        let long_term = self.long_term.iter().map(|(window, found)| (*window, found));
        let after = merge(of, flagged, long_term, config);
        let before = std::mem::replace(&mut self.anomalies, after);
        let gone =
            before.iter().filter(|anomaly| !self.anomalies.contains(anomaly)).map(|anomaly| (anomaly.clone(), -1));
        let come =
            self.anomalies.iter().filter(|anomaly| !before.contains(anomaly)).map(|anomaly| (anomaly.clone(), 1));
        gone.chain(come).collect()
    }

    /// The windows whose judgement may change, and whether what the long term says has changed.
    fn learn(
        &mut self,
        facts: impl IntoIterator<Item = (Window, Point, isize)>,
        reach: usize,
    ) -> (BTreeSet<Window>, bool) {
        let (mut touched, mut values, mut found_otherwise) = (BTreeSet::new(), BTreeSet::new(), false);
        let mut facts: Vec<_> = facts.into_iter().collect();
        // what goes comes first, so that what is replaced is not taken away again
        facts.sort_by_key(|(_, _, diff)| *diff);
        for (window, fact, diff) in facts {
            match fact {
                Point::Sample(sample) => {
                    touched.insert(window);
                    values.insert(window);
                    set(&mut self.samples, window, sample, diff);
                }
                Point::Forest(score) => {
                    touched.insert(window);
                    set(&mut self.forest, window, score, diff);
                }
                Point::LongTerm(found) => {
                    found_otherwise = true;
                    set(&mut self.long_term, window, *found, diff);
                }
            }
        }
        for window in values {
            let later = (Bound::Excluded(window), Bound::Unbounded);
            touched.extend(self.samples.range(later).take(reach).map(|(window, _)| *window));
        }
        (touched, found_otherwise)
    }

    /// Says whether anything is flagged that was not, or the other way round, or otherwise.
    fn judge(&mut self, windows: BTreeSet<Window>, config: &Detection) -> bool {
        let mut changed = false;
        for window in windows {
            let found = self.assess(window, config).filter(|point| point.flagged);
            changed |= found.as_ref() != self.flagged.get(&window);
            match found {
                Some(point) => self.flagged.insert(window, point),
                None => self.flagged.remove(&window),
            };
        }
        changed
    }

    fn assess(&self, window: Window, config: &Detection) -> Option<Assessment> {
        let sample = *self.samples.get(&window)?;
        let mut past: Vec<f64> =
            self.samples.range(..window).rev().take(config.reach()).map(|(_, sample)| *sample.value).collect();
        past.reverse();
        assess(&past, sample, self.forest.get(&window).map(|score| score.0), config)
    }
}

fn set<V: PartialEq>(rows: &mut BTreeMap<Window, V>, window: Window, value: V, diff: isize) {
    if diff > 0 {
        rows.insert(window, value);
    } else if rows.get(&window) == Some(&value) {
        rows.remove(&window);
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Name, Timestamp, seconds};
    use proptest::prelude::*;

    use super::*;
    use crate::Method;

    fn window(n: u8) -> Window {
        Window { start: Timestamp::from_millis(i64::from(n) * 10_000) }
    }

    #[derive(Clone, Copy, Debug)]
    enum Kind {
        Sample,
        Forest,
        LongTerm,
    }

    /// What is known of a window from now on; none where it is gone.
    fn news() -> impl Strategy<Value = (u8, Kind, Option<f64>)> {
        let kind = prop_oneof![8 => Just(Kind::Sample), 2 => Just(Kind::Forest), 1 => Just(Kind::LongTerm)];
        let value = prop_oneof![8 => 95f64..105.0, 1 => 0f64..500.0];
        (0u8..40, kind, prop::option::weighted(0.9, value))
    }

    fn found(value: f64) -> Found {
        let past = [98.0, 102.0, 100.0, 97.0, 103.0, 101.0, 99.0, 100.0];
        let point = assess(&past, value, None, &Detection::default()).unwrap();
        Found { size: seconds(60), point: Assessment { methods: vec![Method::LongTerm], ..point } }
    }

    proptest! {
        #[test]
        fn whatever_changes_it_finds_what_the_whole_series_has(updates in prop::collection::vec(prop::collection::vec(news(), 1..8), 1..30)) {
            let of = Subject { metric: Name::from("log_volume"), service: None, size: seconds(10) };
            let mut config = Detection::default().floor(1.0);
            (config.z_score.windows, config.moving_average.windows) = (9, 5);
            let (mut watched, mut told) = (Watched::default(), Vec::<(Anomaly, isize)>::new());
            let (mut samples, mut forest, mut long_term) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            for update in updates {
                let mut facts = Vec::new();
                for (n, kind, value) in update {
                    let window = window(n);
                    let (was, is) = match kind {
                        Kind::Sample => {
                            let (was, is) = replace(&mut samples, window, value.map(Sample::from));
                            (was.map(Point::Sample), is.map(Point::Sample))
                        }
                        Kind::Forest => {
                            let (was, is) = replace(&mut forest, window, value.map(|value| Real::from(value / 500.0)));
                            (was.map(Point::Forest), is.map(Point::Forest))
                        }
                        Kind::LongTerm => {
                            let (was, is) = replace(&mut long_term, window, value.map(|value| Box::new(found(value))));
                            (was.map(Point::LongTerm), is.map(Point::LongTerm))
                        }
                    };
                    facts.extend(was.map(|was| (window, was, -1)));
                    facts.extend(is.map(|is| (window, is, 1)));
                }
                differential_dataflow::consolidation::consolidate_updates(&mut facts);
                told.extend(watched.update(facts, &config, &of));
                differential_dataflow::consolidation::consolidate(&mut told);
                let values: Vec<f64> = samples.values().map(|sample| *sample.value).collect();
                let flagged = samples.iter().enumerate().filter_map(|(at, (window, sample))| {
                    let score = forest.get(window).map(|score: &Real| score.0);
                    Some((*window, assess(&values[..at], *sample, score, &config).filter(|point| point.flagged)?))
                });
                let others = long_term.iter().map(|(window, found)| (*window, &**found));
                let mut expected: Vec<_> = merge(&of, flagged, others, &config).into_iter().map(|anomaly| (anomaly, 1)).collect();
                expected.sort();
                prop_assert_eq!(&told, &expected);
                prop_assert_eq!(watched.is_empty(), samples.is_empty() && forest.is_empty() && long_term.is_empty());
            }
        }
    }

    /// What was there, and what is.
    fn replace<V: Clone>(map: &mut BTreeMap<Window, V>, window: Window, is: Option<V>) -> (Option<V>, Option<V>) {
        let was = match is.clone() {
            Some(is) => map.insert(window, is),
            None => map.remove(&window),
        };
        (was, is)
    }
}
