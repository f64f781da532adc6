//! Timestamps in the forms that logs write them: RFC 3339 and its looser relatives, and numbers since the epoch.
//!
//! What carries no offset counts as UTC. Digits beyond microseconds are cut off.

use jiff::tz::TimeZone;

use crate::Timestamp;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Reads a timestamp out of text: RFC 3339 with any offset, `2025-10-23 14:32:15[.,]123` (UTC), or a number since the
/// epoch, in the unit its magnitude tells.
///
/// ```
/// use highwater_engine::format::timestamp;
/// let t = timestamp::parse("2025-10-23T14:32:15.123Z").unwrap();
/// assert_eq!(timestamp::parse("2025-10-23 16:32:15,123456789+02:00").unwrap().as_micros(), t.as_micros() + 456);
/// assert_eq!(timestamp::parse("1761229935123"), Some(t));
/// assert_eq!(timestamp::parse("yesterday"), None);
/// ```
pub fn parse(text: &str) -> Option<Timestamp> {
    rfc3339(text.as_bytes()).or_else(|| numeric(text)).or_else(|| calendar(text))
}

/// The instant that an integer since the epoch names. Seconds reach to the year 5138 before they are taken for
/// milliseconds, and so on for microseconds and nanoseconds.
pub fn from_integer(since_epoch: i64) -> Timestamp {
    Timestamp::from_micros(match since_epoch.unsigned_abs() {
        0..100_000_000_000 => since_epoch * SECOND,
        100_000_000_000..100_000_000_000_000 => since_epoch * 1000,
        100_000_000_000_000..100_000_000_000_000_000 => since_epoch,
        _ => since_epoch.div_euclid(1000),
    })
}

/// The instant that a fraction since the epoch names, in the unit that [`from_integer`] would take; `None` for what is
/// no number or reaches beyond every unit.
pub fn from_float(since_epoch: f64) -> Option<Timestamp> {
    let micros = match since_epoch.abs() {
        size if size < 1e11 => since_epoch * 1e6,
        size if size < 1e14 => since_epoch * 1e3,
        size if size < 1e17 => since_epoch,
        size if size < 1e20 => since_epoch / 1e3,
        _ => return None,
    };
    Some(Timestamp::from_micros(micros.round() as i64))
}

fn numeric(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(integer) => Some(from_integer(integer)),
        Err(_) => from_float(text.parse().ok()?),
    }
}

/// The rare rest, by jiff: leap seconds, minutes without seconds, a zone in brackets (RFC 9557). A date alone is no
/// instant.
fn calendar(text: &str) -> Option<Timestamp> {
    if !text.contains(':') {
        return None;
    }
    let instant = text.parse().or_else(|_| TimeZone::UTC.to_timestamp(text.parse()?)).ok()?;
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

/// `YYYY-MM-DD?HH:MM:SS` at fixed places, then a fraction and an offset, each optional: the form of nearly every log,
/// so it is read with plain arithmetic on bytes.
fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_first_chunk()?;
    let at = date_and_time(head)?;
    let (fraction, rest) = match rest {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    Some(Timestamp::from_micros(at + fraction - offset(rest)?))
}

/// Microseconds since the epoch, UTC assumed. All bytes of a word are looked at together.
fn date_and_time(b: &[u8; 19]) -> Option<i64> {
    let [b0, b1, b2, b3, b4, b5, b6, b7, d0, d1, separator, clock @ ..] = *b;
    let date = two_digits([b0, b1, b2, b3, b4, b5, b6, b7], *b"0000-00-")?;
    let day = two_digits([d0, d1, 0, 0, 0, 0, 0, 0], *b"00\0\0\0\0\0\0")?[0];
    let clock = two_digits(clock, *b"00:00:00")?;
    let (year, month) = (i64::from(date[0]) * 100 + i64::from(date[2]), i64::from(date[5]));
    let [day, hour, minute, second] = [day, clock[0], clock[3], clock[6]].map(i64::from);
    let real = (1..=12).contains(&month) && day >= 1 && (day <= 28 || day <= days_in(year, month));
    let real = real && hour < 24 && minute < 60 && second < 60 && matches!(separator, b'T' | b't' | b' ' | b'_');
    real.then(|| days_from_civil(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * SECOND)
}

/// Each byte as a digit, ten times itself plus its right neighbour; `None` unless the text has digits where `like` has
/// zeros and else what `like` has.
fn two_digits(text: [u8; 8], like: [u8; 8]) -> Option<[u8; 8]> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // what a byte may be at most, as the distance to the high bit: 9 for a digit, 0 for anything else
    let slack = u64::from_le_bytes(like.map(|b| if b == b'0' { 0x80 - 10 } else { 0x80 - 1 }));
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(like);
    // a carry out of a byte needs its high bit, which condemns the text by itself
    let follows = (digits.wrapping_add(slack) | digits) & HIGH == 0;
    follows.then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
}

/// Up to nine digits after the point, as microseconds, and what follows them.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (written, rest) = text.split_at(digits);
    let value = |digits: &[u8]| digits.iter().fold(0, |value, b| value * 10 + i64::from(b - b'0'));
    match digits {
        3 => Some((value(written) * 1000, rest)),
        1..=6 => Some((value(written) * 10_i64.pow(6 - digits as u32), rest)),
        7..=9 => Some((value(&written[..6]), rest)),
        _ => None,
    }
}

/// `Z`, nothing, `+02:00`, `+0200` or `+02`, in microseconds east of Greenwich.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        b"Z" | b"z" | b"" | b" UTC" => return Some(0),
        [b'+', digits @ ..] | [b' ', b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] | [b' ', b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let two = |a: u8, b: u8| {
        let both = a.is_ascii_digit() && b.is_ascii_digit();
        both.then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let (hours, minutes) = match *digits {
        [a, b, b':', c, d] | [a, b, c, d] => (two(a, b)?, two(c, d)?),
        [a, b] => (two(a, b)?, 0),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60 * SECOND)
}

/// Days from 1970-01-01 to a date of the years 0 to 9999, proleptic Gregorian. Howard Hinnant's `days_from_civil`,
/// <https://howardhinnant.github.io/date_algorithms.html>: years begin in March, so that a leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    // -1 (January of the year 0) to 9999, so one era ahead all is positive, and 32 bits divide faster
    let (year, month, day) = ((year + 400) as u32, month as u32, day as u32);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i64::from(era * 146_097 + day_of_era) - 719_468 - 146_097
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date of RFC 3164 section 4.1.2, `Oct 11 22:14:15`: no year, no zone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Yearless {
    pub(super) month: i64,
    pub(super) day: i64,
    /// into the day, in microseconds
    pub(super) time: i64,
}

impl Yearless {
    /// In this year; `None` where it has no such day.
    pub(super) fn in_year(&self, year: i64) -> Option<Timestamp> {
        let real = (0..=9999).contains(&year) && (1..=days_in(year, self.month)).contains(&self.day);
        real.then(|| Timestamp::from_micros(days_from_civil(year, self.month, self.day) * DAY + self.time))
    }

    /// In the latest year that does not put it more than a day ahead of `now`: December read in January was last
    /// year, and a clock just ahead of a new year's eve is believed. Leap days lie eight years apart at worst.
    pub(super) fn latest(&self, now: Timestamp) -> Option<Timestamp> {
        let limit = now.as_micros().saturating_add(DAY);
        let year = 1970 + limit.div_euclid(DAY) * 400 / 146_097;
        // the mean length of a year puts the guess off by one at most
        let mut candidates = (0..=9).filter_map(|back| self.in_year(year + 1 - back));
        candidates.find(|t| t.as_micros() <= limit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(text: &str) -> Option<i64> {
        parse(text).map(Timestamp::as_micros)
    }

    const T: i64 = 1_761_229_935_000_000; // 2025-10-23T14:32:15Z

    #[test]
    fn rfc_3339_and_its_relatives() {
        for (text, expected) in [
            ("2025-10-23T14:32:15Z", T),
            ("2025-10-23t14:32:15z", T),
            ("2025-10-23 14:32:15", T),
            ("2025-10-23T14:32:15.5Z", T + 500_000),
            ("2025-10-23T14:32:15,123Z", T + 123_000),
            ("2025-10-23 14:32:15.123456", T + 123_456),
            ("2025-10-23T14:32:15.123456789Z", T + 123_456),
            ("2025-10-23T16:32:15+02:00", T),
            ("2025-10-23T20:02:15.1+0530", T + 100_000),
            ("2025-10-23T06:32:15-08", T),
            ("2025-10-23 14:32:15 UTC", T),
            ("2025-10-23 14:32:15 +0000", T),
            ("2025-10-23T14:32Z", T - 15_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
            ("2025-10-23T16:32:15+02:00[Europe/Berlin]", T),
            ("1970-01-01T00:00:00Z", 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ] {
            assert_eq!(micros(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn numbers_tell_their_unit_by_magnitude() {
        for (text, expected) in [
            ("1761229935", T),
            ("1761229935123", T + 123_000),
            ("1761229935123456", T + 123_456),
            ("1761229935123456789", T + 123_456),
            ("1761229935.25", T + 250_000),
            ("1761229935123.5", T + 123_500),
            ("-1", -1_000_000),
            ("0", 0),
        ] {
            assert_eq!(micros(text), Some(expected), "{text}");
        }
        assert_eq!(from_integer(i64::MIN).as_micros(), -9_223_372_036_854_776);
        assert_eq!(from_float(f64::NAN), None);
        assert_eq!(from_float(1e300), None);
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "-",
            "now",
            "NaN",
            "inf",
            "2025-10-23",
            "14:32:15",
            "2025-13-23T14:32:15Z",
            "2025-02-29T14:32:15Z",
            "2025-10-23T24:32:15Z",
            "2025-10-23T14:60:15Z",
            "2025-10-23T14:32:15.Z",
            "2025-10-23T14:32:15.1234567890Z",
            "2025-10-23T14:32:15+26:00",
            "2025-10-23T14:32:15+02:0",
            "2025-00-23T14:32:15Z",
            "2025-10-23T14:32:15Zulu",
            "２０２５-10-23T14:32:15Z",
            "2025/10/23 14:32:15",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_without_a_year_is_the_latest_that_is_not_ahead() {
        let at = |now: &str, month, day| {
            Yearless { month, day, time: 0 }.latest(parse(now).unwrap()).map(|t| t.to_string()[..10].to_owned())
        };
        assert_eq!(at("2026-11-20T12:00:00Z", 11, 20).unwrap(), "2026-11-20");
        assert_eq!(at("2026-01-01T00:00:05Z", 12, 31).unwrap(), "2025-12-31");
        assert_eq!(at("2025-12-31T23:59:58Z", 1, 1).unwrap(), "2026-01-01");
        assert_eq!(at("2026-11-20T12:00:00Z", 11, 22).unwrap(), "2025-11-22");
        assert_eq!(at("2026-11-20T12:00:00Z", 2, 29).unwrap(), "2024-02-29");
        assert_eq!(at("1904-02-28T12:00:00Z", 2, 29).unwrap(), "1904-02-29");
        assert_eq!(at("2026-11-20T12:00:00Z", 2, 30), None);
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(micros in -62_135_596_800_000_000_i64..253_370_764_800_000_000, offset in -1439_i32..=1439) {
            let instant = jiff::Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(parse(&instant.to_string()), Some(Timestamp::from_micros(micros)));
            let zone = jiff::tz::Offset::from_seconds(offset * 60).unwrap();
            // RFC 3339 has four digits for the year
            let Ok(Some(_)) = Ok::<_, ()>((zone.to_datetime(instant).year() > 0).then_some(())) else { return Ok(()) };
            let text = instant.display_with_offset(zone).to_string();
            prop_assert_eq!(parse(&text), Some(Timestamp::from_micros(micros)), "{}", text);
        }
    }
}
