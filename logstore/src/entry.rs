//! [`Entry`]: a log as the index takes it, without a copy.

use std::{array, iter::Flatten, sync::Arc};

use highwater_operators::stable_hash;
use serde_json::{Map, Value as Json};
use tantivy::{
    DateTime,
    schema::{
        Document, Field, Value,
        document::{ReferenceValue, ReferenceValueLeaf},
    },
};

use crate::{
    LogId, StoredLog, rest,
    room::Permit,
    schema::{Fields, Has},
    words::Words,
};

/// A log on its way into the index. Boxed, for it is moved from queue to queue.
#[derive(Debug)]
pub(crate) struct Entry(Box<Content>);

#[derive(Debug)]
struct Content {
    log: StoredLog,
    template: u64,
    micros: Option<u64>,
    stream: Arc<str>,
    rest: Vec<u8>,
    /// given back when the index is done with this
    _permit: Arc<Permit>,
}

impl Entry {
    /// A log, with the number of its template and its latency in microseconds, which it has in other units; `stream` is
    /// [that](stream) of its id.
    pub(crate) fn new(
        log: StoredLog,
        template: u64,
        micros: Option<u64>,
        stream: Arc<str>,
        permit: &Arc<Permit>,
    ) -> Self {
        let rest = rest::encode(&log);
        Entry(Box::new(Content { log, template, micros, stream, rest, _permit: permit.clone() }))
    }
}

/// The source and partition of an id, as text.
pub(crate) fn stream(id: &LogId) -> String {
    format!("{:08x}-{}", id.source, id.partition)
}

/// What an id is looked up by, whatever its case.
pub(crate) fn hash_of_id(id: &str) -> u64 {
    if id.bytes().any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase()) {
        return stable_hash(id.to_lowercase().as_bytes());
    }
    stable_hash(id.as_bytes())
}

/// A number of an attribute as an integer in the same order.
pub(crate) fn ordered(number: f64) -> i64 {
    // one zero, not two
    let bits = (number + 0.0).to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// What stands for text that says something, and has no words.
pub(crate) const WORDLESS: DateTime = DateTime::from_timestamp_secs(0);

/// Most values of an entry.
const VALUES: usize = 18;

/// A value of a field.
#[derive(Clone, Debug)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Unsigned(u64),
    Signed(i64),
    Bytes(&'a [u8]),
    Object(&'a Map<String, Json>),
    Json(&'a Json),
}

impl Document for Entry {
    type Value<'a> = Part<'a>;
    type FieldsValuesIter<'a> = Flatten<array::IntoIter<Option<(Field, Part<'a>)>, VALUES>>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let Content { log, template, micros, stream, rest, .. } = &*self.0;
        let fields = Fields::get();
        let has = |field: Has, says: bool| says.then_some((fields.has, Part::Unsigned(field as u64)));
        let hash = |field: Field, id: &Option<String>| Some((field, Part::Unsigned(hash_of_id(id.as_deref()?))));
        let attributes = Some(&log.attributes).filter(|attributes| !attributes.is_empty());
        [
            Some((fields.timestamp, Part::Signed(log.timestamp.as_micros()))),
            Some((fields.level, Part::Unsigned(log.level as u64))),
            Some((fields.service, Part::Text(&log.service))),
            micros.map(|micros| (fields.latency, Part::Unsigned(micros))),
            Some((fields.stream, Part::Text(stream))),
            Some((fields.offset, Part::Signed(log.id.next_offset))),
            hash(fields.span, &log.span_id),
            Some((fields.message, Part::Text(&log.message))),
            log.host.as_deref().map(|host| (fields.host, Part::Text(host))),
            hash(fields.trace, &log.trace_id),
            hash(fields.correlation, &log.correlation_id),
            Some((fields.template, Part::Unsigned(*template))),
            has(Has::Message, !log.message.is_empty()),
            has(Has::Host, log.host.is_some()),
            has(Has::Trace, log.trace_id.is_some()),
            has(Has::Correlation, log.correlation_id.is_some()),
            attributes.map(|attributes| (fields.attributes, Part::Object(attributes))),
            Some((fields.rest, Part::Bytes(rest))),
        ]
        .into_iter()
        .flatten()
    }
}

impl<'a> Value<'a> for Part<'a> {
    type ArrayIter = Elements<'a>;
    type ObjectIter = Members<'a>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        let leaf = match *self {
            Part::Text(text) => ReferenceValueLeaf::Str(text),
            Part::Unsigned(number) => ReferenceValueLeaf::U64(number),
            Part::Signed(number) => ReferenceValueLeaf::I64(number),
            Part::Bytes(bytes) => ReferenceValueLeaf::Bytes(bytes),
            Part::Object(object) => return ReferenceValue::Object(Members(object.iter())),
            Part::Json(Json::Object(object)) => return ReferenceValue::Object(Members(object.iter())),
            Part::Json(Json::Array(elements)) => return ReferenceValue::Array(Elements(elements.iter())),
            Part::Json(Json::Bool(truth)) => ReferenceValueLeaf::Bool(*truth),
            Part::Json(Json::Number(number)) => {
                number.as_f64().map_or(ReferenceValueLeaf::Null, |number| ReferenceValueLeaf::I64(ordered(number)))
            }
            Part::Json(Json::String(text)) if text.is_empty() => ReferenceValueLeaf::Null,
            Part::Json(Json::String(text)) if Words::of(text).next_raw().is_none() => {
                ReferenceValueLeaf::Date(WORDLESS)
            }
            Part::Json(Json::String(text)) => ReferenceValueLeaf::Str(text),
            Part::Json(Json::Null) => ReferenceValueLeaf::Null,
        };
        ReferenceValue::Leaf(leaf)
    }
}

/// The elements of an array.
pub(crate) struct Elements<'a>(std::slice::Iter<'a, Json>);

impl<'a> Iterator for Elements<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Part::Json)
    }
}

/// The members of an object.
pub(crate) struct Members<'a>(serde_json::map::Iter<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), Part::Json(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order() {
        let numbers = [f64::MIN, -1e9, -2.0, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 0.1, 1.0, 1.5, 2e18, f64::MAX];
        assert!(numbers.map(ordered).is_sorted());
        assert_eq!(ordered(-0.0), ordered(0.0));
    }
}
