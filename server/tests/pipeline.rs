//! What `/pipeline` says of a job whose end is waited for, so that every figure is known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::time::Duration;

use common::{Feed, request, serve};
use differential_dataflow::operators::CountTotal;
use highwater_engine::{Batch, Flow, Job, Log, Name, Query, Service, Sink, SinkError, Timestamp, minutes};
use highwater_server::Server;
use serde_json::{Value as Json, json};

/// Logs by service, and how many windows there are of each.
struct Volume;

impl Query for Volume {
    fn name(&self) -> &str {
        "volume"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let volume = flow.logs().tumbling(minutes(1)).aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1);
        flow.view("volume", &volume);
        let windows = volume.rows().map(|((service, _), _)| service).count_total();
        flow.table("windows", windows.map(|(service, count)| (service, count as i64)));
    }
}

/// How many logs are errors.
struct Errors;

impl Query for Errors {
    fn name(&self) -> &str {
        "errors"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let errors = flow.logs().filter(|log| log.is_error()).tumbling(minutes(1));
        flow.view("errors", &errors.aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1));
    }
}

/// A sink that refuses so many times.
struct Moody(u32);

impl Sink for Moody {
    fn name(&self) -> Name {
        Name::from("moody")
    }
    fn deliver(&mut self, _: &[Batch]) -> Result<(), SinkError> {
        if self.0 == 0 {
            return Ok(());
        }
        self.0 -= 1;
        Err(SinkError::new(self.name(), "no mood").again(Duration::from_millis(1)))
    }
}

/// The sum of a figure over all operators of a query that are called so.
fn sum(pipeline: &Json, query: impl Into<Json>, name: &str, figure: &str) -> i64 {
    let query = query.into();
    let parts = pipeline["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["name"] == query).unwrap_or_else(|| panic!("no {query}: {pipeline}"));
    let operators = part["operators"].as_array().unwrap().iter().filter(|operator| operator["name"] == name);
    operators.map(|operator| operator[figure].as_i64().unwrap()).sum()
}

async fn after(workers: usize) -> Json {
    let feed = Feed::default();
    let mut job = Job {
        sources: vec![Box::new(feed.clone())],
        queries: vec![Box::new(Volume), Box::new(Errors)],
        sinks: vec![(vec![Name::from("windows")], Box::new(Moody(2)))],
        ..Job::default()
    };
    job.settings.workers = workers;
    job.settings.tick = Duration::from_millis(20);
    job.settings.commit_interval = Duration::from_millis(20);
    let newest = Timestamp::now();
    for log in 0..100 {
        let level = if log < 90 { "INFO" } else { "ERROR" };
        feed.log(newest, ["cart", "search"][log % 2], level, 1);
    }
    feed.log(newest.minus(minutes(2)), "cart", "INFO", 1);
    feed.0.lock().unwrap().push_back("{".to_owned());
    let running = job.start().unwrap();
    let (views, metrics) = (running.views(), running.metrics());
    while metrics.logs.get() < 101 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stopper()();
    running.join().unwrap();
    let mut server = Server::new(views, metrics);
    server.sinks = vec!["moody".to_owned()];
    let (address, stop, served) = serve(server).await;
    let answer = request(address, "GET", "/api/v1/pipeline", &[], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pipeline = answer.json();
    assert_eq!(answer.headers["x-highwater-epoch"], pipeline["epoch"].to_string());
    let _ = stop.send(());
    served.await.unwrap();
    pipeline
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_through_is_told_whole() {
    for workers in [1, 2] {
        let pipeline = after(workers).await;
        assert_eq!(pipeline["intake"]["logs"], 101, "{pipeline}");
        assert_eq!(pipeline["intake"]["dead_letters"], json!({ "invalid_json": 1 }));
        let times = pipeline["workers"].as_array().unwrap();
        assert_eq!(times.len(), workers);
        for time in times {
            let of = |name: &str| time[name].as_f64().unwrap();
            assert!(of("reading_seconds") + of("operator_seconds") + of("parked_seconds") <= of("seconds"), "{time}");
        }

        assert_eq!(sum(&pipeline, Json::Null, "Input", "records_in"), 0);
        assert_eq!(sum(&pipeline, "volume", "Fold", "records_in"), 101);
        assert_eq!(sum(&pipeline, "errors", "Fold", "records_in"), 101, "what a filter drops is looked at");
        // cart has two windows, search has one; both services count theirs
        assert_eq!(sum(&pipeline, "volume", "Publish", "records_in"), 3 + 2);
        assert_eq!(sum(&pipeline, "errors", "Publish", "records_in"), 2);
        assert!(sum(&pipeline, "volume", "Fold", "records_out") >= 3);
        assert!(sum(&pipeline, "volume", "CountTotal", "runs") >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_say_where_their_records_come_from() {
    let pipeline = after(2).await;
    let operators = pipeline["parts"].as_array().unwrap().iter().flat_map(|part| part["operators"].as_array().unwrap());
    let operators: Vec<_> = operators.collect();
    for operator in &operators {
        let inputs = operator["inputs"].as_array().unwrap();
        let taken: i64 = inputs.iter().map(|input| input["records"].as_i64().unwrap()).sum();
        assert_eq!(operator["records_in"], taken);
        for input in inputs {
            let from = operators.iter().find(|other| other["id"] == input["from"]).unwrap();
            assert!(from["records_out"].as_i64().unwrap() >= input["records"].as_i64().unwrap(), "{from} {operator}");
        }
        assert_eq!(operator["seconds_by_worker"].as_array().unwrap().len(), 2);
        let held: i64 = operator["held_by_worker"].as_array().unwrap().iter().map(|held| held.as_i64().unwrap()).sum();
        assert_eq!(operator["records_held"], held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_are_told_of() {
    let pipeline = after(1).await;
    let source = &pipeline["sources"][0];
    assert_eq!((&source["source"], &source["partition"], &source["worker"]), (&json!("test"), &json!(0), &json!(0)));
    assert_eq!((&source["next_offset"], &source["lag"]), (&json!(0), &Json::Null));
    let (newest, watermark) = (&source["newest"], &source["watermark"]);
    let time = |json: &Json| json.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time(watermark) <= time(newest), "{source}");
    assert_eq!(source["pace"], "active");

    let sink = &pipeline["sinks"][0];
    assert_eq!((&sink["name"], &sink["retries"], &sink["records"]), (&json!("moody"), &json!(2), &json!(2)), "{sink}");
    assert_eq!(sink["last_failure"]["what"], "no mood");
    assert_eq!(sink["waiting_bytes"], 0);

    let commits = &pipeline["commits"];
    assert_eq!(commits["durable"], false);
    let quantile = |name: &str| commits["seconds"][name].as_f64().unwrap();
    assert!(quantile("p50") <= quantile("p99") && quantile("p99") <= quantile("max"));
    assert!(commits["epoch"].as_u64().unwrap() <= pipeline["epoch"].as_u64().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_not_begun_says_nothing() {
    let (address, stop, served) =
        serve(Server::new(highwater_engine::Views::default(), std::sync::Arc::default())).await;
    let pipeline = request(address, "GET", "/api/v1/pipeline", &[], b"").await.json();
    for list in ["sources", "workers", "parts", "sinks"] {
        assert_eq!(pipeline[list], json!([]), "{list}");
    }
    assert_eq!((&pipeline["commits"]["epoch"], &pipeline["watermark"]), (&Json::Null, &Json::Null));
    let _ = stop.send(());
    served.await.unwrap();
}
