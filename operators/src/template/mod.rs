//! [`template`]: what messages that differ only in their variables have in common; [`pattern_texts`]: which templates
//! differ only in words that are variables too.

mod cluster;
mod date;
mod id;
mod mask;
mod miner;
mod row;
mod shapes;
mod word;

use std::borrow::Cow;

use self::mask::Mask;
pub use self::{
    cluster::pattern_texts,
    id::{ParseTemplateIdError, TemplateId},
    miner::{Mined, MinedPattern, Miner},
    row::template_shape,
};
use crate::stable_hash;

/// Longer messages are cut here, in bytes: a template is a key, and keys must stay small.
pub const MAX_TEMPLATE_BYTES: usize = 512;

/// The message with its variables masked, in one pass and without regular expressions: numbers and percentages become
/// `<num>`, those with a unit `<duration>` or `<size>`, dates and clock times `<time>`, UUIDs `<uuid>`, long hexadecimal
/// or mixed words and hardware addresses `<id>`, IP addresses `<ip>`, names of hosts `<host>`, paths `<path>`, URLs
/// `<url>`, quoted text `<str>`. Digits inside a word are masked alone (`worker-12` is `worker-<num>`). Borrowed where
/// there is nothing to mask; cut after [`MAX_TEMPLATE_BYTES`] of the message.
///
/// Which digit stands where does not matter: messages that differ in nothing else have one template.
///
/// ```
/// use highwater_operators::template;
/// assert_eq!(template("order 4711 failed after 3 retries (12.5 ms)"), "order <num> failed after <num> retries (<duration>)");
/// assert_eq!(template("user 'ann' from 10.0.0.7:443 timed out in 30s"), "user <str> from <ip>:<num> timed out in <duration>");
/// assert_eq!(template("trace 4bf92f3577b34da6: no such key"), "trace <id>: no such key");
/// assert!(matches!(template("connection refused"), std::borrow::Cow::Borrowed(_)));
/// ```
pub fn template(message: &str) -> Cow<'_, str> {
    let text = head(message);
    let bytes = text.as_bytes();
    let mut masked = String::new();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        let (end, mask) = mask::stretch(bytes, at);
        match mask {
            Some(Mask::Whole(name)) => {
                masked.push_str(&text[copied..mask::start_of(bytes, at, copied)]);
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

/// At most [`MAX_TEMPLATE_BYTES`], cut between words, or characters where one word is very long.
fn head(message: &str) -> &str {
    if message.len() <= MAX_TEMPLATE_BYTES {
        return message;
    }
    let head = &message[..message.floor_char_boundary(MAX_TEMPLATE_BYTES)];
    let cut = head.rfind(' ').filter(|blank| *blank > MAX_TEMPLATE_BYTES / 2);
    &head[..cut.unwrap_or(head.len())]
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
            ("took 15 µs, then 12µs and 1h30m", "took <duration>, then <duration> and <duration>"),
            ("lasted <1 sec, 5 days before", "lasted <duration>, <duration> before"),
            ("1190 bytes (1.16 KB) sent, 16MB left", "<size> sent, <size> left"),
            (
                "size 16.0 B, free 9 B or 7 KB; plan 9 B is next",
                "size <size>, free <num> B or <size>; plan <num> B is next",
            ),
            (
                "10.0.0.1 \"GET /a/7?b HTTP/1.1\" 200 \"-\" \"curl 8\"",
                "<ip> \"GET <path> HTTP/<num>\" <num> <str> <str>",
            ),
            ("got \"POST it\" and \"GET x HTTP/\"", "got <str> and <str>"),
            ("delta -5 or +3.25, range 1-2", "delta <num> or <num>, range <num>-<num>"),
            ("usage 97.5% of 1,234,567 bytes", "usage <num> of <size>"),
            ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <uuid> gone"),
            ("ptr 0x7ffe12 commit deadbeef01 Token{fbcdeaf}", "ptr <id> commit <id> Token{<id>}"),
            ("effaced is a word, decade too", "effaced is a word, decade too"),
            ("from 192.168.1.10 to 10.0.0.1:8080.", "from <ip> to <ip>:<num>."),
            ("peer fe80::1 and ::1 and 2001:db8::8a2e:370:7334", "peer <ip> and <ip> and <ip>"),
            ("card 00:0d:60:e9:23:6a is up", "card <id> is up"),
            ("std::vec failed: key: value", "std::vec failed: key: value"),
            ("at 2025-10-23T14:32:15.123Z or 2025-10-23 14:32:15", "at <time> or <time> <time>"),
            ("on Thu Aug 11 11:15:58 PDT 2005, may be Mon", "on <time>, may be Mon"),
            ("can't open \"a b.txt\" on worker-12", "can't open <str> on worker-<num>"),
            ("order-4711-eu for user42", "order-<num>-eu for user<num>"),
            ("GET /api/v2/users/981?limit=50 -> 503", "GET <path> -> <num>"),
            ("read /var/log/syslog: denied, and/or C:\\a\\b.txt", "read <path>: denied, and/or <path>"),
            ("see https://a.example/x?y=1, or call db-1.eu.example.com:5432", "see <url>, or call <host>:<num>"),
            ("java.lang.String in com.example.app", "java.lang.String in com.example.app"),
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
        fn which_digit_does_not_matter(text in "([0-9]{1,4}|[-a-fx:./,% T({@\"]|ms|KB| Jul |µs){0,30}") {
            let zeros: String = text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
            prop_assert_eq!(template(&text), template(&zeros));
        }

        #[test]
        fn numbers_do_not_matter(a in any::<u32>(), b in any::<u32>()) {
            let text = |n: u32| format!("job {n} of worker-{n} failed with code={n}, {n}ms");
            let (a, b) = (text(a), text(b));
            prop_assert_eq!(template(&a), template(&b));
        }
    }
}
