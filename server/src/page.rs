//! The page at `/`.

use warp::{
    http::{HeaderValue, header},
    reply::{Reply, Response},
};

use crate::{
    call::Call,
    context::random_hex,
    error::Problem,
    identity::Access,
    operation::{Answer, Handle, Operation, Verb},
    rates::Class,
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    verb: Verb::Get,
    paths: &["/"],
    tag: "Documentation",
    about: "The page that shows what happens",
    params: &[],
    body: None,
    answer: Answer::new(&[("text/html", None)]),
    access: Access::Anyone,
    class: Class::Free,
    handle: Handle::Now(page),
}];

const PAGE: &str = include_str!("index.html");

/// The page, whose script and style are the only ones that may run: they carry a word that no one can foresee.
fn page(_: &Call) -> Result<Response, Problem> {
    let nonce = random_hex();
    let mut response = PAGE.replace("{{nonce}}", &nonce).into_response();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}
