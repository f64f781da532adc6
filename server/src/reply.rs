//! Answers as they go out.

use bytes::Bytes;
use highwater_engine::{Epoch, Timestamp};
use serde::Serialize;
use warp::{
    http::{HeaderValue, StatusCode, header},
    reply::{Reply, Response},
};

use crate::error::Problem;

pub(crate) fn json_reply(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(value) else { return Problem::internal().into_response("") };
    let mut response = body.into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// That it is done, and nothing more.
pub(crate) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A time of the metadata store as answers show it.
pub(crate) fn time(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_microsecond())
}

/// Says which epoch an answer is consistent with.
pub(crate) fn at_epoch(mut response: Response, epoch: Epoch) -> Response {
    response.headers_mut().insert("x-highwater-epoch", HeaderValue::from(epoch));
    response
}

pub(crate) fn json_at(epoch: Epoch, value: &impl Serialize) -> Response {
    at_epoch(json_reply(StatusCode::OK, value), epoch)
}

/// JSON that has been written already.
pub(crate) fn json_bytes(epoch: Epoch, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    at_epoch(response, epoch)
}

/// Text of a media type.
pub(crate) fn text(kind: &'static str, body: impl Into<Vec<u8>>) -> Response {
    let mut response = body.into().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
