//! What shippers call the fields of a log, which name wins where a record has several, and the collection of their
//! values into [`Fields`]. Every format with named fields goes through here.

use std::borrow::Cow;

use super::{Reason, level, timestamp};
use crate::{Level, Timestamp, log::Fields};

/// What a named value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Service,
    Message,
    Host,
    TraceId,
    SpanId,
    Timestamp,
    Level,
    Latency,
    /// groups, of interest only for what is in them
    Trace,
    Span,
    Event,
    Resource,
    RawLog,
    Metadata,
}

impl Slot {
    /// Every slot, each at its place.
    pub(super) const ALL: [Slot; SLOTS] = [
        Slot::Service,
        Slot::Message,
        Slot::Host,
        Slot::TraceId,
        Slot::SpanId,
        Slot::Timestamp,
        Slot::Level,
        Slot::Latency,
        Slot::Trace,
        Slot::Span,
        Slot::Event,
        Slot::Resource,
        Slot::RawLog,
        Slot::Metadata,
    ];
}

/// Slots of text come first, those of groups last.
const TEXTS: usize = Slot::SpanId as usize + 1;
pub(super) const SLOTS: usize = Slot::Metadata as usize + 1;

/// A slot, and how good a name for it this is: 0 is the best.
pub(super) type Known = (Slot, u8);

/// Ranks of names that read a number in a way of their own: OTLP's times, where 0 means unknown, its severity numbers,
/// and the nanoseconds of ECS's `event.duration`; other latencies are milliseconds unless they have a unit.
const OTLP_TIME: u8 = 6;
const SEVERITY_NUMBER: u8 = 4;
const NANOSECONDS: u8 = 3;

/// Rank of `log`: Docker's name for the message, and ECS's for a group of fields.
pub(super) const LOG: u8 = 3;

/// Names of a message by rank, to find again one that is not text.
pub(super) const MESSAGES: [&str; 4] = ["message", "msg", "body", "log"];

/// What a name at the top of a record stands for: the common names of shippers, of the Elastic Common Schema
/// (<https://www.elastic.co/guide/en/ecs>) and of OTLP's JSON (opentelemetry-proto, `logs.proto`).
///
/// Sorted by length, so that a name is compared with a handful of others at most.
pub(super) fn known(name: &str) -> Option<Known> {
    use Slot::*;
    Some(match name.len() {
        2 => match name {
            "ts" => (Timestamp, 3),
            _ => return None,
        },
        3 => match name {
            "msg" => (Message, 1),
            "log" => (Message, LOG),
            "app" => (Service, 2),
            "lvl" => (Level, 3),
            _ => return None,
        },
        4 => match name {
            "time" => (Timestamp, 2),
            "host" => (Host, 0),
            "body" => (Message, 2),
            "date" => (Timestamp, 5),
            "span" => (Span, 0),
            _ => return None,
        },
        5 => match name {
            "level" => (Level, 0),
            "trace" => (Trace, 0),
            "event" => (Event, 0),
            _ => return None,
        },
        6 => match name {
            "spanId" => (SpanId, 0),
            "source" => (Service, 3),
            "logger" => (Service, 4),
            _ => return None,
        },
        7 => match name {
            "service" => (Service, 0),
            "message" => (Message, 0),
            "span_id" | "span.id" => (SpanId, 0),
            "traceId" => (TraceId, 0),
            "latency" => (Latency, 1),
            "took_ms" => (Latency, 2),
            "raw_log" => (RawLog, 0),
            "appname" => (Service, 2),
            _ => return None,
        },
        8 => match name {
            "trace_id" | "trace.id" => (TraceId, 0),
            "severity" => (Level, 1),
            "hostname" => (Host, 1),
            "duration" => (Latency, 1),
            "metadata" => (Metadata, 0),
            "datetime" => (Timestamp, 4),
            "loglevel" => (Level, 3),
            "resource" => (Resource, 0),
            _ => return None,
        },
        9 => match name {
            "timestamp" => (Timestamp, 0),
            "log.level" => (Level, 0),
            "host.name" => (Host, 0),
            "requestId" => (TraceId, 2),
            _ => return None,
        },
        10 => match name {
            "@timestamp" => (Timestamp, 1),
            "latency_ms" => (Latency, 0),
            "request_id" => (TraceId, 2),
            _ => return None,
        },
        11 => match name {
            "duration_ms" => (Latency, 0),
            "application" => (Service, 2),
            _ => return None,
        },
        12 => match name {
            "service.name" | "service_name" => (Service, 1),
            "severityText" => (Level, 2),
            "timeUnixNano" => (Timestamp, OTLP_TIME),
            _ => return None,
        },
        13 => match name {
            "severity_text" => (Level, 2),
            "correlationId" => (TraceId, 1),
            _ => return None,
        },
        14 => match name {
            "correlation_id" => (TraceId, 1),
            "severityNumber" => (Level, SEVERITY_NUMBER),
            "event.duration" => (Latency, NANOSECONDS),
            _ => return None,
        },
        15 if name == "severity_number" => (Level, SEVERITY_NUMBER),
        16 if name == "response_time_ms" => (Latency, 2),
        20 if name == "observedTimeUnixNano" => (Timestamp, OTLP_TIME + 1),
        _ => return None,
    })
}

/// What a name inside of an object stands for, if that object is the value of a slot: `{"service": {"name": ..}}`.
pub(super) fn nested(within: Known, name: &str) -> Option<Known> {
    Some(match (within.0, name) {
        (Slot::Message, "level") if within.1 == LOG => (Slot::Level, 0),
        (Slot::Message, "logger") if within.1 == LOG => (Slot::Service, 4),
        (Slot::Service, "name") => (Slot::Service, within.1),
        (Slot::Host, "name" | "hostname") => (Slot::Host, within.1),
        (Slot::Message, "stringValue") => (Slot::Message, within.1),
        (Slot::Trace, "id") => (Slot::TraceId, 0),
        (Slot::Span, "id") => (Slot::SpanId, 0),
        (Slot::Event, "duration") => (Slot::Latency, NANOSECONDS),
        (Slot::Resource, "attributes") => (Slot::Resource, 0),
        (Slot::Resource, "service.name") => (Slot::Service, 1),
        (Slot::Resource, "host.name") => (Slot::Host, 1),
        (Slot::RawLog, name) => return known(name).filter(|known| known.0 != Slot::RawLog),
        _ => return None,
    })
}

/// A number as a format reads it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            Number::Integer(integer) => integer as f64,
            Number::Float(float) => float,
        }
    }
}

/// The fields of one record as they are come upon. Of several names for a slot the best wins, of equal ones the first;
/// a value that says nothing (empty, unreadable) leaves the slot to the others.
pub(super) struct Collector<'f, 'a> {
    /// where they go: in place, for a move of so many fields costs a tenth of what reading them does
    fields: &'f mut Fields<'a>,
    /// rank of the name that fills each slot, [`u8::MAX`] while none does
    ranks: [u8; SLOTS],
    bad_timestamp: bool,
}

impl<'f, 'a> Collector<'f, 'a> {
    #[inline]
    pub(super) fn new(fields: &'f mut Fields<'a>) -> Self {
        Collector { fields, ranks: [u8::MAX; SLOTS], bad_timestamp: false }
    }

    /// Whether a value under this name could still matter.
    #[inline]
    pub(super) fn wants(&self, (slot, rank): Known) -> bool {
        rank < self.ranks[slot as usize]
    }

    /// How good the name is that fills a slot; [`u8::MAX`] where none does.
    pub(super) fn rank(&self, slot: Slot) -> u8 {
        self.ranks[slot as usize]
    }

    /// Takes text. Always in line: the slot is known there mostly, and this is done for most fields of each log.
    #[inline(always)]
    pub(super) fn text(&mut self, (slot, rank): Known, value: Cow<'a, str>) {
        if !self.wants((slot, rank)) {
            return;
        }
        let text = match slot {
            Slot::Service => &mut self.fields.service,
            Slot::Message => &mut self.fields.message,
            Slot::Host => &mut self.fields.host,
            Slot::TraceId => &mut self.fields.trace_id,
            Slot::SpanId => &mut self.fields.span_id,
            _ => return self.quantity(slot, rank, &value),
        };
        if !value.is_empty() {
            *text = Some(value);
            self.ranks[slot as usize] = rank;
        }
    }

    /// Takes text of a slot whose value is no text.
    fn quantity(&mut self, slot: Slot, rank: u8, value: &str) {
        match slot {
            Slot::Timestamp if rank < OTLP_TIME => self.timestamp(rank, timestamp::parse(value)),
            Slot::Level if rank != SEVERITY_NUMBER => self.level(rank, level::parse(value)),
            Slot::Timestamp | Slot::Level | Slot::Latency => match (value.parse(), value.parse()) {
                (Ok(integer), _) => self.number((slot, rank), Number::Integer(integer)),
                (_, Ok(float)) => self.number((slot, rank), Number::Float(float)),
                _ if slot == Slot::Latency => self.latency(rank, duration_micros(value)),
                _ if slot == Slot::Timestamp => self.bad_timestamp = true,
                _ => {}
            },
            _ => {}
        }
    }

    /// Takes a number.
    pub(super) fn number(&mut self, known: Known, value: Number) {
        use Number::{Float, Integer};
        let (slot, rank) = known;
        if !self.wants(known) {
            return;
        }
        match (slot, value) {
            (Slot::Timestamp, Integer(0)) if rank >= OTLP_TIME => {}
            (Slot::Timestamp, Integer(at)) => self.timestamp(rank, Some(timestamp::from_integer(at))),
            (Slot::Timestamp, Float(at)) => self.timestamp(rank, timestamp::from_float(at)),
            (Slot::Level, Integer(number)) if rank == SEVERITY_NUMBER => self.level(rank, level::from_otel(number)),
            (Slot::Level, Integer(number)) => self.level(rank, level::from_number(number)),
            (Slot::Level, Float(_)) => {}
            (Slot::Latency, value) => {
                let unit = if rank == NANOSECONDS { 1e-3 } else { 1e3 };
                self.latency(rank, to_micros(value.as_f64() * unit));
            }
            (slot, _) if slot as usize >= TEXTS => {}
            (_, Integer(number)) => self.text(known, number.to_string().into()),
            (_, Float(number)) => self.text(known, number.to_string().into()),
        }
    }

    fn timestamp(&mut self, rank: u8, value: Option<Timestamp>) {
        match value {
            Some(_) => {
                self.fields.timestamp = value;
                self.ranks[Slot::Timestamp as usize] = rank;
            }
            None => self.bad_timestamp = true,
        }
    }

    fn level(&mut self, rank: u8, value: Option<Level>) {
        if value.is_some() {
            self.fields.level = value;
            self.ranks[Slot::Level as usize] = rank;
        }
    }

    fn latency(&mut self, rank: u8, micros: Option<u64>) {
        if micros.is_some() {
            self.fields.latency_micros = micros;
            self.ranks[Slot::Latency as usize] = rank;
        }
    }

    /// To be called at the end.
    ///
    /// # Errors
    /// [`Reason::BadTimestamp`] where the record had timestamps and none could be read: such a log must not pass for
    /// one of now.
    #[inline]
    pub(super) fn finish(self) -> Result<(), Reason> {
        let unknown = self.bad_timestamp && self.fields.timestamp.is_none();
        if unknown { Err(Reason::BadTimestamp) } else { Ok(()) }
    }
}

/// Whole microseconds; `None` for what no duration is: negative, not a number, or some hundred years and more.
fn to_micros(micros: f64) -> Option<u64> {
    // halves round up; `round` is a call into the C library without SSE 4.1
    (0.0..9e15).contains(&micros).then_some((micros + 0.5) as u64)
}

/// `12.5ms`, `1.2s`, `1m30s` and whatever else jiff reads as a duration of hours and less.
fn duration_micros(text: &str) -> Option<u64> {
    let duration: jiff::SignedDuration = text.trim().parse().ok()?;
    to_micros(duration.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(pairs: &[(&str, &'static str)]) -> Result<Fields<'static>, Reason> {
        let mut fields = Fields::default();
        let mut collector = Collector::new(&mut fields);
        for (name, value) in pairs {
            if let Some(known) = known(name) {
                collector.text(known, Cow::Borrowed(value));
            }
        }
        collector.finish()?;
        Ok(fields)
    }

    #[test]
    fn every_name_is_found_under_its_length() {
        let names = "timestamp @timestamp time ts timeUnixNano datetime level severity log.level severity_text \
            severityText severityNumber severity_number lvl loglevel service service.name service_name source \
            app application logger appname message msg body log trace_id traceId trace.id correlation_id \
            correlationId request_id requestId span_id spanId span.id latency_ms duration_ms latency duration \
            response_time_ms took_ms event.duration host hostname host.name raw_log metadata";
        for name in names.split_ascii_whitespace() {
            assert!(known(name).is_some(), "{name}");
        }
        for (rank, name) in MESSAGES.iter().enumerate() {
            assert_eq!(known(name).unwrap().1 as usize, rank);
        }
    }

    #[test]
    fn the_better_name_wins_in_any_order() {
        let names = [("source", "s"), ("app", "a"), ("service.name", "n"), ("service", "v"), ("logger", "l")];
        let mut reversed = names;
        reversed.reverse();
        for order in [names, reversed] {
            assert_eq!(collect(&order).unwrap().service.unwrap(), "v");
        }
        let ids = [("request_id", "r"), ("correlation_id", "c"), ("traceId", "t")];
        assert_eq!(collect(&ids).unwrap().trace_id.unwrap(), "t");
        assert_eq!(collect(&[("service", "first"), ("service", "second")]).unwrap().service.unwrap(), "first");
        assert_eq!(collect(&[("service", ""), ("source", "s")]).unwrap().service.unwrap(), "s");
    }

    #[test]
    fn an_unreadable_timestamp_is_no_log_unless_another_is_readable() {
        assert_eq!(collect(&[("time", "soon")]), Err(Reason::BadTimestamp));
        assert_eq!(collect(&[("time", "")]), Err(Reason::BadTimestamp));
        let fields = collect(&[("timestamp", "soon"), ("ts", "1")]).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1000)));
        let fields = collect(&[("observedTimeUnixNano", "1761229935000000000"), ("timeUnixNano", "0")]).unwrap();
        assert_eq!(fields.timestamp, Some(Timestamp::from_millis(1_761_229_935_000)));
    }

    #[test]
    fn latencies_are_milliseconds_unless_they_say_otherwise() {
        for (name, value, micros) in [
            ("latency_ms", "12.5", Some(12_500)),
            ("latency", "12.5ms", Some(12_500)),
            ("duration", "1.2s", Some(1_200_000)),
            ("duration", "340µs", Some(340)),
            ("duration", "1m30s", Some(90_000_000)),
            ("event.duration", "1500000", Some(1500)),
            ("latency_ms", "0", Some(0)),
            ("latency_ms", "-1", None),
            ("latency_ms", "NaN", None),
            ("latency_ms", "inf", None),
            ("latency_ms", "1e300", None),
            ("latency", "-3s", None),
            ("latency", "quick", None),
        ] {
            assert_eq!(collect(&[(name, value)]).unwrap().latency_micros, micros, "{name}={value}");
        }
        assert_eq!(collect(&[("event.duration", "1000"), ("took_ms", "7")]).unwrap().latency_micros, Some(7000));
        assert_eq!(collect(&[("took_ms", "7"), ("event.duration", "1000")]).unwrap().latency_micros, Some(7000));
    }

    #[test]
    fn names_of_levels_come_before_severity_numbers() {
        assert_eq!(collect(&[("severityNumber", "9"), ("level", "error")]).unwrap().level, Some(Level::Error));
        assert_eq!(collect(&[("severityText", "odd"), ("severityNumber", "20")]).unwrap().level, Some(Level::Error));
        assert_eq!(collect(&[("level", "20")]).unwrap().level, Some(Level::Debug));
    }
}
