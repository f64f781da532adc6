//! Level names and numbers, from the conventions that loggers follow.

use crate::Level;

/// Longest name that is known.
const LONGEST: usize = 13;

/// The level a name means, in any case; digits that OpenTelemetry appends (`ERROR3`) do not matter. Numbers in text
/// are read as [`from_number`] does.
pub(super) fn parse(name: &str) -> Option<Level> {
    match name {
        "INFO" | "info" => Some(Level::Info),
        "WARN" | "warn" => Some(Level::Warn),
        "ERROR" | "error" => Some(Level::Error),
        "DEBUG" | "debug" => Some(Level::Debug),
        _ => any_case(name.trim()),
    }
}

fn any_case(name: &str) -> Option<Level> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return from_number(name.parse().ok()?);
    }
    let name = name.trim_end_matches(['1', '2', '3', '4']);
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"trc" | b"verbose" | b"vrb" | b"finest" | b"finer" | b"silly" | b"t" | b"v" => Level::Trace,
        b"debug" | b"dbg" | b"fine" | b"d" => Level::Debug,
        b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"note" | b"log" | b"i" => Level::Info,
        b"warn" | b"warning" | b"wrn" | b"w" => Level::Warn,
        b"error" | b"err" | b"severe" | b"e" => Level::Error,
        b"fatal" | b"ftl" | b"critical" | b"crit" | b"emergency" | b"emerg" | b"alert" | b"panic" | b"dpanic"
        | b"f" | b"c" => Level::Fatal,
        _ => return None,
    })
}

/// The level a bare number means: tens are pino's and bunyan's, 0 to 7 syslog's (GELF), the rest up to 24
/// OpenTelemetry's.
pub(super) fn from_number(number: i64) -> Option<Level> {
    match number {
        10 => Some(Level::Trace),
        20 => Some(Level::Debug),
        30 => Some(Level::Info),
        40 => Some(Level::Warn),
        50 => Some(Level::Error),
        60 => Some(Level::Fatal),
        0..=7 => from_syslog(number as u8),
        _ => from_otel(number),
    }
}

/// Severity of RFC 5424 section 6.2.1, as appendix B of OpenTelemetry's log data model maps it, but that everything
/// graver than an error is fatal here.
pub(super) fn from_syslog(severity: u8) -> Option<Level> {
    match severity {
        0..=2 => Some(Level::Fatal),
        3 => Some(Level::Error),
        4 => Some(Level::Warn),
        5 | 6 => Some(Level::Info),
        7 => Some(Level::Debug),
        _ => None,
    }
}

/// `SeverityNumber` of OpenTelemetry's `logs.proto`: four steps to a level, 0 for unset.
pub(super) fn from_otel(number: i64) -> Option<Level> {
    let step = usize::try_from(number.checked_sub(1)?).ok()? / 4;
    Level::ALL.get(step).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, level) in [
            ("INFO", Level::Info),
            ("Information", Level::Info),
            ("informational", Level::Info),
            ("notice", Level::Info),
            ("Warning", Level::Warn),
            ("WRN", Level::Warn),
            ("err", Level::Error),
            ("ERROR3", Level::Error),
            ("Crit", Level::Fatal),
            ("CRITICAL", Level::Fatal),
            ("emerg", Level::Fatal),
            ("ALERT", Level::Fatal),
            ("Panic", Level::Fatal),
            ("verbose", Level::Trace),
            (" trace ", Level::Trace),
            ("30", Level::Info),
        ] {
            assert_eq!(parse(name), Some(level), "{name}");
        }
        for name in ["", "loud", "1234", "informationally", "ＩＮＦＯ", "99"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn numbers() {
        let pino = [10, 20, 30, 40, 50, 60].map(|n| from_number(n).unwrap());
        assert_eq!(pino, Level::ALL);
        assert_eq!([0, 3, 6, 7].map(from_number), [Level::Fatal, Level::Error, Level::Info, Level::Debug].map(Some));
        assert_eq!([9, 17, 24].map(from_number), [Level::Info, Level::Error, Level::Fatal].map(Some));
        assert_eq!([1, 4, 5, 8, 9].map(|n| from_otel(n).unwrap() as usize), [0, 0, 1, 1, 2]);
        assert_eq!([0, 25, -1, i64::MIN, i64::MAX].map(from_otel), [None; 5]);
    }
}
