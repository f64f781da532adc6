//! Event time, windows and epochs.

use std::{fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The dataflow's own time: a tick of the wall clock (100 ms unless configured). "As of epoch e" names one consistent
/// state of every view. It has nothing to do with event time, which is data.
pub type Epoch = u64;

/// A point in event time, in microseconds since 1970-01-01T00:00:00Z. Years 0001 to 9999 and far beyond fit.
///
/// Displays, parses and serialises to JSON as RFC 3339 in UTC with milliseconds; between workers it travels as a number.
///
/// ```
/// use highwater_engine::Timestamp;
/// let t: Timestamp = "2025-10-23T14:32:15.25Z".parse().unwrap();
/// assert_eq!(t.as_micros(), 1_761_229_935_250_000);
/// assert_eq!(t.to_string(), "2025-10-23T14:32:15.250Z");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before every event.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After every event.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// From milliseconds since the Unix epoch, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis.saturating_mul(1000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The wall clock.
    pub fn now() -> Self {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => Timestamp(micros(since)),
            Err(before) => Timestamp(-micros(before.duration())),
        }
    }

    /// This much later, saturating.
    pub const fn plus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_add(micros(duration)))
    }

    /// This much earlier, saturating.
    pub const fn minus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_sub(micros(duration)))
    }

    /// The time from `earlier` to here; zero when `earlier` is not earlier.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(if micros < 0 { 0 } else { micros as u64 })
    }

    /// The start of the aligned interval of length `size` that holds this instant: windows are half-open and aligned
    /// to the Unix epoch.
    pub const fn align(self, size: Duration) -> Self {
        let size = micros(size);
        // a remainder rather than a quotient, and saturating: `Timestamp::MIN` must align too
        Timestamp(self.0.saturating_sub(self.0.rem_euclid(size)))
    }
}

/// A duration in whole microseconds, at least one where the duration is not zero, capped at `i64::MAX`.
const fn micros(duration: Duration) -> i64 {
    let micros = duration.as_micros();
    if micros > i64::MAX as u128 { i64::MAX } else { micros as i64 }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) if self.0 < 0 => f.write_str("-infinity"),
            Err(_) => f.write_str("infinity"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not an RFC 3339 timestamp.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 timestamp: {0}")]
pub struct ParseTimestampError(#[from] jiff::Error);

impl FromStr for Timestamp {
    type Err = ParseTimestampError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Timestamp(text.parse::<jiff::Timestamp>()?.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Timestamp)
        }
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A window of event time, named by where it starts; how long it is belongs to the [`Series`](crate::Series) it is a
/// part of. Half-open: an event at the end belongs to the next window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Window {
    /// The first instant inside.
    pub start: Timestamp,
}

impl Window {
    /// The aligned window of length `size` that holds `at`.
    pub const fn containing(at: Timestamp, size: Duration) -> Self {
        Window { start: at.align(size) }
    }

    /// The first instant after a window of this `size`.
    pub const fn end(self, size: Duration) -> Timestamp {
        self.start.plus(size)
    }

    /// The window this much later.
    pub const fn later(self, by: Duration) -> Self {
        Window { start: self.start.plus(by) }
    }
}

/// `n` seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// `n` hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

/// `n` days.
pub const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_half_open_and_aligned_before_1970_too() {
        let size = seconds(10);
        for (at, start) in
            [(0, 0), (9_999_999, 0), (10_000_000, 10_000_000), (-1, -10_000_000), (-10_000_000, -10_000_000)]
        {
            let window = Window::containing(Timestamp::from_micros(at), size);
            assert_eq!(window.start.as_micros(), start, "{at}");
            assert!(window.end(size).as_micros() > at);
        }
        Window::containing(Timestamp::MIN, size);
        Window::containing(Timestamp::MAX, size);
    }

    #[test]
    fn json_is_rfc_3339_and_survives_a_round_trip() {
        for text in ["0001-01-01T00:00:00.000Z", "9999-12-30T22:00:00.000Z", "2025-10-23T14:32:15.123Z"] {
            let t: Timestamp = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&t).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).unwrap(), t);
        }
    }
}
