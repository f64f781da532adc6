//! Which request this is, which others it belongs to: ids that clients may choose, and the trace of W3C Trace Context.
//!
//! A `traceparent` is taken as the recommendation has it, strictly: what is not right in every digit is as if it had not
//! come. The request is a span of that trace, or of one that begins with it; `traceresponse` tells the client which.

use std::hash::{BuildHasher, RandomState};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Handle, Operation, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/api/v1/trace/context"],
    tag: "Context",
    about: "What was understood of this request's ids and trace",
    params: &[],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<Context>))]),
    access: Access::Anyone,
    class: Class::Usual,
    handle: Handle::Now(understood),
}];

/// Which request this is, and what it belongs to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Context {
    /// `X-Request-ID`, as it came or made.
    pub(crate) request_id: String,
    /// `X-Correlation-ID` as it came; else the id of the request.
    pub(crate) correlation_id: String,
    /// The trace that this request is a part of.
    #[schemars(regex(pattern = "^[0-9a-f]{32}$"))]
    pub(crate) trace_id: String,
    /// The part of it that this request is.
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    pub(crate) span_id: String,
    /// The part that asked; none where the trace begins here.
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    pub(crate) parent_id: Option<String>,
    /// Whether whoever asked may have recorded the trace.
    pub(crate) sampled: bool,
    /// `tracestate` as it came, where the trace did.
    pub(crate) tracestate: Option<String>,
}

fn understood(call: &Call) -> Result<Response, Problem> {
    Ok(json_reply(StatusCode::OK, &*call.context))
}

impl Context {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let request_id = id_of(headers, "x-request-id").unwrap_or_else(random_hex);
        let correlation_id = id_of(headers, "x-correlation-id").unwrap_or_else(|| request_id.clone());
        let parent = single(headers, "traceparent").and_then(Parent::read);
        let span_id = random_hex().split_off(16);
        match parent {
            Some(Parent { trace_id, span_id: parent_id, flags }) => Context {
                request_id,
                correlation_id,
                trace_id: trace_id.to_owned(),
                span_id,
                parent_id: Some(parent_id.to_owned()),
                sampled: flags & 1 == 1,
                tracestate: tracestate(headers),
            },
            None => Context {
                request_id,
                correlation_id,
                trace_id: random_hex(),
                span_id,
                parent_id: None,
                sampled: false,
                tracestate: None,
            },
        }
    }

    /// Says in an answer what was understood.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        let response = format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled));
        for (name, value) in [
            ("x-request-id", &self.request_id),
            ("x-correlation-id", &self.correlation_id),
            ("traceresponse", &response),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// An id that a client sent, if it is one that may stand in logs and headers.
fn id_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let id = headers.get(name)?.to_str().ok()?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    ((1..=128).contains(&id.len()) && id.bytes().all(is_fit)).then(|| id.to_owned())
}

/// A header that comes once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// `traceparent`, of this version or a later one.
#[derive(Debug, PartialEq)]
struct Parent<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    flags: u8,
}

impl<'a> Parent<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (known, more) = text.split_at_checked(55)?;
        let mut parts = known.split('-');
        let [version, trace_id, span_id, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        // a later version may say more
        let is_whole = more.is_empty() || (version != "00" && more.starts_with('-'));
        let is_id = |id: &str, length| is_hex(id, length) && id.bytes().any(|digit| digit != b'0');
        let is_right = is_hex(version, 2) && version != "ff" && is_whole && is_hex(flags, 2);
        (is_right && is_id(trace_id, 32) && is_id(span_id, 16) && parts.next().is_none()).then_some(())?;
        Some(Parent { trace_id, span_id, flags: u8::from_str_radix(flags, 16).ok()? })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `tracestate`, which may come in parts; none where it is longer than has to be passed on.
fn tracestate(headers: &HeaderMap) -> Option<String> {
    const BYTES: usize = 512;
    const MEMBERS: usize = 32;
    let values = headers.get_all("tracestate").iter();
    let parts = values.map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>()?;
    let whole = parts.join(",");
    (!whole.is_empty() && whole.len() <= BYTES && whole.split(',').count() <= MEMBERS).then_some(whole)
}

/// 32 hexadecimal digits from the keys that the standard library seeds its hashers with.
pub(crate) fn random_hex() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    static KEYS: std::sync::LazyLock<[RandomState; 2]> =
        std::sync::LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{:016x}", KEYS[0].hash_one(call), KEYS[1].hash_one((call, "second")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        values.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn traceparent_is_taken_strictly() {
        let good = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(Parent::read(&good), Some(Parent { trace_id: TRACE, span_id: SPAN, flags: 1 }));
        assert_eq!(Parent::read(&format!("00-{TRACE}-{SPAN}-fe")).map(|parent| parent.flags & 1), Some(0));
        for later in [format!("cc-{TRACE}-{SPAN}-01"), format!("cc-{TRACE}-{SPAN}-01-what-will-be")] {
            assert!(Parent::read(&later).is_some(), "{later}");
        }
        for wrong in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01.what"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("0-{TRACE}0-{SPAN}-01"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            "é".repeat(40),
        ] {
            assert_eq!(Parent::read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let state = "a=1";
        let context = Context::of(&headers(&[("traceparent", &parent), ("tracestate", state)]));
        assert_eq!((context.trace_id.as_str(), context.parent_id.as_deref()), (TRACE, Some(SPAN)));
        assert!(context.sampled && context.span_id != SPAN && is_hex(&context.span_id, 16));
        assert_eq!(context.tracestate.as_deref(), Some(state));

        let broken = format!("00-{TRACE}-{SPAN}-xx");
        let context = Context::of(&headers(&[("traceparent", &broken), ("tracestate", state)]));
        assert!(context.trace_id != TRACE && is_hex(&context.trace_id, 32));
        assert_eq!((context.parent_id, context.sampled, context.tracestate), (None, false, None));

        let mut twice = headers(&[("traceparent", &parent)]);
        twice.append("traceparent", parent.parse().unwrap());
        assert_eq!(Context::of(&twice).parent_id, None);
    }

    #[test]
    fn ids_are_those_that_came_where_they_are_fit() {
        let given = Context::of(&headers(&[("x-request-id", "a-1"), ("x-correlation-id", "order:7")]));
        assert_eq!((given.request_id.as_str(), given.correlation_id.as_str()), ("a-1", "order:7"));
        let long = "x".repeat(129);
        for unfit in ["", "two words", "a\tb", &long] {
            let made = Context::of(&headers(&[("x-request-id", unfit)]));
            assert!(is_hex(&made.request_id, 32) && made.correlation_id == made.request_id, "{unfit}");
        }
    }

    #[test]
    fn a_long_tracestate_is_not_passed_on() {
        assert_eq!(tracestate(&headers(&[("tracestate", &"x".repeat(513))])), None);
        assert_eq!(tracestate(&headers(&[("tracestate", &["a=1"; 33].join(","))])), None);
        let mut parts = headers(&[("tracestate", "a=1")]);
        parts.append("tracestate", "b=2".parse().unwrap());
        assert_eq!(tracestate(&parts).as_deref(), Some("a=1,b=2"));
    }
}
