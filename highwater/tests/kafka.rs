//! The main job on a real broker: logs produced by an independent client, views over HTTP equal to a batch, anomalies and
//! alerts read back by a plain consumer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use common::{Running, highwater, output, request, wait_for, write};
use serde_json::Value;

const PARTITIONS: usize = 4;

/// Half an hour of logs around now, three incident cycles among them.
fn logs() -> Vec<String> {
    let output =
        highwater(&["generate", "--count", "60000", "--fast", "--rate", "50", "--seed", "3"]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// kcat, the independent client.
fn kcat(broker: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("kcat");
    command.args(["-b", broker]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("kcat (Debian package kcat)");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn configuration(broker: &str, run: &str) -> String {
    format!(
        r#"
[http]
listen = "127.0.0.1:0"
[kafka]
brokers = "{broker}"
[limits]
workers = 2
[time]
max_ahead = "30d"
[[source]]
type = "kafka"
topic = "logs-{run}"
create_partitions = {PARTITIONS}
[[sink]]
type = "kafka"
view = "anomalies"
topic = "anomalies-{run}"
[[sink]]
type = "kafka"
view = "alerts"
topic = "alerts-{run}"
"#
    )
}

fn produce(broker: &str, topic: &str, logs: &[String]) {
    for partition in 0..PARTITIONS {
        let part: Vec<&str> = logs.iter().skip(partition).step_by(PARTITIONS).map(String::as_str).collect();
        kcat(broker, &["-t", topic, "-P", "-p", &partition.to_string()], &(part.join("\n") + "\n"));
    }
}

fn volume_by_batch(logs: &[String]) -> BTreeMap<String, u64> {
    let mut volume = BTreeMap::new();
    for log in logs {
        let log: Value = serde_json::from_str(log).unwrap();
        for service in [log["service"].as_str().unwrap(), "*"] {
            *volume.entry(service.to_owned()).or_default() += 1;
        }
    }
    volume
}

fn volume_over_http(address: &str) -> BTreeMap<String, u64> {
    let mut volume: BTreeMap<String, u64> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let (status, body) = request(address, "GET", &format!("/api/v1/views/log_volume?limit=5000{cursor}"), "");
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        for row in page["rows"].as_array().unwrap() {
            *volume.entry(row["key"].as_str().unwrap().to_owned()).or_default() += row["value"].as_u64().unwrap();
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return volume,
        }
    }
}

/// The newest value of each key of a topic, as a reader of a compacted topic has it.
fn newest(broker: &str, topic: &str) -> BTreeMap<String, Value> {
    let records = kcat(broker, &["-t", topic, "-C", "-e", "-q", "-Z", "-f", "%k\t%s\n"], "");
    let mut newest = BTreeMap::new();
    for (key, value) in records.lines().map(|line| line.split_once('\t').unwrap()) {
        match value {
            "NULL" | "" => newest.remove(key),
            value => newest.insert(key.to_owned(), serde_json::from_str(value).unwrap()),
        };
    }
    newest
}

#[test]
fn logs_in_views_and_streams_out() {
    let Ok(broker) = std::env::var("HIGHWATER_TEST_KAFKA") else {
        println!("SKIPPED: logs_in_views_and_streams_out: no Kafka at HIGHWATER_TEST_KAFKA");
        return;
    };
    let run = std::process::id().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "highwater.toml", &configuration(&broker, &run));
    let mut command = highwater(&["run", "--config", &path]);
    command.env("HIGHWATER_STATE__PATH", folder.path().join("state"));
    let mut job = Running::start(command);
    let address = job.address();

    let logs = logs();
    produce(&broker, &format!("logs-{run}"), &logs);
    let total = logs.len() as u64;
    let all = |answer: &Value| {
        let rows = answer["rows"].as_array().into_iter().flatten();
        rows.filter_map(|row| row["value"].as_u64()).sum::<u64>() == total
    };
    wait_for(&address, "/api/v1/views/log_volume?key=*&limit=5000", all);
    assert_eq!(volume_over_http(&address), volume_by_batch(&logs));

    // the last windows close when the silence has lasted, so the streams go on for a while: ask for what must come
    let of_the_burst = |answer: &Value| {
        let rows = answer["rows"].as_array().into_iter().flatten();
        rows.map(|row| &row["value"]).any(|value| value["service"] == "payment-service")
    };
    wait_for(&address, "/api/v1/views/anomalies?limit=5000", of_the_burst);
    job.signal("INT");
    assert_eq!(job.end(), Some(0));
    let told = newest(&broker, &format!("anomalies-{run}"));
    let payment = |value: &Value| value["service"] == "payment-service" && value["metric_name"] == "error_rate";
    assert!(told.values().any(payment), "no anomaly of the error burst: {:?}", told.keys());
    let alerts = newest(&broker, &format!("alerts-{run}"));
    assert!(alerts.values().any(|alert| alert["key"] == "payment-service"), "{:?}", alerts.keys());

    // a rule that is tried out says the same over the topic and over a file of the same logs
    let text = "[[rule]]\nname = \"errors\"\nmetric = \"error_rate\"\nthreshold = 30\ntime_window = \"1m\"\n";
    let rules = write(folder.path(), "rules.toml", text);
    let file = write(folder.path(), "logs.json", &(logs.join("\n") + "\n"));
    let time = |log: &String| serde_json::from_str::<Value>(log).unwrap()["timestamp"].as_str().unwrap().to_owned();
    let (from, to) = (logs.iter().map(time).min().unwrap(), logs.iter().map(time).max().unwrap());
    let tried = |logs: &str| -> Value {
        let arguments = ["backtest", "--rule", &rules, "--from", &from, "--to", &to, "--json", logs];
        let (code, told, errors) = output(&arguments);
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&told).unwrap()
    };
    let over_topic = tried(&format!("kafka://{broker}/logs-{run}"));
    assert!(over_topic["alerts"].as_array().unwrap().iter().any(|alert| alert["key"] == "payment-service"));
    assert_eq!(over_topic["alerts"], tried(&file)["alerts"]);
}
