//! [`Novelty`]: has anything like this been seen before?
//!
//! What has been seen is kept as a bounded number of prototypes, in the manner of adaptive resonance (Carpenter and
//! Grossberg): what is near one moves it, what is near none becomes one, at the cost of the one unused for longest. So a
//! new level or pattern is novel once and known from then on.

use serde::{Deserialize, Serialize};

use super::tail::Tail;

/// Prototypes kept.
const PROTOTYPES: usize = 150;
/// Features nearer than this to a prototype are the same; they are in usual widths, on a scale of logarithms.
const NEAR: f64 = 0.4;
/// A prototype that has been met often still moves by this part of the way.
const RATE: f64 = 0.05;
/// Distances smaller than this make no difference.
const FLOOR: f64 = 0.02;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Prototype<F> {
    centre: F,
    met: f64,
    last: u64,
}

/// What has been seen, and how far what came was from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Novelty<F> {
    prototypes: Vec<Prototype<F>>,
    rows: u64,
    tail: Tail,
}

impl<F> Default for Novelty<F> {
    fn default() -> Self {
        Self { prototypes: Vec::new(), rows: 0, tail: Tail::default() }
    }
}

impl<F: AsRef<[f64]> + AsMut<[f64]>> Novelty<F> {
    /// The surprise of how far features lie from all that has been seen, and the features learned.
    pub(super) fn push(&mut self, features: F) -> f64 {
        self.rows += 1;
        let nearest = self
            .prototypes
            .iter()
            .map(|prototype| distance(prototype.centre.as_ref(), features.as_ref()))
            .enumerate()
            .min_by(|(_, a), (_, b)| a.total_cmp(b));
        match nearest {
            Some((at, distance)) if distance <= NEAR => self.prototypes[at].meet(features.as_ref(), self.rows),
            _ => self.remember(features),
        }
        self.tail.push(nearest.map_or(0.0, |(_, distance)| distance), FLOOR)
    }

    fn remember(&mut self, centre: F) {
        let prototype = Prototype { centre, met: 1.0, last: self.rows };
        if self.prototypes.len() < PROTOTYPES {
            self.prototypes.push(prototype);
        } else if let Some(oldest) = self.prototypes.iter_mut().min_by_key(|prototype| prototype.last) {
            *oldest = prototype;
        }
    }
}

impl<F: AsMut<[f64]>> Prototype<F> {
    fn meet(&mut self, features: &[f64], now: u64) {
        self.met += 1.0;
        self.last = now;
        let rate = (1.0 / self.met).max(RATE);
        for (centre, feature) in self.centre.as_mut().iter_mut().zip(features) {
            *centre += rate * (feature - *centre);
        }
    }
}

/// Root of the mean square.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (squares / a.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_novel_once() {
        let mut novelty = Novelty::default();
        (0..500).for_each(|row| _ = novelty.push([f64::from(row % 5), 0.0]));
        assert_eq!(novelty.push([2.0, 0.0]), 0.0);
        let first = novelty.push([9.0, 0.0]);
        assert!(first > 5.0, "{first}");
        assert_eq!(novelty.push([9.0, 0.0]), 0.0);
        assert!((0..1000).all(|row| {
            novelty.push([f64::from(row) * 10.0, 0.0]);
            novelty.prototypes.len() <= PROTOTYPES
        }));
    }
}
