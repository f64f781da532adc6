//! From a request to its answer: what every request is judged by, and what every answer carries.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use hyper::body::Incoming;
use tracing::Instrument;

use crate::{
    audit,
    call::Call,
    context::Context,
    cors,
    error::Problem,
    identity::{Identity, Peer},
    operation::{Operation, Verb},
    origin::{check_host, check_origin},
    params::Params,
    reply::Response,
    routes::Address,
    socket::Upgrade,
    state::State,
};

struct Request {
    peer: Peer,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    upgrade: Option<Upgrade>,
    body: Incoming,
}

impl Request {
    fn of(peer: Peer, mut request: http::Request<Incoming>) -> Self {
        let upgrade = Upgrade::of(&mut request);
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
        Request { peer, method, path, query, headers, upgrade, body }
    }
}

/// The whole API. Addresses are matched in one place, so that an unknown one is a 404 and a wrong method a 405 that says
/// what is allowed.
pub(crate) async fn answer(state: Arc<State>, peer: Peer, request: http::Request<Incoming>) -> Response {
    let started = Instant::now();
    let request = Request::of(peer, request);
    let context = Arc::new(Context::of(&request.headers));
    // at the level of errors, so that whatever is logged on the way says which request it belongs to
    let span = tracing::error_span!(
        "request",
        request_id = %context.request_id,
        correlation_id = %context.correlation_id,
        trace_id = %context.trace_id,
        span_id = %context.span_id,
    );
    let (method, path) = (method_label(&request.method), request.path.clone());
    let origin = request.headers.get(header::ORIGIN).cloned();
    let address = Address::of(&path);
    let label = address.as_ref().map_or("unknown", Address::label);
    let mut extra = Vec::new();
    let answered = dispatch(&state, address, request, &context, &mut extra).instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|problem| problem.into_response(&context.request_id));
    let took = started.elapsed();
    state.http.observe(method, label, response.status(), took);
    span.in_scope(|| tracing::debug!(method, path, status = response.status().as_u16(), ?took, "answered"));

    let headers = response.headers_mut();
    // a refusal says what it was refused by, which is not always what every call is counted by
    for (name, value) in extra {
        headers.entry(name).or_insert(value);
    }
    context.mark(headers);
    secure(&state, headers);
    cors::mark(&state, origin.as_ref(), headers);
    response
}

/// What keeps browsers from doing with an answer what it is not meant for.
fn secure(state: &State, headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if state.has_tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    let nothing = "default-src 'none'; frame-ancestors 'none'";
    for (name, usual) in [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, nothing)] {
        headers.entry(name).or_insert(HeaderValue::from_static(usual));
    }
}

async fn dispatch(
    state: &Arc<State>,
    address: Option<Address>,
    request: Request,
    context: &Arc<Context>,
    extra: &mut Vec<(HeaderName, HeaderValue)>,
) -> Result<Response, Problem> {
    // an authority, which is for whoever wants a tunnel (RFC 9112, section 3.2.3)
    if request.path.is_empty() {
        return Err(Problem::bad_request("the target of a request begins with `/`"));
    }
    check_host(state, &request.peer, &request.headers)?;
    let Some(address) = address else {
        return Err(Problem::not_found("no such address; the API is under /api/v1, /docs describes it"));
    };
    if request.method == Method::OPTIONS && cors::is_preflight(state, &request.headers) {
        return Ok(cors::preflight(&address.allowed()));
    }
    let Some(operation) = address.operation(request.method.as_str()) else {
        return Err(Problem::method(&address.allowed()));
    };
    if operation.verb != Verb::Get || request.upgrade.is_some() {
        check_origin(state, &request.headers)?;
    }
    let identity = match Identity::of(state, &request.peer, &request.headers).await {
        Ok(identity) => identity,
        // whoever tries tokens is counted for it
        Err(refused) => {
            let (client, problem) = *refused;
            state.gates.take(operation.class, client)?;
            return Err(problem);
        }
    };
    let standing = state.gates.take(operation.class, identity.client)?;
    extra.extend(standing.into_iter().flat_map(|standing| standing.headers(operation.class)));
    let object = address.segments.first().map(|(_, object)| object.clone());
    let asks = identity.clone();
    let outcome = perform(state, operation, identity, address.segments, request, context).await;
    let status = outcome.as_ref().map_or_else(Problem::status, Response::status);
    audit::note(state, operation, &asks, object.as_deref(), status, &context.request_id).await;
    outcome
}

async fn perform(
    state: &Arc<State>,
    operation: &'static Operation,
    identity: Identity,
    segments: Vec<(&'static str, String)>,
    request: Request,
    context: &Arc<Context>,
) -> Result<Response, Problem> {
    identity.check(operation.access)?;
    let params = Params::read(&request.path, &request.query, operation.params)?.with_segments(segments);
    let Request { path, query, headers, upgrade, body, .. } = request;
    let target = path + "?" + &query;
    let (state, context, body) = (state.clone(), context.clone(), Some(body));
    Call { state, operation, identity, context, target, params, headers, upgrade, body }.answer().await
}

fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
