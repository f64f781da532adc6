//! Durations as people write them: `30s`, `5m`, `1h`, `7d`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// The units, longest first, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A duration as text, for schemas.
#[derive(JsonSchema)]
#[schemars(rename = "Duration")]
#[expect(dead_code, reason = "the schema of a duration")]
pub(crate) struct DurationText(#[schemars(regex(pattern = r"^[0-9]{1,18}[smhd]$"))] String);

/// Reads a whole number and its unit.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (_, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let figure = &text[..text.len() - 1];
    if figure.is_empty() || !figure.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(figure.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// As [`parse`] reads it, in the longest unit that needs no fraction.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let fits = |(_, length): &(char, u64)| seconds >= *length && seconds.is_multiple_of(*length);
    let (unit, length) = UNITS.into_iter().find(fits).unwrap_or(('s', 1));
    format!("{}{unit}", seconds / length)
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&show(*duration))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom("not a duration: it takes a whole number and s, m, h or d, such as 5m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, seconds) in [("0s", 0), ("30s", 30), ("90s", 90), ("5m", 300), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
        for text in
            ["", "5", "s", "1x", "-1s", "+1s", "1.5s", "1 s", "5µ", "99999999999999999999d", "999999999999999999d"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(show(Duration::from_secs(120)), "2m");
    }
}
