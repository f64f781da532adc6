//! Plain-language help and the service graph on a real port, over the views of the built-in queries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use common::{Answer, Feed, request, serve};
use highwater_ask::{Model, ModelConfig};
use highwater_engine::{Job, Running, Timestamp, seconds};
use highwater_queries::{ServiceGraph, Standard};
use highwater_server::Server;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
};

struct House {
    feed: Feed,
    job: Running,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn house(share: f64, adjust: impl FnOnce(&mut Server)) -> House {
    let feed = Feed::default();
    let queries = Standard { service_graph: ServiceGraph { share }, ..Standard::default() };
    let mut job = Job { sources: vec![Box::new(feed.clone())], queries: vec![Box::new(queries)], ..Job::default() };
    job.settings.tick = Duration::from_millis(20);
    let job = job.start().unwrap();
    let mut server = Server::new(job.views(), job.metrics());
    adjust(&mut server);
    let (address, stop, served) = serve(server).await;
    House { feed, job, address, stop, served }
}

impl House {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = request(self.address, method, &format!("/api/v1{path}"), headers, body.as_bytes()).await;
        assert!(answer.status != 200 || answer.headers.contains_key("x-highwater-epoch"), "{:?}", answer.headers);
        answer
    }

    /// Status and JSON.
    async fn request(&self, method: &str, path: &str, body: &str) -> (u16, Json) {
        let answer = self.ask(method, path, &[], body).await;
        (answer.status, answer.json())
    }

    async fn post(&self, path: &str, body: &Json) -> Json {
        let (status, answer) = self.request("POST", path, &body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn logs(&self) {
        self.feed_requests();
        self.until("/metrics/overview", |overview| overview["total_logs"] == 120).await;
    }

    /// 40 requests: the gateway calls checkout, which calls payment; every fourth payment fails.
    fn feed_requests(&self) {
        let now = Timestamp::now().minus(seconds(5));
        let mut feed = self.feed.0.lock().unwrap();
        for n in 0..40_u64 {
            for (service, began, ended) in
                [("payment-service", 20, 50), ("checkout-service", 10, 60), ("api-gateway", 0, 80)]
            {
                let level = if service == "payment-service" && n % 4 == 0 { "ERROR" } else { "INFO" };
                let log = json!({
                    "timestamp": now.plus(Duration::from_millis(ended + n)),
                    "service": service,
                    "level": level,
                    "message": "done",
                    "trace_id": format!("trace-{n}"),
                    "latency_ms": ended - began,
                });
                feed.push_back(log.to_string());
            }
        }
    }

    /// Waits until an answer is as it should be.
    async fn until(&self, path: &str, good: impl Fn(&Json) -> bool) -> Json {
        let mut last = Json::Null;
        for _ in 0..500 {
            let (status, answer) = self.request("GET", path, "").await;
            if status == 200 && good(&answer) {
                return answer;
            }
            last = answer;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never: {path} {last}");
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.served.await.unwrap();
        (self.job.stopper())();
        let job = self.job;
        tokio::task::spawn_blocking(move || job.join().unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_know_the_services_that_are_there() {
    let house = house(1.0, |_| {}).await;
    house.logs().await;
    let answer = house.post("/ai/search", &json!({ "query": "pyament errors slower than 2s in the last hour" })).await;
    let filters = &answer["filters"];
    assert_eq!(filters["query"], r#"level:(ERROR OR FATAL) service:"payment-service" latency_ms:>2000"#);
    assert_eq!((&filters["severity"], &filters["source"]), (&json!(["ERROR", "FATAL"]), &json!(["payment-service"])));
    let time = |end: &str| filters["time_range"][end].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(time("to").since(time("from")), Duration::from_secs(3600));
    assert!(answer["explanation"].as_str().unwrap().contains("“pyament” is read as payment-service"), "{answer}");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn insights_are_drawn_from_the_views() {
    let house = house(1.0, |_| {}).await;
    house.logs().await;
    let (status, whole) = house.request("POST", "/ai/insights", "").await;
    assert_eq!((status, &whole["time_range"]), (200, &json!("1h")), "{whole}");
    let answer = house.post("/ai/insights", &json!({ "time_range": "15m" })).await;
    let insights = &answer["insights"];
    let worst = &insights["services"][0];
    assert_eq!((&worst["name"], &worst["status"]), (&json!("payment-service"), &json!("degraded")));
    assert_eq!(worst["issues"], json!(["25 % of 40 logs are errors"]));
    let rows = house.until("/metrics/services", |rows| rows["services"].as_array().unwrap().len() == 3).await;
    let row = rows["services"].as_array().unwrap().iter().find(|row| row["service"] == "payment-service").unwrap();
    assert_eq!(worst["riskScore"], row["risk_score"], "one formula");
    assert_eq!(
        insights["summary"],
        "1 of 3 services needs a look. payment-service is degraded: 25 % of 40 logs are errors. 120 logs in the last 15 \
         minutes, 8.3 % of them errors."
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_is_refused() {
    let house = house(1.0, |_| {}).await;
    house.logs().await;
    let long = format!(r#"{{"query": "{}"}}"#, "x".repeat(20_000));
    for (path, headers, body, status, detail) in [
        ("/ai/search", &[][..], "", 400, r#"send {"query""#),
        ("/ai/search", &[][..], r#"{"query": 5}"#, 400, r#"send {"query""#),
        ("/ai/search", &[][..], r#"{"query": "x", "colour": 1}"#, 400, "colour"),
        ("/ai/search", &[][..], long.as_str(), 413, "send less at once"),
        ("/ai/search?x=1", &[][..], r#"{"query": "x"}"#, 400, "`x`"),
        ("/ai/search", &[("origin", "https://evil.example")], r#"{"query": "x"}"#, 403, "another origin"),
        ("/ai/insights", &[][..], r#"{"time_range": "2h"}"#, 400, "5m, 15m"),
        ("/ai/insights", &[][..], "[", 400, "time_range"),
    ] {
        let problem = house.ask("POST", path, headers, body).await;
        assert_eq!(problem.status, status, "{path} {}", problem.body);
        assert!(problem.detail().contains(detail), "{detail}: {}", problem.body);
    }
    for (method, path) in [("GET", "/ai/search"), ("GET", "/ai/insights"), ("POST", "/services/graph")] {
        assert_eq!(house.request(method, path, "").await.0, 405, "{method} {path}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_asked_first_and_the_local_answer_stands_in_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let said = json!({ "filters": { "source": ["checkout-service"] }, "explanation": "As the model has it." });
        let good = json!({ "choices": [{ "message": { "content": said.to_string() } }] }).to_string();
        for (status, body) in [("200 OK", good.as_str()), ("500 Oops", "{}")] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut asked, mut chunk) = (Vec::new(), [0; 4096]);
            // the end of what is asked for
            while !asked.ends_with(b"}") {
                let read = stream.read(&mut chunk).await.unwrap();
                asked.extend_from_slice(&chunk[..read]);
            }
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
        }
    });
    let config = ModelConfig {
        base_url,
        model: "m".to_owned(),
        api_key_env: None,
        timeout: Duration::from_secs(20),
        send_logs: false,
    };
    let house = house(1.0, |server| server.model = Some(Arc::new(Model::new(config)))).await;
    house.logs().await;
    let question = json!({ "query": "gateway errors" });
    let answer = house.post("/ai/search", &question).await;
    assert_eq!(
        (&answer["explanation"], &answer["filters"]["query"]),
        (&json!("As the model has it."), &json!(r#"service:"checkout-service""#))
    );
    let answer = house.post("/ai/search", &question).await;
    assert_eq!(answer["filters"]["query"], r#"level:(ERROR OR FATAL) service:"api-gateway""#);
    assert!(answer["explanation"].as_str().unwrap().ends_with("The model was not used: it answered with status 500."));
    server.await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_shows_who_calls_whom() {
    // the server is told that every other trace is looked at, so calls count twice
    let house = house(1.0, |server| server.trace_share = 0.5).await;
    house.logs().await;
    let both = |graph: &Json| graph["edges"].as_array().is_some_and(|edges| edges.len() == 2);
    let graph = house.until("/services/graph?time_range=1h", both).await;
    let [to_checkout, to_payment] = [&graph["edges"][0], &graph["edges"][1]];
    assert_eq!((&to_checkout["caller"], &to_checkout["callee"]), (&json!("api-gateway"), &json!("checkout-service")));
    assert_eq!((&to_payment["caller"], &to_payment["callee"]), (&json!("checkout-service"), &json!("payment-service")));
    assert_eq!((&to_payment["calls"], &to_payment["sampled_calls"]), (&json!(80.0), &json!(40)));
    assert_eq!((&to_payment["error_rate"], &to_checkout["error_rate"]), (&json!(25.0), &json!(0.0)));
    let p95 = to_payment["latency_p95_ms"].as_f64().unwrap();
    assert!((p95 - 30.0).abs() <= 30.0 / 64.0, "{p95}");
    assert!(to_payment["rate"].as_f64().unwrap() > 0.0 && graph["trace_share"] == 0.5);
    let nodes: Vec<_> = graph["nodes"].as_array().unwrap().iter().map(|node| node["service"].clone()).collect();
    assert_eq!(nodes, ["api-gateway", "checkout-service", "payment-service"]);
    assert_eq!(graph["nodes"][2]["error_rate"], 25.0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_share_of_traces_is_no_graph() {
    let house = house(0.0, |_| {}).await;
    house.logs().await;
    let (status, problem) = house.request("GET", "/services/graph", "").await;
    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().contains("service_graph"), "{problem}");
    house.end().await;
}
