//! Series against days and weeks: detectors whose memories are kept as data.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use differential_dataflow::{AsCollection, Hashable};
use highwater_engine::{Closed, Flow, Key, Series, Window, minutes};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::generic::operator::empty;

use crate::{Assessment, Checkpoint, Detection, Judged, LongTerm, Remembered, Sample, Told};

/// What a closed series has been like for as long as it has been watched.
pub trait Remember<'s, K: Key> {
    /// The windows that are strange by the detector of [`highwater_detection::series`], which has seen all those before them.
    /// Its memory is a base collection, found again by `what`. Rows stay for an hour or two; who needs them for longer
    /// [settles](Series::settled) them.
    ///
    /// A late log corrects what is found in its hour and in the one after it, never a memory that was written down.
    #[must_use]
    fn long_term(
        &self,
        flow: &Flow<'s>,
        what: &str,
        config: LongTerm,
        detection: Detection,
    ) -> Series<'s, K, Assessment>;
}

impl<'s, K: Key> Remember<'s, K> for Series<'s, K, Sample> {
    fn long_term(
        &self,
        flow: &Flow<'s>,
        what: &str,
        config: LongTerm,
        detection: Detection,
    ) -> Series<'s, K, Assessment> {
        let base = flow.base::<(K, Window), Checkpoint>(&format!("memories of {what}, {}", Checkpoint::LAYOUT));
        let kept = base.restored_rows().map(|(at, checkpoint)| (at, Fact::Checkpoint(checkpoint)));
        let facts = self.rows().map(|(at, sample)| (at, Fact::Sample(sample))).concat(kept);
        let scope = facts.inner.scope();
        let most = config.series.div_ceil(scope.peers().max(1));
        let what = what.to_owned();
        let mut memories = Memories { what, config, detection, most, is_full: false, series: HashMap::new() };
        let place = |((key, _), _): &Row<K>| key.hashed();
        let nobody = empty::<_, Vec<((), _, isize)>>(scope).as_collection();
        let told = flow.operator("LongTerm", facts, place, nobody, move |closed| memories.close(closed));
        let checkpoints = told.clone().flat_map(|(at, of)| match of {
            Verdict::Checkpoint(checkpoint) => Some((at, checkpoint)),
            Verdict::Flagged(_) => None,
        });
        base.keep(&checkpoints);
        self.with_rows(told.flat_map(|(at, of)| match of {
            Verdict::Flagged(point) => Some((at, *point)),
            Verdict::Checkpoint(_) => None,
        }))
    }
}

type Row<K> = ((K, Window), Fact);
type Changes<K> = Vec<(((K, Window), Verdict), isize)>;

/// What detectors go by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Fact {
    Checkpoint(Checkpoint),
    Sample(Sample),
}

/// What becomes of it. A window's is boxed, for it is rare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Verdict {
    Checkpoint(Checkpoint),
    Flagged(Box<Assessment>),
}

/// The series of one worker.
struct Memories<K> {
    what: String,
    config: LongTerm,
    detection: Detection,
    most: usize,
    /// whether some have been left out, which is told once
    is_full: bool,
    series: HashMap<K, Remembered>,
}

impl<K: Key> Memories<K> {
    fn close<B>(&mut self, closed: Closed<Row<K>, B>) -> Changes<K> {
        let mut touched: BTreeMap<K, Vec<(Window, Sample, isize)>> = BTreeMap::new();
        for (((key, window), fact), diff) in closed.rows {
            match fact {
                Fact::Checkpoint(checkpoint) => {
                    self.series.entry(key).or_default().restore(window, checkpoint);
                }
                Fact::Sample(sample) => touched.entry(key).or_default().push((window, sample, diff)),
            }
        }
        let mut changes = Changes::new();
        for (key, rows) in touched {
            if !self.series.contains_key(&key) && self.series.len() >= self.most {
                self.leave_out(&key);
                continue;
            }
            let series = self.series.entry(key.clone()).or_default();
            let by = Judged { threshold: self.config.threshold, detection: &self.detection, phase: phase(&key) };
            let Told { flagged, checkpoints } = series.update(rows, &by, closed.restoring);
            let at = |window: Window| (key.clone(), window);
            let flagged = flagged
                .into_iter()
                .map(|(window, point, diff)| ((at(window), Verdict::Flagged(Box::new(point))), diff));
            changes.extend(flagged);
            let checkpoints = checkpoints.into_iter();
            changes.extend(checkpoints.map(|(window, of, diff)| ((at(window), Verdict::Checkpoint(of)), diff)));
            if series.is_empty() {
                self.series.remove(&key);
            }
        }
        changes
    }

    fn leave_out(&mut self, key: &K) {
        if !std::mem::replace(&mut self.is_full, true) {
            let Memories { what, config: LongTerm { series, .. }, .. } = self;
            tracing::warn!(
                of = what,
                ?key,
                "not every series is judged against days and weeks: there are more than {series}, the most that \
                 queries.detectors.long_term.series lets be remembered"
            );
        }
    }
}

/// Not all memories are written down at once.
fn phase<K: Key>(key: &K) -> Duration {
    minutes(key.hashed() % 60)
}
