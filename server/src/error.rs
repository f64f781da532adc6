//! [`Problem`]: an error as its reader gets it, by RFC 9457.

use std::time::Duration;

use highwater_accounts::Error as AccountError;
use highwater_alerting::AlertingError;
use highwater_logstore::ParseError;
use highwater_metadata::Error as MetadataError;
use http::{HeaderName, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    gate::Standing,
    rates::Class,
    reply::{Response, whole},
};

/// What went wrong, as RFC 9457 has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDocument<'a> {
    /// Which kind of problem it is.
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    /// What is wrong with this request, and what to do about it.
    detail: &'a str,
    request_id: &'a str,
    /// Where in a query it is, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// What is wrong with which field of what was sent.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FieldProblem {
    /// As `notification_config.url`; empty for the whole.
    pub(crate) field: String,
    pub(crate) what: String,
}

/// What went wrong with one request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    column: Option<usize>,
    errors: Box<[FieldProblem]>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            status,
            kind,
            title,
            detail: detail.into(),
            column: None,
            errors: Box::default(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// The answer says the column by itself, too, so that a page can point at it.
    pub(crate) fn bad_query(error: &ParseError) -> Self {
        let title = "The query cannot be understood";
        let problem = Problem::new(StatusCode::BAD_REQUEST, "bad-query", title, error.to_string());
        Problem { column: Some(error.column), ..problem }
    }

    pub(crate) fn bad_parameter(name: &str, value: &str, allowed: &str) -> Self {
        let detail = format!("parameter `{name}` is `{}`; allowed: {allowed}", shorten(value));
        Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", "A parameter has a value that is not allowed", detail)
    }

    pub(crate) fn unknown_parameter(name: &str, known: &[&str]) -> Self {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let detail = format!("there is no parameter `{}` here; known: {known}", shorten(name));
        Problem::new(StatusCode::BAD_REQUEST, "unknown-parameter", "A parameter is not known", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    pub(crate) fn method(allowed: &str) -> Self {
        let detail = format!("this address takes {allowed}");
        let kind = "method-not-allowed";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, kind, "The method is not allowed here", detail);
        match HeaderValue::from_str(allowed) {
            Ok(allowed) => problem.with(header::ALLOW, allowed),
            Err(_) => problem,
        }
    }

    pub(crate) fn upgrade_required() -> Self {
        let detail = "this address speaks WebSocket; connect with an upgrade, protocol version 13";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", "A WebSocket is expected", detail)
            .with(header::UPGRADE, HeaderValue::from_static("websocket"))
    }

    /// Nobody is logged in; or, where a token was shown, it is none.
    pub(crate) fn unauthorized(detail: &str, was_shown: bool) -> Self {
        let challenge = if was_shown {
            HeaderValue::from_static("Bearer realm=\"highwater\", error=\"invalid_token\"")
        } else {
            HeaderValue::from_static("Bearer realm=\"highwater\"")
        };
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "It must be known who asks", detail)
            .with(header::WWW_AUTHENTICATE, challenge)
    }

    /// It is at odds with what is there.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "conflict", "This is at odds with what is there", detail)
    }

    /// What was sent can be read, and cannot be.
    pub(crate) fn invalid(errors: Vec<FieldProblem>) -> Self {
        let told = errors.iter().map(|error| match &*error.field {
            "" => error.what.clone(),
            field => format!("{field}: {}", error.what),
        });
        let detail = told.collect::<Vec<_>>().join("; ");
        let title = "Something is wrong with what was sent";
        Problem { errors: errors.into(), ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail) }
    }

    pub(crate) fn accounts(error: AccountError) -> Self {
        match error {
            AccountError::Invalid { field, problem } => {
                Problem::invalid(vec![FieldProblem { field: field.to_owned(), what: problem }])
            }
            AccountError::NameTaken | AccountError::LastAdmin | AccountError::TooManyTokens(_) => {
                Problem::conflict(error.to_string())
            }
            AccountError::Credentials => Problem::unauthorized(&error.to_string(), false),
            AccountError::Unauthenticated(rejection) => Problem::unauthorized(&rejection.to_string(), true),
            AccountError::NoSuchUser => Problem::not_found(error.to_string()),
            error => Problem::failed(&error),
        }
    }

    pub(crate) fn alerting(error: AlertingError) -> Self {
        match error {
            AlertingError::Invalid(problems) => {
                Problem::invalid(problems.into_iter().map(FieldProblem::from).collect())
            }
            AlertingError::NotFound(_) => Problem::not_found(error.to_string()),
            AlertingError::Conflict { .. } | AlertingError::TooMany { .. } | AlertingError::Refused(_) => {
                Problem::conflict(error.to_string())
            }
            error => Problem::failed(&error),
        }
    }

    pub(crate) fn metadata(error: MetadataError) -> Self {
        match error {
            MetadataError::Invalid { field, problem } => {
                Problem::invalid(vec![FieldProblem { field: field.to_owned(), what: problem }])
            }
            MetadataError::Taken(_) | MetadataError::Full { .. } => Problem::conflict(error.to_string()),
            error => Problem::failed(&error),
        }
    }

    /// What nobody outside can do anything about; the log has more.
    fn failed(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Problem::internal()
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "The request is refused", detail)
    }

    pub(crate) fn misdirected(host: &str) -> Self {
        let detail = format!(
            "host `{}` is not served here: the server listens on loopback only; add the name to its configured hosts",
            shorten(host)
        );
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "The host is not served here", detail)
    }

    pub(crate) fn timeout() -> Self {
        let detail = "the body did not come in time";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    pub(crate) fn media_type(detail: impl Into<String>) -> Self {
        let kind = "unsupported-media-type";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind, "The body is of an unknown kind", detail)
    }

    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", "More than can be taken now", detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The client has asked too often.
    pub(crate) fn too_many(class: Class, standing: Standing, wait: Duration) -> Self {
        let (class_name, seconds) = (class.name(), wait.as_secs() + 1);
        let detail = format!("the rate limit `{class_name}` is used up; try again in {seconds} s");
        let kind = "too-many-requests";
        let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, kind, "Too many requests", detail);
        problem.headers.extend(standing.headers(class));
        problem.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "This cannot be answered now", detail)
    }

    pub(crate) fn no_view(view: &str) -> Self {
        Problem::unavailable(format!(
            "view `{view}` is not published yet, or by no query with the built-in types; run the built-in query that \
             publishes it, and see /readyz"
        ))
    }

    pub(crate) fn internal() -> Self {
        let detail = "an internal error; the server's log has more under the request id";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, in a sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let body = ProblemDocument {
            kind: format!("urn:highwater:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            request_id,
            column: self.column,
            errors: &self.errors,
        };
        let mut response = whole(serde_json::to_vec(&body).unwrap_or_default());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.headers);
        response
    }
}

impl From<highwater_alerting::Problem> for FieldProblem {
    fn from(problem: highwater_alerting::Problem) -> Self {
        FieldProblem { field: problem.field, what: problem.what }
    }
}

/// So much of what a client sent as an error repeats.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
