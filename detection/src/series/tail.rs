//! [`Tail`]: how rare is a distance this great, by the distances before?
//!
//! Distances beyond the 98th percentile of the past are taken to fall off like a power (Pareto), with an exponent
//! learned from those there were: peaks over threshold. Whoever spikes often gets a heavy tail, and the next spike is less
//! of a surprise. All in logarithms, so that nothing saturates where anomalies begin to differ.

use std::f64::consts::LN_10;

use serde::{Deserialize, Serialize};

/// Memory in rows: what lies so far back weighs 1/e.
const MEMORY: f64 = 20_000.0;
/// The part of rows that lies beyond the threshold.
const BEYOND: f64 = 0.02;
/// Before it has seen excesses of its own, a tail falls off as steeply as this says, with the weight of so many.
const PRIOR: (f64, f64) = (0.15, 180.0);
/// How much an older excess weighs when the next one comes.
const KEEP: f64 = 0.998;
/// No single excess says more than this about the tail: e³ times the threshold.
const GREATEST: f64 = 3.0;
/// Rows before there is a verdict.
const FIRST: u32 = 20;
/// Width of a bucket in logarithms: quantiles are good to 1 %.
const WIDTH: f64 = 0.02;
/// Buckets kept; the lowest are merged, for only the upper end is asked about.
const BUCKETS: usize = 256;

/// A histogram of the logarithms of past distances, and the mean of their excess over its upper end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tail {
    rows: u32,
    total: f64,
    /// Weight of the next row: grows instead of all others shrinking.
    weight: f64,
    /// Bucket and its weight, ascending.
    buckets: Vec<(i32, f64)>,
    excesses: (f64, f64),
}

impl Tail {
    /// The surprise of `distance` in decades, and the distance learned. What is smaller than `floor` makes no difference.
    pub(super) fn push(&mut self, distance: f64, floor: f64) -> f64 {
        let size = (distance + floor).ln();
        let mut surprise = 0.0;
        if self.rows >= FIRST {
            let excess = size - self.threshold();
            if excess > 0.0 {
                surprise = (-BEYOND.ln() + excess / self.slope()) / LN_10;
                self.excesses = (self.excesses.0 * KEEP + 1.0, self.excesses.1 * KEEP + excess.min(GREATEST));
            }
        }
        self.learn(size);
        surprise
    }

    /// The distance that would surprise this much.
    pub(super) fn distance(&self, surprise: f64, floor: f64) -> f64 {
        if self.rows < FIRST {
            return 0.0;
        }
        ((self.threshold() + (surprise * LN_10 + BEYOND.ln()) * self.slope()).exp() - floor).max(0.0)
    }

    fn slope(&self) -> f64 {
        (self.excesses.1 + PRIOR.0 * PRIOR.1) / (self.excesses.0 + PRIOR.1)
    }

    fn threshold(&self) -> f64 {
        let mut beyond = BEYOND * self.total;
        for (bucket, weight) in self.buckets.iter().rev() {
            if *weight >= beyond {
                return (f64::from(*bucket) + 1.0 - beyond / weight) * WIDTH;
            }
            beyond -= weight;
        }
        self.buckets.first().map_or(0.0, |(bucket, _)| f64::from(*bucket) * WIDTH)
    }

    fn learn(&mut self, size: f64) {
        self.rows = self.rows.saturating_add(1);
        self.weight = if self.weight == 0.0 { 1.0 } else { self.weight * (1.0 + 1.0 / MEMORY) };
        let bucket = (size / WIDTH).floor() as i32;
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 += self.weight,
            Err(at) => self.buckets.insert(at, (bucket, self.weight)),
        }
        self.total += self.weight;
        if self.buckets.len() > BUCKETS {
            let lowest = self.buckets.remove(0);
            self.buckets[0].1 += lowest.1;
        }
        if self.weight > 1e9 {
            self.buckets.iter_mut().for_each(|(_, weight)| *weight /= self.weight);
            self.total /= self.weight;
            self.weight = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_is_no_surprise_and_the_unseen_is() {
        let mut tail = Tail::default();
        (0..2000).for_each(|row| _ = tail.push(f64::from(row % 100), 0.1));
        assert_eq!(tail.clone().push(50.0, 0.1), 0.0);
        let (seen, unseen) = (tail.clone().push(99.0, 0.1), tail.clone().push(1000.0, 0.1));
        assert!(seen < 2.0 && unseen > 6.0, "{seen} {unseen}");
    }

    #[test]
    fn who_spikes_often_surprises_less() {
        let spiky = |every: u32| {
            let mut tail = Tail::default();
            (1..4000).for_each(|row| _ = tail.push(if row % every == 0 { 500.0 } else { f64::from(row % 10) }, 0.1));
            tail.push(500.0, 0.1)
        };
        assert!(spiky(80) < spiky(1000) && spiky(1000) < spiky(5000));
    }

    proptest! {
        #[test]
        fn a_greater_distance_surprises_no_less_and_the_band_agrees(seen in prop::collection::vec(0f64..1e6, 20..200), distance in 0f64..1e9, more in 1f64..10.0) {
            let mut tail = Tail::default();
            seen.iter().for_each(|distance| _ = tail.push(*distance, 1.0));
            let (less, greater) = (tail.clone().push(distance, 1.0), tail.clone().push(distance * more, 1.0));
            prop_assert!(less <= greater && greater.is_finite());
            if less > 0.0 {
                prop_assert!((tail.distance(less, 1.0) - distance).abs() <= 1e-6 * distance.max(1.0));
            }
        }
    }
}
