//! Whatever ends the process, the history is what the dataflow said, and every receiver is told of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{
    Alert, PATIENCE, batch,
    http::{Answer, HttpReceiver, Request},
    open, rule, runtime, settings,
};
use highwater_alerting::{AlertFilter, PageRequest, Status};
use highwater_engine::{Batch, Name, Sink};
use highwater_operators::stable_hash;
use serde_json::json;
use tempfile::tempdir;

const FOLDER: &str = "HIGHWATER_ALERTING_KILL_TEST";
const RULE: &str = "HIGHWATER_ALERTING_KILL_TEST_RULE";
const EPOCHS: u64 = 600;
const SERVICES: u64 = 12;

/// What is said of an alert in an epoch.
fn said(service: u64, epoch: u64) -> Option<&'static str> {
    let words = [None, Some("pending"), Some("firing"), Some("firing"), Some("no_data"), Some("resolved")];
    words[(stable_hash(&(service * 1_000 + epoch / 3).to_le_bytes()) % 6) as usize]
}

/// The same batches each time.
fn batches(rule_id: &str) -> Vec<Batch> {
    let of = |epoch: u64| {
        (0..SERVICES).flat_map(move |service| {
            let before = if epoch == 0 { None } else { said(service, epoch - 1) };
            let (now, name) = (said(service, epoch), format!("service-{service}"));
            let alert = Alert { rule_id, service: &name, since: 1_000 };
            let pending = |said: Option<&'static str>| said.filter(|said| *said == "pending");
            let other = |said: Option<&'static str>| said.filter(|said| *said != "pending");
            let pending = (pending(before) != pending(now)).then(|| alert.change_in("pending_alerts", pending(now)));
            let other = (other(before) != other(now)).then(|| alert.change(other(now)));
            pending.into_iter().chain(other).collect::<Vec<_>>()
        })
    };
    (0..EPOCHS).map(|epoch| batch(epoch, of(epoch).collect())).collect()
}

/// What is killed: says all that the sink does not have, and a bit that it has. By itself it is no test.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let rule_id = std::env::var(RULE).unwrap();
    let runtime = runtime();
    let alerting = runtime.block_on(open(Path::new(&folder), settings()));
    let dispatcher = runtime.block_on(async { alerting.dispatch() });
    let mut sink = alerting.sink(runtime.handle().clone());
    let done = sink.resume(&"job".into(), None).unwrap();
    let from = done.map_or(0, |done| done.saturating_sub(5)) as usize;
    for batches in batches(&rule_id)[from..].chunks(std::process::id() as usize % 4 + 1) {
        sink.deliver(batches).unwrap();
    }
    runtime.block_on(dispatcher.stop());
}

#[test]
fn history_and_notices_survive_whatever_ends_the_process() {
    let (folder, runtime) = (tempdir().unwrap(), runtime());
    // one in a hundred fails, so that some wait when the process ends
    let answers = (0..2_000).map(|n| Answer::Status(if n % 100 == 50 { "503 Busy" } else { "200 OK" })).collect();
    let receiver = HttpReceiver::start(answers);
    let rule_id = {
        let alerting = runtime.block_on(open(folder.path(), settings()));
        let mut draft = rule("webhook", json!({ "url": receiver.url("/hook") }));
        draft.notification.flap_threshold = 100;
        runtime.block_on(alerting.rules().create(draft, "kim")).unwrap().id
    };
    let mut kills = 0;
    for round in 0..80_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(FOLDER, folder.path())
            .env(RULE, rule_id.as_str())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // long enough to begin, mostly
        let life = Duration::from_millis(40 + stable_hash(&round.to_le_bytes()) % 250);
        let _ = crossbeam_channel::after(life).recv();
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{status}");
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    let alerting = runtime.block_on(open(folder.path(), settings()));
    let mut sink = alerting.sink(runtime.handle().clone());
    let done = sink.resume(&"job".into(), None).unwrap();
    sink.deliver(&batches(&rule_id)).unwrap();

    let page = runtime.block_on(alerting.alerts().list(&AlertFilter::default(), &PageRequest::default())).unwrap();
    let mut history: BTreeMap<String, Vec<Status>> = BTreeMap::new();
    for record in &page.items {
        let turns = runtime.block_on(alerting.alerts().history(&record.id)).unwrap();
        history.insert(record.key.to_string(), turns.iter().map(|turn| turn.to).collect());
    }
    assert_eq!(history, oracle());
    println!("{kills} kills, {done:?} of {EPOCHS} epochs before the last start");
    assert!(kills > 2);

    let dispatcher = runtime.block_on(async { alerting.dispatch() });
    let last: BTreeMap<String, &str> = history
        .iter()
        .filter(|(_, turns)| turns.iter().any(|status| status.is_open()))
        .map(|(service, turns)| {
            let is_open = turns.last().is_some_and(|status| status.is_open());
            (service.clone(), if is_open { "firing" } else { "resolved" })
        })
        .collect();
    let mut requests: Vec<Request> = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while !told(&requests, &last) {
        assert!(Instant::now() < deadline, "{last:?} {:?}", known(&requests));
        requests.push(receiver.next());
    }
    runtime.block_on(dispatcher.stop());
    same_ids_same_bodies(&requests);
}

/// Each service's statuses one after the other, from what is said alone.
fn oracle() -> BTreeMap<String, Vec<Status>> {
    let mut all = BTreeMap::new();
    for service in 0..SERVICES {
        let mut turns: Vec<Status> = Vec::new();
        for epoch in 0..EPOCHS {
            let status = match said(service, epoch) {
                Some("pending") => Status::Pending,
                Some("firing") => Status::Firing,
                Some("no_data") => Status::NoData,
                _ => Status::Resolved,
            };
            let is_heard = !turns.is_empty() || said(service, epoch).is_some();
            if is_heard && turns.last() != Some(&status) {
                turns.push(status);
            }
        }
        all.insert(format!("service-{service}"), turns);
    }
    all
}

/// What the receiver knows of each service: what it was told last.
fn known(requests: &[Request]) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for request in requests {
        for alert in request.json()["alerts"].as_array().unwrap() {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            known.insert(text(&alert["labels"]["service"]), text(&alert["status"]));
        }
    }
    known
}

fn told(requests: &[Request], expected: &BTreeMap<String, &str>) -> bool {
    let known = known(requests);
    expected.iter().all(|(service, status)| known.get(service).map_or(*status == "resolved", |known| known == status))
}

fn same_ids_same_bodies(requests: &[Request]) {
    let mut bodies: BTreeMap<Name, &str> = BTreeMap::new();
    for request in requests {
        let id = request.header("idempotency-key");
        assert_eq!(*bodies.entry(id.into()).or_insert(&request.text), request.text, "{id}");
    }
    println!("{} requests, {} notices", requests.len(), bodies.len());
}
