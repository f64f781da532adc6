//! `/openapi.json`, and `/docs`: the same as a page that can be tried out, all of it from here.

use std::sync::{Arc, LazyLock};

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value as Json};
use utoipa_swagger_ui::Config;

use crate::{
    call::Call,
    error::{Problem, shorten},
    identity::Access,
    openapi::DOCUMENT,
    operation::{Answer, Handle, Operation, Param, Verb, of},
    rates::Class,
    reply::{Response, empty, text, whole},
};

const SPEC: Operation = Operation {
    verb: Verb::Get,
    paths: &["/openapi.json"],
    tag: "Documentation",
    about: "This document",
    params: &[],
    body: None,
    answer: Answer::new(&[("application/json", Some(of::<Map<String, Json>>))]),
    access: Access::Anyone,
    class: Class::Free,
    handle: Handle::Now(specification),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    SPEC,
    Operation {
        paths: &["/docs", "/docs/"],
        about: "Leads to the page that shows this document",
        answer: Answer { status: 308, about: "There it is", ..Answer::new(&[]) },
        handle: Handle::Now(lead),
        ..SPEC
    },
    Operation {
        paths: &["/docs/{file}"],
        about: "The page that shows this document",
        params: &[Param::path("file", "`index.html`, or what it is made of").like("index.html")],
        answer: Answer::new(&[("*/*", None)]),
        handle: Handle::Now(page),
        ..SPEC
    },
];

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").use_base_layout().validator_url("none")));

/// The page runs its own scripts; its styles and small pictures stand in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn specification(_: &Call) -> Result<Response, Problem> {
    Ok(text("application/json", DOCUMENT.as_bytes()))
}

fn lead(_: &Call) -> Result<Response, Problem> {
    let mut response = empty(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/docs/index.html"));
    Ok(response)
}

fn page(call: &Call) -> Result<Response, Problem> {
    let name = call.params.segment("file");
    let file = utoipa_swagger_ui::serve(name, CONFIG.clone()).map_err(|error| {
        tracing::error!(%error, "the page of the documentation cannot be made");
        Problem::internal()
    })?;
    let file = file.ok_or_else(|| Problem::not_found(format!("no file `{}` is a part of /docs", shorten(name))))?;
    let mut response = whole(file.bytes.into_owned());
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
