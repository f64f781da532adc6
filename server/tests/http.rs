//! The API on a real port, over the views of a real job.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Answer, Events, Feed, request, serve};
use futures_util::{SinkExt, StreamExt};
use highwater_engine::{
    Flow, Job, Log, Name, Query, Running, Service, Timestamp, Views, days, hours, minutes, seconds,
};
use highwater_operators::{ServiceStats, catalog};
use highwater_server::{Ingest, IngestRefused, Kept, Server};
use serde_json::{Value as Json, json};
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle};

// ---- a job -----------------------------------------------------------------------------------------------------------

type Row<T> = (Name, T);

/// Service statistics, an anomaly and top errors per service with errors.
struct Everything;

impl Query for Everything {
    fn name(&self) -> &str {
        "everything"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let stats = flow.logs().tumbling(seconds(10)).fold(Service, ServiceStats::observe);
        flow.view(catalog::SERVICE_STATS_10S, &stats.windows());
        flow.view(catalog::SERVICE_STATS_1M, &stats.rollup(minutes(1), hours(24)));
        flow.view(catalog::SERVICE_STATS_1H, &stats.rollup(hours(1), days(30)));
        let errors = flow.logs().filter(|log| log.is_error()).tumbling(minutes(1));
        let errors = errors.aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1);
        let anomalies = errors.rows().map(|((service, window), _)| -> Row<BTreeMap<String, Name>> {
            let id = Name::from(format!("error_rate:{service}:{}:spike", window.start));
            let anomaly = [
                ("id", id.clone()),
                ("metric_name", Name::from("error_rate")),
                ("service", service),
                ("anomaly_type", Name::from("spike")),
                ("severity", Name::from("high")),
                ("window_start", Name::from(window.start.to_string())),
                ("window_end", Name::from(window.end(minutes(1)).to_string())),
            ];
            (id, anomaly.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        });
        flow.table(catalog::ANOMALIES, anomalies);
    }
}

struct Inbox {
    taken: Mutex<Vec<Vec<u8>>>,
    refuse: Mutex<Option<IngestRefused>>,
}

impl Ingest for Inbox {
    fn accept(&self, records: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
        if let Some(refused) = self.refuse.lock().unwrap().clone() {
            return Err(refused);
        }
        self.taken.lock().unwrap().extend(records);
        Ok(())
    }
}

// ---- a server ----------------------------------------------------------------------------------------------------------

struct House {
    feed: Feed,
    job: Option<Running>,
    address: SocketAddr,
    inbox: Arc<Inbox>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

async fn house(adjust: impl FnOnce(&mut Server)) -> House {
    let feed = Feed::default();
    let mut job = Job { sources: vec![Box::new(feed.clone())], queries: vec![Box::new(Everything)], ..Job::default() };
    job.settings.tick = Duration::from_millis(20);
    let running = job.start().unwrap();
    let mut server = Server::new(running.views(), running.metrics());
    let views = running.views();
    while views.published() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let inbox = Arc::new(Inbox { taken: Mutex::default(), refuse: Mutex::default() });
    server.ingest = Some(inbox.clone());
    server.tick = Duration::from_millis(20);
    adjust(&mut server);
    let (address, stop, served) = serve(server).await;
    House { feed, job: Some(running), address, inbox, stop: Some(stop), served }
}

impl House {
    async fn get(&self, path: &str) -> Answer {
        request(self.address, "GET", path, &[], b"").await
    }

    async fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(self.address, "POST", "/api/v1/logs", headers, body).await
    }

    /// Waits until an answer is as it should be.
    async fn until(&self, path: &str, good: impl Fn(&Json) -> bool) -> Json {
        let mut last = Json::Null;
        for _ in 0..500 {
            let answer = self.get(path).await;
            last = answer.json();
            if answer.status == 200 && good(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never: {path} {last}");
    }

    /// 90 INFO and 10 ERROR of `cart`, 50 INFO of `search`.
    async fn logs(&self) {
        let now = Timestamp::now();
        for log in 0..100_u32 {
            self.feed.log(now, "cart", if log < 90 { "INFO" } else { "ERROR" }, log + 1);
            if log % 2 == 0 {
                self.feed.log(now, "search", "INFO", 5);
            }
        }
        self.until("/api/v1/metrics/overview", |overview| overview["total_logs"] == 150).await;
    }

    async fn end(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.served.await.unwrap();
        let job = self.job.take().unwrap();
        (job.stopper())();
        tokio::task::spawn_blocking(move || job.join().unwrap()).await.unwrap();
    }
}

// ---- tests -------------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn health_and_self_observation() {
    let house = house(|_| {}).await;
    house.logs().await;
    for root in ["", "/api/v1"] {
        let health = house.get(&format!("{root}/health")).await;
        assert_eq!(health.status, 200, "{}", health.body);
        let answer = health.json();
        assert_eq!(answer["status"], "healthy");
        assert_eq!(answer["components"]["state"]["status"], "not configured");
        assert_eq!(answer["components"]["search"]["status"], "not configured");
        assert_eq!(health.headers["x-highwater-epoch"], answer["epoch"].to_string());
        assert!(answer["lag"].as_f64().unwrap() < 60.0 && answer["watermark"].is_string());
        assert_eq!(house.get(&format!("{root}/livez")).await.status, 200);
        assert_eq!(house.get(&format!("{root}/readyz")).await.status, 200);
        let metrics = house.get(&format!("{root}/metrics")).await;
        assert!(metrics.headers["content-type"].starts_with("application/openmetrics-text"));
        assert!(metrics.body.contains("highwater_logs_total 150"), "{}", metrics.body);
        assert!(metrics.body.contains(r#"highwater_http_requests_total{method="GET",route="/health",status="200"}"#));
        assert!(metrics.body.contains("highwater_http_request_seconds_bucket") && metrics.body.contains("# EOF"));
    }
    let metrics = house.job.as_ref().unwrap().metrics();
    metrics.keys_folded.inc_by(7);
    let health = house.get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
    assert!(health.json()["components"]["dataflow"]["reason"].as_str().unwrap().starts_with("7 keys"));

    // the dataflow stops: unhealthy soon
    (house.job.as_ref().unwrap().stopper())();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let health = house.get("/health").await;
    assert_eq!((health.status, &health.json()["components"]["dataflow"]["status"]), (503, &json!("unhealthy")));
    let told = house.get("/health?unhealthy=200").await;
    assert_eq!((told.status, &told.json()["status"]), (200, &json!("unhealthy")));
    assert!(house.get("/readyz").await.detail().contains("no new epoch"));
    assert_eq!(house.get("/livez").await.status, 200);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_epoch() {
    let server = Server::new(Views::default(), Arc::default());
    let (address, stop, served) = serve(server).await;
    let get = |path: &'static str| request(address, "GET", path, &[], b"");
    assert!(get("/readyz").await.detail().contains("no epoch"));
    assert_eq!(get("/health").await.json()["status"], "degraded");
    assert_eq!(get("/api/v1/views").await.json()["views"], json!([]));
    for path in ["/api/v1/metrics/overview", "/api/v1/anomaly/report", "/api/v1/logs/patterns"] {
        let answer = get(path).await;
        assert_eq!(answer.status, 503);
        assert!(answer.detail().contains("is not published"));
    }
    let post = request(address, "POST", "/api/v1/logs", &[], b"{}").await;
    assert_eq!(post.status, 503);
    assert!(post.detail().contains("configure"));
    stop.send(()).unwrap();
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_their_rows() {
    let house = house(|_| {}).await;
    house.logs().await;
    let list = house.get("/api/v1/views").await;
    let views = list.json();
    assert_eq!(views["views"].as_array().unwrap().len(), 4);
    assert_eq!(views["views"][1]["name"], catalog::SERVICE_STATS_10S);
    assert_eq!((&views["views"][1]["windowed"], &views["views"][1]["rows"]), (&json!(true), &json!(2)));
    assert!(views["views"][1]["value_schema"]["properties"]["levels"].is_object());
    assert_eq!(list.headers["x-highwater-epoch"], views["epoch"].to_string());

    let path = "/api/v1/views/service_stats_10s";
    let first = house.get(&format!("{path}?limit=1")).await.json();
    assert_eq!(first["rows"][0]["key"], "cart");
    assert_eq!(first["rows"][0]["value"]["levels"]["ERROR"], 10);
    assert!(first["rows"][0]["window_start"].is_string());
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = house.get(&format!("{path}?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&second["rows"][0]["key"], &second["next_cursor"]), (&json!("search"), &Json::Null));
    assert_eq!(house.get(&format!("{path}?key=search")).await.json()["rows"].as_array().unwrap().len(), 1);
    assert_eq!(house.get(&format!("{path}?prefix=ca")).await.json()["rows"].as_array().unwrap().len(), 1);
    assert_eq!(house.get(&format!("{path}?to=2020-01-01T00:00:00Z")).await.json()["rows"], json!([]));

    for (query, named) in [
        ("colour=red", "`colour`"),
        ("limit=0", "1 to 10000"),
        ("limit=10001", "`10001`"),
        ("limit=1&limit=2", "`limit`"),
        ("from=yesterday", "RFC 3339"),
        ("cursor=abc", "`cursor`"),
        ("from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z", "not after `to`"),
        ("key=%ff", "UTF-8"),
    ] {
        let answer = house.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.detail().contains(named), "{query}: {}", answer.detail());
    }
    assert!(house.get("/api/v1/views/anomalies?from=2025-01-01T00:00:00Z").await.detail().contains("no windows"));
    assert!(house.get("/api/v1/views/nothing").await.detail().contains("`nothing`"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_answer_carries() {
    let house = house(|server| server.hosts = vec!["logs.example".to_owned()]).await;
    let answer = house.get("/api/v1/nothing/here").await;
    assert_eq!(answer.status, 404);
    answer.detail();
    let answer = request(house.address, "DELETE", "/api/v1/views", &[], b"").await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET, HEAD"));
    answer.detail();
    let answer = house.get("/api/v1/logs").await;
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "POST"));

    let answer = request(house.address, "GET", "/livez", &[("x-request-id", "abc-1")], b"").await;
    assert_eq!(
        (answer.headers["x-request-id"].as_str(), answer.headers["x-correlation-id"].as_str()),
        ("abc-1", "abc-1")
    );
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["x-frame-options"], "DENY");
    let answer = request(house.address, "GET", "/livez", &[("x-request-id", "a b\"<script>")], b"").await;
    assert_eq!(answer.headers["x-request-id"].len(), 32);

    let page = house.get("/").await;
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    let policy = &page.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    // a link leads to what somebody saw, whatever it says
    let linked = house.get("/logs?query=a%20b&anything=1").await;
    assert_eq!((linked.status, linked.body), (200, page.body));

    // names that point here from elsewhere, and pages of other origins
    assert_eq!(request(house.address, "GET", "/livez", &[("host", "evil.example")], b"").await.status, 421);
    assert_eq!(request(house.address, "GET", "/livez", &[("host", "logs.example:80")], b"").await.status, 200);
    assert_eq!(request(house.address, "GET", "/livez", &[("host", "[::1]:8000")], b"").await.status, 200);
    let answer = house.post(&[("origin", "https://evil.example")], b"hello").await;
    assert_eq!(answer.status, 403);
    let head = request(house.address, "HEAD", "/api/v1/views", &[], b"").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::new(Views::default(), Arc::default()).bind(address).await.err().unwrap().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("another process"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_services() {
    let house = house(|_| {}).await;
    house.logs().await;
    let overview = house.get("/api/v1/metrics/overview?time_range=1h").await;
    assert!(overview.headers.contains_key("x-highwater-epoch"));
    let overview = overview.json();
    assert_eq!(overview["logs_last_hour"], 150);
    assert_eq!(overview["error_rate"], 6.6667);
    assert_eq!(overview["services_count"], 2);
    assert_eq!((&overview["by_level"]["INFO"], &overview["by_level"]["ERROR"]), (&json!(140), &json!(10)));
    assert_eq!(overview["by_service"], json!({ "cart": 100, "search": 50 }));
    assert_eq!(overview["trend"], json!({ "logs_per_minute": null, "error_rate": null }));
    assert!(overview["logs_per_minute"].as_f64().unwrap() > 100.0 && overview["timestamp"].is_string());

    for range in ["5m", "15m", "30m", "1h", "6h", "12h", "24h", "7d", "30d"] {
        let service = house.get(&format!("/api/v1/metrics/service/cart?time_range={range}")).await.json();
        assert_eq!((&service["total_logs"], &service["error_rate"]), (&json!(100), &json!(10.0)), "{range}: {service}");
        let p95 = service["latency"]["p95"].as_f64().unwrap();
        assert!((p95 - 95.0).abs() <= 95.0 / 64.0, "{p95}");
        assert_eq!((&service["health"], &service["anomalies"]), (&json!("degraded"), &json!(1)));
        // 5 × 10/20 + 3 × 1/4 = 3.25
        assert_eq!(service["risk_score"], 3.3);
    }
    assert!(house.get("/api/v1/metrics/service/nobody").await.detail().contains("`nobody`"));

    let services = house.get("/api/v1/metrics/services?limit=1").await.json();
    assert_eq!((&services["services"][0]["service"], &services["services"][0]["count"]), (&json!("cart"), &json!(100)));
    let next = format!("/api/v1/metrics/services?cursor={}", services["next_cursor"].as_str().unwrap());
    let services = house.get(&next).await.json();
    assert_eq!(
        (&services["services"][0]["service"], &services["services"][0]["health"]),
        (&json!("search"), &json!("healthy"))
    );
    let system = house.get("/api/v1/metrics/system").await.json();
    assert_eq!((&system["total_logs"], system["services"].as_array().unwrap().len()), (&json!(150), 2));

    let severities = house.get("/api/v1/logs/severity-breakdown").await.json();
    assert_eq!(severities[2], json!({ "severity": "INFO", "count": 140 }));
    let answer = house.get("/api/v1/metrics/overview?time_range=2h").await;
    assert!(answer.status == 400 && answer.detail().contains("`2h`") && answer.detail().contains("24h"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_is_not_answered_for() {
    let house = house(|server| {
        server.kept = Kept { ten_seconds: minutes(30), minutes: hours(6), hours: hours(24) };
    })
    .await;
    house.logs().await;
    for path in ["overview", "services", "system", "timeseries", "service/cart"] {
        let path = format!("/api/v1/metrics/{path}?time_range");
        assert_eq!(house.get(&format!("{path}=24h")).await.status, 200);
        let answer = house.get(&format!("{path}=7d")).await;
        assert!(answer.status == 400 && answer.detail().contains("12h, 24h: nothing older"), "{}", answer.detail());
    }
    let answer = house.get("/api/v1/metrics/timeseries?time_range=1h&interval=10s").await;
    assert!(answer.status == 400 && answer.detail().contains("1m or more"), "{}", answer.detail());
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_series() {
    let house = house(|_| {}).await;
    house.logs().await;
    let path = "/api/v1/metrics/timeseries";
    let total = |series: &Json| {
        series["points"].as_array().unwrap().iter().filter_map(|point| point["value"].as_u64()).sum::<u64>()
    };
    let volume = house.get(path).await.json();
    assert_eq!((&volume["interval"], volume["series"][0]["points"].as_array().unwrap().len()), (&json!("1m"), 60));
    assert_eq!(total(&volume["series"][0]), 150);
    let errors =
        house.get(&format!("{path}?level=error&service=cart&service=search&time_range=24h&interval=5m")).await.json();
    assert_eq!((total(&errors["series"][0]), total(&errors["series"][1])), (10, 0));
    assert_eq!(errors["series"][0]["points"].as_array().unwrap().len(), 288);
    let levels = house.get(&format!("{path}?level=ERROR,INFO&level=warning")).await.json();
    let totals: Vec<_> =
        levels["series"].as_array().unwrap().iter().map(|of| (of["level"].as_str().unwrap(), total(of))).collect();
    assert_eq!(totals, [("INFO", 140), ("WARN", 0), ("ERROR", 10)]);
    let rate = house.get(&format!("{path}?metric=error_rate&service=cart&time_range=5m&interval=10s")).await.json();
    let rates: Vec<_> =
        rate["series"][0]["points"].as_array().unwrap().iter().filter_map(|point| point["value"].as_f64()).collect();
    assert_eq!(rates, [10.0]);
    assert_eq!(house.get(&format!("{path}?metric=latency&time_range=30d")).await.status, 200);
    for (query, named) in [
        ("interval=10s&time_range=24h", "1m or more"),
        ("interval=5m&time_range=7d", "1h or more"),
        ("interval=1h&time_range=5m", "no longer than"),
        ("interval=2m", "10s, 1m"),
        ("metric=cpu", "log_volume"),
        ("level=LOUD", "FATAL"),
        ("metric=latency&level=INFO", "log_volume"),
        ("service=", "`service`"),
    ] {
        let answer = house.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.detail().contains(named), "{query}: {}", answer.detail());
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_logs_show_as_they_showed_then() {
    let house = house(|_| {}).await;
    let then: Timestamp = "2025-03-01T12:00:00Z".parse().unwrap();
    house.feed.log(then, "cart", "INFO", 1);
    house.feed.log(then.plus(seconds(30)), "cart", "ERROR", 1);
    let overview = house.until("/api/v1/metrics/overview?time_range=5m", |overview| overview["total_logs"] == 2).await;
    assert_eq!(overview["timestamp"], "2025-03-01T12:00:40.000Z");
    let report = house.get("/api/v1/anomaly/report").await.json();
    assert_eq!(report["total_anomalies"], 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anomalies_by_metric_and_reported() {
    let house = house(|_| {}).await;
    house.logs().await;
    let found = house.get("/api/v1/anomaly/detect/error-rate?window_minutes=60&service=cart").await;
    assert!(found.headers.contains_key("x-highwater-epoch"));
    assert_eq!(
        (found.json()[0]["metric_name"].as_str(), found.json()[0]["service"].as_str()),
        (Some("error_rate"), Some("cart"))
    );
    assert_eq!(house.get("/api/v1/anomaly/detect/error-rate?service=search").await.json(), json!([]));
    assert_eq!(house.get("/api/v1/anomaly/detect/log-volume").await.json(), json!([]));
    assert_eq!(house.get("/api/v1/anomaly/detect/latency").await.json(), json!([]));
    let report = house.get("/api/v1/anomaly/report?window_minutes=1440").await.json();
    assert_eq!(report["total_anomalies"], 1);
    assert_eq!(report["anomalies_by_severity"], json!({ "high": 1 }));
    assert_eq!(report["anomalies_by_service"], json!({ "cart": 1 }));
    assert_eq!(report["anomalies_by_type"], json!({ "spike": 1 }));
    for path in ["report?window_minutes=9", "report?window_minutes=1441", "detect/latency?window_minutes=x"] {
        let answer = house.get(&format!("/api/v1/anomaly/{path}")).await;
        assert!(answer.status == 400 && answer.detail().contains("10 to 1440"));
    }
    assert_eq!(house.get("/api/v1/anomaly/detect/mood").await.status, 404);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_by_http() {
    let house = house(|server| {
        server.limits.body_bytes = 4096;
        server.limits.inflated_bytes = 8192;
    })
    .await;
    let json = [("content-type", "application/json")];
    let answer = house.post(&json, br#"{"message":"one"}"#).await;
    assert_eq!((answer.status, answer.json()), (202, json!({ "accepted": 1, "rejected": [] })));
    let answer = house.post(&json, br#"[{"message":"two"}, 3, {"timestamp":"never"}]"#).await;
    let answer = answer.json();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"][0]["index"], &answer["rejected"][1]["index"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let answer =
        house.post(&[("content-type", "application/x-ndjson")], b"{\"message\":\"3\"}\n{broken\n").await.json();
    assert_eq!((&answer["accepted"], answer["rejected"].as_array().unwrap().len()), (&json!(1), 1));
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let packed = [("content-type", "text/plain"), ("content-encoding", "gzip")];
    assert_eq!(house.post(&packed, &gzip(b"4\n5\n")).await.json()["accepted"], 2);
    assert_eq!(house.inbox.taken.lock().unwrap().len(), 5);

    let bomb = house.post(&packed, &gzip(&[b'a'; 100_000])).await;
    assert!(bomb.status == 413 && bomb.detail().contains("8192"));
    let large = house.post(&json, &[b' '; 5000]).await;
    assert!(large.status == 413 && large.detail().contains("4096"));
    let broken = house.post(&packed, b"not gzip").await;
    assert!(broken.status == 400 && broken.detail().contains("gzip"));
    let unknown = house.post(&[("content-encoding", "br")], b"x").await;
    assert!(unknown.status == 415 && unknown.detail().contains("`br`"));
    let unknown = house.post(&[("content-type", "image/png")], b"x").await;
    assert!(unknown.status == 415 && unknown.detail().contains("image/png"));
    for body in [&b""[..], b"[1, ", b"hello"] {
        assert_eq!(house.post(&json, body).await.status, 400);
    }
    assert_eq!(request(house.address, "POST", "/api/v1/logs/ingest?x=1", &[], b"hello").await.status, 400);
    assert_eq!(request(house.address, "POST", "/api/v1/logs/ingest", &[], b"hello").await.status, 202);

    *house.inbox.refuse.lock().unwrap() = Some(IngestRefused::Busy);
    let busy = house.post(&json, b"{}").await;
    assert_eq!((busy.status, busy.headers["retry-after"].as_str()), (429, "1"));
    busy.detail();
    *house.inbox.refuse.lock().unwrap() = Some(IngestRefused::Failed("the disk is full".into()));
    let failed = house.post(&json, b"{}").await;
    assert!(failed.status == 503 && failed.detail().contains("the disk is full"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_changes_by_events() {
    let house = house(|server| server.limits.live_connections = 1).await;
    house.logs().await;
    let path = "/api/v1/views/service_stats_1h/changes";
    let mut events = Events::open(house.address, path, &[]).await;
    let (id, _, snapshot) = events.next().await;
    assert_eq!((&snapshot["snapshot"], snapshot["changes"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!((snapshot["epoch"].as_u64(), &snapshot["changes"][0]["diff"]), (id, &json!(1)));

    let full = house.get(path).await;
    assert!(full.status == 503 && full.detail().contains('1'));

    house.feed.log(Timestamp::now(), "search", "WARN", 1);
    let (changed, _, change) = events.next().await;
    assert!(changed > id && change.get("snapshot").is_none());
    let diffs: Vec<_> =
        change["changes"].as_array().unwrap().iter().map(|change| change["diff"].as_i64().unwrap()).collect();
    assert!(diffs.contains(&1), "{change}");
    assert!(
        change["changes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|change| change["key"] == "search" && change["window_start"].is_string())
    );
    drop(events);

    // what was missed comes, and nothing of before
    house.feed.log(Timestamp::now(), "cart", "WARN", 1);
    house.until("/api/v1/metrics/overview", |overview| overview["total_logs"] == 152).await;
    let resume = changed.unwrap().to_string();
    let (_, _, missed) = loop {
        // the place is free once the server has seen the connection go
        let probe = house.get("/api/v1/views/nothing/changes").await;
        assert_eq!(probe.status, 404);
        let mut events = Events::open(house.address, path, &[("last-event-id", &resume)]).await;
        let mut head = [0; 12];
        events.stream.peek(&mut head).await.unwrap();
        if head.ends_with(b"200") {
            break events.next().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(missed.get("snapshot").is_none(), "{missed}");
    assert!(missed["changes"].as_array().unwrap().iter().all(|change| change["key"] == "cart"));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_id_gets_a_snapshot_and_a_stop_is_announced() {
    let mut house = house(|_| {}).await;
    house.logs().await;
    for id in ["1", "99999999999999999", "what"] {
        let mut events = Events::open(house.address, "/api/v1/views/anomalies/changes", &[("last-event-id", id)]).await;
        assert_eq!(events.next().await.2["snapshot"], true, "{id}");
    }
    let mut events = Events::open(house.address, "/api/v1/views/anomalies/changes", &[]).await;
    events.next().await;
    house.stop.take().unwrap().send(()).unwrap();
    let (_, name, data) = events.next().await;
    assert_eq!(name, "closed");
    assert!(data["reason"].as_str().unwrap().contains("stops"));
    let (stop, _) = oneshot::channel();
    house.stop = Some(stop);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_changes_by_websocket() {
    let house = house(|_| {}).await;
    house.logs().await;
    assert_eq!(house.get("/api/v1/ws").await.status, 426);
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{}/api/v1/ws", house.address), stream).await.unwrap();
    async fn next<
        S: StreamExt<Item = Result<tokio_tungstenite::tungstenite::Message, tokio_tungstenite::tungstenite::Error>>
            + Unpin,
    >(
        socket: &mut S,
    ) -> Json {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
            if let Ok(text) = message.to_text().map(str::to_owned)
                && message.is_text()
            {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
    socket.send(r#"{"subscribe":["service_stats_1h","nothing"]}"#.into()).await.unwrap();
    let snapshot = next(&mut socket).await;
    assert_eq!((&snapshot["view"], &snapshot["snapshot"]), (&json!("service_stats_1h"), &json!(true)));
    assert!(next(&mut socket).await["error"].as_str().unwrap().contains("`nothing`"));
    house.feed.log(Timestamp::now(), "cart", "WARN", 1);
    let change = next(&mut socket).await;
    assert!(change["epoch"].as_u64() > snapshot["epoch"].as_u64());
    assert_eq!((&change["view"], &change["changes"][0]["key"]), (&json!("service_stats_1h"), &json!("cart")));
    socket.send("nonsense".into()).await.unwrap();
    assert!(next(&mut socket).await["error"].as_str().unwrap().contains("subscribe"));
    house.end().await;
}
