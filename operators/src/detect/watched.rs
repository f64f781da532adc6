//! [`Watched`]: a series whose anomalies are kept up to date as its windows change.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use highwater_engine::Window;

use super::{Anomaly, Assessment, Detection, Sample, Subject, assess, merge};
use crate::Real;

/// What is known of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Point {
    /// Its value.
    Sample(Sample),
    /// The isolation forest's score of it.
    Forest(Real),
}

/// The windows of one series, and what was found in them. At any time its anomalies are those of
/// [`detect`](super::detect) over its windows; but a window that changes costs no more than itself and the windows
/// that look back on it, however long the series is.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    samples: BTreeMap<Window, Sample>,
    forest: BTreeMap<Window, Real>,
    flagged: BTreeMap<Window, Assessment>,
    anomalies: Vec<Anomaly>,
}

impl Watched {
    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.forest.is_empty()
    }

    /// Takes in facts that come (1) and go (-1); says which anomalies go and which come.
    pub fn update(
        &mut self,
        facts: impl IntoIterator<Item = (Window, Point, isize)>,
        config: &Detection,
        of: &Subject,
    ) -> Vec<(Anomaly, isize)> {
        let touched = self.learn(facts, config.reach());
        if !self.judge(touched, config) {
            return Vec::new();
        }
        let flagged = self.flagged.iter().map(|(window, point)| (*window, point.clone()));
        let after = merge(of, flagged, config);
        let before = std::mem::replace(&mut self.anomalies, after);
        let gone =
            before.iter().filter(|anomaly| !self.anomalies.contains(anomaly)).map(|anomaly| (anomaly.clone(), -1));
        let come =
            self.anomalies.iter().filter(|anomaly| !before.contains(anomaly)).map(|anomaly| (anomaly.clone(), 1));
        gone.chain(come).collect()
    }

    /// The windows whose judgement may change.
    fn learn(&mut self, facts: impl IntoIterator<Item = (Window, Point, isize)>, reach: usize) -> BTreeSet<Window> {
        let (mut touched, mut values) = (BTreeSet::new(), BTreeSet::new());
        let mut facts: Vec<_> = facts.into_iter().collect();
        // what goes comes first, so that what is replaced is not taken away again
        facts.sort_by_key(|(_, _, diff)| *diff);
        for (window, fact, diff) in facts {
            touched.insert(window);
            match fact {
                Point::Sample(sample) => {
                    values.insert(window);
                    set(&mut self.samples, window, sample, diff);
                }
                Point::Forest(score) => set(&mut self.forest, window, score, diff),
            }
        }
        for window in values {
            let later = (Bound::Excluded(window), Bound::Unbounded);
            touched.extend(self.samples.range(later).take(reach).map(|(window, _)| *window));
        }
        touched
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
    use crate::detect;

    fn window(n: u8) -> Window {
        Window { start: Timestamp::from_millis(i64::from(n) * 10_000) }
    }

    /// A window's value or score as it is from now on; none where it is gone.
    fn news() -> impl Strategy<Value = (u8, bool, Option<f64>)> {
        let value = prop_oneof![8 => 95f64..105.0, 1 => 0f64..500.0];
        (0u8..40, prop::bool::weighted(0.2), prop::option::weighted(0.9, value))
    }

    proptest! {
        #[test]
        fn whatever_changes_it_finds_what_the_whole_series_has(updates in prop::collection::vec(prop::collection::vec(news(), 1..8), 1..30)) {
            let of = Subject { metric: Name::from("log_volume"), service: None, size: seconds(10) };
            let mut config = Detection::default().floor(1.0);
            (config.z_score.windows, config.moving_average.windows) = (9, 5);
            let (mut watched, mut told) = (Watched::default(), Vec::<(Anomaly, isize)>::new());
            let (mut samples, mut forest) = (BTreeMap::new(), BTreeMap::new());
            for update in updates {
                let mut facts = Vec::new();
                for (n, is_forest, value) in update {
                    let (window, score) = (window(n), value.map(|value| Real::from(value / 500.0)));
                    let (was, is) = if is_forest {
                        (forest.remove(&window).map(Point::Forest), score.map(Point::Forest))
                    } else {
                        let sample = value.map(Sample::from);
                        (samples.remove(&window).map(Point::Sample), sample.map(Point::Sample))
                    };
                    match is {
                        Some(Point::Forest(score)) => _ = forest.insert(window, score),
                        Some(Point::Sample(sample)) => _ = samples.insert(window, sample),
                        None => {}
                    }
                    facts.extend(was.map(|was| (window, was, -1)));
                    facts.extend(is.map(|is| (window, is, 1)));
                }
                differential_dataflow::consolidation::consolidate_updates(&mut facts);
                told.extend(watched.update(facts, &config, &of));
                differential_dataflow::consolidation::consolidate(&mut told);
                let series: Vec<_> = samples.iter().map(|(window, sample)| (*window, *sample)).collect();
                let scores: Vec<_> = forest.iter().map(|(window, score)| (*window, score.0)).collect();
                let mut expected: Vec<_> = detect(&of, &series, &scores, &config).into_iter().map(|anomaly| (anomaly, 1)).collect();
                expected.sort();
                prop_assert_eq!(&told, &expected);
                prop_assert_eq!(watched.is_empty(), samples.is_empty() && forest.is_empty());
            }
        }
    }
}
