//! Times of day, days and dates: points that a time expression is built from. All in UTC.

use std::time::Duration;

use highwater_engine::{Timestamp, days, hours, minutes, seconds};
use jiff::civil::Date;

/// A time of day, as so much after midnight: words used, how long after midnight.
pub(super) fn of_day(words: &[&str]) -> Option<(usize, Duration)> {
    let first = words.first()?;
    let (used, time) = match *first {
        "noon" | "midday" => (1, hours(12)),
        "midnight" => (1, Duration::ZERO),
        _ => figures(words)?,
    };
    let zone = usize::from(matches!(words.get(used), Some(&("utc" | "gmt" | "z" | "o'clock"))));
    Some((used + zone, time))
}

/// `14:00`, `2pm`, `2:30 pm`.
fn figures(words: &[&str]) -> Option<(usize, Duration)> {
    let first = words.first()?.trim_end_matches('z');
    let (figures, attached) = split_half(first);
    let separate = words.get(1).copied().and_then(half).filter(|_| attached.is_none());
    let half = attached.or(separate);
    if half.is_none() && !figures.contains(':') {
        return None;
    }
    let time = hands(figures)?;
    let hour = time.as_secs() / 3600;
    let time = match half {
        None => time,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => {
            let within_half = if hour == 12 { time - hours(12) } else { time };
            within_half + if afternoon { hours(12) } else { Duration::ZERO }
        }
    };
    Some((1 + usize::from(separate.is_some()), time))
}

fn split_half(word: &str) -> (&str, Option<bool>) {
    for (end, afternoon) in [("am", false), ("pm", true), ("a.m", false), ("p.m", true)] {
        if let Some(figures) = word.strip_suffix(end) {
            return (figures, Some(afternoon));
        }
    }
    (word, None)
}

/// Whether it is the day's second half.
fn half(word: &str) -> Option<bool> {
    match word {
        "am" | "a.m" => Some(false),
        "pm" | "p.m" => Some(true),
        _ => None,
    }
}

/// `14`, `14:05`, `14:05:30`.
fn hands(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let parts: Vec<&str> = text.split(':').collect();
    let units = [(hours(1), 24), (minutes(1), 60), (seconds(1), 60)];
    if parts.len() > units.len() {
        return None;
    }
    for (place, (part, (unit, below))) in parts.iter().zip(units).enumerate() {
        let is_plain = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = part.parse::<u32>().ok().filter(|number| is_plain && *number < below)?;
        if place > 0 && part.len() != 2 {
            return None;
        }
        total += unit * number;
    }
    Some(total)
}

/// A bare hour, as in `between 2 and 3pm`.
pub(super) fn bare_hour(word: &str) -> Option<Duration> {
    let hour = word.parse::<u64>().ok().filter(|hour| *hour <= 12 && word.len() <= 2)?;
    Some(hours(hour))
}

/// A day: words used, its first instant.
pub(super) fn day(words: &[&str], now: Timestamp) -> Option<(usize, Timestamp)> {
    let today = now.align(days(1));
    let first = words.first()?;
    match words {
        ["the", "day", "before", "yesterday", ..] => return Some((4, today.minus(days(2)))),
        ["day", "before", "yesterday", ..] => return Some((3, today.minus(days(2)))),
        ["today", ..] => return Some((1, today)),
        ["yesterday", ..] => return Some((1, today.minus(days(1)))),
        ["last" | "this" | "past", name, ..] => {
            let weekday = weekday(name)?;
            let again = if *first == "last" && weekday == of_week(today) { days(7) } else { Duration::ZERO };
            return Some((2, latest(weekday, today).minus(again)));
        }
        _ => {}
    }
    if let Some(weekday) = weekday(first) {
        return Some((1, latest(weekday, today)));
    }
    if let Ok(date) = first.parse::<Date>() {
        return Some((1, start(date)?));
    }
    month_and_day(words, now)
}

/// Days since Monday.
fn of_week(day: Timestamp) -> u64 {
    // the first of 1970 was a Thursday
    (day.as_micros().div_euclid(86_400_000_000) + 3).rem_euclid(7) as u64
}

/// The latest such day that is not in the future.
fn latest(weekday: u64, today: Timestamp) -> Timestamp {
    today.minus(days((of_week(today) + 7 - weekday) % 7))
}

/// The Monday of this week.
pub(super) fn week(now: Timestamp) -> Timestamp {
    latest(0, now.align(days(1)))
}

/// The first of this month.
pub(super) fn month(now: Timestamp) -> Option<Timestamp> {
    start(date(now)?.first_of_month())
}

fn weekday(word: &str) -> Option<u64> {
    Some(match word {
        "monday" | "mon" | "mondays" => 0,
        "tuesday" | "tue" | "tues" => 1,
        "wednesday" => 2,
        "thursday" | "thu" | "thurs" => 3,
        "friday" | "fri" => 4,
        "saturday" => 5,
        "sunday" => 6,
        _ => return None,
    })
}

/// `Oct 23`, `23rd of October 2025`; without a year the latest such day.
fn month_and_day(words: &[&str], now: Timestamp) -> Option<(usize, Timestamp)> {
    let (used, month, day) = match words {
        [name, number, ..] if month_of(name).is_some() => (2, month_of(name)?, of_month(number)?),
        [number, "of", name, ..] if of_month(number).is_some() => (3, month_of(name)?, of_month(number)?),
        [number, name, ..] => (2, month_of(name)?, of_month(number)?),
        _ => return None,
    };
    let year = words.get(used).and_then(|year| year.parse::<i16>().ok()).filter(|year| (1970..=9999).contains(year));
    if let Some(year) = year {
        return Some((used + 1, start(Date::new(year, month, day).ok()?)?));
    }
    let this_year = date(now)?.year();
    let of_year = |year| Date::new(year, month, day).ok().and_then(start).filter(|at| *at <= now);
    Some((used, of_year(this_year).or_else(|| of_year(this_year - 1))?))
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is_name = |name: &&str| {
        **name == *word || (word.len() == 3 && name.starts_with(word)) || (word == "sept" && name.starts_with(word))
    };
    MONTHS.iter().position(is_name).map(|at| at as i8 + 1)
}

fn of_month(word: &str) -> Option<i8> {
    let figures = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ending = &word[figures.len()..];
    figures.parse().ok().filter(|_| matches!(ending, "" | "st" | "nd" | "rd" | "th"))
}

fn date(at: Timestamp) -> Option<Date> {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

fn start(date: Date) -> Option<Timestamp> {
    let at = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(at.timestamp().as_microsecond()))
}

/// `2025-10-23T14:00:00Z`, with any offset or none: none is UTC.
pub(super) fn instant(word: &str) -> Option<Timestamp> {
    if !word.contains('t') {
        return None;
    }
    let word = word.to_uppercase();
    word.parse().ok().or_else(|| {
        let at = word.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_micros(at.timestamp().as_microsecond()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split(' ').collect()
    }

    #[test]
    fn times_of_day_by_hand() {
        for (text, used, minutes_in) in [
            ("14:00", 1, 840),
            ("2pm", 1, 840),
            ("2:30 pm x", 2, 870),
            ("12am", 1, 0),
            ("12:15 pm", 2, 735),
            ("noon", 1, 720),
            ("09:05z", 1, 545),
            ("7:00 utc", 2, 420),
        ] {
            assert_eq!(of_day(&words(text)), Some((used, minutes(minutes_in))), "{text}");
        }
        for text in ["14", "25:00", "14:60", "13pm", "2", "1:2", "a:b", "14:00:00:00", "pm"] {
            assert_eq!(of_day(&words(text)), None, "{text}");
        }
    }

    #[test]
    fn days_by_hand() {
        // a Thursday
        let now: Timestamp = "2025-10-23T14:32:15Z".parse().unwrap();
        for (text, used, date) in [
            ("today", 1, "2025-10-23"),
            ("the day before yesterday", 4, "2025-10-21"),
            ("monday", 1, "2025-10-20"),
            ("thursday", 1, "2025-10-23"),
            ("last thursday", 2, "2025-10-16"),
            ("friday", 1, "2025-10-17"),
            ("2024-02-29", 1, "2024-02-29"),
            ("oct 20", 2, "2025-10-20"),
            ("24th of october", 3, "2024-10-24"),
            ("3 march 2021", 3, "2021-03-03"),
        ] {
            let expected: Timestamp = format!("{date}T00:00:00Z").parse().unwrap();
            assert_eq!(day(&words(text), now), Some((used, expected)), "{text}");
        }
        for text in ["may", "feb 30", "2025-13-01", "sun", "someday"] {
            assert_eq!(day(&words(text), now), None, "{text}");
        }
        assert_eq!(week(now).to_string(), "2025-10-20T00:00:00.000Z");
        assert_eq!(month(now).unwrap().to_string(), "2025-10-01T00:00:00.000Z");
        assert_eq!(instant("2025-10-23t14:00:00+02:00").unwrap().to_string(), "2025-10-23T12:00:00.000Z");
        assert_eq!(instant("2025-10-23t14:00").unwrap().to_string(), "2025-10-23T14:00:00.000Z");
        assert_eq!(instant("timeout"), None);
    }
}
