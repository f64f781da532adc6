//! [`Changelog`]: a view's topic, record by record, held against what a job that was never killed may write.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use crate::{
    horizon::{Horizon, name},
    oracle::{Counts, Row, Rows},
    time,
    topic::Record,
};

/// A view of windows whose topic is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Logs per window.
    LogVolume,
    /// Errors over logs per window.
    ErrorRate,
}

impl View {
    /// What Highwater calls it.
    pub fn name(self) -> &'static str {
        match self {
            View::LogVolume => "log_volume",
            View::ErrorRate => "error_rate",
        }
    }

    /// The numbers in a value; `None` where it has another shape.
    pub fn counts(self, value: &Value) -> Option<Counts> {
        match self {
            View::LogVolume => Some(vec![value.as_u64()?]),
            View::ErrorRate => {
                let (errors, logs) = (value.get("numerator")?.as_u64()?, value.get("denominator")?.as_u64()?);
                let rate = value.get("value")?.as_f64()?;
                // parsing may move the last digit
                ((rate - errors as f64 / logs as f64).abs() < 1e-9).then(|| vec![errors, logs])
            }
        }
    }
}

/// What a topic has told, and what is wrong with how it told it.
#[derive(Debug, Default)]
pub struct Changelog {
    /// The last value of each row that is not gone.
    pub live: Rows,
    /// The last value of each row, also of those that are gone.
    pub told: Rows,
    /// What no job writes that was never killed.
    pub problems: Vec<String>,
    gone: BTreeSet<Row>,
    epochs: BTreeMap<i32, u64>,
}

impl Changelog {
    /// Reads the records of each partition in their order.
    pub fn of(view: View, records: &[Record]) -> Self {
        let mut changelog = Changelog::default();
        for record in records {
            if let Err(problem) = changelog.read(view, record) {
                changelog.problems.push(format!("{record}: {problem}"));
            }
        }
        changelog
    }

    fn read(&mut self, view: View, record: &Record) -> Result<(), String> {
        let before = self.epochs.insert(record.partition, record.epoch).unwrap_or(0);
        let row = row_of(&record.key).ok_or("its key names no row")?;
        let counts = match &record.value {
            None => None,
            Some(value) => Some(view.counts(value).ok_or_else(|| format!("its value is {value}"))?),
        };
        let outcome = match counts {
            None => self.goes(&row),
            Some(counts) => self.becomes(row, counts),
        };
        match before.cmp(&record.epoch) {
            Ordering::Greater => Err(format!("its epoch comes before {before}, which the partition had already")),
            _ if record.view != view.name() => Err(format!("its header says view {:?}", record.view)),
            _ => outcome,
        }
    }

    fn goes(&mut self, row: &Row) -> Result<(), String> {
        self.gone.insert(row.clone());
        self.live.remove(row).map(drop).ok_or_else(|| format!("{} goes, but was not there", name(row)))
    }

    fn becomes(&mut self, row: Row, counts: Counts) -> Result<(), String> {
        let shown = name(&row);
        let came_back = self.gone.contains(&row);
        self.told.insert(row.clone(), counts.clone());
        let before = self.live.insert(row, counts.clone());
        match before {
            _ if came_back => Err(format!("{shown} comes back after its tombstone, as {counts:?}")),
            Some(before) if before == counts => Err(format!("{shown} repeats {counts:?}")),
            Some(before) if before.iter().zip(&counts).any(|(before, now)| now < before) => {
                Err(format!("{shown} falls from {before:?} to {counts:?}"))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with where it ended.
    pub fn check(&self, expected: &Rows, horizon: &Horizon) -> Vec<String> {
        let mut problems = compare(&self.told, expected);
        problems.extend(horizon.check(&self.live, expected));
        problems
    }
}

/// Each row that is missing, is too many, or counts what it should not.
pub fn compare(told: &Rows, expected: &Rows) -> Vec<String> {
    let missing = expected.iter().filter(|(row, _)| !told.contains_key(row));
    let missing = missing.map(|(row, counts)| format!("{} was never told, expected {counts:?}", name(row)));
    let wrong = told.iter().filter_map(|(row, counts)| match expected.get(row) {
        Some(expected) if expected == counts => None,
        Some(expected) => Some(format!("{} ends as {counts:?}, expected {expected:?}", name(row))),
        None => Some(format!("{} ends as {counts:?}, but no log belongs there", name(row))),
    });
    missing.chain(wrong).collect()
}

fn row_of(key: &str) -> Option<Row> {
    let key: Value = serde_json::from_str(key).ok()?;
    let service = key.get("key")?.as_str()?.to_owned();
    Some(Row { service, window: time::read(key.get("window_start")?.as_str()?)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::logs::BASE;

    /// Records of one row: an epoch and a value each.
    fn records(values: &[(u64, Option<u64>)]) -> Vec<Record> {
        let record = |(at, &(epoch, value)): (usize, &(u64, Option<u64>))| Record {
            partition: 0,
            offset: at as i64,
            key: r#"{"key":"cart","window_start":"2025-01-01T00:00:00.000Z"}"#.to_owned(),
            value: value.map(|value| json!(value)),
            view: "log_volume".to_owned(),
            epoch,
        };
        values.iter().enumerate().map(record).collect()
    }

    fn problems(values: &[(u64, Option<u64>)]) -> String {
        Changelog::of(View::LogVolume, &records(values)).problems.join("; ")
    }

    fn cart() -> Row {
        Row { service: "cart".to_owned(), window: BASE }
    }

    #[test]
    fn what_a_job_writes_that_was_never_killed() {
        let changelog =
            Changelog::of(View::LogVolume, &records(&[(1, Some(1)), (1, Some(4)), (3, Some(5)), (9, None)]));
        assert_eq!(changelog.problems, Vec::<String>::new());
        assert_eq!((changelog.live, changelog.told), (Rows::new(), Rows::from([(cart(), vec![5])])));
    }

    #[test]
    fn what_a_kill_may_not_cause() {
        for (values, says) in [
            (&[(1, Some(1)), (2, Some(1))][..], "repeats [1]"),
            (&[(1, Some(3)), (2, Some(2))], "falls from [3] to [2]"),
            (&[(1, Some(3)), (2, None), (3, Some(3))], "comes back"),
            (&[(1, None)], "was not there"),
            (&[(1, Some(3)), (2, None), (2, None)], "was not there"),
            (&[(2, Some(3)), (1, Some(4))], "comes before 2"),
        ] {
            assert!(problems(values).contains(says), "{says}: {}", problems(values));
        }
        let mut other = records(&[(1, Some(1))]);
        other[0].view = "latency".to_owned();
        assert_eq!(Changelog::of(View::LogVolume, &other).problems.len(), 1);
    }

    #[test]
    fn lost_and_counted_twice() {
        let expected = Rows::from([(cart(), vec![5])]);
        assert_eq!(compare(&expected, &expected), Vec::<String>::new());
        for told in [Rows::new(), Rows::from([(cart(), vec![4])]), Rows::from([(cart(), vec![6])])] {
            assert_eq!(compare(&told, &expected).len(), 1);
        }
        assert_eq!(compare(&expected, &Rows::new()).len(), 1);
    }

    #[test]
    fn values_have_one_shape() {
        let rate = json!({ "numerator": 1, "denominator": 4, "value": 0.25 });
        assert_eq!(View::ErrorRate.counts(&rate), Some(vec![1, 4]));
        assert_eq!(View::ErrorRate.counts(&json!({ "numerator": 1, "denominator": 4, "value": 0.5 })), None);
        assert_eq!(View::LogVolume.counts(&json!("4")), None);
    }
}
