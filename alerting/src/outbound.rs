//! [`Outbound`]: the one way out for what channels send. Guarded, bounded, and it follows no redirect.

use std::{sync::Arc, time::Duration};

use highwater_engine::Timestamp;
use ureq::{
    Agent, Error, Timeout,
    config::Config,
    http::{HeaderName, HeaderValue, Uri},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::{
    clock,
    guard::{Guard, GuardError, Network},
    problem::Problem,
};

/// Most of an answer that is read, and most letters of it that an error repeats.
const MAX_ANSWER: u64 = 64 << 10;
const MAX_SAID: usize = 200;

/// How channels reach their receivers.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// Networks that are not public and may be sent to all the same.
    pub allowed_networks: Vec<Network>,
    /// Certificates, as PEM, that are trusted in place of Mozilla's: those of a receiver with an authority of its own.
    pub trusted_roots: Option<String>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Where people reach Highwater: links in notices begin with it.
    pub external_url: String,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        OutboundSettings {
            allowed_networks: Vec::new(),
            trusted_roots: None,
            timeout: Duration::from_secs(10),
            external_url: "http://localhost:8080".to_owned(),
        }
    }
}

/// Why a notice did not arrive. No text of it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Trying again may help, after this pause where the receiver asks for one.
    #[error("{what}")]
    Again {
        /// What happened.
        what: String,
        /// How long to wait at least.
        after: Option<Duration>,
    },
    /// It will never arrive like this.
    #[error("{0}")]
    Never(String),
}

impl SendError {
    pub(crate) fn again(what: impl Into<String>) -> SendError {
        SendError::Again { what: what.into(), after: None }
    }
}

/// The way out.
#[derive(Clone)]
pub(crate) struct Outbound {
    agent: Agent,
    pub(crate) guard: Guard,
    pub(crate) settings: Arc<OutboundSettings>,
}

impl Outbound {
    /// # Errors
    /// Where the certificates cannot be read.
    pub(crate) fn new(settings: OutboundSettings) -> Result<Outbound, Problem> {
        let guard = Guard::new(settings.allowed_networks.clone());
        let roots = match &settings.trusted_roots {
            None => RootCerts::WebPki,
            Some(pem) => RootCerts::Specific(Arc::new(certificates(pem)?)),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            // a proxy would look names up by itself
            .proxy(None)
            // a connection that is kept was judged by a look-up that may be old
            .max_idle_connections(0)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), Judged(guard.clone()));
        Ok(Outbound { agent, guard, settings: Arc::new(settings) })
    }

    /// Posts JSON. Any answer of the 2xx kind is a success.
    ///
    /// # Errors
    /// Whether trying again may help: when nobody answers, and at 408, 425, 429 and 5xx.
    pub(crate) fn post(&self, url: &str, headers: &[(String, String)], body: &str) -> Result<String, SendError> {
        let mut request = self.agent.post(url).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| failure(&error))?;
        let status = response.status();
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(retry_after);
        let answer = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().unwrap_or_default();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if status.is_success() {
            return Ok(answer);
        }
        let said: String = answer.chars().take(MAX_SAID).collect();
        let what = format!("the receiver answers {}: {said:?}", status.as_u16());
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            Err(SendError::Again { what, after })
        } else {
            Err(SendError::Never(what))
        }
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate<'static>>, Problem> {
    let wrong = || Problem::new("trusted_roots", "holds no certificates in PEM");
    let items: Result<Vec<PemItem<'static>>, Error> = parse_pem(pem.as_bytes()).collect();
    let certificates: Vec<_> = items
        .map_err(|_| wrong())?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(wrong()) } else { Ok(certificates) }
}

/// Looks names up for the client, so that it connects to what was judged.
#[derive(Debug)]
struct Judged(Guard);

impl Resolver for Judged {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let addresses = self.0.resolve(host, port, *timeout.after).map_err(|error| match error {
            GuardError::Timeout => Error::Timeout(Timeout::Resolve),
            GuardError::NotFound => Error::HostNotFound,
            refused => Error::Other(Box::new(refused)),
        })?;
        let mut resolved = self.empty();
        for address in addresses {
            resolved.push(address);
        }
        Ok(resolved)
    }
}

/// Why there was no answer, without a word of what may repeat the request.
fn failure(error: &Error) -> SendError {
    match error {
        Error::Timeout(_) => SendError::again("the receiver does not answer in time"),
        Error::HostNotFound => SendError::again(GuardError::NotFound.to_string()),
        Error::Other(other) if other.is::<GuardError>() => SendError::Never(other.to_string()),
        Error::BadUri(_) | Error::Http(_) => {
            SendError::Never("no request can be made of the URL and the headers".into())
        }
        Error::Tls(_) | Error::Rustls(_) => SendError::again("the receiver's certificate is not trusted"),
        Error::Io(error) if is_about_tls(error) => SendError::again("the receiver's certificate is not trusted"),
        Error::Io(error) => SendError::again(format!("the receiver cannot be reached: {}", error.kind())),
        _ => SendError::again("the receiver cannot be reached"),
    }
}

/// Whether an error, or one underneath it, is what rustls says through a stream.
pub(crate) fn is_about_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let underneath = std::iter::successors(Some(error), |error| error.source());
    underneath
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::InvalidData)
}

/// What a `Retry-After` asks for: seconds, or a date. An hour at most.
fn retry_after(text: &str) -> Option<Duration> {
    let most = Duration::from_secs(3_600);
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds).min(most));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Timestamp::from_micros(at.as_microsecond()).since(clock::now()).min(most))
}

/// Whether a text is an address that a request can be made to.
pub(crate) fn check_url(field: &str, url: &str) -> Result<(), Problem> {
    let wrong = |what: &str| Err(Problem::new(field, what));
    let Ok(uri) = url.parse::<Uri>() else { return wrong("cannot be read as a URL") };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return wrong("must begin with http:// or https://");
    }
    if uri.host().is_none_or(str::is_empty) {
        return wrong("has no host");
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return wrong("must not hold a user and a password: give them as a header");
    }
    if url.len() > 2_000 { wrong("must have 2000 bytes at most") } else { Ok(()) }
}

/// Whether a header can be sent, and is not one of ours.
pub(crate) fn check_header(field: &str, name: &str, value: &str) -> Result<(), Problem> {
    let lower = name.to_ascii_lowercase();
    let is_ours = ["host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key"]
        .contains(&lower.as_str())
        || lower.starts_with("ce-")
        || lower.starts_with("x-highwater-");
    let can_be_sent = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
    match (is_ours, can_be_sent && value.len() <= 4_000) {
        (true, _) => Err(Problem::new(field, "is set by Highwater itself")),
        (_, false) => Err(Problem::new(field, "is no header that can be sent")),
        (false, true) => Ok(()),
    }
}
