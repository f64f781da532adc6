//! What a query says of one log.

use std::{cmp::Ordering, ops::Bound};

use serde_json::{Map, Value as Json};

use super::{Clause, Field, Predicate, Query, Value};
use crate::{StoredLog, words};

impl Query {
    /// Whether a log is one of those that are asked for.
    pub fn matches(&self, log: &StoredLog) -> bool {
        match self {
            Query::All => true,
            Query::Clause(clause) => clause.matches(log),
            Query::Not(excluded) => !excluded.matches(log),
            Query::And(conditions) => conditions.iter().all(|condition| condition.matches(log)),
            Query::Or(alternatives) => alternatives.iter().any(|alternative| alternative.matches(log)),
        }
    }
}

impl Clause {
    fn matches(&self, log: &StoredLog) -> bool {
        let asked = &self.predicate;
        match &self.field {
            Field::Message => full_text(asked, &log.message),
            Field::Service => name(asked, Some(&log.service)),
            Field::Host => name(asked, log.host.as_deref()),
            Field::Id => *asked == Predicate::Exists || *asked == Predicate::Is(Value::Text(log.id.to_string())),
            Field::TraceId => id(asked, log.trace_id.as_deref()),
            Field::SpanId => id(asked, log.span_id.as_deref()),
            Field::CorrelationId => id(asked, log.correlation_id.as_deref()),
            Field::TemplateId => id(asked, Some(&log.template_id)),
            Field::Level => ordered(asked, &Value::Level(log.level)),
            Field::Timestamp => ordered(asked, &Value::Time(log.timestamp)),
            Field::Latency => log.latency_ms.is_some_and(|latency| ordered(asked, &Value::Micros(micros(latency)))),
            Field::Attribute(path) => within(&log.attributes, path, &|value| attribute(asked, value)),
        }
    }
}

fn micros(latency_ms: f64) -> u64 {
    (latency_ms * 1000.0).round() as u64
}

fn full_text(asked: &Predicate, text: &str) -> bool {
    match asked {
        Predicate::Exists => !text.is_empty(),
        Predicate::Is(Value::Text(phrase)) => {
            let phrase: Vec<_> = words(phrase).collect();
            let text: Vec<_> = words(text).collect();
            !phrase.is_empty() && text.windows(phrase.len()).any(|part| part == phrase)
        }
        Predicate::StartsWith(start) => words(text).any(|word| word.starts_with(start.as_str())),
        _ => false,
    }
}

fn name(asked: &Predicate, name: Option<&str>) -> bool {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return false };
    match asked {
        Predicate::StartsWith(start) => name.to_lowercase().starts_with(start),
        other => id(other, Some(name)),
    }
}

fn id(asked: &Predicate, id: Option<&str>) -> bool {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return false };
    match asked {
        Predicate::Exists => true,
        Predicate::Is(Value::Text(text)) => text.to_lowercase() == id.to_lowercase(),
        _ => false,
    }
}

fn ordered(asked: &Predicate, value: &Value) -> bool {
    let order = |other: &Value| value.order(other);
    match asked {
        Predicate::Exists => true,
        Predicate::Is(other) => order(other) == Some(Ordering::Equal),
        Predicate::StartsWith(_) => false,
        Predicate::Within(lower, upper) => {
            let is_above = match lower {
                Bound::Included(bound) => order(bound).is_some_and(Ordering::is_ge),
                Bound::Excluded(bound) => order(bound).is_some_and(Ordering::is_gt),
                Bound::Unbounded => true,
            };
            let is_below = match upper {
                Bound::Included(bound) => order(bound).is_some_and(Ordering::is_le),
                Bound::Excluded(bound) => order(bound).is_some_and(Ordering::is_lt),
                Bound::Unbounded => true,
            };
            is_above && is_below
        }
    }
}

/// Whether a value that goes by this name is as asked.
fn within(object: &Map<String, Json>, path: &str, asked: &impl Fn(&Json) -> bool) -> bool {
    object.iter().any(|(key, value)| match path.strip_prefix(key.as_str()) {
        Some("") => any_element(value, asked),
        Some(rest) => rest.strip_prefix('.').is_some_and(|rest| any_object(value, rest, asked)),
        None => false,
    })
}

fn any_object(value: &Json, path: &str, asked: &impl Fn(&Json) -> bool) -> bool {
    match value {
        Json::Object(object) => within(object, path, asked),
        Json::Array(elements) => elements.iter().any(|element| any_object(element, path, asked)),
        _ => false,
    }
}

fn any_element(value: &Json, asked: &impl Fn(&Json) -> bool) -> bool {
    match value {
        Json::Array(elements) => elements.iter().any(|element| any_element(element, asked)),
        other => asked(other),
    }
}

fn attribute(asked: &Predicate, value: &Json) -> bool {
    match value {
        Json::String(text) => full_text(asked, text),
        Json::Number(number) => number.as_f64().is_some_and(|number| ordered(asked, &Value::Number(number))),
        Json::Bool(truth) => match asked {
            Predicate::Exists => true,
            Predicate::Is(value) => *value == Value::Truth(*truth),
            _ => false,
        },
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}
