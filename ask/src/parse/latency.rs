//! Durations, and comparisons with them.

use crate::answer::Latency;

use super::numbers::{Unit, amount};

/// What is slow where the question gives no figure, in milliseconds.
pub(super) const SLOW_MS: f64 = 1000.0;
/// No latency is that long: a day, in milliseconds.
const LONGEST_MS: f64 = 86_400_000.0;

enum Side {
    Over,
    Under,
}

/// Ways to compare: words, which side, whether the bound itself counts.
const COMPARISONS: [(&[&str], Side, bool); 29] = [
    (&["slower", "than"], Side::Over, false),
    (&["longer", "than"], Side::Over, false),
    (&["more", "than"], Side::Over, false),
    (&["greater", "than"], Side::Over, false),
    (&["higher", "than"], Side::Over, false),
    (&["bigger", "than"], Side::Over, false),
    (&["over"], Side::Over, false),
    (&["above"], Side::Over, false),
    (&["beyond"], Side::Over, false),
    (&["exceeding"], Side::Over, false),
    (&["exceeds"], Side::Over, false),
    (&["exceeded"], Side::Over, false),
    (&[">"], Side::Over, false),
    (&["at", "least"], Side::Over, true),
    (&["no", "less", "than"], Side::Over, true),
    (&["not", "less", "than"], Side::Over, true),
    (&[">="], Side::Over, true),
    (&["faster", "than"], Side::Under, false),
    (&["quicker", "than"], Side::Under, false),
    (&["shorter", "than"], Side::Under, false),
    (&["less", "than"], Side::Under, false),
    (&["lower", "than"], Side::Under, false),
    (&["under"], Side::Under, false),
    (&["below"], Side::Under, false),
    (&["<"], Side::Under, false),
    (&["at", "most"], Side::Under, true),
    (&["no", "more", "than"], Side::Under, true),
    (&["up", "to"], Side::Under, true),
    (&["<="], Side::Under, true),
];

/// The bounds that the words begin with, and how many words that are.
pub(super) fn find(words: &[&str]) -> Option<(usize, Latency)> {
    compared(words).or_else(|| between(words)).or_else(|| or_more(words))
}

fn compared(words: &[&str]) -> Option<(usize, Latency)> {
    let named = words.first().is_some_and(|word| word.starts_with("latency") || word.starts_with("duration"));
    let skipped = usize::from(named);
    let words = &words[skipped..];
    let (comparison, side, inclusive) = COMPARISONS.iter().find(|(comparison, ..)| words.starts_with(comparison))?;
    let (used, ms) = duration(&words[comparison.len()..], named)?;
    let used = skipped + comparison.len() + used;
    let mut latency = Latency { inclusive: *inclusive, ..Latency::default() };
    match side {
        Side::Over => latency.min_ms = Some(ms),
        Side::Under => latency.max_ms = Some(ms),
    }
    Some((used, latency))
}

/// `between 100 and 500 ms`.
fn between(words: &[&str]) -> Option<(usize, Latency)> {
    if words.first() != Some(&"between") {
        return None;
    }
    let joiner = words.iter().take(6).position(|word| matches!(*word, "and" | "to" | "-"))?;
    let (used, high) = duration(&words[joiner + 1..], false)?;
    let (_, unit, _) = amount(&words[joiner + 1..])?;
    let (low_used, number, low_unit) = bare_or_amount(&words[1..joiner], unit)?;
    let low = number * low_unit.millis();
    let is_range = low_used == joiner - 1 && low <= high;
    is_range.then_some((joiner + 1 + used, Latency { min_ms: Some(low), max_ms: Some(high), inclusive: true }))
}

fn bare_or_amount(words: &[&str], unit: Unit) -> Option<(usize, f64, Unit)> {
    if let Some((used, unit, number)) = amount(words) {
        return Some((used, number, unit));
    }
    let number = words.first()?.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    Some((1, number, unit))
}

/// `2s or more`.
fn or_more(words: &[&str]) -> Option<(usize, Latency)> {
    let (used, ms) = duration(words, false)?;
    match words[used..] {
        ["or", "more" | "longer" | "slower" | "above", ..] | ["and", "more" | "above", ..] => {
            Some((used + 2, Latency { min_ms: Some(ms), max_ms: None, inclusive: true }))
        }
        _ => None,
    }
}

/// A duration in milliseconds; not one of the past. Without a unit, it is one only where a latency was named.
fn duration(words: &[&str], named: bool) -> Option<(usize, f64)> {
    let (used, ms) = match amount(words) {
        Some((used, unit, number)) => (used, number * unit.millis()),
        None if named => (1, words.first()?.parse::<f64>().ok()?),
        None => return None,
    };
    let is_past = words.get(used) == Some(&"ago");
    (!is_past && (0.0..=LONGEST_MS).contains(&ms)).then_some((used, ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_by_hand() {
        let found = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            find(&words).map(|(used, latency)| (used, latency.min_ms, latency.max_ms, latency.inclusive))
        };
        assert_eq!(found("slower than 2 seconds today"), Some((4, Some(2000.0), None, false)));
        assert_eq!(found("at least half a second"), Some((5, Some(500.0), None, true)));
        assert_eq!(found("under 100ms"), Some((2, None, Some(100.0), false)));
        assert_eq!(found("between 100 and 500 ms"), Some((5, Some(100.0), Some(500.0), true)));
        assert_eq!(found("2s or more"), Some((3, Some(2000.0), None, true)));
        assert_eq!(found("latency_ms > 250"), Some((3, Some(250.0), None, false)));
        assert_eq!(found("more than 3 hours ago"), None);
        assert_eq!(found("over 9000"), None);
        assert_eq!(found("between 2pm and 3pm"), None);
    }
}
