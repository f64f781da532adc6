//! Log formats: from the bytes of one record to [`Fields`], or the [`Reason`] why not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::log::Fields;

mod attributes;
mod envelope;
mod json;
mod level;
mod logfmt;
mod names;
mod plain;
mod syslog;
pub mod timestamp;

/// How a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object: flat, nested or dotted names, ECS, OTLP severities.
    Json,
    /// A shipper's JSON envelope `{"raw_log": "..", "metadata": {..}}` around a record of another format.
    Envelope,
    /// `key=value key="quoted value"`.
    Logfmt,
    /// RFC 5424 or RFC 3164.
    Syslog,
    /// `2025-10-23 14:32:15 INFO [payment-service] message`, or a bare message.
    #[default]
    Plain,
}

/// Why a record is no log. Each is a label of the dead-letter counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing but white space.
    #[error("the record is empty")]
    Empty,
    /// Not UTF-8.
    #[error("the record is not UTF-8")]
    InvalidUtf8,
    /// Longer than the limit for one record.
    #[error("the record is longer than the limit")]
    TooLong,
    /// Starts like JSON and is not.
    #[error("the record starts like a JSON object and is not one")]
    InvalidJson,
    /// Nested deeper than the limit.
    #[error("the record's JSON nests deeper than 64 levels")]
    TooDeep,
    /// Fixed to a format that the record does not follow.
    #[error("the record is not in the format that its source is set to")]
    WrongFormat,
    /// A timestamp that cannot be read.
    #[error("the record has a timestamp that cannot be read; RFC 3339 always can")]
    BadTimestamp,
    /// Older than the retention.
    #[error("the log is older than the retention")]
    TooOld,
    /// Further in the future than clocks differ.
    #[error("the log is further in the future than clocks differ")]
    TooFarAhead,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Reason; 9] = [
        Reason::Empty,
        Reason::InvalidUtf8,
        Reason::TooLong,
        Reason::InvalidJson,
        Reason::TooDeep,
        Reason::WrongFormat,
        Reason::BadTimestamp,
        Reason::TooOld,
        Reason::TooFarAhead,
    ];

    /// The reason as a label, in snake case.
    pub const fn label(self) -> &'static str {
        match self {
            Reason::Empty => "empty",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::TooLong => "too_long",
            Reason::InvalidJson => "invalid_json",
            Reason::TooDeep => "too_deep",
            Reason::WrongFormat => "wrong_format",
            Reason::BadTimestamp => "bad_timestamp",
            Reason::TooOld => "too_old",
            Reason::TooFarAhead => "too_far_ahead",
        }
    }
}

impl Format {
    /// Another field of a record of this format, by name; dots step into nested JSON. Looked up when asked for.
    pub fn field<'a>(self, record: &'a str, name: &str) -> Option<Cow<'a, str>> {
        let text = past_mark(record).trim_start();
        match self {
            Format::Json => json::lookup(text, name),
            Format::Envelope => envelope::lookup(text, name),
            Format::Logfmt => logfmt::lookup(text, name),
            Format::Syslog => syslog::lookup(text, name),
            Format::Plain => None,
        }
    }

    /// Every field of a record of this format that does not stand for what a log has by itself, as they nest.
    pub fn attributes(self, record: &str) -> Map<String, Value> {
        let text = past_mark(record).trim_start();
        match self {
            Format::Json => json::attributes(text),
            Format::Envelope => envelope::attributes(text),
            Format::Logfmt => logfmt::attributes(text),
            Format::Syslog => syslog::attributes(text),
            Format::Plain => Map::new(),
        }
    }
}

/// Reads one record, in the format it looks like or is `fixed` to.
///
/// # Errors
/// The reason why it is no log.
pub fn parse(record: &str, fixed: Option<Format>) -> Result<Fields<'_>, Reason> {
    let record = past_mark(record);
    let text = record.trim_start();
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    match fixed {
        None if text.starts_with('{') => envelope::parse_or_json(text),
        None => parse(record, Some(detect(text).unwrap_or_default())),
        Some(Format::Json) => json::parse(text),
        Some(Format::Envelope) => envelope::parse(text),
        Some(Format::Logfmt) => logfmt::parse(text),
        Some(Format::Syslog) => syslog::parse(text),
        Some(Format::Plain) => plain::parse(record),
    }
}

/// The format a record looks like, an envelope being JSON; `None` for an empty one.
fn detect(record: &str) -> Option<Format> {
    let text = record.trim_start();
    Some(match text.as_bytes().first()? {
        b'{' => Format::Json,
        b'<' if syslog::looks_like(text) => Format::Syslog,
        _ if logfmt::looks_like(text) => Format::Logfmt,
        _ => Format::Plain,
    })
}

/// Windows tools begin a file with a byte order mark.
fn past_mark(record: &str) -> &str {
    record.strip_prefix('\u{feff}').unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        for (record, format) in [
            (r#" {"message":"x"}"#, Format::Json),
            (r#"{"raw_log":"x"}"#, Format::Envelope),
            ("level=info msg=hi", Format::Logfmt),
            ("<34>Oct 11 22:14:15 host su: x", Format::Syslog),
            ("<999>x", Format::Plain),
            ("<b>bold</b>", Format::Plain),
            ("[1]", Format::Plain),
            ("2025-10-23 14:32:15 INFO x", Format::Plain),
            ("\u{feff}{\"message\":\"x\"}", Format::Json),
            ("Ünïcode", Format::Plain),
        ] {
            assert_eq!(parse(record, None).map(|fields| fields.format), Ok(format), "{record}");
        }
        for empty in ["", " ", "\r\n", "\u{feff}", "\u{3000}"] {
            assert_eq!(parse(empty, None), Err(Reason::Empty));
        }
    }

    #[test]
    fn a_fixed_format_is_insisted_upon() {
        assert_eq!(parse("hello", Some(Format::Json)), Err(Reason::WrongFormat));
        assert_eq!(parse("[1]", Some(Format::Json)), Err(Reason::WrongFormat));
        assert_eq!(parse("{}", Some(Format::Envelope)), Err(Reason::WrongFormat));
        assert_eq!(parse("hello", Some(Format::Logfmt)), Err(Reason::WrongFormat));
        assert_eq!(parse("hello", Some(Format::Syslog)), Err(Reason::WrongFormat));
        assert_eq!(parse("{", Some(Format::Plain)).unwrap().message.as_deref(), Some("{"));
        assert_eq!(parse(r#"{"raw_log":"x"}"#, Some(Format::Json)).unwrap().format, Format::Json);
    }

    #[test]
    fn labels_are_in_snake_case_and_sentences_say_why() {
        assert_eq!(Reason::BadTimestamp.label(), "bad_timestamp");
        assert_eq!(Reason::Empty.to_string(), "the record is empty");
    }
}
