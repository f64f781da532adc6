//! Who may ask, how often and over what, on a real port.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::{Answer, request, serve};
use highwater_engine::Views;
use highwater_server::{Ingest, IngestRefused, Rates, Server, Tls};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

struct House {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn house(adjust: impl FnOnce(&mut Server)) -> House {
    let mut server = Server::new(Views::default(), Arc::default());
    adjust(&mut server);
    let (address, stop, served) = serve(server).await;
    House { address, stop, served }
}

impl House {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.address, method, path, headers, b"").await
    }

    /// As if a proxy had passed it on from this address.
    async fn get_from(&self, client: &str, path: &str) -> Answer {
        self.ask("GET", path, &[("x-forwarded-for", client)]).await
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.served.await.unwrap();
    }
}

fn limit<'a>(status: &'a Json, class: &str) -> &'a Json {
    status["limits"].as_array().unwrap().iter().find(|limit| limit["class"] == class).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_may_ask_so_often() {
    let house = house(|server| {
        server.rates = Rates { per_minute: 3, lookup_per_minute: 1, ..Rates::UNLIMITED };
        server.rates.clients = 100;
        server.proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let context = "/api/v1/trace/context";
    for left in ["2", "1", "0"] {
        let answer = house.get_from("198.51.100.1", context).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["ratelimit-policy"], "\"default\";q=3;w=60");
        assert!(answer.headers["ratelimit"].starts_with(&format!("\"default\";r={left};t=")), "{:?}", answer.headers);
    }
    let refused = house.get_from("198.51.100.1", context).await;
    assert_eq!(refused.status, 429);
    assert!(refused.detail().contains("`default`"));
    assert!((1..=21).contains(&refused.headers["retry-after"].parse::<u64>().unwrap()), "{:?}", refused.headers);
    assert!(refused.headers["ratelimit"].starts_with("\"default\";r=0;"));

    assert_eq!(house.get_from("198.51.100.2", context).await.status, 200, "another client");
    assert_eq!(house.get_from("198.51.100.1", "/api/v1/views").await.status, 200, "another class");
    assert_eq!(house.get_from("198.51.100.1", "/api/v1/views").await.status, 429);
    for _ in 0..10 {
        assert_eq!(house.get_from("198.51.100.1", "/livez").await.status, 200, "never refused");
    }

    let status = house.get_from("198.51.100.1", "/api/v1/rate-limits/status").await.json();
    assert_eq!(status["client"], "198.51.100.1");
    let usual = limit(&status, "default");
    assert_eq!((&usual["quota"], &usual["window_seconds"], &usual["remaining"]), (&3.into(), &60.into(), &0.into()));
    assert_eq!(limit(&status, "login")["quota"], Json::Null, "without bounds");

    let reset = "/api/v1/rate-limits/reset/198.51.100.1";
    let stranger = house.ask("DELETE", reset, &[("x-forwarded-for", "198.51.100.1")]).await;
    assert_eq!(stranger.status, 403);
    assert_eq!(house.ask("DELETE", reset, &[]).await.json()["reset"], 1);
    assert_eq!(house.ask("DELETE", "/api/v1/rate-limits/reset/nobody", &[]).await.status, 404);
    assert_eq!(house.get_from("198.51.100.1", context).await.status, 200);
    assert!(house.ask("DELETE", "/api/v1/rate-limits/reset-all", &[]).await.json()["reset"].as_u64().unwrap() >= 2);

    let metrics = house.ask("GET", "/metrics", &[]).await.body;
    for expected in [
        r#"highwater_rate_limit_refusals_total{class="default"} 1"#,
        r#"highwater_rate_limit_refusals_total{class="lookup"} 1"#,
    ] {
        assert!(metrics.contains(expected), "{expected}\n{metrics}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forwards_without_being_asked_to_speaks_for_itself() {
    let house = house(|server| server.rates = Rates { per_minute: 1, ..Rates::default() }).await;
    assert_eq!(house.get_from("198.51.100.1", "/api/v1/trace/context").await.status, 200);
    assert_eq!(house.get_from("198.51.100.2", "/api/v1/trace/context").await.status, 429);
    let reset = "/api/v1/rate-limits/reset-all";
    let forwarded = house.ask("DELETE", reset, &[("x-forwarded-for", "198.51.100.1")]).await;
    assert_eq!(forwarded.status, 403, "an unknown proxy on this machine is not its owner");
    assert_eq!(house.ask("DELETE", reset, &[]).await.status, 200);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_count_by_their_bytes() {
    struct Anything;
    impl Ingest for Anything {
        fn accept(&self, _: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
            Ok(())
        }
    }
    let house = house(|server| {
        server.ingest = Some(Arc::new(Anything));
        // ten times so much may come at once
        server.rates = Rates { ingest_bytes_per_second: 1024, ..Rates::default() };
    })
    .await;
    let body = format!("{{\"message\":\"{}\"}}", "x".repeat(6000));
    let post = || request(house.address, "POST", "/api/v1/logs", &[], body.as_bytes());
    assert_eq!(post().await.status, 202);
    let refused = post().await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.detail().contains("`ingest`"));
    assert_eq!(refused.headers["ratelimit-policy"], "\"ingest\";q=10240;w=10;qu=\"content-bytes\"");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_ask_where_they_are_welcome() {
    let welcome = "https://dash.example.org";
    let house = house(|server| server.origins = vec![welcome.to_owned()]).await;
    let (path, asks) = ("/api/v1/logs/search", ("access-control-request-method", "POST"));
    let preflight = house.ask("OPTIONS", path, &[("origin", welcome), asks]).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.headers["access-control-allow-origin"], welcome);
    assert_eq!(preflight.headers["access-control-allow-methods"], "GET, HEAD, POST");
    assert!(preflight.headers["access-control-allow-headers"].contains("content-type"));
    let asked = request(house.address, "POST", path, &[("origin", welcome)], b"{}").await;
    assert_eq!((asked.status, asked.headers["access-control-allow-origin"].as_str()), (503, welcome), "no store");
    assert!(asked.headers["access-control-expose-headers"].contains("x-highwater-epoch"));

    let evil = "https://evil.example";
    let preflight = house.ask("OPTIONS", path, &[("origin", evil), asks]).await;
    assert_eq!(preflight.status, 405);
    assert_eq!(house.ask("POST", path, &[("origin", evil)]).await.status, 403);
    for answer in [preflight, house.ask("GET", "/livez", &[("origin", evil)]).await] {
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        assert_eq!(answer.headers["vary"], "origin");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configuration_no_other_origin_is_welcome() {
    let house = house(|_| {}).await;
    let headers = [("origin", "https://a.example"), ("access-control-request-method", "GET")];
    let answer = house.ask("OPTIONS", "/livez", &headers).await;
    assert_eq!(answer.status, 405);
    assert!(!answer.headers.contains_key("access-control-allow-origin") && !answer.headers.contains_key("vary"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_and_over_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let files = Tls { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let house = house(|server| server.tls = Some(files)).await;

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.to_lowercase().contains("strict-transport-security: max-age="), "{text}");

    let mut plain = TcpStream::connect(house.address).await.unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_there_is_said_so() {
    let mut server = Server::new(Views::default(), Arc::default());
    server.tls = Some(Tls { certificate: "/nowhere/c.pem".into(), key: "/nowhere/k.pem".into() });
    let error = server.bind(([127, 0, 0, 1], 0).into()).await.err().unwrap().to_string();
    assert!(error.contains("cannot read a certificate from /nowhere/c.pem"), "{error}");
}
