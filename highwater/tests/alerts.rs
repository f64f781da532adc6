//! Rules, alerts and notices of the real binary, as their users meet them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use common::{Running, highwater, request, wait_for, write};

/// What notices are posted to: keeps each body by its idempotency key, and counts how often it came.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<BTreeMap<String, (usize, Value)>>>);

impl Receiver {
    fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let notices = self.0.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut length, mut key) = (0, String::new());
                let mut line = String::new();
                while stream.read_line(&mut line).unwrap_or(0) > 2 {
                    let (name, value) = line.split_once(':').unwrap_or(("", ""));
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.trim().parse().unwrap(),
                        "idempotency-key" => key = value.trim().to_owned(),
                        _ => {}
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                if stream.read_exact(&mut body).is_err() {
                    continue;
                }
                let body: Value = serde_json::from_slice(&body).unwrap();
                notices.lock().unwrap().entry(key).or_insert((0, body)).0 += 1;
                let _ =
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        address
    }

    /// The statuses of the notices, each once.
    fn statuses(&self) -> Vec<String> {
        let mut statuses: Vec<String> =
            self.0.lock().unwrap().values().map(|(_, body)| body["status"].as_str().unwrap().to_owned()).collect();
        statuses.sort();
        statuses
    }

    fn wait_for(&self, wanted: &[&str]) {
        for _ in 0..3_000 {
            if self.statuses() == wanted {
                return;
            }
            let _ = crossbeam_channel::after(std::time::Duration::from_millis(20)).recv();
        }
        panic!("{:?} instead of {wanted:?}: {:#?}", self.statuses(), self.0.lock().unwrap());
    }
}

fn millis_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn config(folder: &Path) -> String {
    let text = format!(
        "[[source]]\ntype = \"http\"\n[state]\npath = {:?}\n[alerts]\nallowed_networks = [\"127.0.0.0/8\"]\n\
         [time]\nidle_after = \"500ms\"\nlateness = \"500ms\"\n",
        folder.join("state")
    );
    write(folder, "h.toml", &text)
}

fn start(config: &str) -> (Running, String) {
    let mut command = highwater(&["run", "--config", config, "--listen", "127.0.0.1:0"]);
    command.env_remove("HIGHWATER_STATE__PATH");
    let mut running = Running::start(command);
    let address = running.address();
    (running, address)
}

fn send(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = request(address, method, path, &body);
    (status, serde_json::from_str(&answer).unwrap_or_default())
}

fn post_logs(address: &str, count: usize, level: &str) {
    let at = millis_now();
    let log = json!({ "timestamp": at, "service": "cart", "level": level, "message": "card declined" });
    let (status, answer) = send(address, "POST", "/api/v1/logs", &json!(vec![log; count]));
    assert_eq!(status, 202, "{answer}");
}

fn rule(receiver: &str) -> Value {
    json!({
        "name": "errors of the cart", "metric": "count", "levels": ["ERROR"], "services": ["cart"],
        "condition": "greater_than", "threshold": 2, "time_window": "10s", "severity": "high",
        "labels": { "team": "checkout" },
        "notification_channel": "webhook", "notification_config": { "url": format!("http://{receiver}/hook") },
        "notification": { "group_wait": "0s", "group_interval": "1s" },
    })
}

#[test]
fn a_rule_fires_is_told_acknowledged_and_over() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::default();
    let hook = receiver.listen();
    let (mut job, address) = start(&config(folder.path()));
    let (status, made) = send(&address, "POST", "/api/v1/alerts/rules", &rule(&hook));
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["version"], &made["is_active"]), (&json!(1), &json!(true)));
    assert!(!made.to_string().contains("/hook"), "an address is a secret: {made}");
    let id = made["id"].as_str().unwrap();

    post_logs(&address, 3, "ERROR");
    let firing = wait_for(&address, "/api/v1/alerts/triggered?status=firing", |answer| {
        answer["alerts"].as_array().is_some_and(|alerts| alerts.iter().any(|alert| alert["rule_id"] == id))
    });
    let alert = firing["alerts"].as_array().unwrap().iter().find(|alert| alert["rule_id"] == id).unwrap();
    assert_eq!((&alert["key"], &alert["peak"], &alert["severity"]), (&json!("cart"), &json!(3.0), &json!("high")));
    assert_eq!(alert["labels"]["team"], "checkout");
    receiver.wait_for(&["firing"]);

    let path = format!("/api/v1/alerts/triggered/{}", alert["id"].as_str().unwrap().replace(':', "%3A"));
    let (status, acknowledged) = send(&address, "POST", &format!("{path}/acknowledge"), &json!({ "comment": "on it" }));
    assert_eq!((status, &acknowledged["status"]), (200, &json!("acknowledged")), "{acknowledged}");
    let (status, answer) = send(&address, "POST", &format!("{path}/acknowledge"), &Value::Null);
    assert_eq!(status, 409, "{answer}");
    // the window after has no error
    post_logs(&address, 1, "INFO");
    wait_for(&address, &path, |alert| alert["status"] == "resolved");
    receiver.wait_for(&["firing", "resolved"]);
    let (_, alert) = send(&address, "GET", &path, &Value::Null);
    let steps: Vec<&str> =
        alert["history"].as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap()).collect();
    assert_eq!(steps, ["firing", "acknowledged", "resolved"]);
    assert_eq!(alert["history"][1]["comment"], "on it");

    let (status, answer) = send(&address, "DELETE", &format!("/api/v1/alerts/rules/{id}"), &Value::Null);
    assert_eq!(status, 204, "{answer}");
    assert_eq!(send(&address, "GET", &format!("/api/v1/alerts/rules/{id}"), &Value::Null).0, 404);
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn built_in_alerts_reach_the_receiver_of_the_configuration_and_its_secret_is_nowhere_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::default();
    let hook = format!("http://{}/hunter2", receiver.listen());
    let config = config(folder.path());
    let text = std::fs::read_to_string(&config).unwrap()
        + "[[alerts.receiver]]\nchannel = \"webhook\"\nnotification = { group_wait = \"0s\", group_interval = \"1s\" }\n";
    write(folder.path(), "h.toml", &text);
    let command = |arguments: &[&str]| {
        let mut command = highwater(arguments);
        command.env_remove("HIGHWATER_STATE__PATH").env("HIGHWATER_ALERTS__RECEIVER__0__CONFIG__URL", &hook);
        command
    };
    let (code, told, errors) = common::outcome(&mut command(&["check", "--config", &config]));
    assert!(code == 0 && told.contains("alerts       told to webhook http://127.0.0.1"), "{told}{errors}");
    assert!(!told.contains("hunter2"), "{told}");
    let run = ["run", "--config", &config, "--listen", "127.0.0.1:0"];
    let mut job = Running::start(command(&run));
    let address = job.address();
    let began = millis_now() / 10_000 * 10_000 - 60_000;
    for window in 0..5 {
        let log = |service: &str, level: &str| {
            let at = began + window * 10_000;
            json!({ "timestamp": at, "service": service, "level": level, "message": "card declined" })
        };
        let logs = json!([log("cart", "ERROR"), log("cart", "ERROR"), log("web", "INFO")]);
        assert_eq!(send(&address, "POST", "/api/v1/logs", &logs).0, 202);
    }
    let is_told = || {
        let notices = receiver.0.lock().unwrap();
        notices.values().any(|(_, body)| body["commonLabels"]["alertname"] == "high_error_rate")
    };
    for _ in 0..3_000 {
        if is_told() {
            break;
        }
        let _ = crossbeam_channel::after(std::time::Duration::from_millis(20)).recv();
    }
    assert!(is_told(), "{:#?}", receiver.0.lock().unwrap());
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
    let state = folder.path().join("state");
    // with what SQLite has beside it
    let files = ["metadata.db", "metadata.db-wal"].map(|file| std::fs::read(state.join(file)).unwrap_or_default());
    let database = files.concat();
    let holds = |text: &[u8]| database.windows(text.len()).any(|part| part == text);
    assert!(holds(b"sealed:1:"), "{} bytes", database.len());
    assert!(!holds(b"hunter2"));
    // without its key the job says which one it misses
    std::fs::remove_file(state.join("metadata.key")).unwrap();
    let (code, _, errors) = common::outcome(&mut command(&run));
    assert!(code == 1 && errors.contains("metadata.key") && errors.contains("forget-secrets"), "{errors}");
    let (code, told, errors) = common::outcome(&mut command(&["forget-secrets", "--config", &config]));
    assert!(code == 0 && told.contains("are gone"), "{told}{errors}");
    let mut job = Running::start(command(&run));
    job.address();
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn what_is_wrong_with_a_rule_is_told_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let (mut job, address) = start(&config(folder.path()));
    for (change, field) in [
        (json!({ "threshold": "many" }), "threshold"),
        (json!({ "time_window": "3s" }), "time_window"),
        (json!({ "treshold": 3 }), "treshold"),
        (json!({ "notification_config": { "url": "ftp://x" } }), "notification_config.url"),
        (json!({ "group_by": "host" }), "group_by"),
        (json!({ "evaluate": "provisional", "condition": "less_than" }), "evaluate"),
    ] {
        let mut wrong = rule("127.0.0.1:1");
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, problem) = send(&address, "POST", "/api/v1/alerts/rules", &wrong);
        assert_eq!(status, 422, "{change}: {problem}");
        let fields: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert!(fields.contains(&field), "{change}: {problem}");
    }
    // a receiver inside of our network, where that is not allowed
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn rules_of_a_file_are_in_force_as_the_file_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let rules = |text: &str| write(folder.path(), "rules.toml", text);
    let path = rules("[[rule]]\nname = \"many\"\nthreshold = 100\n[[rule]]\nname = \"silent\"\nmetric = \"absence\"\n");
    let text =
        std::fs::read_to_string(&config).unwrap().replace("[alerts]\n", &format!("[alerts]\nrules = {path:?}\n"));
    write(folder.path(), "h.toml", &text);
    let names = |address: &str| {
        let (_, answer) = send(address, "GET", "/api/v1/alerts/rules", &Value::Null);
        let rules = answer["rules"].as_array().unwrap().clone();
        rules
            .iter()
            .map(|rule| (rule["name"].clone(), rule["threshold"].clone(), rule["version"].clone()))
            .collect::<Vec<_>>()
    };
    let (mut job, address) = start(&config);
    assert_eq!(names(&address), [(json!("many"), json!(100.0), json!(1)), (json!("silent"), Value::Null, json!(1))]);
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
    rules("[[rule]]\nname = \"many\"\nthreshold = 200\n");
    let (mut job, address) = start(&config);
    assert_eq!(names(&address), [(json!("many"), json!(200.0), json!(2))]);
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
    rules("[[rule]]\nname = \"many\"\ntime_window = \"soon\"\n");
    let mut command = highwater(&["run", "--config", &config, "--listen", "127.0.0.1:0"]);
    let (code, _, errors) = common::outcome(command.env_remove("HIGHWATER_STATE__PATH"));
    assert!(code == 1 && errors.contains("rules.toml: rule 1: time_window"), "{errors}");
}

/// Killed while the alert is pending, fires, is told of and is over: the receiver hears each notice once or more, the
/// history is as if nothing had happened.
#[test]
fn kills_change_nothing_of_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::default();
    let hook = receiver.listen();
    let config = config(folder.path());
    let (mut job, mut address) = start(&config);
    let restart = |job: &mut Running, address: &mut String| {
        job.signal("KILL");
        job.end();
        (*job, *address) = start(&config);
    };
    let mut held = rule(&hook);
    held["for"] = json!("20s");
    let (status, made) = send(&address, "POST", "/api/v1/alerts/rules", &held);
    assert_eq!(status, 201, "{made}");
    restart(&mut job, &mut address);
    let began = millis_now() / 10_000 * 10_000 - 60_000;
    let mut at = began;
    let window = |address: &str, at: &mut i64, errors: usize| {
        let log = json!({ "timestamp": *at, "service": "cart", "level": "ERROR", "message": "card declined" });
        let mut logs = vec![log; errors];
        // the watermark passes the window
        logs.push(json!({ "timestamp": *at + 10_500, "service": "cart", "level": "INFO", "message": "tick" }));
        let (status, answer) = send(address, "POST", "/api/v1/logs", &json!(logs));
        assert_eq!(status, 202, "{answer}");
        *at += 10_000;
    };
    let status = |address: &str, wanted: &str| {
        let found = wait_for(address, "/api/v1/alerts/triggered?rule=errors%20of%20the%20cart", |answer| {
            answer["alerts"][0]["status"] == wanted
        });
        assert_eq!(found["alerts"].as_array().unwrap().len(), 1, "{found}");
        found["alerts"][0]["id"].clone()
    };
    window(&address, &mut at, 3);
    let id = status(&address, "pending");
    restart(&mut job, &mut address);
    assert_eq!(status(&address, "pending"), id);
    window(&address, &mut at, 4);
    assert_eq!(status(&address, "firing"), id);
    restart(&mut job, &mut address);
    assert_eq!(status(&address, "firing"), id);
    receiver.wait_for(&["firing"]);
    restart(&mut job, &mut address);
    window(&address, &mut at, 0);
    assert_eq!(status(&address, "resolved"), id);
    restart(&mut job, &mut address);
    receiver.wait_for(&["firing", "resolved"]);
    let path = format!("/api/v1/alerts/triggered/{}", id.as_str().unwrap().replace(':', "%3A"));
    let (_, alert) = send(&address, "GET", &path, &Value::Null);
    let steps: Vec<&str> =
        alert["history"].as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap()).collect();
    assert_eq!(steps, ["pending", "firing", "resolved"], "{alert:#}");
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn a_rule_is_tried_out_over_stored_logs_and_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut job, address) = start(&config(folder.path()));
    let (status, made) = send(&address, "POST", "/api/v1/alerts/rules", &rule("127.0.0.1:1"));
    assert_eq!(status, 201, "{made}");
    let start = millis_now() / 10_000 * 10_000 - 60_000;
    let logs: Vec<Value> = (0..30)
        .map(|n| {
            let (at, level) = (start + n * 1_000, if (10..20).contains(&n) { "ERROR" } else { "INFO" });
            json!({ "timestamp": at, "service": "cart", "level": level, "message": "card declined" })
        })
        .collect();
    assert_eq!(send(&address, "POST", "/api/v1/logs", &json!(logs)).0, 202);
    wait_for(&address, "/api/v1/logs/search?limit=1", |found| found["total"] == 30);
    let time = |millis: i64| {
        let at = highwater_engine::Timestamp::from_millis(millis);
        at.to_string()
    };
    let span = json!({ "from": time(start), "to": time(start + 40_000) });
    let path = format!("/api/v1/alerts/rules/{}/backtest", made["id"].as_str().unwrap());
    let (status, report) = send(&address, "POST", &path, &span);
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["alerts"].as_array().unwrap().len(), 1, "{report}");
    let told = &report["alerts"][0];
    assert_eq!(told["since"], json!(time(start + 10_000)));
    assert_eq!(told["firing_from"], json!(time(start + 20_000)));
    assert_eq!(told["resolved_at"], json!(time(start + 30_000)));
    assert_eq!((&told["peak"], &report["logs"]), (&json!(10.0), &json!(30)));
    let (status, problem) = send(&address, "POST", &path, &json!({ "from": time(start), "to": time(start) }));
    assert_eq!(status, 422, "{problem}");
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));

    let lines: String = logs.iter().map(|log| format!("{log}\n")).collect();
    let file = write(folder.path(), "logs.json", &lines);
    let rules = write(
        folder.path(),
        "rules.toml",
        "[[rule]]\nname = \"errors\"\nlevels = [\"ERROR\"]\nthreshold = 2\ntime_window = \"10s\"\n",
    );
    let (code, told, errors) =
        common::output(&["backtest", "--rule", &rules, "--from", &time(start), "--to", &time(start + 40_000), &file]);
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("errors: 1 alerts") && told.contains("for 10s"), "{told}");
}
