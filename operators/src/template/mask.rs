//! Which stretch of a message is a variable, and of what kind. A digit counts as a digit, whichever it is: messages that
//! differ in nothing else have the same variables at the same places.

use super::{date, word};

/// What a stretch of a message stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mask {
    /// The whole is one variable.
    Whole(&'static str),
    /// The runs of digits in it are.
    Digits,
}

/// The stretch that begins at `at`: where it ends, and what it is, if it is a variable.
pub(super) fn stretch(bytes: &[u8], at: usize) -> (usize, Option<Mask>) {
    let found = match bytes[at] {
        b'"' | b'\'' | b'`' => quoted(bytes, at),
        b'/' => path(bytes, at),
        b'<' => less_than(bytes, at),
        byte if byte.is_ascii_alphanumeric() || byte == b':' => return word_at(bytes, at),
        _ => None,
    };
    found.map_or((at + 1, None), |(end, name)| (end, Some(Mask::Whole(name))))
}

/// A sign belongs to its number where it follows nothing that it could join.
pub(super) fn start_of(bytes: &[u8], at: usize, from: usize) -> usize {
    let is_sign = at > from && bytes[at].is_ascii_digit() && matches!(bytes[at - 1], b'-' | b'+');
    let opens = at < 2 || matches!(bytes[at - 2], b' ' | b'=' | b':' | b'(' | b'[' | b',' | b'_' | b'#');
    if is_sign && opens { at - 1 } else { at }
}

/// Quoted text without the end of a line in it, standing by itself: the apostrophe of "can't" opens nothing. A request as web
/// servers log it is more than a text: its method tells requests apart.
fn quoted(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let quote = bytes[at];
    let opens = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    let end = at + 1 + bytes[at + 1..].iter().position(|byte| *byte == quote || *byte == b'\n')?;
    let closes = bytes[end] == quote && !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
    (opens && closes && !is_request(&bytes[at + 1..end])).then_some((end + 1, "<str>"))
}

/// `GET /cart HTTP/1.1`: a method in capitals, and the version of the protocol at the end.
fn is_request(text: &[u8]) -> bool {
    let method = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let protocol = text.iter().rposition(|byte| *byte == b' ').map(|blank| &text[blank + 1..]);
    let ends_well = protocol.and_then(|protocol| protocol.strip_prefix(b"HTTP/")).is_some_and(|version| {
        !version.is_empty() && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    });
    method > 0 && text.get(method) == Some(&b' ') && ends_well && text.last().is_some_and(u8::is_ascii_digit)
}

/// `/var/log/syslog` and the like, where a word may begin.
fn path(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let opens = at == 0 || bytes[at - 1].is_ascii_whitespace() || b"=:,([{|>@-".contains(&bytes[at - 1]);
    let end = end_of_address(bytes, at, b"");
    (opens && bytes[at..end].iter().any(u8::is_ascii_alphanumeric)).then_some((end, "<path>"))
}

/// `<1 sec`: less than a time or size is one as well.
fn less_than(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let digits = at + 1 + word::number(&bytes[at + 1..]);
    let (end, name) = quantity(bytes, digits)?;
    (digits > at + 1).then_some((end, name))
}

/// Where a path or URL ends: before a blank, a closing or separating mark, a colon, or the full stop of a sentence.
fn end_of_address(bytes: &[u8], at: usize, also: &[u8]) -> usize {
    let is_inside = |byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"/._-~%+@#$*?&=!".contains(byte) || also.contains(byte)
    };
    let end = at + bytes[at..].iter().take_while(|byte| is_inside(byte)).count();
    let trailing = bytes[at..end].iter().rev().take_while(|byte| b".,:;?!".contains(byte)).count();
    end - trailing
}

/// The word at `at`, and what it is a variable of, if any.
fn word_at(bytes: &[u8], at: usize) -> (usize, Option<Mask>) {
    let end = end_of_word(bytes, at);
    if bytes[end..].starts_with(b"://") {
        return (end_of_address(bytes, end, b":[],;"), Some(Mask::Whole("<url>")));
    }
    if bytes[end..].starts_with(b":\\") && end == at + 1 {
        return (end_of_address(bytes, at, b":\\"), Some(Mask::Whole("<path>")));
    }
    let word = &bytes[at..end];
    if matches!(at.checked_sub(1).map(|before| bytes[before]), Some(b'@' | b'{')) {
        let hex = word.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if hex >= 5 && !word.get(hex).is_some_and(u8::is_ascii_alphanumeric) {
            return (at + hex, Some(Mask::Whole("<id>")));
        }
    }
    let number = word::number(word);
    if number > 0
        && let Some((end, name)) = quantity(bytes, at + number)
    {
        return (end, Some(Mask::Whole(name)));
    }
    if let Some((length, mask)) = word::whole(word) {
        return (at + length, Some(Mask::Whole(mask)));
    }
    if let Some(end) = date::end(bytes, at) {
        return (end, Some(Mask::Whole("<time>")));
    }
    // not one variable: its first piece by itself, the others in their turn
    let piece = word.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(word.len()).max(1);
    (at + piece, word::piece(&word[..piece]))
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
            Some(b'.' | b',' | b':') if end > at && in_word(end + 1) => end += 1,
            Some(b'-') if end > at => {
                let hyphens = bytes[end..].iter().take_while(|byte| **byte == b'-').count();
                if !in_word(end + hyphens) {
                    return end;
                }
                end += hyphens;
            }
            Some(b'%') if end > at => return end + 1,
            _ => return end.max(at + 1),
        }
    }
}

/// What a number is that ends at `at`, where a unit follows, glued or behind a blank: a time or a size. A size that is
/// said again in brackets, as in `1190 bytes (1.16 KB)`, is one.
fn quantity(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let (end, name) = unit(bytes, at)?;
    if name == "<size>" && bytes[end..].starts_with(b" (") {
        let inner = end + 2 + word::number(&bytes[end + 2..]);
        if let Some((close, "<size>")) = unit(bytes, inner).filter(|_| inner > end + 2)
            && bytes.get(close) == Some(&b')')
        {
            return Some((close + 1, "<size>"));
        }
    }
    Some((end, name))
}

fn unit(bytes: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let blank = usize::from(bytes.get(at) == Some(&b' '));
    let rest = &bytes[at + blank..];
    for micro in ["µs", "μs"] {
        if rest.starts_with(micro.as_bytes()) {
            return Some((at + blank + micro.len(), "<duration>"));
        }
    }
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = match &rest[..length] {
        b"ns" | b"us" | b"ms" | b"msec" | b"msecs" | b"sec" | b"secs" | b"second" | b"seconds" | b"millis"
        | b"milliseconds" | b"microseconds" | b"nanoseconds" | b"min" | b"mins" | b"minute" | b"minutes" | b"hour"
        | b"hours" | b"hr" | b"hrs" | b"day" | b"days" => "<duration>",
        b"s" | b"m" | b"h" | b"d" if blank == 0 => "<duration>",
        b"s" => "<duration>",
        b"byte" | b"bytes" | b"kB" | b"KB" | b"MB" | b"GB" | b"TB" | b"KiB" | b"MiB" | b"GiB" | b"TiB" => "<size>",
        b"B" | b"K" | b"M" | b"G" if blank == 0 => "<size>",
        // as in `5 B, free 9 KB`; a letter in a sentence is none
        b"B" if !matches!(bytes.get(at + 2), Some(b' ' | b'.')) => "<size>",
        _ => return None,
    };
    let end = at + blank + length;
    let goes_on =
        matches!(bytes.get(end..end + 2), Some([b'_' | b'-' | b':' | b'.', next]) if next.is_ascii_alphanumeric());
    (!goes_on).then_some((end, name))
}
