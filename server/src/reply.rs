//! Answers as they go out.

use std::{io, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use highwater_engine::{Epoch, Timestamp};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;

use crate::error::Problem;

/// An answer.
pub(crate) type Response = http::Response<Body>;
/// Its body, at once or as it comes.
pub(crate) type Body = Either<Full<Bytes>, StreamBody<Pieces>>;
type Pieces = Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>;

/// Headers that an answer has room for from the beginning: most have as many.
const HEADERS: usize = 24;

fn of(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().reserve(HEADERS);
    response
}

/// A body that is there.
pub(crate) fn whole(body: impl Into<Bytes>) -> Response {
    of(Either::Left(Full::new(body.into())))
}

/// A status and no body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = whole(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A body that comes in pieces.
pub(crate) fn streamed(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    of(Either::Right(StreamBody::new(Box::pin(pieces.map(|piece| piece.map(Frame::data))))))
}

pub(crate) fn json_reply(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(value) else { return Problem::internal().into_response("") };
    let mut response = whole(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// That it is done, and nothing more.
pub(crate) fn nothing() -> Response {
    empty(StatusCode::NO_CONTENT)
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
    let mut response = whole(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    at_epoch(response, epoch)
}

/// Text of a media type.
pub(crate) fn text(kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = whole(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
