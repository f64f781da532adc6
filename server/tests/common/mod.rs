//! Logs for a job, and the other end of the API: requests, events, and a server to send them to.

#![allow(dead_code, unreachable_pub)]

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError, Timestamp};
use highwater_server::Server;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

/// Records that a test hands to the job.
#[derive(Clone, Default)]
pub struct Feed(pub Arc<Mutex<VecDeque<String>>>);

impl Source for Feed {
    fn name(&self) -> Name {
        Name::from("test")
    }
    fn open(&self, _: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(self.clone()))
    }
}

impl Reader for Feed {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(0);
        for record in self.0.lock().unwrap().drain(..) {
            intake.record(slot, 0, None, record.as_bytes());
        }
        Ok(Progress::Idle)
    }
}

impl Feed {
    pub fn log(&self, at: Timestamp, service: &str, level: &str, latency_ms: u32) {
        let log =
            json!({ "timestamp": at, "service": service, "level": level, "message": "m", "latency_ms": latency_ms });
        self.0.lock().unwrap().push_back(log.to_string());
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
    pub fn detail(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.headers["x-request-id"]);
        assert!(problem["type"].is_string() && problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

pub async fn serve(server: Server) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let bound = server.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = bound.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    (address, stop, tokio::spawn(async move { bound.serve(shutdown).await.unwrap() }))
}

pub async fn connect(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(body).await;
    stream
}

pub async fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = connect(address, method, path, headers, body).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

/// The events of a stream: id, event and data.
pub struct Events {
    pub stream: TcpStream,
    pub text: String,
}

impl Events {
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Events {
        Events { stream: connect(address, "GET", path, headers, b"").await, text: String::new() }
    }

    /// Reads until this has come, and drops it with what came before.
    pub async fn head(&mut self, end: &str) {
        while !self.text.contains(end) {
            self.more().await;
        }
        let (_, rest) = self.text.split_once(end).unwrap();
        self.text = rest.to_owned();
    }

    async fn more(&mut self) {
        let mut more = [0; 65536];
        let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut more)).await.unwrap().unwrap();
        assert!(read > 0, "the stream ended: {}", self.text);
        self.text += std::str::from_utf8(&more[..read]).unwrap();
    }

    /// The next event: its id and data, its name where it has one.
    pub async fn next(&mut self) -> (Option<u64>, String, Json) {
        loop {
            // chunk sizes stand on lines of their own between events, and are no fields
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let (id, name, data) = (field("id: "), field("event: "), field("data: "));
                self.text = rest.to_owned();
                if let Some(data) = data {
                    let id = id.map(|id| id.trim().parse().unwrap());
                    return (id, name.unwrap_or_default(), serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            self.more().await;
        }
    }
}
