//! What the topic of alerts may say: every alert once, without blinking.

use std::collections::{BTreeMap, BTreeSet};

use crate::{horizon::Horizon, oracle::Alert, topic::Record};

/// The rule whose alerts are known beforehand.
const RULE: &str = "high_error_rate:";

/// What is wrong with the records, each partition's in their order: an alert that comes back after it went, epochs that
/// fall, an alert on errors that is missing or was not expected.
pub fn check(records: &[Record], expected: &BTreeSet<Alert>, horizon: &Horizon) -> Vec<String> {
    let mut problems = blinking(records);
    let told: BTreeSet<&str> = records.iter().map(|record| record.key.as_str()).collect();
    let due = expected.iter().filter(|alert| alert.fires_at <= horizon.low);
    let missing = due.filter(|alert| !told.contains(alert.id.as_str()));
    problems.extend(missing.map(|alert| format!("{} was never told", alert.id)));
    let known: BTreeSet<&str> = expected.iter().map(|alert| alert.id.as_str()).collect();
    let surplus = told.into_iter().filter(|id| id.starts_with(RULE) && !known.contains(id));
    problems.extend(surplus.map(|id| format!("{id} was told, but its condition never held for long enough")));
    problems
}

fn blinking(records: &[Record]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut epochs = BTreeMap::new();
    let mut gone = BTreeSet::new();
    for record in records {
        let before = epochs.insert(record.partition, record.epoch).unwrap_or(0);
        if record.epoch < before {
            problems.push(format!("{record}: its epoch comes before {before}, which the partition had already"));
        }
        if record.value.is_none() {
            gone.insert(&record.key);
        } else if gone.contains(&record.key) {
            problems.push(format!("{record}: {} blinks: it was gone", record.key));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn records(values: &[(&str, bool)]) -> Vec<Record> {
        let record = |(at, &(id, there)): (usize, &(&str, bool))| Record {
            partition: 0,
            offset: at as i64,
            key: id.to_owned(),
            value: there.then(|| json!({ "status": "firing" })),
            view: "alerts".to_owned(),
            epoch: at as u64,
        };
        values.iter().enumerate().map(record).collect()
    }

    #[test]
    fn each_is_told_and_none_blinks() {
        let due = |id: &str, fires_at| Alert { id: format!("{RULE}{id}"), fires_at };
        let expected = BTreeSet::from([due("a", 10), due("b", 30)]);
        let horizon = Horizon { low: 20, high: 40 };
        let problems = |values: &[(&str, bool)]| check(&records(values), &expected, &horizon);
        let (a, b, c) = ("high_error_rate:a", "high_error_rate:b", "high_error_rate:c");
        assert_eq!(problems(&[(a, true), (a, true), (a, false), ("slow:x", true)]), Vec::<String>::new());
        assert_eq!(problems(&[(a, true), (b, true)]), Vec::<String>::new(), "b may be told already");
        assert!(problems(&[])[0].contains("a was never told"));
        assert!(problems(&[(a, true), (c, true)])[0].contains("never held"));
        assert!(problems(&[(a, true), (a, false), (a, true)])[0].contains("blinks"));
    }
}
