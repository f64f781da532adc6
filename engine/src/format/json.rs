//! JSON records: one object with the fields of a log, flat, dotted or nested.
//!
//! One pass of sonic-rs over the record; text without escapes is borrowed. A `\ud800` without its other half, which
//! JavaScript writes happily, becomes U+FFFD.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use serde_json::Map;

use super::{
    Format, Reason,
    attributes::Split,
    names::{self, Collector, Known, LOG, MESSAGES, Number, Slot},
};
use crate::log::Fields;

/// Deepest nesting that is read. sonic-rs skips and looks up by recursion without a bound of its own (one million `[`
/// end the process), so no text that is deeper may reach it.
const MAX_DEPTH: usize = 64;

/// Reads a record that is one JSON object.
pub(super) fn parse(record: &str) -> Result<Fields<'_>, Reason> {
    let mut fields = Fields { format: Format::Json, ..Fields::default() };
    let mut object = Object::new(&mut fields);
    object.read(record)?;
    object.finish(record)?;
    Ok(fields)
}

/// One object, as far as it is read.
pub(super) struct Object<'f, 'a> {
    collector: Collector<'f, 'a>,
    /// an envelope's letter
    pub(super) raw_log: Option<Cow<'a, str>>,
    /// what an envelope says about its letter
    pub(super) metadata: Option<Box<Result<Fields<'a>, Reason>>>,
    /// the best name of a message that is an object or a list
    structured_message: Option<u8>,
}

impl<'f, 'a> Object<'f, 'a> {
    #[inline]
    pub(super) fn new(fields: &'f mut Fields<'a>) -> Self {
        Object { collector: Collector::new(fields), raw_log: None, metadata: None, structured_message: None }
    }

    pub(super) fn read(&mut self, record: &'a str) -> Result<(), Reason> {
        if !record.trim_ascii_start().starts_with('{') {
            return Err(Reason::WrongFormat);
        }
        if too_deep(record.as_bytes()) {
            return Err(Reason::TooDeep);
        }
        let mut read = self.read_json(sonic_rs::Deserializer::from_str(record));
        // To be lossy costs, so it is a second try; reading the same once more changes nothing of what was collected.
        if read.is_err() && record.contains("\\u") {
            read = self.read_json(sonic_rs::Deserializer::from_str(record).utf8_lossy());
        }
        read.map_err(|_| Reason::InvalidJson)
    }

    fn read_json(&mut self, mut json: sonic_rs::Deserializer<sonic_rs::Read<'a>>) -> sonic_rs::Result<()> {
        json.deserialize_any(Members { into: self, within: None })?;
        json.end()
    }

    #[inline]
    pub(super) fn finish(mut self, record: &'a str) -> Result<(), Reason> {
        if let Some(rank) = self.structured_message {
            let known = (Slot::Message, rank);
            let name = MESSAGES.get(usize::from(rank)).copied().unwrap_or_default();
            if self.collector.wants(known)
                && let Some(json) = lookup(record, name)
            {
                self.collector.text(known, json);
            }
        }
        self.collector.finish()
    }

    fn read_members<M: MapAccess<'a>>(&mut self, within: Option<Known>, mut map: M) -> Result<(), M::Error> {
        while let Some(known) = map.next_key_seed(Name { within })? {
            match known {
                Some(known) if self.collector.wants(known) => map.next_value_seed(Value { into: self, known })?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

/// Reads the members of an object, at the top or within a known one.
struct Members<'o, 'f, 'a> {
    into: &'o mut Object<'f, 'a>,
    within: Option<Known>,
}

impl<'a> Visitor<'a> for Members<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, map: M) -> Result<(), M::Error> {
        self.into.read_members(self.within, map)
    }
}

/// Reads a name, and tells what it stands for.
#[derive(Clone, Copy)]
struct Name {
    within: Option<Known>,
}

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Option<Known>;

    fn deserialize<D: Deserializer<'a>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<Known>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match self.within {
            None => names::known(name),
            Some(within) => names::nested(within, name),
        })
    }
}

/// Reads the value of a known name.
struct Value<'o, 'f, 'a> {
    into: &'o mut Object<'f, 'a>,
    known: Known,
}

impl<'a> Value<'_, '_, 'a> {
    // most values of a log are texts: a call for each would be a tenth of what reading it costs
    #[inline(always)]
    fn text(self, text: Cow<'a, str>) {
        match self.known.0 {
            Slot::RawLog => self.into.raw_log = Some(text),
            _ => self.into.collector.text(self.known, text),
        }
    }

    /// A message that is no text is kept as the JSON it is; where a better or an equal name had one, that stays.
    fn structured(self) {
        if self.known.0 == Slot::Message && self.known.1 != LOG {
            let rank = self.into.structured_message.unwrap_or(u8::MAX);
            self.into.structured_message = Some(rank.min(self.known.1));
        }
    }
}

impl<'a> DeserializeSeed<'a> for Value<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Value<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    #[inline(always)]
    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.into.collector.number(self.known, Number::Integer(number));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let number = i64::try_from(number).map_or(Number::Float(number as f64), Number::Integer);
        self.into.collector.number(self.known, number);
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.into.collector.number(self.known, Number::Float(number));
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut list: S) -> Result<(), S::Error> {
        self.structured();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, map: M) -> Result<(), M::Error> {
        if self.known.0 == Slot::Metadata {
            let mut fields = Fields::default();
            let mut metadata = Object::new(&mut fields);
            metadata.read_members(None, map)?;
            let read = metadata.collector.finish();
            self.into.metadata = Some(Box::new(read.map(|()| fields)));
            return Ok(());
        }
        self.into.read_members(Some(self.known), map)?;
        self.structured();
        Ok(())
    }
}

/// Whether objects and lists nest deeper than [`MAX_DEPTH`]. What has few brackets cannot, and to find them costs next to
/// nothing.
pub(super) fn too_deep(json: &[u8]) -> bool {
    memchr::memchr2_iter(b'{', b'[', json).nth(MAX_DEPTH).is_some() && depth_exceeds(json)
}

fn depth_exceeds(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// A value as text, by its name or by a path of names with dots between them; a name may have dots itself, as in
/// `{"kubernetes": {"labels": {"app.kubernetes.io/name": ".."}}}`. Objects and lists are given as their JSON, null as
/// nothing.
pub(super) fn lookup<'a>(record: &'a str, path: &str) -> Option<Cow<'a, str>> {
    if too_deep(record.as_bytes()) {
        return None;
    }
    text_of(find(record, path, 0)?)
}

/// The further fields of a record.
pub(super) fn attributes(record: &str) -> Map<String, serde_json::Value> {
    Split::of(record).map(|split| split.rest(|_| true)).unwrap_or_default()
}

fn find<'a>(json: &'a str, path: &str, depth: usize) -> Option<&'a str> {
    if let Some(value) = member(json, path) {
        return Some(value);
    }
    let mut dots = memchr::memchr_iter(b'.', path.as_bytes()).take(MAX_DEPTH - depth.min(MAX_DEPTH));
    dots.find_map(|dot| {
        let (name, rest) = path.split_at_checked(dot)?;
        find(member(json, name)?, rest.get(1..)?, depth + 1)
    })
}

fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    match sonic_rs::get_from_str(json, [name]).ok()?.as_raw_cow() {
        Cow::Borrowed(value) => Some(value),
        Cow::Owned(_) => None,
    }
}

fn text_of(json: &str) -> Option<Cow<'_, str>> {
    match json.strip_prefix('"') {
        None => Some(json).filter(|&json| json != "null").map(Cow::Borrowed),
        Some(text) if !text.contains('\\') => text.strip_suffix('"').map(Cow::Borrowed),
        Some(_) => {
            let mut json = sonic_rs::Deserializer::from_str(json).utf8_lossy();
            json.deserialize::<String>().ok().map(Cow::Owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, Timestamp};

    fn text<'a>(field: &'a Option<Cow<'_, str>>) -> &'a str {
        field.as_deref().unwrap_or("-")
    }

    #[test]
    fn a_flat_record() {
        let record = r#"{"timestamp":"2025-10-23T14:32:15.123Z","level":"INFO","service":"payment-service",
            "host":"pay-7f9c-2","trace_id":"4bf92f35","span_id":"00f067aa","latency_ms":12.5,"message":"charge accepted"}"#;
        let fields = parse(record).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1_761_229_935_123)));
        assert_eq!(fields.level, Some(Level::Info));
        assert_eq!(fields.latency_micros, Some(12_500));
        let texts = [&fields.service, &fields.host, &fields.trace_id, &fields.span_id, &fields.message];
        assert_eq!(texts.map(text), ["payment-service", "pay-7f9c-2", "4bf92f35", "00f067aa", "charge accepted"]);
        assert!(texts.iter().all(|text| matches!(text, Some(Cow::Borrowed(_)))));
    }

    #[test]
    fn elastic_common_schema_nested_and_dotted() {
        for record in [
            r#"{"@timestamp":"2025-10-23T14:32:15Z","log":{"level":"warn","logger":"x"},"service":{"name":"cart"},
                "host":{"name":"h1","ip":["::1"]},"trace":{"id":"t"},"span":{"id":"s"},"event":{"duration":1500000},
                "message":"m"}"#,
            r#"{"@timestamp":"2025-10-23T14:32:15Z","log.level":"warn","service.name":"cart","host.name":"h1",
                "trace.id":"t","span.id":"s","event.duration":1500000,"message":"m"}"#,
        ] {
            let fields = parse(record).unwrap();
            assert_eq!(fields.level, Some(Level::Warn));
            assert_eq!(fields.latency_micros, Some(1500));
            let texts = [&fields.service, &fields.host, &fields.trace_id, &fields.span_id, &fields.message];
            assert_eq!(texts.map(text), ["cart", "h1", "t", "s", "m"]);
        }
    }

    #[test]
    fn open_telemetry() {
        let record = r#"{"timeUnixNano":"1761229935123000000","severityNumber":17,"severityText":"","traceId":"t",
            "body":{"stringValue":"it broke"},"resource":{"service.name":"cart"}}"#;
        let fields = parse(record).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1_761_229_935_123)));
        assert_eq!(fields.level, Some(Level::Error));
        assert_eq!([&fields.message, &fields.service].map(text), ["it broke", "cart"]);
    }

    #[test]
    fn messages_that_are_no_text_keep_their_json() {
        let fields = parse(r#"{"body":{"order":{"id":7}},"level":"info"}"#).unwrap();
        assert_eq!(fields.message, Some(Cow::Borrowed(r#"{"order":{"id":7}}"#)));
        assert_eq!(text(&parse(r#"{"message":[1, 2],"msg":"text"}"#).unwrap().message), "[1, 2]");
        assert_eq!(text(&parse(r#"{"message":"text","body":{}}"#).unwrap().message), "text");
        assert_eq!(text(&parse(r#"{"message":42,"request_id":7.5}"#).unwrap().message), "42");
    }

    #[test]
    fn escapes_and_lone_surrogates() {
        let fields = parse(r#"{"message":"a \"quote\"\n\u00e4","m\u0073g":"x","host":"\ud800!"}"#).unwrap();
        assert_eq!([&fields.message, &fields.host].map(text), ["a \"quote\"\nä", "\u{fffd}!"]);
        assert_eq!(text(&parse(r#"{"\u006dsg":"x"}"#).unwrap().message), "x");
    }

    #[test]
    fn values_of_no_use_are_passed_over() {
        let fields = parse(r#"{"level":null,"service":false,"latency_ms":-1,"trace":7,"event":"x","severity":[1]}"#);
        assert_eq!(fields.unwrap(), Fields { format: Format::Json, ..Fields::default() });
        let fields = parse(r#"{"timestamp":null,"level":"loud","extra":{"a":[{}, 1e999, "\ud800"]}}"#);
        assert_eq!(fields.unwrap(), Fields { format: Format::Json, ..Fields::default() });
    }

    #[test]
    fn what_is_broken() {
        for (record, reason) in [
            ("{", Reason::InvalidJson),
            ("{}}", Reason::InvalidJson),
            (r#"{"a":1,}"#, Reason::InvalidJson),
            (r#"{"a":1} x"#, Reason::InvalidJson),
            (r#"{"message":"cut of"#, Reason::InvalidJson),
            (r#"{'message':"x"}"#, Reason::InvalidJson),
            (r#"{"latency_ms":NaN}"#, Reason::InvalidJson),
            ("{\"message\":\"nul \0\"}", Reason::InvalidJson),
            ("[1]", Reason::WrongFormat),
            ("42", Reason::WrongFormat),
            (r#"{"time":"soon"}"#, Reason::BadTimestamp),
        ] {
            assert_eq!(parse(record), Err(reason), "{record}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| format!(r#"{{"message":"x","a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH)), Err(Reason::TooDeep));
        assert_eq!(parse(&format!("{{\"a\":{}", "[".repeat(1_000_000))), Err(Reason::TooDeep));
        assert_eq!(lookup(&nested(1_000_000), "a"), None);
        // brackets in text and side by side are not deep
        assert!(parse(&format!(r#"{{"message":"\"{}","a":[{}0]}}"#, "[".repeat(999), "[],".repeat(999))).is_ok());
    }

    #[test]
    fn further_fields_by_path() {
        let record =
            r#"{"http":{"status":503,"url.path":"/pay"},"user.id":"u1","tags":["a","b"],"none":null,"s":"a\"b"}"#;
        for (path, value) in [
            ("http.status", Some("503")),
            ("http.url.path", Some("/pay")),
            ("user.id", Some("u1")),
            ("tags", Some(r#"["a","b"]"#)),
            ("s", Some("a\"b")),
            ("none", None),
            ("http.none", None),
            ("user", None),
            ("", None),
            (".", None),
            ("http.", None),
        ] {
            assert_eq!(lookup(record, path).as_deref(), value, "{path}");
        }
    }
}
