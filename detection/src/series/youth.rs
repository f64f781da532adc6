//! [`Youth`]: who has not seen much has to be modest.

use serde::{Deserialize, Serialize};

/// From so many days, or so many rows, on a series is known.
const DAYS: f64 = 10.0;
const ROWS: f64 = 3000.0;
/// How much less is believed before: half the past, this power of a half.
const POWER: f64 = 0.2;
/// Milliseconds.
const DAY: f64 = 24.0 * 60.0 * 60.0 * 1000.0;

/// How long a series has been watched.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Youth {
    began: Option<i64>,
    rows: u64,
}

impl Youth {
    /// The part of a surprise at the next row that is believed. What a day or a week is like nobody knows before there has been
    /// one; where rows come fast, or have no time, their number says how much has been seen.
    pub(super) fn push(&mut self, at: Option<i64>) -> f64 {
        self.rows = self.rows.saturating_add(1);
        let days = at.map_or(0.0, |at| at.saturating_sub(*self.began.get_or_insert(at)) as f64 / DAY);
        (days / DAYS).max(self.rows as f64 / ROWS).min(1.0).powf(POWER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn belief_grows_with_rows_or_days_to_all() {
        let mut rows = Youth::default();
        let belief: Vec<f64> = (0..4000).map(|_| rows.push(None)).collect();
        assert!(belief.windows(2).all(|pair| pair[0] <= pair[1]) && belief[0] > 0.1 && belief[3999] == 1.0);
        let mut hours = Youth::default();
        assert!(hours.push(Some(0)) < 0.5);
        assert_eq!(hours.push(Some(DAY as i64 * 10)), 1.0);
        assert!(hours.push(Some(i64::MIN)) > 0.0);
    }
}
