//! [`Alarm`]: who has just cried has to have something worse to say before he is heard again.

use serde::{Deserialize, Serialize};

/// The last alarm: how surprising it was, and how many rows ago.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Alarm {
    last: Option<(f64, u64)>,
}

impl Alarm {
    /// What is new, less what was surprising at the last alarm: whole right after it, nothing once `rest` rows have passed.
    pub(super) fn push(&mut self, new: f64, rest: usize) -> f64 {
        let Some((surprise, rows)) = &mut self.last else { return new };
        *rows = rows.saturating_add(1);
        let left = 1.0 - *rows as f64 / rest as f64;
        if left <= 0.0 {
            self.last = None;
            return new;
        }
        (new - *surprise * left).max(0.0)
    }

    /// There was an alarm at this row.
    pub(super) fn raise(&mut self, surprise: f64) {
        self.last = Some((surprise, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_alarm_only_worse_is_heard_for_a_while() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.push(4.0, 4), 4.0);
        alarm.raise(4.0);
        assert_eq!([4.0, 4.0, 4.0, 4.0, 4.0].map(|new| alarm.push(new, 4)), [1.0, 2.0, 3.0, 4.0, 4.0]);
        alarm.raise(4.0);
        assert_eq!(alarm.push(9.0, 4), 6.0);
    }
}
