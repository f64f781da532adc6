//! What is compared: from the text of a value to the value, as its field has it.

use std::{cmp::Ordering, ops::Bound, time::Duration};

use highwater_engine::{Level, Timestamp, days, format::timestamp};

use super::{Field, Value, fields::Kind, scan::shorten};

/// Which side of a value is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// `>`
    Above,
    /// `>=`
    From,
    /// `<`
    Below,
    /// `<=`
    To,
}

impl Value {
    /// How two values of a kind are ordered; `None` for those of different kinds.
    pub(super) fn order(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Level(a), Value::Level(b)) => Some(a.cmp(b)),
            (Value::Time(a), Value::Time(b)) => Some(cut(*a).cmp(&cut(*b))),
            (Value::Micros(a), Value::Micros(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

/// Whole milliseconds.
fn cut(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_micros().div_euclid(1000))
}

/// The bound at this side of a value.
pub(super) fn bound(field: &Field, text: &str, edge: Edge, now: Timestamp) -> Result<Bound<Value>, String> {
    let value = match field.kind() {
        Kind::Time => return time(text, now).map(|span| span.bound(edge)),
        Kind::Level => Value::Level(level(text)?),
        Kind::Latency => Value::Micros(latency(text)?),
        Kind::Attribute => Value::Number(number(text).ok_or_else(|| {
            format!("`{}` is no number: ranges of `{}` are over numbers", shorten(text), shorten(field.name()))
        })?),
        Kind::FullText | Kind::Name | Kind::Id => return Err(no_range(field)),
    };
    Ok(match edge {
        Edge::Above | Edge::Below => Bound::Excluded(value),
        Edge::From | Edge::To => Bound::Included(value),
    })
}

pub(super) fn no_range(field: &Field) -> String {
    let name = field.name();
    format!("`{name}` is text and has no ranges; level, latency, timestamp and numbers of attributes have")
}

pub(super) fn level(text: &str) -> Result<Level, String> {
    let upper = text.to_ascii_uppercase();
    let named = match upper.as_str() {
        "CRITICAL" => Some(Level::Fatal),
        "WARNING" => Some(Level::Warn),
        name => Level::ALL.into_iter().find(|level| level.as_str() == name),
    };
    named.ok_or_else(|| {
        let levels = "TRACE, DEBUG, INFO, WARN, ERROR, FATAL (also WARNING, CRITICAL)";
        format!("there is no level `{}`; levels are {levels}", shorten(text))
    })
}

/// Microseconds: milliseconds where no unit is given.
pub(super) fn latency(text: &str) -> Result<u64, String> {
    const MOST: f64 = 1e15;
    let digits = text.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let unit = match unit {
        "us" => Some(1.0),
        "ms" | "" => Some(1e3),
        "s" => Some(1e6),
        "m" => Some(60e6),
        _ => None,
    };
    let micros = unit.and_then(|unit| Some((count.parse::<f64>().ok()? * unit).round()));
    micros.filter(|micros| *micros <= MOST).map(|micros| micros as u64).ok_or_else(|| {
        format!("`{}` is no latency; one looks like 500 (milliseconds), 250us, 1.5s or 2m", shorten(text))
    })
}

/// A decimal number; `nan`, `inf` and the like are text.
pub(super) fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = unsigned.starts_with(|sign: char| sign.is_ascii_digit());
    text.parse::<f64>().ok().filter(|number| is_decimal && number.is_finite())
}

pub(super) fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// A point in time, or the day that a date names.
pub(super) struct Span {
    pub(super) start: Timestamp,
    /// Where the day ends; a point has none.
    pub(super) end: Option<Timestamp>,
}

impl Span {
    /// After a day is from the next on, up to a day is all of it.
    pub(super) fn bound(&self, edge: Edge) -> Bound<Value> {
        let start = Value::Time(self.start);
        match (edge, self.end) {
            (Edge::From, _) | (Edge::To, None) => Bound::Included(start),
            (Edge::Below, _) | (Edge::Above, None) => Bound::Excluded(start),
            (Edge::Above, Some(end)) => Bound::Included(Value::Time(end)),
            (Edge::To, Some(end)) => Bound::Excluded(Value::Time(end)),
        }
    }
}

pub(super) fn time(text: &str, now: Timestamp) -> Result<Span, String> {
    let point = |at| Span { start: cut(at), end: None };
    let relative = text.strip_prefix("now").and_then(|offset| shifted(now, offset)).map(point);
    let absolute = || Some(point(timestamp::parse(text)?)).filter(|_| text.contains(':'));
    let day = || {
        let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let start = timestamp::parse(&format!("{text}T00:00:00Z")).filter(|_| is_date)?;
        Some(Span { start, end: Some(start.plus(days(1))) })
    };
    let found = relative.or_else(absolute).or_else(day);
    found.filter(|span| span.end.unwrap_or(span.start).as_micros() < YEAR_9999).ok_or_else(|| {
        let forms = "2025-10-23T14:32:15Z, 2025-10-23 (that day, in UTC) or now-15m";
        format!("`{}` is no time; one looks like {forms}", shorten(text))
    })
}

/// The last year of which all days can be written.
const YEAR_9999: i64 = 253_370_764_800_000_000;

/// `-15m` and the like from `now`; nothing is `now` itself.
fn shifted(now: Timestamp, offset: &str) -> Option<Timestamp> {
    const CENTURY: u64 = 36_525 * 86_400;
    let Some(sign) = offset.chars().next() else { return Some(now) };
    let unit = offset.chars().next_back()?;
    let digits = offset.get(1..offset.len() - unit.len_utf8())?;
    let count: u64 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let length = count.checked_mul(seconds).filter(|length| *length <= CENTURY).map(Duration::from_secs)?;
    match sign {
        '-' => Some(now.minus(length)),
        '+' => Some(now.plus(length)),
        _ => None,
    }
}
