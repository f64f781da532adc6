//! From logs to spans, each by itself.

use std::collections::BTreeMap;

use highwater_engine::{Level, Timestamp};
use serde_json::Value as Json;

use super::{Span, length, millis};
use crate::StoredLog;

/// What an attribute that names a span's parent is called, the first that is there.
const PARENT: [&str; 4] = ["parent_span_id", "parentSpanId", "parent.id", "parent_id"];

/// A span that logs still come to; they go by their places.
struct Draft<'a> {
    id: Option<&'a str>,
    service: &'a str,
    start: Timestamp,
    end: Timestamp,
    logs: Vec<usize>,
}

impl<'a> Draft<'a> {
    fn of(place: usize, log: &'a StoredLog) -> Self {
        let (start, end) = (began(log), log.timestamp);
        Draft { id: span_id(log), service: &log.service, start, end, logs: vec![place] }
    }

    fn join(&mut self, other: Draft<'a>) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.logs.extend(other.logs);
    }

    fn is_around(&self, moment: &Draft<'_>) -> bool {
        self.service == moment.service && self.start <= moment.start && moment.end <= self.end
    }

    fn finish(mut self, logs: &[&StoredLog]) -> Option<Span> {
        self.logs.sort_unstable();
        let own: Vec<_> = self.logs.iter().filter_map(|place| logs.get(*place)).collect();
        let id = self.id.map_or_else(|| own.first().map(|log| log.id.to_string()), |id| Some(id.to_owned()))?;
        Some(Span {
            id,
            service: self.service.to_owned(),
            start: self.start,
            duration_ms: millis(self.end.since(self.start)),
            level: own.iter().map(|log| log.level).max().unwrap_or(Level::Trace),
            parent: None,
            logs: own.iter().map(|log| log.id).collect(),
            inferred: self.id.is_none(),
        })
    }
}

/// The spans of logs that are in order, without their parents.
pub(super) fn spans(logs: &[&StoredLog]) -> Vec<Span> {
    let mut named: BTreeMap<String, Draft<'_>> = BTreeMap::new();
    let (mut spans, mut moments) = (Vec::new(), Vec::new());
    for (place, log) in logs.iter().enumerate() {
        let draft = Draft::of(place, log);
        match (draft.id, log.latency_ms) {
            (Some(id), _) => gather(&mut named, id.to_lowercase(), draft),
            (None, Some(_)) => spans.push(draft),
            (None, None) => moments.push(draft),
        }
    }
    spans.extend(named.into_values());
    let mut services: BTreeMap<&str, Draft<'_>> = BTreeMap::new();
    for moment in moments {
        let around = spans.iter_mut().filter(|span| span.is_around(&moment));
        match around.min_by_key(|span| (span.end.since(span.start), span.start, span.logs.first().copied())) {
            Some(span) => span.join(moment),
            None => gather(&mut services, moment.service, moment),
        }
    }
    spans.into_iter().chain(services.into_values()).filter_map(|span| span.finish(logs)).collect()
}

fn gather<'a, K: Ord>(drafts: &mut BTreeMap<K, Draft<'a>>, key: K, draft: Draft<'a>) {
    match drafts.get_mut(&key) {
        Some(known) => known.join(draft),
        None => {
            drafts.insert(key, draft);
        }
    }
}

/// The parents that logs name: for each span id the first, both in lower case.
pub(super) fn parents(logs: &[&StoredLog]) -> BTreeMap<String, String> {
    let mut parents = BTreeMap::new();
    for log in logs {
        if let (Some(id), Some(parent)) = (span_id(log), parent(log)) {
            parents.entry(id.to_lowercase()).or_insert_with(|| parent.to_lowercase());
        }
    }
    parents
}

fn parent(log: &StoredLog) -> Option<&str> {
    let nested = |name: &str| {
        let (outer, inner) = name.split_once('.')?;
        log.attributes.get(outer)?.get(inner)
    };
    let text = |name: &&str| log.attributes.get(*name).or_else(|| nested(name)).and_then(Json::as_str);
    PARENT.iter().filter_map(text).find(|id| !id.is_empty())
}

fn span_id(log: &StoredLog) -> Option<&str> {
    log.span_id.as_deref().filter(|id| !id.is_empty())
}

/// A latency tells how long it had been since.
fn began(log: &StoredLog) -> Timestamp {
    log.latency_ms.map_or(log.timestamp, |latency| log.timestamp.minus(length(latency)))
}
