//! `POST /logs`: logs by HTTP.

use highwater_engine::format;
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, value::RawValue};

use crate::{
    Limits,
    body::{announced, inflate, is_gzip, media_type},
    call::Call,
    error::Problem,
    identity::Access,
    operation::{Answer, Body, Handle, Operation, Verb, of},
    rates::Class,
    reply::{Response, json_reply},
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Post,
    paths: &["/api/v1/logs", "/api/v1/logs/ingest"],
    tag: "Logs",
    about: "Take logs: one, a list, or one a line; `Content-Encoding: gzip` is understood",
    params: &[],
    body: Some(Body {
        kinds: &[("application/json", Some(of::<Json>)), ("application/x-ndjson", None), ("text/plain", None)],
        required: true,
        most: None,
    }),
    answer: Answer {
        status: 202,
        about: "What was accepted is as durable as the way in makes it",
        ..Answer::new(&[("application/json", Some(of::<Accepted>))])
    },
    access: Access::Ingest,
    class: Class::Ingest,
    handle: Handle::Steps(|call| Box::pin(post(call))),
}];

#[derive(Serialize, JsonSchema)]
struct Accepted {
    /// How many logs were accepted.
    accepted: usize,
    /// Those that were not, the first thousand.
    rejected: Vec<Rejected>,
    /// How many were not, where not all of them are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_count: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
struct Rejected {
    /// Its place, from 0.
    index: usize,
    reason: String,
}

/// Where logs go that come by HTTP.
pub trait Ingest: Send + Sync {
    /// Takes these records, each one log that can be read; returns once they are as durable as the way in makes them.
    /// Called on a thread that may wait.
    ///
    /// # Errors
    /// Where nothing of it was taken, and the sender should try again.
    fn accept(&self, records: Vec<Vec<u8>>) -> Result<(), IngestRefused>;
}

/// Why logs were not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IngestRefused {
    /// Too many wait already: answered with 429.
    #[error("too many logs are waiting")]
    Busy,
    /// It cannot be done: answered with 503 and these words.
    #[error("{0}")]
    Failed(String),
}

/// Rejections that an answer lists; more are only counted.
const LISTED: usize = 1000;

/// What a request's records turned into.
#[derive(Default)]
struct Sorted {
    accepted: Vec<Vec<u8>>,
    rejected: Vec<Rejected>,
    rejected_count: usize,
    seen: usize,
}

async fn post(mut call: Call) -> Result<Response, Problem> {
    let state = call.state.clone();
    let Some(ingest) = state.ingest.clone() else {
        return Err(Problem::unavailable(
            "no way in for logs over HTTP is configured; configure one, or send logs to the source",
        ));
    };
    let kind = Kind::of(&call.headers)?;
    let gzip = is_gzip(&call.headers)?;
    let Ok(permit) = state.ingesting.clone().try_acquire_owned() else {
        return Err(Problem::busy("too many requests with logs are under way; try again in a second"));
    };
    // before it is read, where it says how long it is
    let announced = announced(&call.headers);
    let client = call.identity.client;
    if let Some(length) = announced {
        state.gates.take_bytes(client, length)?;
    }
    let bytes = call.bytes().await?;
    if announced.is_none() {
        state.gates.take_bytes(client, bytes.len() as u64)?;
    }
    let limits = state.limits.clone();
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let bytes = if gzip { inflate(&bytes, limits.inflated_bytes)? } else { bytes };
        let mut sorted = sort(&bytes, kind, &limits)?;
        let records = std::mem::take(&mut sorted.accepted);
        let accepted = records.len();
        if !records.is_empty() {
            ingest.accept(records).map_err(|refused| match refused {
                IngestRefused::Busy => {
                    Problem::busy("the dataflow is behind; nothing was taken, try again in a second")
                }
                IngestRefused::Failed(what) => Problem::unavailable(format!("nothing was taken: {what}")),
            })?;
        }
        Ok((accepted, sorted))
    });
    let (accepted, sorted) = done.await.map_err(|_| Problem::internal())??;
    let left_out = sorted.rejected_count > sorted.rejected.len();
    let rejected_count = left_out.then_some(sorted.rejected_count);
    let answer = Accepted { accepted, rejected: sorted.rejected, rejected_count };
    Ok(json_reply(StatusCode::ACCEPTED, &answer))
}

/// How a body says it is to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// One JSON value, an array of them, or one a line.
    Json,
    /// One JSON object a line.
    Lines,
    /// One record a line, in any format.
    Text,
    /// It does not say.
    Unknown,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(kind) = media_type(headers) else { return Ok(Kind::Unknown) };
        match kind.as_str() {
            "application/json" => Ok(Kind::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Ok(Kind::Lines)
            }
            "text/plain" => Ok(Kind::Text),
            // what `curl -d` says of whatever it sends
            "application/x-www-form-urlencoded" => Ok(Kind::Unknown),
            other => Err(Problem::media_type(format!(
                "content type `{other}`; allowed: application/json (a log, an array, or a log a line), \
                 application/x-ndjson, text/plain (a log a line)"
            ))),
        }
    }
}

/// Cuts a body into records and judges each.
fn sort(bytes: &[u8], kind: Kind, limits: &Limits) -> Result<Sorted, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let Some(first) = first else {
        return Err(Problem::bad_request("the body is empty; send a log, an array of logs, or a log a line"));
    };
    let mut sorted = Sorted::default();
    let whole = match kind {
        Kind::Text | Kind::Lines => None,
        Kind::Json | Kind::Unknown if matches!(first, b'[' | b'{') => Some(serde_json::from_slice::<&RawValue>(bytes)),
        Kind::Json => return Err(Problem::bad_request("the body is no JSON object or array")),
        Kind::Unknown => None,
    };
    match whole {
        Some(Ok(_)) if *first == b'[' => {
            let elements: Vec<&RawValue> =
                serde_json::from_slice(bytes).map_err(|error| Problem::bad_request(format!("the body: {error}")))?;
            for element in elements {
                let text = element.get();
                if text.starts_with('{') {
                    sorted.take(one_line(text.as_bytes()), limits)?;
                } else if let Ok(line) = serde_json::from_str::<String>(text) {
                    sorted.take(line.into_bytes(), limits)?;
                } else {
                    sorted.reject("a log is a JSON object or a string", limits)?;
                }
            }
            return Ok(sorted);
        }
        Some(Ok(whole)) => {
            sorted.take(one_line(whole.get().as_bytes()), limits)?;
            return Ok(sorted);
        }
        // several objects, one a line, say that they are JSON too; then the first line at least is one
        Some(Err(error)) if kind == Kind::Json => {
            let line =
                bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
            if *first == b'[' || line.len() == bytes.len() || serde_json::from_slice::<&RawValue>(line).is_err() {
                return Err(Problem::bad_request(format!("the body is not JSON: {error}")));
            }
        }
        _ => {}
    }
    for line in bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if matches!(kind, Kind::Json | Kind::Lines) && text.first() != Some(&b'{') {
            sorted.reject("the line is not a JSON object", limits)?;
        } else {
            sorted.take(line.to_vec(), limits)?;
        }
    }
    Ok(sorted)
}

/// JSON over several lines as one: a line break in JSON is nothing but white space.
fn one_line(json: &[u8]) -> Vec<u8> {
    json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

impl Sorted {
    fn take(&mut self, record: Vec<u8>, limits: &Limits) -> Result<(), Problem> {
        let judged = if record.len() > limits.record_bytes {
            Err(format::Reason::TooLong)
        } else {
            match std::str::from_utf8(&record) {
                Ok(text) => format::parse(text, None).map(|_| ()),
                Err(_) => Err(format::Reason::InvalidUtf8),
            }
        };
        match judged {
            Ok(()) => {
                self.count(limits)?;
                self.accepted.push(record);
                Ok(())
            }
            Err(reason) => self.reject(&reason.to_string(), limits),
        }
    }

    fn reject(&mut self, reason: &str, limits: &Limits) -> Result<(), Problem> {
        if self.rejected.len() < LISTED {
            self.rejected.push(Rejected { index: self.seen, reason: reason.to_owned() });
        }
        self.rejected_count += 1;
        self.count(limits)
    }

    fn count(&mut self, limits: &Limits) -> Result<(), Problem> {
        self.seen += 1;
        let most = limits.records;
        if self.seen > most {
            return Err(Problem::too_large(format!("the body holds more than {most} logs; send fewer at once")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(body: &[u8], kind: Kind) -> (Vec<String>, Vec<usize>) {
        let sorted = sort(body, kind, &Limits::default()).unwrap();
        let accepted = sorted.accepted.into_iter().map(|record| String::from_utf8(record).unwrap()).collect();
        (accepted, sorted.rejected.into_iter().map(|rejected| rejected.index).collect())
    }

    #[test]
    fn one_log_an_array_lines_and_text() {
        let a = r#"{"message":"a"}"#;
        assert_eq!(sorted(a.as_bytes(), Kind::Json), (vec![a.to_owned()], vec![]));
        let pretty = "{\n  \"message\": \"a\"\n}";
        assert_eq!(sorted(pretty.as_bytes(), Kind::Unknown).0, [pretty.replace('\n', " ")]);
        let array = format!("[{a}, 7, \"2025-10-23 14:32:15 INFO [x] y\"]");
        assert_eq!(
            sorted(array.as_bytes(), Kind::Json),
            (vec![a.into(), "2025-10-23 14:32:15 INFO [x] y".into()], vec![1])
        );
        let lines = format!("{a}\r\n\n{{broken\nplain\n{a}\n");
        for kind in [Kind::Json, Kind::Lines] {
            assert_eq!(sorted(lines.as_bytes(), kind), (vec![a.into(), a.into()], vec![1, 2]), "{kind:?}");
        }
        assert_eq!(sorted(lines.as_bytes(), Kind::Text), (vec![a.into(), "plain".into(), a.into()], vec![1]));
        assert_eq!(sorted(b"ok\n\xff\n", Kind::Text), (vec!["ok".into()], vec![1]));
    }

    #[test]
    fn what_is_no_json_at_all_is_refused_as_a_whole() {
        for body in ["{\"a\": ", "[1, 2", "hello", "", " \n"] {
            assert!(sort(body.as_bytes(), Kind::Json, &Limits::default()).is_err(), "{body}");
        }
        let few = Limits { records: 2, ..Limits::default() };
        assert!(sort(b"a\nb\nc", Kind::Text, &few).is_err());
    }
}
