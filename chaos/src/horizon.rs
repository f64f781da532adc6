//! [`Horizon`]: which windows must still be there in the end, and which must be gone.

use std::time::Duration;

use crate::{
    logs::{LATENESS, RETENTION},
    oracle::{Expected, Row, Rows, WINDOW},
    time::{Millis, spell},
};

/// How much longer than the retention the built-in queries keep their windows.
const MARGIN: Millis = 30 * 60_000;

/// Between which instants the watermark ended up: exactly where depends on how long the job ran on in silence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Horizon {
    /// At least here: every log has been read.
    pub low: Millis,
    /// At most here.
    pub high: Millis,
}

impl Horizon {
    /// After these logs and a run of this length.
    pub fn of(expected: &Expected, ran: Duration) -> Self {
        let newest = |of: Option<&Millis>| of.copied().unwrap_or_default();
        let silence = Millis::try_from(ran.as_millis()).unwrap_or(Millis::MAX);
        Horizon {
            low: newest(expected.newest.values().min()) - LATENESS,
            high: newest(expected.newest.values().max()).saturating_add(silence),
        }
    }

    /// What is wrong with the rows that are left of all that were expected. Windows go by the watermark alone, so one
    /// instant parts those that are there from those that are gone, for all services at once.
    pub fn check(&self, live: &Rows, expected: &Rows) -> Vec<String> {
        let mut problems = Vec::new();
        let oldest = live.keys().map(|row| row.window).min().unwrap_or(Millis::MAX);
        for row in expected.keys().filter(|row| row.window >= oldest && !live.contains_key(row)) {
            problems.push(format!("{} is gone, though older windows are there", name(row)));
        }
        let gone = expected.keys().filter(|row| row.window < oldest);
        for row in gone.filter(|row| expires(row) > self.high) {
            problems.push(format!(
                "{} went too early: the watermark cannot have passed {}",
                name(row),
                spell(self.high)
            ));
        }
        for row in live.keys().filter(|row| expires(row) <= self.low) {
            problems.push(format!("{} is still there, though the watermark has passed {}", name(row), spell(self.low)));
        }
        problems
    }
}

fn expires(row: &Row) -> Millis {
    row.window + WINDOW + RETENTION + MARGIN
}

/// A row, as problems name it.
pub fn name(row: &Row) -> String {
    format!("{} at {}", row.service, spell(row.window))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Millis = WINDOW + RETENTION + MARGIN;

    fn rows(windows: &[(&str, Millis)]) -> Rows {
        windows.iter().map(|&(service, window)| (Row { service: service.to_owned(), window }, vec![1])).collect()
    }

    #[test]
    fn one_instant_parts_what_is_there_from_what_is_gone() {
        let all = rows(&[("a", 0), ("b", 0), ("a", WINDOW), ("b", WINDOW)]);
        let at = |low, high| Horizon { low, high };
        let newer = rows(&[("a", WINDOW), ("b", WINDOW)]);
        assert_eq!(at(LIFE, LIFE).check(&newer, &all), Vec::<String>::new());
        assert_eq!(at(0, LIFE).check(&all, &all), Vec::<String>::new());
        assert_eq!(at(LIFE, LIFE).check(&all, &all).len(), 2, "two are still there");
        assert_eq!(at(0, LIFE - 1).check(&newer, &all).len(), 2, "two went too early");
        let torn = rows(&[("a", 0), ("a", WINDOW), ("b", WINDOW)]);
        assert_eq!(at(0, LIFE).check(&torn, &all).len(), 1);
    }
}
