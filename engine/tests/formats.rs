//! The parsers against anything at all, and against logs written in every format they read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::borrow::Cow;

use highwater_engine::{
    Fields, Level, Timestamp,
    format::{self, Format, Reason},
};
use proptest::prelude::*;
use serde_json::json;

const FORMATS: [Option<Format>; 6] =
    [None, Some(Format::Json), Some(Format::Envelope), Some(Format::Logfmt), Some(Format::Syslog), Some(Format::Plain)];

const NAMES: [&str; 8] = ["message", "a.b", "level", "metadata.host", "x", "", ".", "msgid"];

/// Whatever a record is, it is a log or no log; its fields stay within it, and looking further ones up is safe.
fn survives(record: &str) {
    for fixed in FORMATS {
        if let Ok(fields) = format::parse(record, fixed) {
            for text in [&fields.service, &fields.message, &fields.host, &fields.trace_id, &fields.span_id] {
                if let Some(Cow::Borrowed(text)) = text {
                    assert!(record.as_bytes().as_ptr_range().contains(&text.as_ptr()) || text.is_empty());
                }
            }
        }
        for name in NAMES {
            fixed.unwrap_or_default().field(record, name);
        }
    }
    format::timestamp::parse(record);
}

/// What every format can say about a log.
#[derive(Clone, Debug)]
struct Written {
    at: Timestamp,
    level: Level,
    service: String,
    host: String,
    message: String,
}

impl Written {
    fn is_what(&self, record: &str, format: Format) {
        let read = format::parse(record, None);
        let told = read.as_ref().map(|fields| {
            let message = fields.message.as_deref().unwrap_or_default();
            (fields.timestamp, fields.level, fields.service.as_deref(), message, fields.format)
        });
        assert_eq!(
            told,
            Ok((Some(self.at), Some(self.level), Some(&*self.service), &*self.message, format)),
            "{record}"
        );
        assert_eq!(format::parse(record, Some(format)), read, "{record}");
    }
}

prop_compose! {
    fn written(message: &'static str)(
        millis in -62_135_596_800_000_i64..253_370_764_800_000,
        level in prop::sample::select(Level::ALL.to_vec()),
        service in "[a-z]{1,8}-[a-z0-9]{1,8}",
        host in "[a-z]{1,8}[0-9]{0,3}",
        message in message,
    ) -> Written {
        Written { at: Timestamp::from_millis(millis), level, service, host, message }
    }
}

proptest! {
    #[test]
    fn anything_is_a_log_or_none(record in any::<String>()) {
        survives(&record);
    }

    #[test]
    fn anything_that_begins_well_is_a_log_or_none(
        head in prop::sample::select(vec![
            "{\"message\":\"", "{\"time\":", "{\"a\":[", "{\"raw_log\":\"{", "{\"raw_log\":\"<1>", "{\"metadata\":{\"x\":",
            "<34>1 ", "<34>1 - h a p m [x ", "<34>1 - - - - - [x y=\"", "<34>Oct 11 ", "<34>", "<1",
            "level=info msg=", "a=\"", "2025-10-23 14:32:15", "2025-10-23 14:32:15 INFO [", "[2025-10-23T14:32:15",
        ]),
        tail in "[ -~\u{e4}\u{20ac}]{0,40}",
    ) {
        survives(&format!("{head}{tail}"));
        for (end, _) in head.char_indices() {
            survives(&head[..end]);
        }
    }

    #[test]
    fn json_reads_back(log in written("(?s).*"), trace in "[0-9a-f]{32}", latency in 0_u32..) {
        let at = log.at.to_string();
        let millis = f64::from(latency) / 1000.0;
        let flat = json!({
            "timestamp": at, "level": log.level, "service": log.service, "host": log.host, "message": log.message,
            "trace_id": trace, "latency_ms": millis, "extra": {"message": "no"},
        });
        let nested = json!({
            "@timestamp": at, "log": {"level": log.level.as_str().to_lowercase()}, "service": {"name": log.service},
            "host": {"name": log.host}, "message": log.message, "trace": {"id": trace},
            "event": {"duration": u64::from(latency) * 1000},
        });
        for record in [flat.to_string(), serde_json::to_string_pretty(&nested).unwrap()] {
            log.is_what(&record, Format::Json);
            let fields = format::parse(&record, None).unwrap();
            prop_assert_eq!(fields.latency_micros, Some(u64::from(latency)));
            prop_assert_eq!(fields.host.as_deref(), Some(&*log.host));
            prop_assert_eq!(fields.trace_id.as_deref(), Some(&*trace));
            prop_assert_eq!(Format::Json.field(&record, "message").unwrap(), log.message.as_str());
        }
    }

    #[test]
    fn logfmt_reads_back(log in written("(?s).*")) {
        let at = log.at.to_string();
        let message = json!(log.message);
        let record = format!("time={at} level={} service={} host={} msg={message} x", log.level, log.service, log.host);
        log.is_what(&record, Format::Logfmt);
        prop_assert_eq!(Format::Logfmt.field(&record, "host").unwrap(), log.host);
        prop_assert_eq!(Format::Logfmt.field(&record, "x").unwrap(), "");
    }

    #[test]
    fn plain_text_reads_back(log in written("([a-z][ -~]*[!-~])?")) {
        let at = log.at.to_string();
        let spaced = at.replace(['T', 'Z'], " ");
        for at in [&*at, spaced.trim(), &spaced.trim().replace('.', ",")] {
            let record = format!("{at} {} [{}] {}", log.level, log.service, log.message);
            log.is_what(&record, Format::Plain);
        }
    }

    #[test]
    fn syslog_reads_back(mut log in written("([^\u{feff}\r\n\0][^\r\n\0]*)?"), value in "[^\0]*") {
        let severity = [7, 7, 6, 4, 3, 0][log.level as usize];
        log.level = log.level.max(Level::Debug);
        let at = log.at.to_string();
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let head = format!("<{}>1 {at} {} {}", 8 + severity, log.host, log.service);
        let record = format!("{head} 42 m7 [a@1 k=\"\" v=\"{escaped}\"][b@1] {}", log.message);
        log.is_what(&record, Format::Syslog);
        prop_assert_eq!(Format::Syslog.field(&record, "a@1.v").unwrap(), value.as_str());
        prop_assert_eq!(Format::Syslog.field(&record, "procid").unwrap(), "42");
        let bare = format!("{head} - - - {}", log.message);
        log.is_what(&bare, Format::Syslog);
    }

    #[test]
    fn envelopes_read_back(log in written("[a-z][ -~]*[!-~]")) {
        let at = log.at.to_string();
        let letters = [
            format!("{at} {} [{}] {}", log.level, log.service, log.message),
            json!({"time": at, "lvl": log.level, "app": log.service, "msg": log.message}).to_string(),
            format!("time={at} level={} service={} msg={}", log.level, log.service, json!(log.message)),
        ];
        for letter in letters {
            let metadata = json!({"host": log.host, "timestamp": "2000-01-01T00:00:00Z", "service": "shipper"});
            let record = json!({"metadata": metadata, "raw_log": letter}).to_string();
            log.is_what(&record, Format::Envelope);
            let fields = format::parse(&record, None).unwrap();
            prop_assert_eq!(fields.host.as_deref(), Some(&*log.host));
            prop_assert_eq!(Format::Envelope.field(&record, "metadata.host").unwrap(), log.host.as_str());
        }
    }
}

#[test]
fn hostile_records() {
    let longest = "x".repeat(10 << 20);
    assert_eq!(format::parse(&longest, None).unwrap().message.unwrap().len(), longest.len());
    let record = format!("{{\"message\":\"{longest}\"}}");
    assert_eq!(format::parse(&record, None).unwrap().message.unwrap(), longest);

    let long = "x".repeat(1 << 18);
    let deep = "[".repeat(1 << 20);
    assert_eq!(format::parse(&format!("{{\"a\":{deep}"), None), Err(Reason::TooDeep));
    assert_eq!(Format::Json.field(&format!("{{\"a\":{deep}"), "a"), None);
    for record in [
        format!("{{\"message\":\"{long}"),
        format!("level=info msg=\"{long}"),
        format!("<34>1 - - - - - [{long}"),
        format!("2025-10-23 14:32:15 [{long}"),
        " ".repeat(1 << 18),
        "\\".repeat(1 << 18),
        "=".repeat(1 << 18),
        "a=1 ".repeat(1 << 16),
        format!("<34>1 - - - - - {}", "[a b=\"c\"]".repeat(1 << 14)),
        "{\"a\":".repeat(1 << 16),
        format!("{{\"raw_log\":\"{{\\\"a\\\":{deep}\"}}"),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(1 << 16)),
        "\0".to_owned(),
        "\0{\"message\":\"x\"}".to_owned(),
        r#"{"message":"\ud800"}"#.to_owned(),
        r#"{"message":"\ud800\u0041\udc00"}"#.to_owned(),
        r#"{"\ud800":1}"#.to_owned(),
        r#"{"message":"\ud8"}"#.to_owned(),
        r#"{"timestamp":1e308}"#.to_owned(),
        r#"{"timestamp":-9223372036854775808,"latency_ms":1e308}"#.to_owned(),
    ] {
        survives(&record);
    }
}

#[test]
fn values_at_the_edge() {
    let read = |record| format::parse(record, None);
    let at = |record| read(record).map(|fields| fields.timestamp.unwrap().as_micros());
    assert_eq!(at(r#"{"ts":"0001-01-01T00:00:00Z"}"#), Ok(-62_135_596_800_000_000));
    assert_eq!(at(r#"{"ts":"9999-12-31T23:59:59.999999999Z"}"#), Ok(253_402_300_799_999_999));
    assert_eq!(at("9999-12-31 23:59:59 INFO x"), Ok(253_402_300_799_000_000));
    assert_eq!(at("0001-01-01 00:00:00 INFO x"), Ok(-62_135_596_800_000_000));
    assert_eq!(at(r#"{"ts":"99999-12-31T23:59:59Z"}"#), Err(Reason::BadTimestamp));

    let latency = |record| read(record).map(|fields| fields.latency_micros);
    assert_eq!(latency(r#"{"latency_ms":"NaN"}"#), Ok(None));
    assert_eq!(latency(r#"{"latency_ms":"-Infinity"}"#), Ok(None));
    assert_eq!(latency(r#"{"latency_ms":-0.5}"#), Ok(None));
    assert_eq!(latency(r#"{"latency_ms":18446744073709551615}"#), Ok(None));
    assert_eq!(latency(r#"{"latency_ms":0.0004}"#), Ok(Some(0)));

    assert_eq!(read("nul \0 inside").unwrap().message.as_deref(), Some("nul \0 inside"));
    assert_eq!(read(r#"{"message":"nul \u0000"}"#).unwrap().message.as_deref(), Some("nul \0"));
    assert_eq!(read(r#"{"message":"\ud83d\ude00 \ud800"}"#).unwrap().message.as_deref(), Some("😀 \u{fffd}"));
    for empty in ["", " ", "\t\r\n", "\u{feff}"] {
        assert_eq!(read(empty), Err(Reason::Empty));
    }
    assert_eq!(read("{}"), Ok(Fields { format: Format::Json, ..Fields::default() }));
}
