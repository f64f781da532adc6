//! Clients that mean no good: slow ones by the thousand, floods, bombs, and paths that lead elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use common::{request, serve};
use highwater_engine::Views;
use highwater_server::{Ingest, IngestRefused, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

struct Anything;

impl Ingest for Anything {
    fn accept(&self, _: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
        Ok(())
    }
}

async fn house(adjust: impl FnOnce(&mut Server)) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let mut server = Server::new(Views::default(), Arc::default());
    server.ingest = Some(Arc::new(Anything));
    adjust(&mut server);
    serve(server).await
}

/// What comes back for these bytes, until the other side is done.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    let _ = read.expect("neither an answer nor an end");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

async fn is_well(address: SocketAddr) -> bool {
    let asked = request(address, "GET", "/livez", &[], b"");
    tokio::time::timeout(Duration::from_secs(20), asked).await.is_ok_and(|answer| answer.status == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_that_never_finish_their_request_keep_nobody_out() {
    const WANTED: u64 = 10_000;
    const SPARE: u64 = 1000;
    let descriptors = rlimit::increase_nofile_limit(WANTED + SPARE).unwrap();
    let slow = WANTED.min(descriptors.saturating_sub(SPARE));
    println!("{slow} slow connections, of {WANTED} wanted");
    let (address, stop, served) = house(|server| server.limits.connections = 200).await;
    let mut held = Vec::new();
    for number in 0..slow {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").await;
        held.push(stream);
        if number % 1000 == 999 {
            assert!(is_well(address).await, "after {number} slow connections");
        }
    }
    for stream in held.iter_mut().rev().take(100) {
        let _ = stream.write_all(b"a").await;
    }
    for _ in 0..20 {
        assert!(is_well(address).await);
    }
    drop(held);
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_asked_something_is_not_cut_for_strangers() {
    let (address, stop, served) = house(|server| server.limits.connections = 4).await;
    let mut known = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    let mut answer = [0; 4096];
    known.write_all(ask).await.unwrap();
    assert!(known.read(&mut answer).await.unwrap() > 0);
    let mut strangers = Vec::new();
    for _ in 0..50 {
        strangers.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(is_well(address).await);
    known.write_all(ask).await.unwrap();
    let read = known.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    drop(strangers);
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_have_an_end() {
    let (address, stop, served) = house(|_| {}).await;
    let head = "GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n";
    let many: String = (0..5000).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(1 << 20));
    let target = format!("GET /{} HTTP/1.1\r\nhost: 127.0.0.1\r\n", "a".repeat(1 << 20));
    for flood in [format!("{head}{many}\r\n"), format!("{head}{long}\r\n"), format!("{target}\r\n")] {
        let answer = raw(address, flood.as_bytes()).await;
        // what is still on its way when the answer is given may take the answer with it
        assert!(matches!(status(&answer), "431" | "414" | "none"), "{answer}");
    }
    assert!(is_well(address).await);
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_refused_before_it_comes() {
    let (address, stop, served) = house(|_| {}).await;
    let head = "POST /api/v1/logs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: text/plain\r\n";
    let announced = raw(address, format!("{head}content-length: 1073741824\r\n\r\nabc").as_bytes()).await;
    assert_eq!(status(&announced), "413", "{announced}");

    // one that does not say how long it is
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x10000], b"\r\n"].concat();
    let mut sent = 0_u64;
    while sent < 1 << 30 && stream.write_all(&chunk).await.is_ok() {
        sent += 0x10000;
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    assert!(is_well(address).await);
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_does_not_go_off() {
    let (address, stop, served) = house(|_| {}).await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 4 << 20);
    let headers = [("content-type", "text/plain"), ("content-encoding", "gzip")];
    let refused = request(address, "POST", "/api/v1/logs", &headers, &bomb).await;
    assert_eq!(refused.status, 413, "{}", refused.body);
    assert!(refused.detail().contains("inflates"));
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_nowhere_else() {
    let (address, stop, served) = house(|_| {}).await;
    let ask = async |target: &str, host: &str| {
        raw(address, format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes()).await
    };
    for target in [
        "/..",
        "/../livez",
        "/./livez",
        "//livez",
        "/%2e%2e/livez",
        "/%6civez",
        "/livez/",
        "/livez%00",
        "/docs/../livez",
        "/docs/..%2f..%2fCargo.toml",
        "/docs/%2e%2e",
        "/docs/%00",
        "/api/v1/views/%c0%af",
        "/api/v1/views/%ff",
        "/api/v1/views/%00",
        "/api/v1/views/..%2f..%2fetc%2fpasswd",
        "/api/v1/../../etc/passwd",
        "/api/v1/logs/../health",
        "/LIVEZ",
    ] {
        let answer = ask(target, "127.0.0.1").await;
        assert!(matches!(status(&answer), "400" | "404" | "503"), "{target}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains("[package]"), "{target}: {answer}");
    }
    assert_eq!(status(&ask(&format!("http://{address}/livez"), "127.0.0.1").await), "200");
    for (target, host) in [("http://evil.example/livez", "127.0.0.1"), ("/livez", "evil.example")] {
        assert_eq!(status(&ask(target, host).await), "421", "{target}");
    }
    for nonsense in
        ["GET livez HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET /\u{e9} HTTP/1.1\r\n\r\n"]
    {
        let answer = raw(address, nonsense.as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "404" | "505" | "none"), "{nonsense:?}: {answer}");
    }
    assert!(is_well(address).await);
    let _ = stop.send(());
    served.await.unwrap();
}
