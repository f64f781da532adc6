//! With a real Alertmanager: what we send it is an alert there, and what it sends to a webhook looks like what we send.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{
    Alert, PATIENCE, batch,
    http::{HttpReceiver, free_port, wait_for},
    open, rule, runtime, settings,
};
use highwater_engine::{Sink, Timestamp};
use serde_json::{Value, json};
use tempfile::tempdir;

struct Alertmanager {
    child: Child,
    address: SocketAddr,
}

impl Alertmanager {
    /// None where the package is missing.
    fn start(folder: &Path, webhook: &str) -> Option<Alertmanager> {
        let config = json!({
            "route": { "receiver": "hook", "group_by": ["alertname"], "group_wait": "100ms", "group_interval": "1s" },
            "receivers": [{ "name": "hook", "webhook_configs": [{ "url": webhook }] }],
        });
        // JSON is YAML
        std::fs::write(folder.join("config.yml"), config.to_string()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", folder.join("config.yml").display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        wait_for(address);
        Some(Alertmanager { child, address })
    }

    /// Its alerts, once there are any, or any more.
    fn wait_for_alerts(&self, wanted: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let url = format!("http://{}/api/v2/alerts", self.address);
            let text = ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap();
            let alerts: Vec<Value> = serde_json::from_str(&text).unwrap();
            if alerts.len() == wanted {
                return alerts;
            }
            assert!(Instant::now() < deadline, "{alerts:?}");
            let _ = crossbeam_channel::after(Duration::from_millis(50)).recv();
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every key with the kind of its value, `alerts[].labels` and such as one.
fn shape(value: &Value, path: &str, shapes: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    shapes.insert(path.to_owned(), kind);
    match value {
        Value::Array(values) => values.iter().for_each(|value| shape(value, &format!("{path}[]"), shapes)),
        Value::Object(_) if path.ends_with("abels") || path.ends_with("nnotations") => {}
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), shapes));
        }
        _ => {}
    }
}

#[test]
fn a_real_alertmanager_takes_our_alerts_and_speaks_as_we_do() {
    let (folder, house, runtime) = (tempdir().unwrap(), tempdir().unwrap(), runtime());
    let (theirs, ours) = (HttpReceiver::start(Vec::new()), HttpReceiver::start(Vec::new()));
    let Some(alertmanager) = Alertmanager::start(folder.path(), &theirs.url("/")) else {
        println!(
            "SKIPPED: a_real_alertmanager_takes_our_alerts_and_speaks_as_we_do: prometheus-alertmanager is not installed"
        );
        return;
    };
    let alerting = runtime.block_on(open(house.path(), settings()));
    let dispatcher = runtime.block_on(async { alerting.dispatch() });
    let url = format!("http://{}", alertmanager.address);
    let to_them = rule("alertmanager", json!({ "url": url, "resend_interval": "10s" }));
    let rules = alerting.rules();
    let to_them = runtime.block_on(rules.create(to_them, "kim")).unwrap().id;
    let to_us = runtime.block_on(rules.create(rule("webhook", json!({ "url": ours.url("/") })), "kim")).unwrap().id;
    let mut sink = alerting.sink(runtime.handle().clone());
    sink.resume(&"job".into(), None).unwrap();
    // recent, lest it take a long-gone end for a forgotten one
    let since = Timestamp::now().as_micros() / 1_000_000 - 600;
    let say = |sink: &mut dyn Sink, epoch, status| {
        let of = |rule_id| Alert { rule_id, service: "cart", since }.change(Some(status));
        sink.deliver(&[batch(epoch, vec![of(&to_them), of(&to_us)])]).unwrap();
    };
    say(&mut sink, 1, "firing");
    let alert = alertmanager.wait_for_alerts(1).remove(0);
    assert_eq!(alert["status"]["state"], "active");
    assert_eq!(
        (&alert["labels"]["service"], &alert["labels"]["alertname"]),
        (&json!("cart"), &json!("too many errors"))
    );
    assert_eq!(alert["annotations"]["description"], "more than five errors");
    let ends_at: Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
    assert!(ends_at > Timestamp::now());

    let shape_of = |value: Value| {
        let mut shapes = BTreeMap::new();
        shape(&value, "", &mut shapes);
        shapes
    };
    assert_eq!(shape_of(ours.next().json()), shape_of(theirs.next().json()));
    say(&mut sink, 2, "resolved");
    alertmanager.wait_for_alerts(0);
    let (ours, theirs) = (ours.next().json(), theirs.next().json());
    assert_eq!((&ours["status"], &theirs["status"]), (&json!("resolved"), &json!("resolved")));
    assert_eq!(shape_of(ours), shape_of(theirs));
    runtime.block_on(dispatcher.stop());
}
