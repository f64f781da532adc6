//! Logs and traces over HTTP, out of a real store beside a real job.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Answer, Events, request, serve};
use futures_util::{SinkExt, StreamExt};
use highwater_engine::{
    Flow, Intake, Job, Log, Name, Positions, Progress, Query, Reader, Running, Service, Source, SourceError, minutes,
};
use highwater_logstore::{Indexer, StoreSettings};
use highwater_operators::catalog;
use highwater_server::Server;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle};

/// Records for the job and the store, each of which reads them by itself.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<String>>>);

impl Source for Records {
    fn name(&self) -> Name {
        Name::from("records")
    }
    fn open(&self, _: usize, _: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(RecordReader { records: self.clone(), next: resume.get(&0).copied().unwrap_or_default() }))
    }
}

struct RecordReader {
    records: Records,
    next: i64,
}

impl Reader for RecordReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let slot = intake.partition(0);
        for record in self.records.0.lock().unwrap().iter().skip(self.next as usize) {
            self.next += 1;
            intake.record(slot, self.next, None, record.as_bytes());
        }
        Ok(Progress::Idle)
    }
}

/// An anomaly for every service and minute with errors.
struct Anomalies;

impl Query for Anomalies {
    fn name(&self) -> &str {
        "anomalies"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let errors = flow.logs().filter(|log| log.is_error()).tumbling(minutes(1));
        let errors = errors.aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1);
        let anomalies = errors.rows().map(|((service, window), _)| {
            let id = Name::from(format!("error_rate:{service}"));
            let (start, end) = (window.start.to_string(), window.end(minutes(1)).to_string());
            let anomaly = [("id", id.clone()), ("service", service), ("window_start", Name::from(start))];
            let anomaly = anomaly.into_iter().chain([("window_end", Name::from(end))]);
            (id, anomaly.map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<String, Name>>())
        });
        flow.table(catalog::ANOMALIES, anomalies);
    }
}

struct House {
    records: Records,
    job: Option<Running>,
    indexer: Option<Indexer>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    _folder: TempDir,
}

/// Six logs of one minute: two traces, one of them with an error.
fn shop() -> Vec<String> {
    let log = |second: u32, level: &str, service: &str, message: &str, more: Json| {
        let mut log = json!({
            "timestamp": format!("2026-03-01T12:00:{second:02}Z"), "level": level, "service": service, "message": message,
        });
        log.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        log.to_string()
    };
    vec![
        log(1, "INFO", "cart", "item added", json!({ "trace_id": "AB12", "latency_ms": 20 })),
        log(2, "INFO", "gateway", "GET /checkout", json!({ "trace_id": "cd34", "latency_ms": 1500 })),
        log(
            3,
            "ERROR",
            "payment",
            "Payment failed: card declined",
            json!({ "trace_id": "cd34", "http": { "status": 503 } }),
        ),
        log(4, "WARN", "payment", "=retrying, \"soon\"", json!({})),
        log(5, "INFO", "cart", "item removed", json!({})),
        log(6, "DEBUG", "search", "nothing found", json!({ "trace_id": "ef56" })),
    ]
}

async fn house(adjust: impl FnOnce(&mut Server)) -> House {
    let records = Records::default();
    let source = || -> Vec<Box<dyn Source>> { vec![Box::new(records.clone())] };
    let mut job = Job { sources: source(), queries: vec![Box::new(Anomalies)], ..Job::default() };
    job.settings.tick = Duration::from_millis(20);
    let engine = job.settings.clone();
    let running = job.start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = StoreSettings::new(folder.path().join("logs"));
    settings.commit_interval = Duration::from_millis(20);
    let mut server = Server::new(running.views(), running.metrics());
    let (indexer, store) = Indexer::start(source(), engine, settings, &mut server.registry).unwrap();
    server.logs = Some(store);
    server.tick = Duration::from_millis(20);
    adjust(&mut server);
    let (address, stop, served) = serve(server).await;
    House { records, job: Some(running), indexer: Some(indexer), address, stop: Some(stop), served, _folder: folder }
}

impl House {
    async fn get(&self, path: &str) -> Answer {
        request(self.address, "GET", &format!("/api/v1{path}"), &[], b"").await
    }

    async fn search(&self, body: Json) -> Answer {
        request(self.address, "POST", "/api/v1/logs/search", &[], body.to_string().as_bytes()).await
    }

    fn add(&self, records: Vec<String>) {
        self.records.0.lock().unwrap().extend(records);
    }

    /// The shop's logs, once all of them are found and the anomaly is known.
    async fn shop() -> House {
        let house = house(|_| {}).await;
        house.add(shop());
        for _ in 0..500 {
            let found = house.get("/logs/search?query=failed").await.json();
            let all = house.get("/logs/search").await.json();
            if all["total"] == 6 && found["logs"][0]["anomalies"] == json!(["error_rate:payment"]) {
                return house;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never found: {}", house.get("/logs/search").await.body);
    }

    async fn end(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.served.await.unwrap();
        let (job, indexer) = (self.job.take().unwrap(), self.indexer.take());
        (job.stopper())();
        let end = move || {
            drop(indexer);
            job.join().unwrap();
        };
        tokio::task::spawn_blocking(end).await.unwrap();
    }
}

fn messages(answer: &Json) -> Vec<&str> {
    answer["logs"].as_array().unwrap().iter().map(|log| log["message"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_by_query_and_filters() {
    let house = House::shop().await;
    for (asked, found) in [
        ("query=item", vec!["item removed", "item added"]),
        ("query=item&sort=oldest", vec!["item added", "item removed"]),
        ("query=level:%3E%3DWARN+-failed", vec!["=retrying, \"soon\""]),
        ("query=http.status:503", vec!["Payment failed: card declined"]),
        ("level=ERROR,warning&service=Payment", vec!["=retrying, \"soon\"", "Payment failed: card declined"]),
        ("service=search,gateway", vec!["nothing found", "GET /checkout"]),
        ("trace_id=ab12", vec!["item added"]),
        ("start_time=2026-03-01T12:00:05Z", vec!["nothing found", "item removed"]),
        ("end_time=2026-03-01T12:00:02Z", vec!["item added"]),
        ("query=refund", vec![]),
    ] {
        let answer = house.get(&format!("/logs/search?{asked}")).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
        let answer = answer.json();
        assert_eq!(messages(&answer), found, "{asked}");
        assert_eq!(answer["total"], found.len(), "{asked}");
        assert!(answer["query_time_ms"].as_f64().unwrap() >= 0.0);
    }
    let answer = house.get("/logs/search").await;
    assert!(answer.headers.contains_key("x-highwater-epoch"));
    let counts = &answer.json()["aggregations"];
    assert_eq!(counts["by_level"], json!({ "DEBUG": 1, "INFO": 3, "WARN": 1, "ERROR": 1 }));
    assert_eq!(counts["by_service"], json!({ "cart": 2, "payment": 2, "gateway": 1, "search": 1 }));
    let bars = counts["histogram"].as_array().unwrap().iter();
    assert_eq!(bars.map(|bar| bar["count"].as_u64().unwrap()).sum::<u64>(), 6);

    let body = json!({ "query": "payment OR item", "services": ["cart", "payment"], "levels": ["INFO"], "offset": 1 });
    let answer = house.search(body).await.json();
    assert_eq!((messages(&answer), &answer["total"]), (vec!["item added"], &json!(2)));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another() {
    let house = House::shop().await;
    let (mut path, mut found) = ("/logs/search?limit=4".to_owned(), Vec::new());
    loop {
        let page = house.get(&path).await.json();
        found.extend(messages(&page).into_iter().map(str::to_owned));
        assert_eq!(page["total"], 6);
        assert_eq!(page.get("aggregations").is_none(), path.contains("cursor"), "pages after the first count nothing");
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/logs/search?limit=1&cursor={next}");
    }
    assert_eq!((found.len(), found[0].as_str(), found[5].as_str()), (6, "nothing found", "item added"));
    let cursor = house.get("/logs/search?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let other = house.get(&format!("/logs/search?query=item&cursor={cursor}")).await;
    assert!(other.status == 400 && other.detail().contains("same request"), "{}", other.body);
    // the same list by POST
    let page = house.search(json!({ "cursor": cursor, "limit": 1 })).await.json();
    assert_eq!(messages(&page), ["item removed"]);

    let recent = house.get("/logs/recent?limit=2&service=cart").await.json();
    assert_eq!(messages(&recent), ["item removed", "item added"]);
    let id = recent["logs"][0]["id"].as_str().unwrap();
    let log = house.get(&format!("/logs/{id}")).await.json();
    assert_eq!((&log["message"], &log["service"], &log["id"]), (&json!("item removed"), &json!("cart"), &json!(id)));
    for id in ["00000000-0-1", "what"] {
        let answer = house.get(&format!("/logs/{id}")).await;
        assert!(answer.status == 404 && answer.detail().contains(id));
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_told() {
    let house = House::shop().await;
    let answer = house.get("/logs/search?query=a+level:LOUD").await;
    assert_eq!((answer.status, &answer.json()["column"]), (400, &json!(9)));
    assert!(answer.detail().contains("column 9") && answer.detail().contains("FATAL"));
    for (asked, named) in [
        ("search?level=LOUD", "TRACE"),
        ("search?sort=up", "oldest"),
        ("search?limit=1001", "1000"),
        ("search?limit=0", "1000"),
        ("search?cursor=x", "next_cursor"),
        ("search?time_range=3h", "24h"),
        ("search?time_range=1h&start_time=2026-03-01T12:00:00Z", "start_time"),
        ("search?start_time=2026-03-02T12:00:00Z&end_time=2026-03-01T12:00:00Z", "end_time"),
        ("search?q=x", "query"),
        ("tail?query=(", "never closed"),
        ("tail?last=1001", "1000"),
        ("export?format=xml", "ndjson, csv"),
        ("export?query=%22", "never closed"),
    ] {
        let answer = house.get(&format!("/logs/{asked}")).await;
        assert!(answer.status == 400 && answer.detail().contains(named), "{asked}: {}", answer.body);
    }
    for body in [json!({ "offset": 9001 }), json!({ "levels": "INFO" }), json!({ "page": 1 }), json!([])] {
        assert_eq!(house.search(body.clone()).await.status, 400, "{body}");
    }
    let foreign = [("origin", "http://elsewhere")];
    assert_eq!(request(house.address, "POST", "/api/v1/logs/search", &foreign, b"{}").await.status, 403);
    let put = request(house.address, "PUT", "/api/v1/logs/search", &[], b"{}").await;
    assert_eq!((put.status, put.headers["allow"].as_str()), (405, "GET, HEAD, POST"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_it_is_said() {
    let house = house(|server| server.logs = None).await;
    for path in ["/logs/search", "/logs/recent", "/logs/tail", "/logs/export", "/logs/1-2-3", "/traces", "/traces/a"] {
        let answer = house.get(path).await;
        assert!(answer.status == 503 && answer.detail().contains("log store"), "{path}: {}", answer.body);
    }
    assert_eq!(house.get("/health").await.json()["components"]["search"]["status"], "not configured");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_anomalies_lead_to_one_another() {
    let house = House::shop().await;
    assert_eq!(house.get("/health").await.json()["components"]["search"]["status"], "healthy");
    let found = house.get("/logs/search?query=item+OR+retrying").await.json();
    assert_eq!(found["logs"][1]["anomalies"], json!(["error_rate:payment"]));
    assert!(found["logs"][0].get("anomalies").is_none(), "of another service");
    let report = house.get("/anomaly/report?window_minutes=1440").await.json();
    let address = report["anomalies"][0]["logs"].as_str().unwrap();
    let logs = request(house.address, "GET", address, &[], b"").await.json();
    assert_eq!(messages(&logs), ["=retrying, \"soon\"", "Payment failed: card declined"]);
    house.end().await;
}

/// What a body in chunks says.
fn whole(chunked: &str) -> String {
    let (mut text, mut rest) = (String::new(), chunked);
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return text;
        }
        text += &more[..size];
        rest = &more[size + 2..];
    }
    panic!("broken off: {chunked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_whole() {
    let house = House::shop().await;
    let lines = house.get("/logs/export?sort=oldest&query=item+OR+retrying").await;
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    let text = whole(&lines.body);
    let logs: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(messages(&json!({ "logs": logs })), ["item added", "=retrying, \"soon\"", "item removed"]);
    let csv = house.get("/logs/export?format=csv&level=WARN").await;
    assert!(csv.headers["content-disposition"].contains("logs.csv"));
    let csv = whole(&csv.body);
    assert!(csv.starts_with("id,timestamp,level,service,host,message,") && csv.ends_with("\r\n"), "{csv}");
    assert!(
        csv.contains(",WARN,payment,,\"'=retrying, \"\"soon\"\"\",") && csv.contains(",error_rate:payment\r\n"),
        "{csv}"
    );

    // more than a page of the store, and than a piece
    let many =
        (0..12_000).map(|n| json!({ "timestamp": "2026-03-01T12:01:00Z", "message": format!("n{n}") }).to_string());
    house.add(many.collect());
    for _ in 0..1000 {
        if house.get("/logs/search?limit=1").await.json()["total"] == 12_006 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let text = whole(&house.get("/logs/export?query=n*").await.body);
    let found: std::collections::BTreeSet<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap()["message"].as_str().unwrap().to_owned())
        .filter(|message| message != "nothing found")
        .collect();
    assert_eq!((found.len(), text.lines().count()), (12_000, 12_001));
    assert_eq!(whole(&house.get("/logs/export?query=n*&limit=7").await.body).lines().count(), 7);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_waterfalls() {
    let house = House::shop().await;
    for path in ["/traces/CD34", "/correlation/trace/cd34"] {
        let trace = house.get(path).await.json();
        assert_eq!(trace["services"], json!(["gateway", "payment"]));
        assert_eq!(
            (&trace["duration_ms"], &trace["errors"], &trace["truncated"]),
            (&json!(2500.0), &json!(1), &json!(false))
        );
        assert_eq!(messages(&trace), ["GET /checkout", "Payment failed: card declined"]);
        assert_eq!(trace["logs"][1]["anomalies"], json!(["error_rate:payment"]));
        let spans = trace["spans"].as_array().unwrap();
        assert_eq!((&spans[0]["service"], &spans[0]["duration_ms"]), (&json!("gateway"), &json!(1500.0)));
        assert_eq!((spans.len(), &spans[1]["level"], &spans[1]["inferred"]), (2, &json!("ERROR"), &json!(true)));
    }
    assert!(house.get("/traces/none").await.detail().contains("`none`"));

    let ids = |answer: &Json| -> Vec<String> {
        answer["traces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trace| trace["trace_id"].as_str().unwrap().to_owned())
            .collect()
    };
    for (asked, found) in [
        ("", vec!["ef56", "cd34", "AB12"]),
        ("?errors=true", vec!["cd34"]),
        ("?service=cart", vec!["AB12"]),
        ("?min_duration=20ms", vec!["cd34", "AB12"]),
        ("?min_duration=1.5s&errors=false", vec!["cd34"]),
    ] {
        assert_eq!(ids(&house.get(&format!("/traces{asked}")).await.json()), found, "{asked}");
    }
    let (mut path, mut found) = ("/traces?limit=1".to_owned(), Vec::new());
    for _ in 0..10 {
        let page = house.get(&path).await.json();
        found.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/traces?limit=1&cursor={next}");
    }
    assert_eq!(found, ["ef56", "cd34", "AB12"], "each once");
    let answer = house.get("/traces?min_duration=long").await;
    assert!(answer.status == 400 && answer.detail().contains("1.5s"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_shows_what_is_wanted_as_it_comes() {
    let mut house = house(|_| {}).await;
    let mut events = Events::open(house.address, "/api/v1/logs/tail?query=item&service=cart,search", &[]).await;
    let mut errors = Events::open(house.address, "/api/v1/logs/tail?level=ERROR", &[]).await;
    for events in [&mut events, &mut errors] {
        events.head(": listening").await;
    }
    house.add(shop());
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(messages(&events.next().await.2).into_iter().map(str::to_owned));
    }
    assert_eq!(heard, ["item added", "item removed"]);
    assert_eq!(messages(&errors.next().await.2), ["Payment failed: card declined"]);
    house.stop.take().unwrap().send(()).unwrap();
    let (_, name, data) = events.next().await;
    assert_eq!(name, "closed");
    assert!(data["reason"].as_str().unwrap().contains("stops"));
    house.stop = Some(oneshot::channel().0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_begins_with_the_last_logs_and_goes_on_with_each_once() {
    const LOGS: i64 = 600;
    let house = house(|_| {}).await;
    let log = |number: i64| {
        let at = format!("2026-03-01T12:{:02}:{:02}Z", number / 60, number % 60);
        json!({ "timestamp": at, "service": "cart", "message": format!("item {number}"), "level": "INFO" }).to_string()
    };
    // where there are none it is said
    let mut none = Events::open(house.address, "/api/v1/logs/tail?last=20", &[]).await;
    assert_eq!(none.next().await.2, json!({ "logs": [] }));
    let mut tails = Vec::new();
    for number in 0..LOGS {
        house.add(vec![log(number), shop()[3].clone()]);
        if number % 60 == 30 {
            tails.push(Events::open(house.address, "/api/v1/logs/tail?last=20&query=item", &[]).await);
        }
        if number == LOGS / 2 {
            // what is there before is found, and what comes is none of it
            while house.get("/logs/search?limit=1&query=item").await.json()["total"] != number + 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let mut tail = Events::open(house.address, "/api/v1/logs/tail?last=20&query=item", &[]).await;
            let begin = tail.next().await.2;
            let expected: Vec<String> = (number - 19..=number).map(|number| format!("item {number}")).collect();
            assert_eq!(messages(&begin), expected);
            tails.push(tail);
        }
        tokio::task::yield_now().await;
    }
    for mut tail in tails {
        let mut heard: Vec<i64> = Vec::new();
        while heard.last() != Some(&(LOGS - 1)) {
            let (_, name, data) = tail.next().await;
            assert_eq!(name, "");
            heard.extend(messages(&data).iter().map(|text| text["item ".len()..].parse::<i64>().unwrap()));
        }
        assert!(heard.windows(2).all(|pair| pair[0] + 1 == pair[1]), "each once, in order: {heard:?}");
    }
    house.end().await;
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn hear(socket: &mut Socket) -> Json {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
        if message.is_text() {
            return serde_json::from_str(message.to_text().unwrap()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_tails_pauses_and_goes_on_without_loss() {
    let house = house(|_| {}).await;
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{}/api/v1/ws", house.address), stream).await.unwrap();
    socket.send(r#"{"tail":{"query":"level:"}}"#.into()).await.unwrap();
    assert!(hear(&mut socket).await["error"].as_str().unwrap().contains("column 7"));
    socket.send(r#"{"tail":{"query":"item","services":["cart"]}}"#.into()).await.unwrap();
    assert_eq!(hear(&mut socket).await["tailing"], "item service:cart");
    let log = |n: u32| json!({ "service": "cart", "message": format!("item {n}"), "level": "INFO" }).to_string();
    house.add(vec![log(1)]);
    assert_eq!(messages(&hear(&mut socket).await), ["item 1"]);

    socket.send(r#"{"pause":true}"#.into()).await.unwrap();
    // what is said after it is heard after it
    socket.send(r#"{"subscribe":["nothing"]}"#.into()).await.unwrap();
    assert!(hear(&mut socket).await["error"].as_str().unwrap().contains("`nothing`"));
    house.add((2..=700).map(log).collect());
    let mut last = 0;
    while last != 700 {
        last = house.get("/logs/search?limit=1").await.json()["total"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    socket.send(r#"{"subscribe":["nothing"]}"#.into()).await.unwrap();
    assert!(hear(&mut socket).await["error"].is_string(), "no log while it pauses");
    socket.send(r#"{"resume":true}"#.into()).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 699 {
        let logs = hear(&mut socket).await;
        assert!(logs.get("lagged").is_none() && messages(&logs).len() <= 500);
        heard.extend(messages(&logs).into_iter().map(str::to_owned));
    }
    assert_eq!((heard[0].as_str(), heard[698].as_str()), ("item 2", "item 700"));

    // beyond the bound, what is missed is told
    socket.send(r#"{"pause":true}"#.into()).await.unwrap();
    socket.send(r#"{"subscribe":["nothing"]}"#.into()).await.unwrap();
    hear(&mut socket).await;
    house.add((701..=12_700).map(log).collect());
    while last != 12_700 {
        last = house.get("/logs/search?limit=1").await.json()["total"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    socket.send(r#"{"resume":true}"#.into()).await.unwrap();
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < 12_000 {
        let said = hear(&mut socket).await;
        missed += said["lagged"]["missed"].as_u64().unwrap_or_default();
        heard += said["logs"].as_array().map_or(0, Vec::len) as u64;
    }
    assert_eq!((heard + missed, missed > 0, heard > 5000), (12_000, true, true));

    socket.send(r#"{"untail":true}"#.into()).await.unwrap();
    socket.send(r#"{"subscribe":["nothing"]}"#.into()).await.unwrap();
    hear(&mut socket).await;
    house.add(vec![log(0)]);
    while last != 12_701 {
        last = house.get("/logs/search?limit=1").await.json()["total"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    socket.send(r#"{"subscribe":["nothing"]}"#.into()).await.unwrap();
    assert!(hear(&mut socket).await["error"].is_string(), "no log once the tail is over");
    house.end().await;
}
