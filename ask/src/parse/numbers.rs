//! Numbers with a unit of time.

use std::time::Duration;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    micros: u64,
}

const fn micros(micros: u64) -> Unit {
    Unit { micros }
}

impl Unit {
    pub(super) const DAY: Unit = micros(86_400_000_000);

    pub(super) fn of(word: &str) -> Option<Unit> {
        Some(match word {
            "us" | "µs" | "μs" | "microsecond" | "microseconds" => micros(1),
            "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => micros(1_000),
            "s" | "sec" | "secs" | "second" | "seconds" => micros(1_000_000),
            "m" | "min" | "mins" | "minute" | "minutes" => micros(60_000_000),
            "h" | "hr" | "hrs" | "hour" | "hours" => micros(3_600_000_000),
            "d" | "day" | "days" => Unit::DAY,
            "w" | "wk" | "week" | "weeks" => micros(7 * Unit::DAY.micros),
            "month" | "months" => micros(30 * Unit::DAY.micros),
            "year" | "years" => micros(365 * Unit::DAY.micros),
            _ => return None,
        })
    }

    pub(super) fn millis(self) -> f64 {
        self.micros as f64 / 1e3
    }

    /// So many of it; none where that is longer than any log is kept.
    pub(super) fn times(self, number: f64) -> Option<Duration> {
        const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;
        let seconds = number * self.micros as f64 / 1e6;
        (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    }

    pub(super) fn is_a_day_or_more(self) -> bool {
        self.micros >= Unit::DAY.micros
    }
}

/// A number: figures, or a word.
pub(super) fn number(word: &str) -> Option<f64> {
    const WORDS: [&str; 13] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    if let Some(at) = WORDS.iter().position(|known| *known == word) {
        return Some(at as f64);
    }
    match word {
        "a" | "an" => Some(1.0),
        "couple" => Some(2.0),
        "few" => Some(3.0),
        "fifteen" => Some(15.0),
        "twenty" => Some(20.0),
        "thirty" => Some(30.0),
        _ => {
            let is_plain = word.len() <= 12 && word.starts_with(|c: char| c.is_ascii_digit());
            word.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
        }
    }
}

/// `15 minutes`, `15m`, `a couple of hours`, `half an hour`: words used, the unit, how many.
pub(super) fn amount(words: &[&str]) -> Option<(usize, Unit, f64)> {
    match words {
        ["half", "a" | "an", unit, ..] => return Some((3, Unit::of(unit)?, 0.5)),
        ["a", "couple" | "few", "of", unit, ..] => return Some((4, Unit::of(unit)?, number(words[1])?)),
        ["a", word @ ("couple" | "few"), unit, ..] => return Some((3, Unit::of(unit)?, number(word)?)),
        _ => {}
    }
    let first = words.first()?;
    if let Some(count) = number(first) {
        return Some((2, Unit::of(words.get(1)?)?, count));
    }
    let unit_begins = first.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (figures, unit) = first.split_at(unit_begins);
    Some((1, Unit::of(unit)?, number(figures)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_by_hand() {
        let read = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            amount(&words).and_then(|(used, unit, count)| Some((used, unit.times(count)?.as_secs_f64())))
        };
        assert_eq!(read("15 minutes"), Some((2, 900.0)));
        assert_eq!(read("1.5h ago"), Some((1, 5400.0)));
        assert_eq!(read("a couple of days"), Some((4, 172_800.0)));
        assert_eq!(read("half an hour"), Some((3, 1800.0)));
        assert_eq!(read("ten seconds"), Some((2, 10.0)));
        for text in ["15", "m", "x5m", "1e9 days", "99999999999 days", "inf s", "-3 s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
