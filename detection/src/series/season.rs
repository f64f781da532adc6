//! [`Season`]: what has a time of the day, or of the week, usually had?

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Milliseconds of a slot: half an hour.
const SLOT: i64 = 30 * 60 * 1000;

/// Slots of a day.
pub(super) const DAY: usize = 48;
/// Slots of a week.
pub(super) const WEEK: usize = 7 * DAY;

/// The means of each slot of a period in its last rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Season {
    rounds: usize,
    needed: usize,
    slots: Vec<VecDeque<f64>>,
    /// The slot under way since the epoch, the sum of its values and their number.
    now: Option<(i64, f64, f64)>,
}

impl Season {
    /// A period of so many slots that keeps `rounds` of them and speaks once it has `needed`.
    pub(super) fn new(slots: usize, rounds: usize, needed: usize) -> Self {
        Self { rounds, needed, slots: vec![VecDeque::new(); slots], now: None }
    }

    /// The median of what this time has had in the rounds before.
    pub(super) fn expected(&self, at: i64) -> Option<f64> {
        let rounds = &self.slots[self.slot(at.div_euclid(SLOT))];
        if rounds.len() < self.needed {
            return None;
        }
        let mut means: Vec<f64> = rounds.iter().copied().collect();
        means.sort_by(f64::total_cmp);
        let middle = means.len() / 2;
        Some(if means.len() % 2 == 1 { means[middle] } else { (means[middle - 1] + means[middle]) / 2.0 })
    }

    pub(super) fn push(&mut self, at: i64, value: f64) {
        let id = at.div_euclid(SLOT);
        match &mut self.now {
            Some((now, sum, count)) if *now == id => {
                *sum += value;
                *count += 1.0;
            }
            _ => {
                if let Some((ended, sum, count)) = self.now.replace((id, value, 1.0)) {
                    let slot = self.slot(ended);
                    let rounds = &mut self.slots[slot];
                    if rounds.len() >= self.rounds {
                        rounds.pop_front();
                    }
                    rounds.push_back(sum / count);
                }
            }
        }
    }

    fn slot(&self, id: i64) -> usize {
        id.rem_euclid(self.slots.len() as i64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_the_median_of_its_rounds() {
        let mut day = Season::new(DAY, 3, 2);
        let noon = 24 * SLOT;
        for (round, value) in [9.0, 1.0, 2.0, 3.0].into_iter().enumerate() {
            let start = round as i64 * DAY as i64 * SLOT;
            assert_eq!(day.expected(start + noon).is_some(), round >= 2);
            day.push(start, 0.0);
            day.push(start + noon, value - 1.0);
            day.push(start + noon + 1000, value + 1.0);
            day.push(start + 2 * noon - 1, 0.0);
        }
        assert_eq!(day.expected(noon), Some(2.0)); // the first round has gone
        assert_eq!(day.expected(i64::MIN), None);
    }
}
