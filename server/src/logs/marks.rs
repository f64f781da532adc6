//! [`Marks`]: which anomalies a log lies in.

use std::collections::BTreeMap;

use highwater_engine::{Snapshot, Timestamp};
use highwater_logstore::StoredLog;
use schemars::JsonSchema;
use serde::Serialize;

use crate::anomalies;

/// The anomalies of a snapshot: those of each service, and under none those of all together.
#[derive(Default)]
pub(crate) struct Marks(BTreeMap<Option<String>, Vec<Mark>>);

struct Mark {
    start: Timestamp,
    end: Timestamp,
    id: String,
}

/// A log as answers show it: with the anomalies that it lies in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Log")]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    pub(crate) log: &'a StoredLog,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) anomalies: Vec<&'a str>,
}

impl Marks {
    /// Where no query publishes anomalies, there are none.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut marks = Marks::default();
        for found in anomalies::all(snapshot).unwrap_or_default() {
            let service = found.text("service").map(str::to_owned);
            let mark = Mark { start: found.start, end: found.end, id: found.id().to_owned() };
            marks.0.entry(service).or_default().push(mark);
        }
        marks
    }

    pub(crate) fn show<'a>(&'a self, log: &'a StoredLog) -> Shown<'a> {
        let own = self.0.get(&Some(log.service.clone()));
        let marks = own.into_iter().chain(self.0.get(&None)).flatten();
        let around = marks.filter(|mark| mark.start <= log.timestamp && log.timestamp < mark.end);
        Shown { log, anomalies: around.map(|mark| mark.id.as_str()).collect() }
    }

    pub(crate) fn show_all<'a>(&'a self, logs: &'a [StoredLog]) -> Vec<Shown<'a>> {
        logs.iter().map(|log| self.show(log)).collect()
    }
}
