//! A view's changes as HTTP requests.

use std::{collections::BTreeMap, fmt, time::Duration};

use highwater_engine::{Batch, Epoch, Name, Record, Sink, SinkError, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::{Agent, http};

/// Where changes are posted to, and how patiently.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// An `http` or `https` URL. It may hold a secret, so only its host is ever shown.
    pub url: String,
    /// Further headers, such as `Authorization`; never shown.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Seconds that one attempt may take.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// Most changes in one request; an epoch with more makes several requests.
    #[serde(default = "default_changes")]
    pub max_changes: usize,
}

fn default_timeout() -> u64 {
    10
}
fn default_changes() -> usize {
    1000
}

impl WebhookConfig {
    /// Posts to this URL.
    pub fn new(url: impl Into<String>) -> Self {
        WebhookConfig {
            url: url.into(),
            headers: BTreeMap::new(),
            timeout_seconds: default_timeout(),
            max_changes: default_changes(),
        }
    }

    /// Sees whether requests can be made of it, without making one. Gives the host.
    ///
    /// # Errors
    /// Where they cannot, and why.
    pub fn check(&self) -> Result<String, String> {
        let uri: http::Uri = self.url.parse().map_err(|error| format!("the URL cannot be read: {error}"))?;
        let host = uri.host().ok_or("the URL has no host")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("the URL begins neither with http:// nor with https://".into());
        }
        for (name, value) in &self.headers {
            http::HeaderName::try_from(name.as_str()).map_err(|_| format!("{name:?} is no header's name"))?;
            http::HeaderValue::try_from(value.as_str()).map_err(|_| format!("the header {name:?} has a bad value"))?;
        }
        Ok(uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("host", &self.check().unwrap_or_default())
            .field("headers", &self.headers.keys())
            .field("timeout_seconds", &self.timeout_seconds)
            .field("max_changes", &self.max_changes)
            .finish()
    }
}

/// Posts the changes of a view, `{"view":..,"epoch":..,"changes":[{"key":..,"window_start":..,"value":..}]}`, with the
/// headers of a CloudEvent in binary mode. A change whose `value` is null is a row that is gone.
///
/// A request may come twice, with the same `Idempotency-Key` and the same body, from another start of the job too. What
/// fails is tried again until it succeeds, with growing pauses: when nobody answers, and at 408, 425, 429 and 5xx;
/// `Retry-After` is honoured. Any other answer but success fails the job at once: nothing is dropped.
pub struct WebhookSink {
    name: Name,
    view: Name,
    config: WebhookConfig,
    agent: Agent,
    /// the newest request that succeeded: epoch and part
    done: Option<(Epoch, usize)>,
}

/// What became of an attempt.
enum Attempt {
    Done,
    Again { why: String, after: Option<Duration> },
    Never(String),
}

impl WebhookSink {
    /// A sink for the changes of `view`. Does not connect yet.
    ///
    /// # Errors
    /// Where the configuration is wrong.
    pub fn new(view: Name, config: WebhookConfig) -> Result<Self, SinkError> {
        let host = config.check().map_err(|why| SinkError::new(Name::from("webhook"), why))?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(config.timeout_seconds.max(1))))
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(WebhookSink { name: Name::from(format!("webhook:{host}/{view}")), view, config, agent, done: None })
    }

    fn post(&self, id: &str, body: &str) -> Result<(), SinkError> {
        match self.attempt(id, body) {
            Attempt::Done => Ok(()),
            Attempt::Never(why) => Err(SinkError::new(self.name.clone(), why)),
            Attempt::Again { why, after } => {
                Err(SinkError::new(self.name.clone(), why).again(after.unwrap_or(Duration::ZERO)))
            }
        }
    }

    fn attempt(&self, id: &str, body: &str) -> Attempt {
        let mut request = self
            .agent
            .post(&self.config.url)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", id)
            .header("ce-specversion", "1.0")
            .header("ce-id", id)
            .header("ce-source", format!("/highwater/views/{}", self.view))
            .header("ce-type", "highwater.view.changed.v1")
            .header("ce-time", Timestamp::now().to_string());
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(ureq::Error::Http(_) | ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl) => {
                return Attempt::Never("no request can be made of the URL and the headers".into());
            }
            Err(error) => return Attempt::Again { why: error.to_string(), after: None },
        };
        let status = response.status();
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(retry_after);
        // read, so that the connection can be used again
        let answer = response.body_mut().with_config().limit(64 << 10).read_to_vec().unwrap_or_default();
        if status.is_success() {
            return Attempt::Done;
        }
        let answer: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
        let why = format!("the server answers {status}: {answer:?}");
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            Attempt::Again { why, after }
        } else {
            Attempt::Never(why)
        }
    }
}

/// What a `Retry-After` asks for: seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Timestamp::from_micros(at.as_microsecond()).since(Timestamp::now()))
}

impl Sink for WebhookSink {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        for batch in batches {
            let changes: Vec<&Record> =
                batch.changes.iter().filter(|change| change.view == self.view).map(|change| &change.record).collect();
            for (part, changes) in changes.chunks(self.config.max_changes.max(1)).enumerate() {
                // where one failed, those before it are not repeated
                if self.done.is_some_and(|done| (batch.epoch, part) <= done) {
                    continue;
                }
                let (view, epoch) = (&self.view, batch.epoch);
                let id = if part == 0 { format!("{view}-{epoch}") } else { format!("{view}-{epoch}-{part}") };
                let changes: Vec<Value> = changes.iter().map(|record| change(record)).collect();
                self.post(&id, &json!({ "view": view, "epoch": epoch, "changes": changes }).to_string())?;
                self.done = Some((epoch, part));
            }
        }
        Ok(())
    }
}

fn change(Record { key, window_start, value }: &Record) -> Value {
    match window_start {
        Some(start) => json!({ "key": key, "window_start": start, "value": value }),
        None => json!({ "key": key, "value": value }),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        thread::JoinHandle,
    };

    use highwater_engine::Change;

    use super::*;

    /// Answers one connection per status, and gives what was asked: the headers and the body.
    fn serve(answers: Vec<&'static str>) -> (String, JoinHandle<Vec<(String, Value)>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?token=hunter2", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(reader.read_line(&mut head).unwrap() > 0);
                }
                let head = head.to_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let end = "Content-Length: 2\r\nConnection: close\r\n\r\nok";
                write!(reader.get_mut(), "HTTP/1.1 {answer}\r\n{end}").unwrap();
                asked.push((head, serde_json::from_slice(&body).unwrap()));
            }
            asked
        });
        (url, server)
    }

    fn row() -> Record {
        Record { key: "cart".into(), window_start: Some(Timestamp::from_millis(0)), value: Some(json!(1)) }
    }

    fn batch(epoch: Epoch, rows: usize) -> Batch {
        let changes = vec![Change { view: "alerts".into(), record: row() }; rows];
        Batch { epoch, changes, dead_letters: Vec::new() }
    }

    #[test]
    fn what_fails_may_be_tried_again_and_is_the_same() {
        let (url, server) = serve(vec!["200 OK", "500 Oops", "429 Slow\r\nRetry-After: 7", "200 OK"]);
        let mut config = WebhookConfig::new(url);
        config.headers.insert("Authorization".into(), "Bearer hunter2".into());
        config.max_changes = 1;
        assert!(!format!("{config:?}").contains("hunter2"));
        let mut sink = WebhookSink::new("alerts".into(), config).unwrap();
        let mut deliver = || sink.deliver(&[batch(42, 2)]);
        assert_eq!(deliver().unwrap_err().again, Some(Duration::ZERO));
        assert_eq!(deliver().unwrap_err().again, Some(Duration::from_secs(7)), "Retry-After is honoured");
        deliver().unwrap();
        let asked = server.join().unwrap();
        let ids = ["alerts-42", "alerts-42-1", "alerts-42-1", "alerts-42-1"];
        assert_eq!(asked.len(), ids.len());
        for ((head, body), id) in asked.iter().zip(ids) {
            assert!(head.contains(&format!("idempotency-key: {id}\r\n")), "{head}");
            assert!(head.contains(&format!("ce-id: {id}\r\n")) && head.contains("ce-specversion: 1.0\r\n"), "{head}");
            assert!(head.contains("authorization: bearer hunter2\r\n"), "{head}");
            let changes = json!([{ "key": "cart", "window_start": "1970-01-01T00:00:00.000Z", "value": 1 }]);
            assert_eq!(*body, json!({ "view": "alerts", "epoch": 42, "changes": changes }));
        }
    }

    #[test]
    fn what_cannot_succeed_fails_at_once_and_tells_no_secret() {
        let (url, server) = serve(vec!["404 Not Found"]);
        let mut sink = WebhookSink::new("alerts".into(), WebhookConfig::new(url)).unwrap();
        let error = sink.deliver(&[batch(1, 1)]).unwrap_err();
        assert_eq!(error.again, None);
        assert!(error.to_string().contains("404") && !error.to_string().contains("hunter2"), "{error}");
        server.join().unwrap();
        assert!(WebhookConfig::new("ftp://x/").check().is_err());
        assert!(WebhookConfig::new("no url").check().is_err());
    }

    #[test]
    fn nobody_there_may_pass() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut sink = WebhookSink::new("alerts".into(), WebhookConfig::new(format!("http://{free}/"))).unwrap();
        assert!(sink.deliver(&[batch(1, 1)]).unwrap_err().again.is_some());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("3"), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Wed, 21 Oct 2099 07:28:00 GMT").unwrap() > Duration::from_secs(1_000_000));
        assert_eq!(retry_after("soon"), None);
    }
}
