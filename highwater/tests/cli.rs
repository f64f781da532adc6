//! The program as its users meet it: started, talked to, stopped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::path::Path;

use serde_json::Value;

use common::{Running, highwater, outcome, output, request, wait_for, write};

#[test]
fn version_is_told() {
    let version = format!("highwater {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(output(&["version"]), (0, version.clone(), String::new()));
    assert_eq!(output(&["--version"]).1, version);
}

#[test]
fn help_is_worth_reading() {
    for command in [
        vec!["--help"],
        vec!["demo", "--help"],
        vec!["run", "--help"],
        vec!["generate", "--help"],
        vec!["check", "--help"],
        vec!["backtest", "--help"],
        vec!["backup", "--help"],
        vec!["restore", "--help"],
        vec!["detect", "--help"],
        vec!["evaluate", "--help"],
        vec!["templates", "--help"],
    ] {
        let (code, help, _) = output(&command);
        assert_eq!(code, 0);
        assert!(help.contains("Usage: highwater") && help.contains("Examples:\n  highwater"), "{command:?}: {help}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let (code, _, errors) = output(&["chekc"]);
    assert_eq!(code, 2);
    assert!(errors.contains("'check'"), "{errors}");
    assert_eq!(output(&["run"]).0, 2);
    assert_eq!(output(&["generate", "--rate", "fast"]).0, 2);
}

#[test]
fn check_sums_up_what_is_right() {
    for file in ["highwater.example.toml", "docker/highwater.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let (code, told, errors) = output(&["check", "--config", path.to_str().unwrap()]);
        assert_eq!((code, errors.as_str()), (0, ""));
        assert!(told.contains("is right") && told.contains("Kafka topic logs at 127.0.0.1:9092"), "{told}");
        assert!(told.contains("anomalies") && told.contains("service_stats_1m"), "{told}");
    }
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "bad.toml", "[[source]]\ntype = \"http\"\n[time]\ntik = \"1s\"\nlateness = 3\n");
    let (code, told, errors) = output(&["check", "--config", &path]);
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(errors.contains("in 2 places"), "{errors}");
    assert!(errors.contains("bad.toml:4: time.tik: unknown key; did you mean \"tick\"?"), "{errors}");
    assert!(errors.contains("bad.toml:5: time.lateness: 3 is not a duration"), "{errors}");
    let (code, _, errors) = output(&["check", "--config", "/nowhere.toml"]);
    assert_eq!(code, 1);
    assert!(errors.contains("/nowhere.toml"), "{errors}");
}

#[test]
fn a_sink_on_a_view_that_is_not_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[[source]]\ntype = \"http\"\n[[sink]]\ntype = \"jsonl\"\npath = \"-\"\nview = \"anomalys\"\n";
    let (code, _, errors) = output(&["check", "--config", &write(folder.path(), "view.toml", text)]);
    assert_eq!(code, 1);
    assert!(errors.contains("sink[0].view") && errors.contains("did you mean \"anomalies\"?"), "{errors}");
}

#[test]
fn the_environment_overrides_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "h.toml", "[[source]]\ntype = \"kafka\"\nbrokers = \"a:1\"\ntopic = \"a\"\n");
    let mut check = highwater(&["check", "--config", &path]);
    let (code, told, _) = outcome(check.env("HIGHWATER_SOURCE__0__TOPIC", "other").env("HIGHWATER_TIME__TICK", "50ms"));
    assert_eq!(code, 0);
    assert!(told.contains("Kafka topic other at a:1") && told.contains("a tick of 50ms"), "{told}");
    let (code, _, errors) = outcome(highwater(&["check", "--config", &path]).env("HIGHWATER_TIME__TIC", "50ms"));
    assert_eq!(code, 1);
    assert!(errors.contains("HIGHWATER_TIME__TIC") && errors.contains("did you mean \"tick\"?"), "{errors}");
}

#[test]
fn generate_writes_json_lines() {
    let (code, lines, errors) = output(&["generate", "--count", "500", "--fast", "--seed", "7"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let logs: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(logs.len(), 500);
    assert!(logs.iter().all(|log| log["service"].is_string() && log["timestamp"].is_string()));
    // in step with the clock
    let (code, lines, _) = output(&["generate", "--rate", "200", "--duration", "1s", "--no-incidents"]);
    assert_eq!(code, 0);
    assert!((100..400).contains(&lines.lines().count()), "{}", lines.lines().count());
    assert_eq!(output(&["generate", "--fast"]).0, 1);
}

#[test]
fn equal_seeds_and_starts_give_equal_logs() {
    let generate = ["generate", "--count", "200", "--fast", "--seed", "3", "--start", "2026-01-01T00:00:00Z", "--to"];
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.json", "other.json"].map(|name| {
        let path = folder.path().join(name);
        let (code, ..) = output(&[&generate[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(code, 0);
        std::fs::read_to_string(path).unwrap()
    });
    assert_eq!(one, other);
    assert_eq!(one.lines().count(), 200);
}

fn rows(answer: &Value) -> &[Value] {
    answer["rows"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_demo_answers_takes_logs_and_ends_cleanly() {
    let mut demo = Running::start(highwater(&["demo", "--listen", "127.0.0.1:0", "--rate", "100", "--history", "10m"]));
    let address = demo.address();
    demo.line("Ctrl-C ends it");
    let health = wait_for(&address, "/health", |health| health["status"] == "healthy");
    assert!(health["epoch"].as_u64().unwrap() > 0);
    // generated logs, in the views
    let volume = wait_for(&address, "/api/v1/views/log_volume?limit=5", |answer| !rows(answer).is_empty());
    assert!(volume.to_string().contains("window_start"), "{volume}");
    demo.line("in the past 10m: ");
    // a log by HTTP
    let log = r#"{"level":"ERROR","service":"test-of-mine","message":"hello"}"#;
    let (status, answer) = request(&address, "POST", "/api/v1/logs", log);
    assert_eq!(status, 202, "{answer}");
    wait_for(&address, "/api/v1/views/log_volume?key=test-of-mine", |answer| !rows(answer).is_empty());
    // and found again
    let found =
        wait_for(&address, "/api/v1/logs/search?query=hello+service:test-of-mine", |answer| answer["total"] == 1);
    let id = found["logs"][0]["id"].as_str().unwrap();
    wait_for(&address, &format!("/api/v1/logs/{id}"), |log| log["message"] == "hello");
    demo.signal("INT");
    demo.line("stopping");
    demo.line("ended: ");
    assert_eq!(demo.end(), Some(0));
}

#[test]
fn logs_by_http_that_were_accepted_outlast_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "h.toml", "[[source]]\ntype = \"http\"\n");
    let start = || {
        let mut command = highwater(&["run", "--config", &config, "--listen", "127.0.0.1:0"]);
        command.env("HIGHWATER_STATE__PATH", folder.path().join("state"));
        Running::start(command)
    };
    let mut accepted = 0;
    for round in 0..4 {
        let mut job = start();
        let address = job.address();
        for _ in 0..=round {
            let (status, answer) =
                request(&address, "POST", "/api/v1/logs", "{\"service\":\"mine\",\"message\":\"m\"}");
            assert_eq!(status, 202, "{answer}");
            accepted += 1;
        }
        job.signal("KILL");
        assert_eq!(job.end(), None);
    }
    let mut job = start();
    let address = job.address();
    let told = wait_for(&address, "/api/v1/metrics/service/mine", |answer| {
        answer["total_logs"].as_u64().is_some_and(|logs| logs >= accepted)
    });
    assert_eq!(told["total_logs"], accepted);
    let found = wait_for(&address, "/api/v1/logs/search?query=service:mine", |answer| {
        answer["total"].as_u64().is_some_and(|logs| logs >= accepted)
    });
    assert_eq!(found["total"], accepted);
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = output(&["demo", "--listen", &address, "--history", "0s"]);
    assert_eq!(code, 1);
    assert!(errors.contains(&address) && errors.contains("--listen 127.0.0.1:0"), "{errors}");
}

#[test]
fn a_job_over_a_file_ends_by_itself_with_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let lines: String = (0..100)
        .map(|number| {
            let service = if number % 4 == 0 { "cart" } else { "search" };
            format!("{{\"timestamp\":{now},\"level\":\"INFO\",\"service\":\"{service}\",\"message\":\"{number}\"}}\n")
        })
        .collect();
    let logs = write(folder.path(), "logs.json", &format!("{lines}{{broken\n"));
    let [volume, letters] = ["volume.jsonl", "letters.jsonl"].map(|name| folder.path().join(name));
    let text = format!(
        "[state]\npath = \"none\"\n[http]\nlisten = \"127.0.0.1:0\"\n[[source]]\ntype = \"file\"\npath = {logs:?}\n\
         [[sink]]\ntype = \"jsonl\"\nview = \"log_volume\"\npath = {volume:?}\n\
         [dead_letters]\ntype = \"jsonl\"\npath = {letters:?}\n"
    );
    let path = write(folder.path(), "h.toml", &text);
    let mut run = highwater(&["run", "--config", &path]);
    run.env("HIGHWATER_LIMITS__WORKERS", "2");
    let (code, told, errors) = outcome(&mut run);
    assert_eq!(code, 0, "{told}{errors}");
    assert!(told.contains("ended: 100 logs"), "{told}");
    let lines: Vec<Value> =
        std::fs::read_to_string(volume).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let newest = |service: &str| {
        let last = lines.iter().rfind(|line| line["key"] == service);
        last.map(|line| line["value"].clone()).unwrap_or_default()
    };
    assert_eq!(newest("cart"), 25, "{lines:?}");
    assert_eq!(newest("search"), 75);
    let letters = std::fs::read_to_string(letters).unwrap();
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(letters.contains("invalid_json"), "{letters}");
}

#[test]
fn a_job_that_cannot_read_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "[state]\npath = \"none\"\n[http]\nlisten = \"none\"\n[[source]]\ntype = \"file\"\npath = \"/nowhere.json\"\n";
    let (code, _, errors) = output(&["run", "--config", &write(folder.path(), "h.toml", text)]);
    assert_eq!(code, 1);
    assert!(errors.contains("/nowhere.json"), "{errors}");
}

#[test]
fn standard_output_is_left_to_a_sink_that_writes_there() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write(folder.path(), "logs.txt", "a first line\na second\n");
    let text = format!(
        "[state]\npath = \"none\"\n[http]\nlisten = \"none\"\n[[source]]\ntype = \"file\"\npath = {logs:?}\n\
         [[sink]]\ntype = \"jsonl\"\nview = \"log_volume\"\npath = \"-\"\n"
    );
    let (code, told, errors) = output(&["run", "--config", &write(folder.path(), "h.toml", &text)]);
    assert_eq!(code, 0, "{errors}");
    assert!(!told.is_empty() && told.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{told}");
    assert!(errors.contains("ended: 2 logs"), "{errors}");
}
