//! [`Past`]: rows as they come, each judged by a forest of those before it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Forest, Training};

/// Rows that are remembered, at most: what forests are trained from.
const MOST_ROWS: usize = 4_096;
/// Scores that are remembered, at most: what a score is held against.
const MOST_SCORES: usize = 1_024;
/// With fewer scores to hold it against, nothing is said of how rare a score is.
const LEAST_SCORES: usize = 64;
/// Beyond so great a part of the scores, how rare a score is follows from how far the others lie beyond it.
const TAIL: f64 = 0.1;

/// Rows of a table or windows of a stream in their order. A forest is trained once there are enough rows, and again each time
/// their number has grown by half, or by as many as are remembered. Equal rows
/// in equal order get equal verdicts.
///
/// ```
/// use highwater_detection::forest::{Past, Training};
/// let mut past = Past::new(Training::default());
/// for n in 0..500 {
///     past.push(&[f64::from(n * 7 % 13), f64::from(n * 5 % 17)]);
/// }
/// let odd = past.push(&[40.0, 90.0]).unwrap();
/// assert!(odd.score > 0.6 && odd.rarity.unwrap() < 1e-3, "{odd:?}");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    training: Training,
    rows: VecDeque<Vec<f64>>,
    seen: u64,
    next_training: u64,
    forest: Option<Forest>,
    scores: VecDeque<f64>,
}

/// What a forest says of a row that it was not trained from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Oddness {
    /// The forest's score, 0 to 1.
    pub score: f64,
    /// The part of ordinary rows that can be expected to score as high, 0 to 1. None while too few have been scored.
    pub rarity: Option<f64>,
}

impl Past {
    /// No rows yet.
    pub fn new(training: Training) -> Self {
        let next_training = training.min_rows.max(super::LEAST_ROWS) as u64;
        Past { training, rows: VecDeque::new(), seen: 0, next_training, forest: None, scores: VecDeque::new() }
    }

    /// Judges a row by those before it, then remembers it. None while there is no forest.
    pub fn push(&mut self, row: &[f64]) -> Option<Oddness> {
        if self.seen >= self.next_training {
            self.train();
        }
        let score = self.forest.as_ref().map(|forest| forest.score(row));
        let oddness = score.map(|score| Oddness { score, rarity: self.rarity(score) });
        remember(&mut self.rows, row.to_vec(), MOST_ROWS);
        score.into_iter().for_each(|score| remember(&mut self.scores, score, MOST_SCORES));
        self.seen += 1;
        oddness
    }

    /// What each cell adds to the row's score, by the forest that judged the last row; empty where there is none.
    pub fn reasons(&self, row: &[f64]) -> Vec<f64> {
        self.forest.as_ref().map(|forest| forest.reasons(row)).unwrap_or_default()
    }

    fn train(&mut self) {
        // another seed each time, so that no odd draw stays
        let training = Training { seed: self.training.seed.wrapping_add(self.seen), ..self.training };
        self.forest = Forest::train(self.rows.make_contiguous(), &training).ok();
        self.next_training = self.seen + (self.seen / 2).clamp(1, MOST_ROWS as u64);
    }

    /// How often such a score comes: counted where many are as high, by an exponential tail beyond that.
    fn rarity(&self, score: f64) -> Option<f64> {
        let count = self.scores.len();
        if count < LEAST_SCORES {
            return None;
        }
        let mut sorted: Vec<f64> = self.scores.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let in_tail = (count as f64 * TAIL).ceil() as usize;
        let (rest, tail) = sorted.split_at(count - in_tail);
        let from = rest.last().copied().unwrap_or_default();
        if score <= from {
            return Some((count - sorted.partition_point(|other| *other < score)) as f64 / count as f64);
        }
        let mean_excess = tail.iter().map(|other| other - from).sum::<f64>() / in_tail as f64;
        Some(TAIL * (-(score - from) / mean_excess.max(f64::MIN_POSITIVE)).exp())
    }
}

fn remember<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn training() -> Training {
        Training { trees: 20, samples: 64, ..Training::default() }
    }

    fn row(n: u32) -> [f64; 2] {
        [f64::from(n * 7 % 13), f64::from(n * 5 % 17)]
    }

    #[test]
    fn nothing_is_said_before_there_are_rows_and_little_before_there_are_scores() {
        let mut past = Past::new(training());
        assert!((0..32).all(|n| past.push(&row(n)).is_none()));
        assert_eq!(past.push(&row(32)).unwrap().rarity, None);
        (33..97).for_each(|n| _ = past.push(&row(n)));
        assert!(past.push(&row(97)).unwrap().rarity.is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let mut past = Past::new(Training { trees: 1, ..training() });
        (0..3 * MOST_ROWS as u32).for_each(|n| _ = past.push(&row(n)));
        assert_eq!((past.rows.len(), past.scores.len()), (MOST_ROWS, MOST_SCORES));
    }

    #[test]
    fn a_state_goes_on_where_it_was_written_down() {
        let mut past = Past::new(training());
        (0..200).for_each(|n| _ = past.push(&row(n)));
        let mut again: Past = serde_json::from_slice(&serde_json::to_vec(&past).unwrap()).unwrap();
        assert!((200..400).all(|n| past.push(&row(n)) == again.push(&row(n))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_higher_score_is_never_less_rare(scores in prop::collection::vec(0.0..1.0_f64, 64..200), a in 0.0..1.0_f64, b in 0.0..1.0_f64) {
            let past = Past { scores: scores.into(), ..Past::new(training()) };
            let (low, high) = (past.rarity(a.min(b)).unwrap(), past.rarity(a.max(b)).unwrap());
            prop_assert!(high <= low && (0.0..=1.0).contains(&high) && (0.0..=1.0).contains(&low));
        }

        #[test]
        fn any_rows_are_judged(rows in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..4), 0..150)) {
            let mut past = Past::new(Training { trees: 3, ..training() });
            for row in &rows {
                let oddness = past.push(row);
                prop_assert!(oddness.is_none_or(|oddness| (0.0..=1.0).contains(&oddness.score)));
            }
        }
    }
}
