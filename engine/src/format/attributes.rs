//! The attributes of a record: its further fields, those that do not stand for anything a log has by itself.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    json,
    names::{self, Collector, Known, LOG, MESSAGES, Number, SLOTS, Slot},
};
use crate::log::Fields;

/// The names on the way to a value.
type Path = Vec<String>;

/// A JSON object, and which of its values a log has been made from.
pub(super) struct Split {
    object: Map<String, Value>,
    /// by slot
    used: [Option<Path>; SLOTS],
}

impl Split {
    /// Takes an object apart; nothing of what is no object or too deep.
    pub(super) fn of(record: &str) -> Option<Split> {
        if json::too_deep(record.as_bytes()) {
            return None;
        }
        let read = Split::read(sonic_rs::Deserializer::from_str(record));
        // lone surrogates, as in the reading of fields
        read.or_else(|| Split::read(sonic_rs::Deserializer::from_str(record).utf8_lossy()))
    }

    fn read(mut json: sonic_rs::Deserializer<sonic_rs::Read<'_>>) -> Option<Split> {
        let mut fields = Fields::default();
        let collector = Collector::new(&mut fields);
        let mut reading = Reading { collector, used: Default::default(), path: Path::new(), structured: None };
        let value = Node { reading: &mut reading, known: None }.deserialize(&mut json).ok()?;
        reading.finish();
        match value {
            Value::Object(object) => Some(Split { object, used: reading.used }),
            _ => None,
        }
    }

    /// What is left without the values that were used; `still_used` says of which slots.
    pub(super) fn rest(self, still_used: impl Fn(Slot) -> bool) -> Map<String, Value> {
        let Split { mut object, used } = self;
        for (path, slot) in used.iter().zip(Slot::ALL) {
            if let Some(path) = path.as_ref().filter(|_| still_used(slot)) {
                remove(&mut object, path);
            }
        }
        object
    }
}

/// Takes a value out, and the objects around it that are then empty.
fn remove(object: &mut Map<String, Value>, path: &[String]) {
    let Some((name, rest)) = path.split_first() else { return };
    if !rest.is_empty()
        && let Some(Value::Object(inner)) = object.get_mut(name)
    {
        remove(inner, rest);
        if !inner.is_empty() {
            return;
        }
    }
    object.remove(name);
}

/// An object as far as it is read, judged as [`json::parse`] judges it.
struct Reading<'f> {
    collector: Collector<'f, 'static>,
    used: [Option<Path>; SLOTS],
    path: Path,
    /// the best name of a message that is an object or a list
    structured: Option<u8>,
}

impl Reading<'_> {
    fn text(&mut self, known: Known, text: &str) {
        if self.collector.wants(known) {
            self.note(known, |collector| collector.text(known, Cow::Owned(text.to_owned())));
        }
    }

    fn number(&mut self, known: Option<Known>, number: Number) {
        if let Some(known) = known {
            self.note(known, |collector| collector.number(known, number));
        }
    }

    /// Hands a value over, and notes its place if it is taken.
    fn note(&mut self, (slot, _): Known, hand_over: impl FnOnce(&mut Collector<'_, 'static>)) {
        let before = self.collector.rank(slot);
        hand_over(&mut self.collector);
        if self.collector.rank(slot) != before {
            self.used[slot as usize] = Some(self.path.clone());
        }
    }

    fn structured(&mut self, known: Option<Known>) {
        if let Some((Slot::Message, rank)) = known
            && rank != LOG
        {
            self.structured = Some(self.structured.unwrap_or(u8::MAX).min(rank));
        }
    }

    fn finish(&mut self) {
        if let Some(rank) = self.structured
            && self.collector.wants((Slot::Message, rank))
            && let Some(name) = MESSAGES.get(usize::from(rank))
        {
            self.used[Slot::Message as usize] = Some(vec![(*name).to_owned()]);
        }
    }

    /// What a name stands for, at the top or within a known object.
    fn known(&self, within: Option<Known>, name: &str) -> Option<Known> {
        match within {
            None if self.path.is_empty() => names::known(name),
            None => None,
            Some(within) => names::nested(within, name),
        }
    }
}

/// Reads one value.
struct Node<'r, 'f> {
    reading: &'r mut Reading<'f>,
    known: Option<Known>,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Value, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        if let Some(known) = self.known {
            self.reading.text(known, text);
        }
        Ok(text.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.reading.number(self.known, Number::Integer(number));
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        let integer = i64::try_from(number).map_or(Number::Float(number as f64), Number::Integer);
        self.reading.number(self.known, integer);
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        self.reading.number(self.known, Number::Float(number));
        Ok(number.into())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Value, S::Error> {
        self.reading.structured(self.known);
        let mut values = Vec::new();
        // the path is not empty, so nothing in a list is known
        while let Some(value) = list.next_element_seed(Node { reading: &mut *self.reading, known: None })? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let Node { reading, known } = self;
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let known = reading.known(known, &name);
            reading.path.push(name.clone());
            let value = map.next_value_seed(Node { reading: &mut *reading, known });
            reading.path.pop();
            let value = value?;
            if known.is_none() || !is_silent(&value) {
                object.insert(name, value);
            }
        }
        reading.structured(known);
        Ok(Value::Object(object))
    }
}

/// Whether a value says nothing. Under a known name it is no attribute either.
fn is_silent(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// A bare word as the number or truth value that it is written as. What would be written otherwise (`007`, `1e3`, a
/// hash that happens to be digits) stays text.
pub(super) fn bare(word: &str) -> Value {
    match word {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ if !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => return word.into(),
        _ => {}
    }
    let number = match word.parse::<i64>() {
        Ok(integer) => Some(integer.into()),
        Err(_) => word.parse().ok().and_then(serde_json::Number::from_f64),
    };
    number.filter(|number| number.to_string() == word).map_or_else(|| word.into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Format, parse};
    use super::*;

    fn attributes(record: &str) -> Value {
        let format = parse(record, None).unwrap().format;
        Value::Object(format.attributes(record))
    }

    #[test]
    fn what_a_log_has_by_itself_is_no_attribute() {
        let record = r#"{"timestamp":"2025-10-23T14:32:15Z","level":"warn","service":{"name":"cart","version":3},
            "message":"m","host":{"name":"h"},"trace":{"id":"t"},"latency_ms":3,
            "http":{"status":503,"tags":["a",1.5,null,true]},"big":18446744073709551615}"#;
        let http = json!({"status": 503, "tags": ["a", 1.5, null, true]});
        assert_eq!(attributes(record), json!({"service": {"version": 3}, "http": http, "big": u64::MAX}));
    }

    #[test]
    fn what_a_better_name_came_before_stays() {
        let record = r#"{"app":"worse","service":"better","request_id":"r","trace_id":"t","hostname":"second",
            "time":"2025-10-23T14:32:15Z","@timestamp":"2025-10-23T14:32:16Z","level":"loud","severity":"warn"}"#;
        let time = "2025-10-23T14:32:15Z";
        let expected = json!({"app": "worse", "request_id": "r", "time": time, "level": "loud"});
        assert_eq!(attributes(record), expected);
        // of equally good names the first is taken, and empty ones say nothing
        let record = r#"{"trace.id":"first","trace_id":"second","msg":"","message":null,"body":"m"}"#;
        assert_eq!(attributes(record), json!({"trace_id": "second"}));
    }

    #[test]
    fn a_message_that_is_an_object_is_the_message() {
        assert_eq!(attributes(r#"{"message":{"a":1},"b":2}"#), json!({"b": 2}));
        assert_eq!(attributes(r#"{"message":{"a":1},"msg":"text"}"#), json!({"msg": "text"}));
        assert_eq!(attributes(r#"{"message":"text","body":{"a":1}}"#), json!({"body": {"a": 1}}));
    }

    #[test]
    fn envelopes_letters_come_first() {
        let record = r#"{"raw_log":"{\"message\":\"m\",\"level\":\"info\",\"x\":1}","y":2,"x":3,"host":"outer",
            "metadata":{"host":"inner","level":"warn","x":4,"z":5}}"#;
        let expected = json!({"x": 1, "y": 2, "z": 5, "level": "warn", "host": "outer"});
        assert_eq!(attributes(record), expected);
    }

    #[test]
    fn pairs_are_typed_as_they_are_written() {
        let record =
            r#"level=info msg=hi n=-12 f=1.5 zip=007 e=1e3 ok=true quoted="12" flag empty= hash=123456789012345678901"#;
        let expected = json!({"n": -12, "f": 1.5, "zip": "007", "e": "1e3", "ok": true, "quoted": "12", "flag": "",
            "empty": "", "hash": "123456789012345678901"});
        assert_eq!(attributes(record), expected);
    }

    #[test]
    fn syslog_has_structured_data() {
        let record = r#"<165>1 2003-10-11T22:14:15Z host app 42 ID47 [a@1 x="3" y="q\"]"][b z="1"] text"#;
        let expected =
            json!({"facility": 20, "procid": "42", "msgid": "ID47", "a@1": {"x": "3", "y": "q\"]"}, "b": {"z": "1"}});
        assert_eq!(attributes(record), expected);
        assert_eq!(attributes("2025-10-23 14:32:15 INFO [cart] plain"), json!({}));
    }

    #[test]
    fn what_is_too_deep_has_none() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(Format::Json.attributes(&deep).is_empty());
        assert_eq!(attributes(r#"{"message":"m","s":"\ud800!"}"#), json!({"s": "\u{fffd}!"}));
    }
}
