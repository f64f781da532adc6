//! A shipper's envelope, `{"raw_log": "..", "metadata": {..}}`: the record as the application wrote it, in any other
//! format, and what the shipper knows about where it came from.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Format, Reason, attributes::Split, json, names::Slot};
use crate::log::Fields;

/// Reads an envelope.
pub(super) fn parse(record: &str) -> Result<Fields<'_>, Reason> {
    let fields = parse_or_json(record)?;
    if fields.format == Format::Envelope { Ok(fields) } else { Err(Reason::WrongFormat) }
}

/// Reads JSON that may be an envelope.
pub(super) fn parse_or_json(record: &str) -> Result<Fields<'_>, Reason> {
    let mut fields = Fields { format: Format::Json, ..Fields::default() };
    let mut object = json::Object::new(&mut fields);
    object.read(record)?;
    let (letter, metadata) = (object.raw_log.take(), object.metadata.take());
    object.finish(record)?;
    if let Some(letter) = letter {
        open(letter, metadata, &mut fields)?;
    }
    Ok(fields)
}

/// The letter's fields; what it is silent about, the metadata and then the envelope itself may tell. An envelope in an
/// envelope stays closed.
fn open<'a>(
    letter: Cow<'a, str>,
    metadata: Option<Box<Result<Fields<'a>, Reason>>>,
    envelope: &mut Fields<'a>,
) -> Result<(), Reason> {
    let mut fields = match letter {
        Cow::Borrowed(letter) => parse_letter(letter)?,
        Cow::Owned(letter) => into_owned(parse_letter(&letter)?),
    };
    if let Some(metadata) = metadata {
        fill(&mut fields, (*metadata)?);
    }
    fill(&mut fields, std::mem::take(envelope));
    *envelope = Fields { format: Format::Envelope, ..fields };
    Ok(())
}

fn parse_letter(letter: &str) -> Result<Fields<'_>, Reason> {
    match super::detect(letter) {
        Some(Format::Json) => json::parse(letter),
        Some(format) => super::parse(letter, Some(format)),
        None => Err(Reason::Empty),
    }
}

fn fill<'a>(fields: &mut Fields<'a>, from: Fields<'a>) {
    fields.timestamp = fields.timestamp.or(from.timestamp);
    fields.level = fields.level.or(from.level);
    fields.latency_micros = fields.latency_micros.or(from.latency_micros);
    let texts = [
        (&mut fields.service, from.service),
        (&mut fields.message, from.message),
        (&mut fields.host, from.host),
        (&mut fields.trace_id, from.trace_id),
        (&mut fields.span_id, from.span_id),
    ];
    for (text, from) in texts {
        if text.is_none() {
            *text = from;
        }
    }
}

fn into_owned(fields: Fields<'_>) -> Fields<'static> {
    let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
    Fields {
        timestamp: fields.timestamp,
        level: fields.level,
        service: owned(fields.service),
        message: owned(fields.message),
        host: owned(fields.host),
        trace_id: owned(fields.trace_id),
        span_id: owned(fields.span_id),
        latency_micros: fields.latency_micros,
        format: fields.format,
    }
}

/// A further field: of the letter, else of the metadata, else of the envelope.
pub(super) fn lookup<'a>(record: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let inner = match json::lookup(record, "raw_log")? {
        Cow::Borrowed(letter) => letter_field(letter, name),
        Cow::Owned(letter) => letter_field(&letter, name).map(|text| Cow::Owned(text.into_owned())),
    };
    let metadata = || match json::lookup(record, "metadata")? {
        Cow::Borrowed(metadata) => json::lookup(metadata, name),
        Cow::Owned(_) => None,
    };
    inner.or_else(metadata).or_else(|| json::lookup(record, name))
}

/// The further fields: of the letter, then of the metadata, then of the envelope, each where those before are silent.
pub(super) fn attributes(record: &str) -> Map<String, Value> {
    let Some(letter) = json::lookup(record, "raw_log") else { return Map::new() };
    let mut fields = parse_letter(&letter).map(into_owned).unwrap_or_default();
    let mut attributes = super::detect(&letter).map(|format| format.attributes(&letter)).unwrap_or_default();
    let metadata = json::lookup(record, "metadata").unwrap_or_default();
    if let Some(split) = Split::of(&metadata) {
        add(&mut attributes, split.rest(|slot| is_silent(&fields, slot)));
        fill(&mut fields, json::parse(&metadata).map(into_owned).unwrap_or_default());
    }
    let mut own = Split::of(record).map(|split| split.rest(|slot| is_silent(&fields, slot))).unwrap_or_default();
    own.retain(|name, value| name != "raw_log" && !(name == "metadata" && value.is_object()));
    add(&mut attributes, own);
    attributes
}

fn add(attributes: &mut Map<String, Value>, further: Map<String, Value>) {
    for (name, value) in further {
        attributes.entry(name).or_insert(value);
    }
}

fn is_silent(fields: &Fields<'_>, slot: Slot) -> bool {
    match slot {
        Slot::Service => fields.service.is_none(),
        Slot::Message => fields.message.is_none(),
        Slot::Host => fields.host.is_none(),
        Slot::TraceId => fields.trace_id.is_none(),
        Slot::SpanId => fields.span_id.is_none(),
        Slot::Timestamp => fields.timestamp.is_none(),
        Slot::Level => fields.level.is_none(),
        Slot::Latency => fields.latency_micros.is_none(),
        Slot::Trace | Slot::Span | Slot::Event | Slot::Resource | Slot::RawLog | Slot::Metadata => false,
    }
}

fn letter_field<'a>(letter: &'a str, name: &str) -> Option<Cow<'a, str>> {
    super::detect(letter)?.field(letter, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, Timestamp};

    #[test]
    fn the_letter_first_then_the_metadata() {
        let record = r#"{"raw_log":"2025-10-23 14:32:15 ERROR [cart] out of stock",
            "metadata":{"host":"h1","service":"shipper","timestamp":"2025-10-23T14:32:16Z","zone":"eu"},"topic":"logs"}"#;
        let fields = parse(record).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1_761_229_935_000)));
        assert_eq!(fields.level, Some(Level::Error));
        assert_eq!(fields.service, Some(Cow::Borrowed("cart")));
        assert_eq!(fields.message, Some(Cow::Borrowed("out of stock")));
        assert_eq!(fields.host, Some(Cow::Borrowed("h1")));
        assert_eq!(fields.format, Format::Envelope);
        assert!(matches!(fields.message, Some(Cow::Borrowed(_))));
        assert_eq!(lookup(record, "zone").as_deref(), Some("eu"));
        assert_eq!(lookup(record, "topic").as_deref(), Some("logs"));
    }

    #[test]
    fn a_letter_in_json() {
        let record = r#"{"metadata":{"source":"nginx"},"raw_log":"{\"msg\":\"hi\",\"http\":{\"status\":200}}"}"#;
        let fields = parse_or_json(record).unwrap();
        assert_eq!(fields.message.as_deref(), Some("hi"));
        assert_eq!(fields.service.as_deref(), Some("nginx"));
        assert_eq!(lookup(record, "http.status").as_deref(), Some("200"));
        assert_eq!(lookup(record, "source").as_deref(), Some("nginx"));
    }

    #[test]
    fn a_letter_that_is_an_object_is_no_letter_but_part_of_the_record() {
        let fields = parse_or_json(r#"{"raw_log":{"message":"hi","level":"warn"}}"#).unwrap();
        assert_eq!((fields.message.as_deref(), fields.level), (Some("hi"), Some(Level::Warn)));
        assert_eq!(fields.format, Format::Json);
    }

    #[test]
    fn a_bare_message_takes_time_from_the_metadata() {
        let fields = parse(r#"{"raw_log":"started","metadata":{"timestamp":1761229935}}"#).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1_761_229_935_000)));
        assert_eq!(fields.message.as_deref(), Some("started"));
    }

    #[test]
    fn envelopes_open_once() {
        let fields = parse_or_json(r#"{"raw_log":"{\"raw_log\":\"x\"}"}"#).unwrap();
        assert_eq!((fields.format, fields.message), (Format::Envelope, None));
    }

    #[test]
    fn what_is_broken() {
        for (record, reason) in [
            ("{}", Reason::WrongFormat),
            (r#"{"raw_log":7}"#, Reason::WrongFormat),
            (r#"{"raw_log":" "}"#, Reason::Empty),
            (r#"{"raw_log":"{"}"#, Reason::InvalidJson),
            (r#"{"raw_log":"x","metadata":{"timestamp":"soon"}}"#, Reason::BadTimestamp),
        ] {
            assert_eq!(parse(record), Err(reason), "{record}");
        }
    }
}
