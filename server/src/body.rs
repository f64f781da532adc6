//! Bodies of requests: read within bounds.

use std::{io::Read, time::Duration};

use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::error::Problem;

/// How long a body says it is.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Reads a body, never more of it than allowed.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Option<Incoming>,
    most: usize,
    patience: Duration,
) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::too_large(format!("the body is longer than {most} bytes; send less at once"));
    if announced(headers).is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let collect = async {
        let mut bytes = Vec::new();
        let Some(mut body) = body else { return Ok(bytes) };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
            let Ok(chunk) = frame.into_data() else { continue };
            if bytes.len() + chunk.len() > most {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(patience, collect).await.map_err(|_| Problem::timeout())?
}

/// The media type that a body says it has, in small letters and without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("?").to_ascii_lowercase();
    Some(text.split(';').next().unwrap_or_default().trim().to_owned()).filter(|kind| !kind.is_empty())
}

/// A body that says nothing of itself passes for JSON; so does what `curl -d` says, which is the form of a web page.
pub(crate) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers).as_deref() {
        None | Some("application/json" | "application/x-www-form-urlencoded") => Ok(()),
        Some(other) => Err(Problem::media_type(format!("content type `{other}`; allowed: application/json"))),
    }
}

/// Whether a body comes compressed.
pub(crate) fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?")) {
        None | Some("" | "identity") => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
        Some(other) => Err(Problem::media_type(format!("content encoding `{other}`; allowed: gzip, identity"))),
    }
}

/// Inflates, never to more than allowed.
pub(crate) fn inflate(bytes: &[u8], most: usize) -> Result<Vec<u8>, Problem> {
    let mut inflated = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(most as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| Problem::bad_request(format!("the body is not gzip: {error}")))?;
    if inflated.len() > most {
        return Err(Problem::too_large(format!(
            "the body inflates to more than {most} bytes; send fewer logs at once"
        )));
    }
    Ok(inflated)
}

/// A JSON object; serde would take a list for the fields in order.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8], example: &str) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::bad_request(format!("the body is no JSON object; send {example}")));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::bad_request(format!("the body is not what is expected here: {error}; send {example}"))
    })
}
