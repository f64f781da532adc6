//! The API's description on a real port: everything in it is there, and nothing else is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use common::{Answer, request, serve};
use highwater_engine::Views;
use highwater_server::Server;
use serde_json::Value as Json;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];

async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[], b"").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_there_and_nothing_else() {
    let (address, stop, served) = serve(Server::new(Views::default(), Arc::default())).await;
    let document = get(address, "/openapi.json").await;
    assert_eq!(document.headers["content-type"], "application/json");
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 40, "{}", paths.len());
    for (path, item) in paths {
        let described: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let path = path.replace("{metric}", "latency").replace("{file}", "index.html").replace("{name}", "x");
        let path = path.replace("{id}", "x");
        for method in METHODS {
            let answer = request(address, method, &path, &[], b"").await;
            if described.contains(method) {
                assert!(!matches!(answer.status, 405 | 500), "{method} {path}: {}", answer.body);
                assert!(answer.status != 404 || !answer.detail().contains("no such address"), "{method} {path}");
            } else if answer.status == 405 {
                let allowed: BTreeSet<String> = answer.headers["allow"].split(", ").map(str::to_owned).collect();
                let said: BTreeSet<String> = allowed.iter().filter(|method| *method != "HEAD").cloned().collect();
                assert_eq!(said, described, "{path}");
                assert!(!allowed.contains("HEAD") || described.contains("GET"));
            } else {
                assert!(method == "HEAD" && described.contains("GET"), "{method} {path}: {}", answer.status);
            }
        }
    }
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_schema_or_is_text() {
    let (address, stop, served) = serve(Server::new(Views::default(), Arc::default())).await;
    let document = get(address, "/openapi.json").await.json();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    for operation in operations {
        let responses = operation["responses"].as_object().unwrap();
        assert_eq!(responses["4XX"]["$ref"], "#/components/responses/Problem", "{operation}");
        let good = responses.iter().filter(|(status, _)| status.starts_with('2'));
        for (kind, content) in good.filter_map(|(_, response)| response.get("content")?.as_object()).flatten() {
            let is_json = kind == "application/json" && operation["summary"] != "This document";
            assert!(!is_json || content["schema"]["type"] != "string", "{operation}");
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let numbered: Vec<_> = schemas.keys().filter(|name| name.ends_with(|last: char| last.is_ascii_digit())).collect();
    assert!(numbered.is_empty(), "two types have one name: {numbered:?}");
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!((&schemes["bearer"]["scheme"], &schemes["token"]["scheme"]), (&"bearer".into(), &"bearer".into()));
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_whole_from_here() {
    let (address, stop, served) = serve(Server::new(Views::default(), Arc::default())).await;
    let lead = get(address, "/docs").await;
    assert_eq!((lead.status, lead.headers["location"].as_str()), (308, "/docs/index.html"));
    let page = get(address, "/docs/index.html").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-type"].starts_with("text/html"), "{}", page.headers["content-type"]);
    assert!(page.headers["content-security-policy"].contains("script-src 'self';"));
    let parts = page.body.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    let parts: Vec<_> = parts.map(|part| part.trim_start_matches("./").to_owned()).collect();
    assert!(parts.len() >= 3, "{parts:?}");
    for part in parts {
        assert!(!part.contains("//"), "{part} is elsewhere");
        assert_eq!(get(address, &format!("/docs/{part}")).await.status, 200, "{part}");
    }
    assert!(!page.body.contains("<script>"), "the policy forbids scripts that stand in the page");
    assert!(get(address, "/docs/swagger-initializer.js").await.body.contains("/openapi.json"));
    assert!(get(address, "/docs/Cargo.toml").await.detail().contains("no file"));
    let _ = stop.send(());
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_belongs_to_a_trace() {
    let (address, stop, served) = serve(Server::new(Views::default(), Arc::default())).await;
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let traceparent = format!("00-{trace}-{parent}-01");
    let headers = [("traceparent", traceparent.as_str()), ("tracestate", "vendor=1"), ("x-correlation-id", "order:7")];
    let answer = request(address, "GET", "/api/v1/trace/context", &headers, b"").await;
    let context: Json = answer.json();
    assert_eq!((&context["trace_id"], &context["parent_id"]), (&trace.into(), &parent.into()));
    assert_eq!((&context["sampled"], &context["tracestate"]), (&true.into(), &"vendor=1".into()));
    assert_eq!(context["correlation_id"], "order:7");
    assert_eq!(context["request_id"], answer.headers["x-request-id"]);
    let span = context["span_id"].as_str().unwrap();
    assert_eq!(answer.headers["traceresponse"], format!("00-{trace}-{span}-01"));

    let alone = get(address, "/api/v1/nothing").await;
    assert_eq!(alone.status, 404);
    assert!(alone.headers["traceresponse"].starts_with("00-") && alone.headers["traceresponse"].ends_with("-00"));
    assert_eq!(alone.headers["x-correlation-id"], alone.headers["x-request-id"]);
    let _ = stop.send(());
    served.await.unwrap();
}
