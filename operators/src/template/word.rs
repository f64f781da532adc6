//! What a single word is.

use super::mask::Mask;

/// The length of the number that a text begins with: digits, with points and commas between them.
pub(super) fn number(text: &[u8]) -> usize {
    let mut end = 0;
    while let Some(byte) = text.get(end) {
        let joins = matches!(byte, b'.' | b',') && end > 0 && text.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !byte.is_ascii_digit() && !joins {
            break;
        }
        end += 1;
    }
    end
}

/// What a whole word is, if it is one variable: its length without a port, and what it is called.
pub(super) fn whole(word: &[u8]) -> Option<(usize, &'static str)> {
    let [mut digits, mut colons, mut dots] = [0_usize; 3];
    for byte in word {
        digits += usize::from(byte.is_ascii_digit());
        colons += usize::from(*byte == b':');
        dots += usize::from(*byte == b'.');
    }
    if digits + colons + dots == 0 {
        return is_long_hex(word).then_some((word.len(), "<id>"));
    }
    let named = |name| Some((word.len(), name));
    if digits > 0 && is_number(word) {
        return named("<num>");
    }
    if digits > 0 && is_time(word) {
        return named("<time>");
    }
    if colons > 1 && (is_ip_v6(word) || is_hardware(word)) {
        return named(if is_hardware(word) { "<id>" } else { "<ip>" });
    }
    if dots > 0 {
        let address = without_port(word);
        if is_ip_v4(address) {
            return Some((address.len(), "<ip>"));
        }
        if is_host(address) {
            return Some((address.len(), "<host>"));
        }
    }
    if is_duration(word) {
        named("<duration>")
    } else if is_uuid(word) {
        named("<uuid>")
    } else {
        None
    }
}

/// What a run of letters and digits is.
pub(super) fn piece(piece: &[u8]) -> Option<Mask> {
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

/// `0x` and hexadecimal digits. Another digit than 0 will do, since it must not matter which one stands where.
fn is_hex(word: &[u8]) -> bool {
    matches!(word, [zero, b'x', rest @ ..] if zero.is_ascii_digit() && !rest.is_empty() && rest.iter().all(u8::is_ascii_hexdigit))
}

/// Eight hexadecimal digits or more; six, if they are letters and figures.
fn is_long_hex(word: &[u8]) -> bool {
    word.len() >= 6
        && word.iter().all(u8::is_ascii_hexdigit)
        && (word.len() >= 8 || (word.iter().any(u8::is_ascii_digit) && !word.iter().all(u8::is_ascii_digit)))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(word: &[u8]) -> bool {
    word.len() == 36
        && (0..).zip(word).all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The text before a colon with digits alone behind it.
fn without_port(word: &[u8]) -> &[u8] {
    match word.iter().rposition(|byte| *byte == b':') {
        Some(colon) if word[colon + 1..].iter().all(u8::is_ascii_digit) => &word[..colon],
        _ => word,
    }
}

/// Four numbers with points between them.
fn is_ip_v4(word: &[u8]) -> bool {
    let groups = word.split(|byte| *byte == b'.');
    let is_group = |group: &[u8]| (1..=3).contains(&group.len()) && group.iter().all(u8::is_ascii_digit);
    groups.clone().count() == 4 && groups.clone().all(is_group)
}

/// Hexadecimal groups with colons between them: eight, or fewer with a gap.
fn is_ip_v6(word: &[u8]) -> bool {
    let groups = word.split(|byte| *byte == b':');
    let count = groups.clone().count();
    let has_gap = groups.clone().any(<[u8]>::is_empty);
    let is_group = |group: &[u8]| group.len() <= 4 && group.iter().all(u8::is_ascii_hexdigit);
    word.len() > 2 && groups.clone().all(is_group) && (count == 8 || (has_gap && (3..=8).contains(&count)))
}

/// The address of a network card: six pairs of hexadecimal digits or more.
fn is_hardware(word: &[u8]) -> bool {
    let pairs = word.split(|byte| *byte == b':');
    let is_pair = |pair: &[u8]| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
    pairs.clone().count() >= 6 && pairs.clone().all(is_pair)
}

/// Three names or more with points between them, in small letters, that end as those of the Internet do and do not begin
/// so, as packages of Java would.
fn is_host(word: &[u8]) -> bool {
    let mut labels = word.split(|byte| *byte == b'.');
    let is_label = |label: &[u8]| {
        !label.is_empty()
            && label.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    if labels.clone().count() < 3 || !labels.clone().all(is_label) {
        return false;
    }
    let is_domain =
        |label: &[u8]| (label.len() == 2 && label.iter().all(u8::is_ascii_lowercase)) || DOMAINS.contains(&label);
    !labels.next().is_some_and(|first| DOMAINS.contains(&first)) && labels.next_back().is_some_and(is_domain)
}

/// Names that those of hosts end with, beside the two letters of a country.
const DOMAINS: [&[u8]; 14] = [
    b"com",
    b"net",
    b"org",
    b"edu",
    b"gov",
    b"mil",
    b"info",
    b"biz",
    b"dev",
    b"cloud",
    b"local",
    b"internal",
    b"localdomain",
    b"lan",
];

/// `2025-10-23`, with or without `T` and a clock time behind; or `14:32:15`, with or without a fraction or zone.
fn is_time(word: &[u8]) -> bool {
    let digits = |from: usize, to: usize| word.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let is = |at: usize, byte: u8| word.get(at) == Some(&byte);
    let date = digits(0, 4) && is(4, b'-') && digits(5, 7) && is(7, b'-') && digits(8, 10);
    let clock = |at: usize| digits(at, at + 2) && is(at + 2, b':') && digits(at + 3, at + 5);
    (date && (word.len() == 10 || (is(10, b'T') && clock(11))))
        || (clock(0) && (word.len() == 5 || (is(5, b':') && digits(6, 8))))
}

/// Numbers each with a unit of time: `1.5ms`, `1h30m`.
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
