//! logfmt: `key=value key="quoted value"`, as <https://brandur.org/logfmt> and go-logfmt have it. There is no standard;
//! what does not fit is passed over.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Format, Reason, attributes,
    names::{self, Collector, SLOTS},
};
use crate::log::Fields;

/// Fields that must be known by name before a record counts as logfmt unasked: prose may hold one `time=5s`.
const TELLING: usize = 2;
/// Pairs that are looked at for them.
const LOOKED_AT: usize = 16;

/// Whether this is logfmt rather than prose: it begins with a pair and has known names among its first.
pub(super) fn looks_like(record: &str) -> bool {
    let mut pairs = pairs(record).take(LOOKED_AT);
    let first = pairs.next().filter(|(key, value)| value.is_some() && is_name(key));
    let Some((first, _)) = first else { return false };
    let rest = pairs.filter(|(key, value)| value.is_some() && names::known(key).is_some());
    usize::from(names::known(first).is_some()) + rest.take(TELLING).count() >= TELLING
}

fn is_name(key: &str) -> bool {
    key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@'))
}

/// Reads a record of pairs.
pub(super) fn parse(record: &str) -> Result<Fields<'_>, Reason> {
    let mut fields = Fields { format: Format::Logfmt, ..Fields::default() };
    let mut collector = Collector::new(&mut fields);
    let mut found = false;
    for (key, value) in pairs(record) {
        let Some(value) = value else { continue };
        found = true;
        if let Some(known) = names::known(key)
            && collector.wants(known)
        {
            collector.text(known, value.unquote());
        }
    }
    collector.finish()?;
    if found { Ok(fields) } else { Err(Reason::WrongFormat) }
}

/// A further field; a key without a value has an empty one.
pub(super) fn lookup<'a>(record: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, value) = pairs(record).find(|&(key, _)| key == name)?;
    Some(value.map_or(Cow::Borrowed(""), Raw::unquote))
}

/// The further fields. Bare numbers and truth values are such, quoted ones are text.
pub(super) fn attributes(record: &str) -> Map<String, Value> {
    let mut fields = Fields::default();
    let mut collector = Collector::new(&mut fields);
    let mut used = [None; SLOTS];
    for (key, value) in pairs(record) {
        if let (Some(known), Some(value)) = (names::known(key), value) {
            let before = collector.rank(known.0);
            collector.text(known, value.unquote());
            if collector.rank(known.0) != before {
                used[known.0 as usize] = Some(key);
            }
        }
    }
    let further = pairs(record).filter(|(key, _)| !used.contains(&Some(*key)));
    let attribute = |(key, value): (&str, Option<Raw<'_>>)| match value {
        Some(Raw::Bare(word)) => (key.to_owned(), attributes::bare(word)),
        quoted => (key.to_owned(), quoted.map_or(Cow::Borrowed(""), Raw::unquote).into()),
    };
    further.map(attribute).collect()
}

/// A value as it stands in the record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Raw<'a> {
    Bare(&'a str),
    /// between the quotes
    Quoted(&'a str),
}

impl<'a> Raw<'a> {
    fn unquote(self) -> Cow<'a, str> {
        match self {
            Raw::Quoted(text) if text.contains('\\') => Cow::Owned(unescape(text)),
            Raw::Bare(text) | Raw::Quoted(text) => Cow::Borrowed(text),
        }
    }
}

/// Escapes of JSON, as go-logfmt writes them; others stand for themselves.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut chars = after.chars();
        let escape = chars.next();
        rest = chars.as_str();
        match escape {
            Some('n') => plain.push('\n'),
            Some('b') => plain.push('\u{8}'),
            Some('f') => plain.push('\u{c}'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('u') => {
                let (hex, after) = rest.split_at_checked(4).unwrap_or(("", rest));
                let code = u32::from_str_radix(hex, 16).ok();
                plain.push(code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = after;
            }
            Some(other) => plain.push(other),
            None => plain.push('\\'),
        }
    }
    plain.push_str(rest);
    plain
}

/// The pairs of a record, in order.
fn pairs(record: &str) -> impl Iterator<Item = (&str, Option<Raw<'_>>)> {
    let mut rest = record;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let key_end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_end);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            return Some((key, None));
        };
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted);
                (Raw::Quoted(quoted.get(..end)?), quoted.get(end + 1..).unwrap_or_default())
            }
            None => {
                let (bare, after) = after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
                (Raw::Bare(bare), after)
            }
        };
        rest = after;
        Some((key, Some(value)))
    })
}

/// Where quoted text ends: at the next quote that no backslash precedes, or, if someone cut it off, at the end.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|b| match b {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        b => b == b'"',
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, Timestamp};

    #[test]
    fn a_record() {
        let record = r#"time=2025-10-23T14:32:15Z level=warn service=cart msg="out of \"stock\"\n" duration=1.5ms retry trace_id=t"#;
        let fields = parse(record).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1_761_229_935_000)));
        assert_eq!(fields.level, Some(Level::Warn));
        assert_eq!(fields.service, Some(Cow::Borrowed("cart")));
        assert_eq!(fields.message.as_deref(), Some("out of \"stock\"\n"));
        assert_eq!(fields.latency_micros, Some(1500));
        assert_eq!(fields.trace_id.as_deref(), Some("t"));
        assert_eq!(lookup(record, "retry").as_deref(), Some(""));
        assert_eq!(lookup(record, "duration").as_deref(), Some("1.5ms"));
        assert_eq!(lookup(record, "none"), None);
    }

    #[test]
    fn values_of_every_kind() {
        let record = r#"a=1 b="" c= d="x y" e="cut off \"#;
        let values: Vec<_> = pairs(record).map(|(key, value)| (key, value.unwrap().unquote().into_owned())).collect();
        let expected = [("a", "1"), ("b", ""), ("c", ""), ("d", "x y"), ("e", "cut off \\")];
        assert_eq!(values, expected.map(|(key, value)| (key, value.to_owned())));
        assert_eq!(unescape(r"\u00e4\ud800\t\q"), "ä\u{fffd}\tq");
        assert_eq!(unescape(r"\u00"), "\u{fffd}00");
    }

    #[test]
    fn prose_with_an_equals_sign_is_no_logfmt() {
        for record in ["time=5s elapsed", "a=b c=d", "level info msg", "x level=info msg=hi", "=", "", "level=info"] {
            assert!(!looks_like(record), "{record}");
        }
        for record in ["level=info msg=hi", "ts=1 caller=main.go:1 level=info", r#"a=1 msg="x y" level=info"#] {
            assert!(looks_like(record), "{record}");
        }
    }

    #[test]
    fn what_is_broken() {
        assert_eq!(parse("no pairs here"), Err(Reason::WrongFormat));
        assert_eq!(parse("level=info time=soon"), Err(Reason::BadTimestamp));
    }
}
