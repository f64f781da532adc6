//! Event times: milliseconds since 1970, as RFC 3339 in text.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// As Highwater spells it: RFC 3339 in UTC with milliseconds.
pub fn spell(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| format!("{at} ms"), |at| format!("{at:.3}"))
}

/// Reads it back; `None` where the text is no time.
pub fn read(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_a_round_trip() {
        assert_eq!(spell(1_735_689_600_250), "2025-01-01T00:00:00.250Z");
        assert_eq!(read("2025-01-01T00:00:00.250Z"), Some(1_735_689_600_250));
        assert_eq!(read("soon"), None);
    }
}
