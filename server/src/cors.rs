//! Pages of other origins: which may ask, by CORS. None, unless configured.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    reply::{Response, empty},
    state::State,
};

/// Headers that such a page may send, and read.
const ALLOWED: &str =
    "authorization, content-type, last-event-id, traceparent, tracestate, x-correlation-id, x-request-id";
const EXPOSED: &str = "ratelimit, ratelimit-policy, retry-after, traceresponse, x-correlation-id, x-highwater-epoch, \
                       x-next-cursor, x-request-id";

/// Whether pages of this origin may ask.
pub(crate) fn is_welcome(state: &State, origin: &HeaderValue) -> bool {
    state.origins.iter().any(|known| known.as_bytes() == origin.as_bytes())
}

/// Whether a browser asks if a page of a welcome origin may ask.
pub(crate) fn is_preflight(state: &State, headers: &HeaderMap) -> bool {
    let is_welcome = headers.get(header::ORIGIN).is_some_and(|origin| is_welcome(state, origin));
    is_welcome && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// It may.
pub(crate) fn preflight(methods: &str) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    if let Ok(methods) = HeaderValue::from_str(methods) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Says on every answer whether the page that asked may see it.
pub(crate) fn mark(state: &State, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if state.origins.is_empty() {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.filter(|origin| is_welcome(state, origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
