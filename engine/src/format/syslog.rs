//! syslog: RFC 5424, and RFC 3164 as its senders understand it. Framing (RFC 6587) is the connector's.
//!
//! Own code rather than `syslog_loose`: that one takes three times as long (it allocates for every element of structured
//! data), brings a second calendar (chrono) and nom, and passes a record whose timestamp it cannot read for one of now.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Format, Reason, level, timestamp};
use crate::{Timestamp, log::Fields};

const SECOND: i64 = 1_000_000;

/// Whether a record begins with a priority, `<0>` to `<191>`.
pub(super) fn looks_like(record: &str) -> bool {
    priority(record).is_some()
}

/// Reads a record.
pub(super) fn parse(record: &str) -> Result<Fields<'_>, Reason> {
    read(record, Timestamp::now)?.fields()
}

/// A further field: of the header, by the name RFC 5424 gives it, or of the structured data, by the name of the
/// parameter or of its element and the parameter (`origin.ip`).
pub(super) fn lookup<'a>(record: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let message = read(record, Timestamp::default).ok()?;
    let header = match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "appname" => message.app,
        "procid" | "pid" => message.proc_id,
        "msgid" => message.msg_id,
        "hostname" | "host" => message.host,
        "facility" => return Some((message.priority / 8).to_string().into()),
        "severity" => return Some((message.priority % 8).to_string().into()),
        _ => None,
    };
    header.map(Cow::Borrowed).or_else(|| parameter(message.data, name))
}

/// The further fields: of the header what RFC 5424 calls FACILITY, PROCID and MSGID, and the elements of the structured
/// data as objects.
pub(super) fn attributes(record: &str) -> Map<String, Value> {
    let Ok(message) = read(record, Timestamp::default) else { return Map::new() };
    let mut attributes = Map::new();
    attributes.insert("facility".to_owned(), (message.priority / 8).into());
    for (name, value) in [("procid", message.proc_id), ("msgid", message.msg_id)] {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), value.into());
        }
    }
    for (element, name, value) in parameters(message.data) {
        let object = attributes.entry(element).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(object) = object {
            object.insert(name.to_owned(), value.into());
        }
    }
    attributes
}

/// A record, taken apart.
#[derive(Debug, Default)]
struct Message<'a> {
    priority: u8,
    at: Option<Timestamp>,
    host: Option<&'a str>,
    app: Option<&'a str>,
    proc_id: Option<&'a str>,
    msg_id: Option<&'a str>,
    /// structured data, with its brackets
    data: &'a str,
    text: &'a str,
}

impl<'a> Message<'a> {
    fn fields(self) -> Result<Fields<'a>, Reason> {
        let borrowed = |text: Option<&'a str>| text.filter(|text| !text.is_empty()).map(Cow::Borrowed);
        Ok(Fields {
            timestamp: self.at,
            level: level::from_syslog(self.priority % 8),
            service: borrowed(self.app),
            message: borrowed(Some(self.text)),
            host: borrowed(self.host),
            format: Format::Syslog,
            ..Fields::default()
        })
    }
}

fn read(record: &str, now: impl FnOnce() -> Timestamp) -> Result<Message<'_>, Reason> {
    let record = record.trim_end_matches(['\r', '\n', '\0']);
    let (priority, rest) = priority(record).ok_or(Reason::WrongFormat)?;
    let message = match rest.strip_prefix("1 ") {
        Some(rest) => rfc5424(rest)?,
        None => rfc3164(rest, now)?,
    };
    Ok(Message { priority, ..message })
}

/// `<PRI>`: facility times eight plus severity.
fn priority(record: &str) -> Option<(u8, &str)> {
    let (digits, rest) = record.strip_prefix('<')?.split_once('>')?;
    let written = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let priority = digits.parse().ok().filter(|&priority: &u8| written && priority <= 191)?;
    Some((priority, rest))
}

/// `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]`, RFC 5424 section 6; `-` stands for nothing.
fn rfc5424(header: &str) -> Result<Message<'_>, Reason> {
    let mut rest = header;
    let mut word = || {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after;
        Some(word).filter(|&word| word != "-" && !word.is_empty())
    };
    let at = word().map(|at| timestamp::parse(at).ok_or(Reason::BadTimestamp)).transpose()?;
    let (host, app, proc_id, msg_id) = (word(), word(), word(), word());
    let (data, text) = match rest.strip_prefix('-') {
        Some(text) => ("", text),
        None => rest.split_at(data_end(rest)),
    };
    let text = text.strip_prefix(' ').unwrap_or(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(Message { priority: 0, at, host, app, proc_id, msg_id, data, text })
}

/// Where structured data ends; what no bracket closes is none.
fn data_end(text: &str) -> usize {
    let mut end = 0;
    while let Some(after) = text.get(end..).and_then(|rest| rest.strip_prefix('[')) {
        let mut quoted = Quoted::default();
        match after.bytes().position(|b| !quoted.holds(b) && b == b']') {
            Some(close) => end += close + 2,
            None => break,
        }
    }
    end
}

/// Follows text byte by byte, and knows what stands between quotes.
#[derive(Default)]
struct Quoted {
    inside: bool,
    escaped: bool,
}

impl Quoted {
    /// Whether this byte belongs to a quoted value, its quotes included.
    fn holds(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.inside => self.escaped = true,
            b'"' => {
                self.inside = !self.inside;
                return true;
            }
            _ => {}
        }
        self.inside
    }
}

/// The value of a parameter of structured data, `name` or `element.name`.
fn parameter<'a>(data: &'a str, name: &str) -> Option<Cow<'a, str>> {
    parameters(data).find_map(|(element, key, value)| {
        let within = || name.strip_prefix(element).and_then(|name| name.strip_prefix('.'));
        (key == name || within() == Some(key)).then_some(value)
    })
}

/// The parameters of structured data, in order: the id of the element, the name and the value.
fn parameters(data: &str) -> impl Iterator<Item = (&str, &str, Cow<'_, str>)> {
    let (mut elements, mut element, mut rest) = (data, "", "");
    std::iter::from_fn(move || {
        loop {
            if let Some((key, quoted)) = rest.trim_start().split_once("=\"") {
                let (value, after) = quoted.split_at(value_end(quoted));
                rest = after.strip_prefix('"').unwrap_or_default();
                return Some((element, key, unescape(value)));
            }
            let text = elements.strip_prefix('[')?;
            let mut quoted = Quoted::default();
            let end = text.bytes().position(|b| !quoted.holds(b) && b == b']')?;
            let (inside, after) = text.split_at(end);
            (element, rest) = inside.split_once(' ').unwrap_or((inside, ""));
            elements = after.strip_prefix(']')?;
        }
    })
}

fn value_end(text: &str) -> usize {
    let mut quoted = Quoted { inside: true, escaped: false };
    text.bytes().position(|b| !quoted.holds(b) || !quoted.inside).unwrap_or(text.len())
}

/// RFC 5424 section 6.3.3 escapes `"`, `\` and `]`; before anything else a backslash is itself.
fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next_if(|next| matches!(next, '"' | '\\' | ']')) } else { None };
        plain.push(escaped.unwrap_or(c));
    }
    Cow::Owned(plain)
}

/// `TIMESTAMP HOSTNAME TAG[PID]: MSG`, RFC 3164 section 4.1, of which senders leave out what they please; without a
/// timestamp all is the message (section 4.3.3).
fn rfc3164(rest: &str, now: impl FnOnce() -> Timestamp) -> Result<Message<'_>, Reason> {
    let rest = rest.trim_start();
    let Some((at, rest)) = bsd_or_iso_timestamp(rest, now)? else {
        return Ok(Message { text: rest, ..Message::default() });
    };
    let rest = rest.trim_start();
    let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
    // a tag ends in a colon or names a process; then there is no host
    let (host, tagged) = if first.ends_with(':') || first.contains('[') { (None, rest) } else { (Some(first), after) };
    let (app, proc_id, text) = tag(tagged);
    Ok(Message { at: Some(at), host, app, proc_id, text, ..Message::default() })
}

/// `sshd[42]: ..`, the service, its process and the message.
fn tag(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let end = text.find(|c: char| c == ':' || c == '[' || c.is_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let (proc_id, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((proc_id, rest)) => (Some(proc_id), rest),
        None => (None, rest),
    };
    match rest.strip_prefix(':') {
        Some(message) if !name.is_empty() => (Some(name), proc_id, message.strip_prefix(' ').unwrap_or(message)),
        _ => (None, None, text),
    }
}

/// `Oct 11 22:14:15`, `Oct 11 2025 22:14:15` or, as rsyslog likes it, RFC 3339.
fn bsd_or_iso_timestamp(text: &str, now: impl FnOnce() -> Timestamp) -> Result<Option<(Timestamp, &str)>, Reason> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let (written, rest) = text.split_once(' ').unwrap_or((text, ""));
        let dated = written.len() >= 19 && written.as_bytes().get(4) == Some(&b'-');
        let at = dated.then(|| timestamp::parse(written).ok_or(Reason::BadTimestamp)).transpose()?;
        return Ok(at.map(|at| (at, rest)));
    }
    let Some((month, rest)) = month(text) else { return Ok(None) };
    let (day, rest) = number(rest.trim_start());
    let (year, rest) = match rest.strip_prefix(' ').map(number) {
        Some((year @ 1970..=9999, after)) if after.starts_with(' ') => (Some(year), after),
        _ => (None, rest),
    };
    let Some((time, rest)) = time_of_day(rest.trim_start()) else { return Ok(None) };
    let date = timestamp::Yearless { month, day, time: time? };
    let at = match year {
        Some(year) => date.in_year(year),
        None => date.latest(now()),
    };
    Ok(Some((at.ok_or(Reason::BadTimestamp)?, rest)))
}

fn month(text: &str) -> Option<(i64, &str)> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (name, rest) = text.split_at_checked(3)?;
    let before = MONTHS.chunks(3).position(|month| month.eq_ignore_ascii_case(name.as_bytes()))?;
    rest.starts_with(' ').then_some((before as i64 + 1, rest))
}

/// Up to four digits.
fn number(text: &str) -> (i64, &str) {
    let digits = text.bytes().take(4).take_while(u8::is_ascii_digit).count();
    let (written, rest) = text.split_at(digits);
    (written.parse().unwrap_or(0), rest)
}

/// `22:14:15`, perhaps with a fraction, in microseconds; the inner result is for what is written so and is no time.
fn time_of_day(text: &str) -> Option<(Result<i64, Reason>, &str)> {
    let (clock, rest) = text.split_at_checked(8)?;
    let &[h0, h1, b':', m0, m1, b':', s0, s1] = clock.as_bytes() else { return None };
    let [hours, minutes, seconds] = [[h0, h1], [m0, m1], [s0, s1]].map(two_digits);
    let (hours, minutes, seconds) = (hours?, minutes?, seconds?);
    // a leap second counts into the next minute
    let real = hours < 24 && minutes < 60 && seconds <= 60;
    let time = real.then_some(((hours * 60 + minutes) * 60 + seconds) * SECOND).ok_or(Reason::BadTimestamp);
    let (micros, rest) = rest.strip_prefix('.').map_or((0, rest), fraction);
    Some((time.map(|time| time + micros), rest.strip_prefix(':').unwrap_or(rest)))
}

fn two_digits([tens, ones]: [u8; 2]) -> Option<i64> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Digits after a point, as microseconds.
fn fraction(text: &str) -> (i64, &str) {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let micros = digits.bytes().chain(*b"000000").take(6);
    (micros.fold(0, |value, digit| value * 10 + i64::from(digit - b'0')), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn at(text: &str) -> Option<Timestamp> {
        Some(timestamp::parse(text).unwrap())
    }

    fn read_in_2026(record: &str) -> Result<Message<'_>, Reason> {
        read(record, || timestamp::parse("2026-01-15T00:00:00Z").unwrap())
    }

    #[test]
    fn the_examples_of_rfc_5424() {
        let record = "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8";
        let fields = parse(record).unwrap();
        assert_eq!(fields.timestamp, at("2003-10-11T22:14:15.003Z"));
        assert_eq!(fields.level, Some(Level::Fatal));
        assert_eq!(fields.host.as_deref(), Some("mymachine.example.com"));
        assert_eq!(fields.service.as_deref(), Some("su"));
        assert_eq!(fields.message.as_deref(), Some("'su root' failed for lonvick on /dev/pts/8"));
        assert_eq!(lookup(record, "MSGID").as_deref(), Some("ID47"));
        assert_eq!(lookup(record, "procid"), None);

        let record = "<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"App\"][examplePriority@32473 class=\"hi\\\"gh\\]\"] An event";
        assert_eq!(parse(record).unwrap().message.as_deref(), Some("An event"));
        for (name, value) in [
            ("iut", Some("3")),
            ("eventSource", Some("App")),
            ("class", Some("hi\"gh]")),
            ("examplePriority@32473.class", Some("hi\"gh]")),
            ("exampleSDID@32473.class", None),
            ("facility", Some("20")),
            ("severity", Some("5")),
            ("app_name", Some("evntslog")),
            ("none", None),
        ] {
            assert_eq!(lookup(record, name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn rfc_5424_with_little_in_it() {
        let fields = parse("<0>1 - - - - - -").unwrap();
        assert_eq!(fields, Fields { level: Some(Level::Fatal), format: Format::Syslog, ..Fields::default() });
        assert_eq!(parse("<14>1 - h a").unwrap().service.as_deref(), Some("a"));
        // structured data that nothing closes is taken for the message, rather than lost
        assert_eq!(parse("<14>1 - h a - - [x y=\"z\" oh").unwrap().message.as_deref(), Some("[x y=\"z\" oh"));
    }

    #[test]
    fn rfc_3164_and_what_senders_make_of_it() {
        for (record, time, host, app, pid, text) in [
            (
                "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
                "2025-10-11T22:14:15Z",
                "mymachine",
                "su",
                "-",
                "'su root' failed",
            ),
            ("<38>Jan  5 00:00:00 web sshd[42]: hi", "2026-01-05T00:00:00Z", "web", "sshd", "42", "hi"),
            ("<38>Jan 17 00:00:00 web sshd[42]: hi", "2025-01-17T00:00:00Z", "web", "sshd", "42", "hi"),
            ("<38>Feb 29 12:00:00 web cron: leap", "2024-02-29T12:00:00Z", "web", "cron", "-", "leap"),
            ("<38>Dec 31 23:59:59 web cron: eve", "2025-12-31T23:59:59Z", "web", "cron", "-", "eve"),
            ("<38>Mar  1 2019 10:00:00 web app: x", "2019-03-01T10:00:00Z", "web", "app", "-", "x"),
            ("<38>Mar  1 10:00:00.25 web app: x", "2025-03-01T10:00:00.25Z", "web", "app", "-", "x"),
            ("<38>2019-03-01T10:00:00+01:00 web app[1]: x", "2019-03-01T09:00:00Z", "web", "app", "1", "x"),
            ("<38>Mar  1 10:00:00 app[7]: no host", "2025-03-01T10:00:00Z", "-", "app", "7", "no host"),
            ("<38>Mar  1 10:00:00 web no tag here", "2025-03-01T10:00:00Z", "web", "-", "-", "no tag here"),
        ] {
            let message = read_in_2026(record).unwrap();
            assert_eq!(message.at, at(time), "{record}");
            let words = [message.host, message.app, message.proc_id].map(|word| word.unwrap_or("-"));
            assert_eq!((words, message.text), ([host, app, pid], text), "{record}");
        }
    }

    #[test]
    fn without_a_timestamp_all_is_the_message() {
        for (record, text) in
            [("<13>hello there", "hello there"), ("<13>", ""), ("<13>October is cold", "October is cold")]
        {
            let message = read_in_2026(record).unwrap();
            assert_eq!((message.at, message.host, message.text), (None, None, text));
        }
        assert_eq!(read_in_2026("<13>May I come in?").unwrap().text, "May I come in?");
    }

    #[test]
    fn severities() {
        let levels: Vec<_> = (0..8).map(|severity| parse(&format!("<{severity}>x")).unwrap().level.unwrap()).collect();
        use Level::{Debug, Error, Fatal, Info, Warn};
        assert_eq!(levels, [Fatal, Fatal, Fatal, Error, Warn, Info, Info, Debug]);
    }

    #[test]
    fn what_is_broken() {
        for (record, reason) in [
            ("<192>x", Reason::WrongFormat),
            ("<>x", Reason::WrongFormat),
            ("<+1>x", Reason::WrongFormat),
            ("<13 x", Reason::WrongFormat),
            ("x", Reason::WrongFormat),
            ("<13>1 soon h a - - - x", Reason::BadTimestamp),
            ("<13>Feb 30 10:00:00 h a: x", Reason::BadTimestamp),
            ("<13>Mar  1 25:00:00 h a: x", Reason::BadTimestamp),
            ("<13>2025-13-01T10:00:00Z h a: x", Reason::BadTimestamp),
        ] {
            assert_eq!(read_in_2026(record).map(|message| message.text), Err(reason), "{record}");
        }
    }
}
