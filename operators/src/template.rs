//! [`template`]: what messages that differ only in their variables have in common.

use std::borrow::Cow;

use crate::stable_hash;

/// Longer messages are cut here, in bytes: a template is a key, and keys must stay small.
pub const MAX_TEMPLATE_BYTES: usize = 512;

/// The message with its variables masked, in one pass and without regular expressions: numbers and percentages become
/// `<num>`, numbers with a unit of time `<duration>`, dates and clock times `<time>`, UUIDs `<uuid>`, long hexadecimal or mixed
/// words `<id>`, IPv4 and IPv6 addresses with or without port `<ip>`, quoted text `<str>`. Digits inside a word are masked
/// alone (`worker-12` is `worker-<num>`). Borrowed where there is nothing to mask; cut after [`MAX_TEMPLATE_BYTES`] of the
/// message.
///
/// ```
/// use highwater_operators::template;
/// assert_eq!(template("order 4711 failed after 3 retries (12.5 ms)"), "order <num> failed after <num> retries (<num> ms)");
/// assert_eq!(template("user 'ann' from 10.0.0.7:443 timed out in 30s"), "user <str> from <ip> timed out in <duration>");
/// assert_eq!(template("trace 4bf92f3577b34da6: no such key"), "trace <id>: no such key");
/// assert!(matches!(template("connection refused"), std::borrow::Cow::Borrowed(_)));
/// ```
pub fn template(message: &str) -> Cow<'_, str> {
    let text = head(message);
    let bytes = text.as_bytes();
    let mut masked = String::new();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        let (end, mask) = match bytes[at] {
            b'"' | b'\'' | b'`' => quoted(bytes, at),
            byte if byte.is_ascii_alphanumeric() || byte == b':' => variable(bytes, at),
            _ => (at + 1, None),
        };
        match mask {
            Some(Mask::Whole(name)) => {
                masked.push_str(&text[copied..start_of(bytes, at, copied)]);
                masked.push_str(name);
                copied = end;
            }
            Some(Mask::Digits) => {
                masked.push_str(&text[copied..at]);
                mask_digits(&text[at..end], &mut masked);
                copied = end;
            }
            None => {}
        }
        at = end;
    }
    if masked.is_empty() {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

/// A stable number for the [`template`] of a message: logs that differ only in their variables share it.
///
/// ```
/// use highwater_operators::template_id;
/// assert_eq!(template_id("order 4711 failed"), template_id("order 12 failed"));
/// ```
pub fn template_id(message: &str) -> u64 {
    stable_hash(template(message).as_bytes())
}

enum Mask {
    /// The whole stands for one variable.
    Whole(&'static str),
    /// The runs of digits in it do.
    Digits,
}

/// At most [`MAX_TEMPLATE_BYTES`], cut between characters.
fn head(message: &str) -> &str {
    let mut end = message.len().min(MAX_TEMPLATE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// A sign belongs to its number where it follows nothing that it could join.
fn start_of(bytes: &[u8], at: usize, copied: usize) -> usize {
    let is_sign = at > copied && bytes[at].is_ascii_digit() && matches!(bytes[at - 1], b'-' | b'+');
    let opens = at < 2 || matches!(bytes[at - 2], b' ' | b'=' | b':' | b'(' | b'[' | b',');
    if is_sign && opens { at - 1 } else { at }
}

/// Quoted text without the end of a line in it, standing by itself: the apostrophe of "can't" opens nothing.
fn quoted(bytes: &[u8], at: usize) -> (usize, Option<Mask>) {
    let quote = bytes[at];
    let opens = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    let length = bytes[at + 1..].iter().position(|byte| *byte == quote || *byte == b'\n');
    match length.map(|length| at + 1 + length) {
        Some(end) if opens && bytes[end] == quote && !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) => {
            (end + 1, Some(Mask::Whole("<str>")))
        }
        _ => (at + 1, None),
    }
}

/// The word at `at`, and what it is a variable of, if any.
fn variable(bytes: &[u8], at: usize) -> (usize, Option<Mask>) {
    let end = end_of_word(bytes, at);
    let word = &bytes[at..end];
    if !word.iter().any(u8::is_ascii_digit) && !word.contains(&b':') {
        return (end, is_long_hex(word).then_some(Mask::Whole("<id>")));
    }
    if let Some(end) = micros(bytes, at) {
        return (end, Some(Mask::Whole("<duration>")));
    }
    if let Some(mask) = whole(word) {
        return (end, Some(Mask::Whole(mask)));
    }
    // not one variable: its first piece by itself, the others in their turn
    let piece = word.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(word.len()).max(1);
    (at + piece, piece_mask(&word[..piece]))
}

/// Letters and digits, and what may join them inside of a variable: a point, comma, hyphen or colon between two of them,
/// also two colons in a row.
fn end_of_word(bytes: &[u8], at: usize) -> usize {
    let in_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let mut end = at;
    loop {
        match bytes.get(end) {
            Some(byte) if byte.is_ascii_alphanumeric() => end += 1,
            Some(b':') if bytes.get(end + 1) == Some(&b':') => end += 2,
            Some(b'.' | b',' | b'-' | b':') if end > at && in_word(end + 1) => end += 1,
            Some(b'%') if end > at => return end + 1,
            _ => return end.max(at + 1),
        }
    }
}

/// What a whole word with a digit or colon in it is, if it is one variable.
fn whole(word: &[u8]) -> Option<&'static str> {
    if is_number(word) {
        Some("<num>")
    } else if is_time(word) {
        Some("<time>")
    } else if is_ip(word) {
        Some("<ip>")
    } else if is_duration(word) {
        Some("<duration>")
    } else if is_uuid(word) {
        Some("<uuid>")
    } else {
        None
    }
}

/// What a run of letters and digits is.
fn piece_mask(piece: &[u8]) -> Option<Mask> {
    let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return is_long_hex(piece).then_some(Mask::Whole("<id>"));
    }
    let changes = piece.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    if digits == piece.len() {
        Some(Mask::Whole("<num>"))
    } else if is_hex(piece) || is_long_hex(piece) || (piece.len() >= 6 && changes >= 3) {
        Some(Mask::Whole("<id>"))
    } else {
        Some(Mask::Digits)
    }
}

/// Digits with points and commas between them, a percent sign at most behind.
fn is_number(word: &[u8]) -> bool {
    let word = word.strip_suffix(b"%").unwrap_or(word);
    let dots = word.iter().filter(|byte| **byte == b'.').count();
    dots < 3 && word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
}

/// `0x` and hexadecimal digits.
fn is_hex(word: &[u8]) -> bool {
    word.strip_prefix(b"0x").is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_hexdigit))
}

/// Eight hexadecimal digits or more, with a figure among them or too many for a word.
fn is_long_hex(word: &[u8]) -> bool {
    word.len() >= 8
        && word.iter().all(u8::is_ascii_hexdigit)
        && (word.len() >= 16 || word.iter().any(u8::is_ascii_digit))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(word: &[u8]) -> bool {
    word.len() == 36
        && (0..).zip(word).all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Four numbers up to 255 with points between them, or hexadecimal groups with at least two colons; a port may follow the
/// former.
fn is_ip(word: &[u8]) -> bool {
    let Ok(word) = std::str::from_utf8(word) else { return false };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let v4 = match word.split_once(':') {
        Some((address, port)) => is_port(port) && address.parse::<std::net::Ipv4Addr>().is_ok(),
        None => word.parse::<std::net::Ipv4Addr>().is_ok(),
    };
    v4 || (word.contains(':') && word.len() > 2 && word.parse::<std::net::Ipv6Addr>().is_ok())
}

/// `2025-10-23`, with or without `T` and a clock time behind; or `14:32:15`, with or without a fraction or zone.
fn is_time(word: &[u8]) -> bool {
    let digits = |from: usize, to: usize| word.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let is = |at: usize, byte: u8| word.get(at) == Some(&byte);
    let date = digits(0, 4) && is(4, b'-') && digits(5, 7) && is(7, b'-') && digits(8, 10);
    let clock = |at: usize| digits(at, at + 2) && is(at + 2, b':') && digits(at + 3, at + 5);
    (date && (word.len() == 10 || (is(10, b'T') && clock(11))))
        || (clock(0) && (word.len() == 5 || (is(5, b':') && digits(6, 8))))
}

/// Numbers each with a unit of time: `30s`, `1.5ms`, `1h30m`.
fn is_duration(word: &[u8]) -> bool {
    let mut rest = word;
    while !rest.is_empty() {
        let number = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let unit = rest[number..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let known = matches!(
            &rest[number..number + unit],
            b"ns" | b"us" | b"ms" | b"s" | b"sec" | b"secs" | b"m" | b"min" | b"mins" | b"h" | b"hr" | b"hrs" | b"d"
        );
        if number == 0 || !known {
            return false;
        }
        rest = &rest[number + unit..];
    }
    !word.is_empty()
}

/// A number right before `µs`, in either of the two letters that Unicode has for it; where the unit ends.
fn micros(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let rest = &bytes[at + number..];
    let is_unit = number > 0 && ["µs", "μs"].iter().any(|unit| rest.starts_with(unit.as_bytes()));
    is_unit.then_some(at + number + "µs".len())
}

/// Copies a word with each run of digits masked.
fn mask_digits(word: &str, masked: &mut String) {
    let mut in_number = false;
    for letter in word.chars() {
        if !letter.is_ascii_digit() {
            masked.push(letter);
        } else if !in_number {
            masked.push_str("<num>");
        }
        in_number = letter.is_ascii_digit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        for (message, expected) in [
            ("", ""),
            ("plain words, nothing else.", "plain words, nothing else."),
            ("took 15ms", "took <duration>"),
            ("took 15 µs, then 12µs and 1h30m", "took <num> µs, then <duration> and <duration>"),
            ("delta -5 or +3.25, range 1-2", "delta <num> or <num>, range <num>-<num>"),
            ("usage 97.5% of 1,234,567 bytes", "usage <num> of <num> bytes"),
            ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <uuid> gone"),
            ("ptr 0x7ffe12 commit deadbeef01", "ptr <id> commit <id>"),
            ("deadbeef is a word, effaced too", "deadbeef is a word, effaced too"),
            ("from 192.168.1.10 to 10.0.0.1:8080.", "from <ip> to <ip>."),
            ("peer fe80::1 and ::1 and 2001:db8::8a2e:370:7334", "peer <ip> and <ip> and <ip>"),
            ("std::vec failed: key: value", "std::vec failed: key: value"),
            ("at 2025-10-23T14:32:15.123Z or 2025-10-23 14:32:15", "at <time> or <time> <time>"),
            ("can't open \"a b.txt\" on worker-12", "can't open <str> on worker-<num>"),
            ("order-4711-eu for user42", "order-<num>-eu for user<num>"),
            ("GET /api/v2/users/981?limit=50 -> 503", "GET /api/v<num>/users/<num>?limit=<num> -> <num>"),
            ("token a1b2c3d4e5 rejected", "token <id> rejected"),
            ("an open \"quote and 7", "an open \"quote and <num>"),
            ("Über 5 €", "Über <num> €"),
        ] {
            assert_eq!(template(message), expected, "{message}");
        }
    }

    #[test]
    fn a_template_stays_small() {
        assert!(template(&"x".repeat(10_000_000)).len() <= MAX_TEMPLATE_BYTES);
        assert!(template(&"é1".repeat(10_000)).len() <= 4 * MAX_TEMPLATE_BYTES);
    }

    proptest! {
        #[test]
        fn any_text_has_a_template(text in any::<String>()) {
            template(&text);
        }

        #[test]
        fn text_of_what_matters_has_a_template(text in "[-a-f0-9x:.,%\"' µs+T\n]{0,80}") {
            let masked = template(&text);
            prop_assert!(masked.len() <= 6 * text.len());
        }

        #[test]
        fn numbers_do_not_matter(a in any::<u32>(), b in any::<u32>()) {
            let text = |n: u32| format!("job {n} of worker-{n} failed with code={n}, {n}ms");
            let (a, b) = (text(a), text(b));
            prop_assert_eq!(template(&a), template(&b));
        }
    }
}
