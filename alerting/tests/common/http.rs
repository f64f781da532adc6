//! A real receiver: an HTTP server that answers as it is told, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::PATIENCE;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// names in lower case
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// How a receiver answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Status(&'static str),
    /// takes the request and says nothing, ever
    Silence,
}

pub(crate) struct HttpReceiver {
    pub(crate) address: SocketAddr,
    requests: Receiver<Request>,
}

impl HttpReceiver {
    /// Answers with these, one after the other, then with success.
    pub(crate) fn start(answers: Vec<Answer>) -> HttpReceiver {
        HttpReceiver::serve(answers, None)
    }

    pub(crate) fn start_tls(config: ServerConfig) -> HttpReceiver {
        HttpReceiver::serve(Vec::new(), Some(Arc::new(config)))
    }

    fn serve(answers: Vec<Answer>, tls: Option<Arc<ServerConfig>>) -> HttpReceiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (say, requests) = unbounded();
        let answers = Arc::new(Mutex::new(answers.into_iter().rev().collect::<Vec<_>>()));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (say, answers, tls) = (say.clone(), answers.clone(), tls.clone());
                std::thread::spawn(move || {
                    let Ok(stream) = stream else { return };
                    match tls {
                        None => converse(stream, &say, &answers),
                        Some(tls) => {
                            let Ok(connection) = ServerConnection::new(tls) else { return };
                            converse(StreamOwned::new(connection, stream), &say, &answers);
                        }
                    }
                });
            }
        });
        HttpReceiver { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("no request came")
    }

    pub(crate) fn requests(&self) -> &Receiver<Request> {
        &self.requests
    }

    pub(crate) fn so_far(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// One request, one answer. Whoever breaks it off is not heard.
fn converse(stream: impl Read + Write, say: &Sender<Request>, answers: &Mutex<Vec<Answer>>) {
    let mut reader = BufReader::new(stream);
    let Some(request) = read(&mut reader) else { return };
    let answer = answers.lock().unwrap().pop().unwrap_or(Answer::Status("200 OK"));
    let _ = say.send(request);
    match answer {
        Answer::Status(status) => {
            let _ = write!(reader.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            let _ = reader.get_mut().flush();
        }
        Answer::Silence => {
            // until the other end gives up
            let _ = reader.read(&mut [0]);
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, headers, text: String::from_utf8(body).ok()? })
}

/// A port that nobody listens at just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens.
pub(crate) fn wait_for(address: SocketAddr) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(std::time::Instant::now() < deadline, "nobody listens at {address}");
        let _ = crossbeam_channel::after(std::time::Duration::from_millis(20)).recv();
    }
}
