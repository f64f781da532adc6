//! Plain text with a head: `2025-10-23 14:32:15 INFO [payment-service] message`, and what other loggers make of it.
//! A line without such a head is a message as a whole.

use std::borrow::Cow;

use super::{Format, Reason, level, timestamp};
use crate::{Level, Timestamp, log::Fields};

/// Reads a line. After the timestamp come, in either order and each optional, a level (bare or in brackets) and the
/// service: in brackets, before a colon if it looks like the name of one, or between dashes as Python writes it.
pub(super) fn parse(record: &str) -> Result<Fields<'_>, Reason> {
    let line = record.trim_end_matches(['\r', '\n']);
    let mut fields = Fields { format: Format::Plain, message: Some(Cow::Borrowed(line)), ..Fields::default() };
    let Some((at, rest)) = leading_timestamp(line)? else { return Ok(fields) };
    let head = Head::read(rest);
    fields.timestamp = Some(at);
    fields.level = head.level;
    fields.service = head.service.map(Cow::Borrowed);
    fields.message = Some(Cow::Borrowed(head.message));
    Ok(fields)
}

/// The timestamp a line begins with, and the rest.
///
/// # Errors
/// [`Reason::BadTimestamp`] for what is written as one and names no instant.
fn leading_timestamp(line: &str) -> Result<Option<(Timestamp, &str)>, Reason> {
    let (bracketed, text) = line.strip_prefix('[').map_or((false, line), |text| (true, text));
    if !text.as_bytes().first_chunk().is_some_and(written_as_timestamp) {
        return Ok(None);
    }
    // the space between date and time is part of it; the next one, or a bracket, ends it
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b']' | b'[' | b'|');
    let end = text.bytes().skip(19).position(ends).map_or(text.len(), |end| 19 + end);
    let (written, rest) = text.split_at_checked(end).ok_or(Reason::BadTimestamp)?;
    let at = timestamp::parse(written.trim_end_matches(':')).ok_or(Reason::BadTimestamp)?;
    let rest = if bracketed { rest.strip_prefix(']').unwrap_or(rest) } else { rest };
    Ok(Some((at, rest)))
}

fn written_as_timestamp(text: &[u8; 19]) -> bool {
    std::iter::zip(text, b"dddd-dd-dd.dd:dd:dd").all(|(b, pattern)| match pattern {
        b'd' => b.is_ascii_digit(),
        b'.' => matches!(b, b'T' | b't' | b' ' | b'_'),
        punctuation => b == punctuation,
    })
}

/// What stands between the timestamp and the message.
#[derive(Debug, PartialEq)]
struct Head<'a> {
    level: Option<Level>,
    service: Option<&'a str>,
    message: &'a str,
}

impl<'a> Head<'a> {
    fn read(rest: &'a str) -> Self {
        let rest = past_separators(rest);
        if let Some((level, rest)) = leading_level(rest) {
            let (service, message) = leading_service(rest);
            return Head { level: Some(level), service, message };
        }
        if let Some((service, after)) = in_brackets(rest).or_else(|| before_dash(rest))
            && let Some((level, message)) = leading_level(past_separators(after))
        {
            return Head { level: Some(level), service: Some(service), message: past_separators(message) };
        }
        let (service, message) = leading_service(rest);
        Head { level: None, service, message }
    }
}

/// Spaces, and a dash or a bar that stands by itself.
fn past_separators(text: &str) -> &str {
    let text = text.trim_start();
    ["- ", "| ", ": "].iter().find_map(|separator| text.strip_prefix(separator)).unwrap_or(text).trim_start()
}

/// `INFO`, `[INFO]`, `INFO:` or `<info>`; a single letter would be too easily a word.
fn leading_level(text: &str) -> Option<(Level, &str)> {
    let (word, rest) = match in_brackets(text) {
        Some(bracketed) => bracketed,
        None => text.split_at(text.find(|c: char| c.is_whitespace() || c == ':' || c == '|').unwrap_or(text.len())),
    };
    let word = word.trim();
    let letters = word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
    let level = letters.then(|| level::parse(word)).flatten()?;
    Some((level, rest.strip_prefix(':').unwrap_or(rest)))
}

fn leading_service(text: &str) -> (Option<&str>, &str) {
    let text = past_separators(text);
    match in_brackets(text).or_else(|| before_colon(text)) {
        Some((service, rest)) => (Some(service), past_separators(rest)),
        None => (None, text),
    }
}

/// `[payment-service] ..`
fn in_brackets(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    let inside = inside.trim();
    let word = !inside.is_empty() && !inside.contains(char::is_whitespace);
    word.then_some((inside, rest))
}

/// `payment-service: ..`: without a dash, a dot or the like within it, what stands before a colon is a word of the
/// message (`Error: ..`).
fn before_colon(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(": ")?;
    let compound = name.contains(['-', '_', '.', '/']);
    (is_name(name) && compound).then_some((name, rest))
}

/// `payment-service - ERROR - ..`, of Python's logging.
fn before_dash(text: &str) -> Option<(&str, &str)> {
    text.split_once(" - ").filter(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'$');
    !text.is_empty() && text.bytes().all(name) && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: &str = "2025-10-23T14:32:15Z";

    #[test]
    fn heads_of_many_loggers() {
        use Level::{Error, Fatal, Info, Warn};
        for (line, level, service, message) in [
            ("2025-10-23 14:32:15 INFO [payment-service] paid 3", Some(Info), "payment-service", "paid 3"),
            ("2025-10-23T14:32:15Z INFO [payment-service] paid", Some(Info), "payment-service", "paid"),
            ("2025-10-23 14:32:15,000 ERROR cart-api: out of stock", Some(Error), "cart-api", "out of stock"),
            ("2025-10-23 14:32:15.000 [WARN] [cart] slow", Some(Warn), "cart", "slow"),
            ("2025-10-23 14:32:15 [cart] WARN slow", Some(Warn), "cart", "slow"),
            ("[2025-10-23 14:32:15] [critical] [cart] gone", Some(Fatal), "cart", "gone"),
            ("2025-10-23 14:32:15,000 - cart.api - ERROR - out of stock", Some(Error), "cart.api", "out of stock"),
            ("2025-10-23T16:32:15+02:00 error: Error: it broke", Some(Error), "-", "Error: it broke"),
            ("2025-10-23 14:32:15 | INFO | hello", Some(Info), "-", "hello"),
            ("2025-10-23 14:32:15 hello there", None, "-", "hello there"),
            ("2025-10-23 14:32:15 I am here", None, "-", "I am here"),
            ("2025-10-23 14:32:15 INFO", Some(Info), "-", ""),
            ("2025-10-23 14:32:15", None, "-", ""),
            ("2025-10-23 14:32:15 INFO [a b] c\n", Some(Info), "-", "[a b] c"),
        ] {
            let fields = parse(line).unwrap();
            assert_eq!(fields.timestamp, timestamp::parse(T), "{line}");
            assert_eq!(fields.level, level, "{line}");
            assert_eq!(fields.service.as_deref().unwrap_or("-"), service, "{line}");
            assert_eq!(fields.message.as_deref(), Some(message), "{line}");
        }
    }

    #[test]
    fn a_line_without_a_head_is_its_message() {
        for line in ["", "hello", "ERROR it broke", "2025-10-23", "\tat Main.main(Main.java:5)", "12:00:00 noon", "\0"]
        {
            let fields = parse(line).unwrap();
            assert_eq!(fields.message.as_deref(), Some(line));
            assert_eq!((fields.timestamp, fields.level, fields.service), (None, None, None), "{line}");
        }
        assert_eq!(parse("windows\r\n").unwrap().message.as_deref(), Some("windows"));
    }

    #[test]
    fn a_timestamp_that_names_no_instant() {
        for line in ["2025-13-23 14:32:15 x", "2025-10-23 14:32:15.x hello", "2025-10-23 14:32:15+99:00 x"] {
            assert_eq!(parse(line), Err(Reason::BadTimestamp), "{line}");
        }
    }
}
