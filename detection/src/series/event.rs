//! [`Events`]: what goes on is one anomaly, and what comes again and again is the way the series is.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A row that is at least this part of the peak keeps an anomaly going.
const ALIKE: f64 = 0.2;
/// Rows after which a past anomaly weighs 1/e.
const FORGET: f64 = 10_000.0;
/// Past anomalies kept.
const KEPT: usize = 64;

/// The anomaly under way and those before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Events {
    row: u64,
    /// Peak, and the last row that kept it going.
    now: Option<(f64, u64)>,
    past: VecDeque<(f64, u64)>,
}

impl Events {
    /// What is new in a row's surprise: nothing unless it is greater than all of the anomaly under way, and a decade less for
    /// each decade of past anomalies as great.
    pub(super) fn push(&mut self, surprise: f64, rest: usize) -> f64 {
        self.row += 1;
        if let Some((peak, last)) = self.now
            && self.row > last.saturating_add(rest as u64)
        {
            self.now = None;
            if self.past.len() >= KEPT {
                self.past.pop_front();
            }
            self.past.push_back((peak, last));
        }
        match &mut self.now {
            Some((peak, last)) if surprise <= *peak => {
                if surprise >= ALIKE * *peak {
                    *last = self.row;
                }
                0.0
            }
            _ if surprise > 0.0 => {
                self.now = Some((surprise, self.row));
                (surprise - (1.0 + self.as_great(surprise)).log10()).max(0.0)
            }
            _ => 0.0,
        }
    }

    fn as_great(&self, surprise: f64) -> f64 {
        let weight = |last: u64| (-(self.row.saturating_sub(last) as f64) / FORGET).exp();
        self.past.iter().filter(|(peak, _)| *peak >= surprise).map(|(_, last)| weight(*last)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_tops_the_anomaly_under_way_is_new() {
        let mut events = Events::default();
        let new: Vec<f64> = [4.0, 4.0, 3.0, 5.0, 0.0, 0.0].iter().map(|surprise| events.push(*surprise, 3)).collect();
        assert_eq!(new, [4.0, 0.0, 0.0, 5.0, 0.0, 0.0]);
    }

    #[test]
    fn what_comes_again_counts_less_but_worse_counts_whole() {
        let mut events = Events::default();
        let mut again = Vec::new();
        for _ in 0..10 {
            again.push(events.push(4.0, 3));
            (0..5).for_each(|_| _ = events.push(0.0, 3));
        }
        assert_eq!(again[0], 4.0);
        assert!(again.windows(2).all(|pair| pair[1] < pair[0]));
        assert_eq!(events.push(6.0, 3), 6.0);
    }
}
