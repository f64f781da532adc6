//! What the sink writes down is what the dataflow said, however often it says it, and what people did stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;

use common::{Alert, batch, http::HttpReceiver, open, rule, runtime, settings};
use highwater_alerting::{AlertFilter, AlertSink, Alerting, Deed, PageRequest, Status};
use highwater_engine::{Batch, Name, Sink};
use proptest::prelude::*;
use serde_json::json;
use tempfile::tempdir;

const CART: Alert<'_> = Alert { rule_id: "rule-1", service: "cart", since: 1_000 };
const SERVICES: [&str; 3] = ["cart", "web", "mail"];

/// A change of an alert's place: alert, then where its row is and what it says.
#[derive(Clone, Copy, Debug)]
struct Step {
    alert: usize,
    stand: Stand,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stand {
    Nowhere,
    Pending,
    InAlerts(&'static str),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let stand = prop::sample::select(vec![
        Stand::Nowhere,
        Stand::Pending,
        Stand::InAlerts("firing"),
        Stand::InAlerts("no_data"),
        Stand::InAlerts("resolved"),
    ]);
    let step = (0..6_usize, stand).prop_map(|(alert, stand)| Step { alert, stand });
    prop::collection::vec(prop::collection::vec(step, 0..4), 1..12)
}

fn alert(number: usize) -> Alert<'static> {
    Alert { rule_id: "rule-1", service: SERVICES[number % 3], since: 1_000 * (number as i64 / 3 + 1) }
}

/// Batches as the engine makes them: at most one change of each view and key, and only what differs.
fn batches(steps: &[Vec<Step>]) -> Vec<Batch> {
    let mut stands = [Stand::Nowhere; 6];
    let mut batches = Vec::new();
    for (epoch, steps) in steps.iter().enumerate() {
        let before = stands;
        for step in steps {
            stands[step.alert] = step.stand;
        }
        let mut changes = Vec::new();
        for number in 0..6 {
            let (old, new) = (before[number], stands[number]);
            let of = |stand: Stand| match stand {
                Stand::InAlerts(status) => Some(status),
                _ => None,
            };
            if of(old) != of(new) {
                changes.push(alert(number).change_in("alerts", of(new)));
            }
            let is_pending = |stand: Stand| (stand == Stand::Pending).then_some("pending");
            if is_pending(old) != is_pending(new) {
                changes.push(alert(number).change_in("pending_alerts", is_pending(new)));
            }
        }
        batches.push(batch(epoch as u64 * 10, changes));
    }
    batches
}

/// The oracle: each alert's statuses one after the other, read from the steps alone.
fn statuses(steps: &[Vec<Step>]) -> BTreeMap<String, Vec<Status>> {
    let mut stands = [Stand::Nowhere; 6];
    let mut all: BTreeMap<String, Vec<Status>> = BTreeMap::new();
    for steps in steps {
        for step in steps {
            stands[step.alert] = step.stand;
        }
        for (number, stand) in stands.iter().enumerate() {
            let status = match stand {
                Stand::Nowhere | Stand::InAlerts("resolved") => Status::Resolved,
                Stand::Pending => Status::Pending,
                Stand::InAlerts("firing") => Status::Firing,
                Stand::InAlerts(_) => Status::NoData,
            };
            let id = alert(number).id();
            let is_first = !all.contains_key(&id);
            if (is_first && *stand == Stand::Nowhere) || all.get(&id).and_then(|all| all.last()) == Some(&status) {
                continue;
            }
            all.entry(id).or_default().push(status);
        }
    }
    all
}

async fn history(alerting: &Alerting) -> BTreeMap<String, Vec<(Name, Status)>> {
    let alerts = alerting.alerts();
    let page = alerts.list(&AlertFilter::default(), &PageRequest::default()).await.unwrap();
    let mut all = BTreeMap::new();
    for record in page.items {
        let history = alerts.history(&record.id).await.unwrap();
        assert_eq!(history.last().map(|last| last.to), Some(record.status));
        assert_eq!(history.len() as u64, record.transitions);
        all.insert(record.id.to_string(), history.into_iter().map(|turn| (turn.id, turn.to)).collect());
    }
    all
}

fn sink(alerting: &Alerting, runtime: &tokio::runtime::Runtime, job: &str) -> AlertSink {
    let mut sink = alerting.sink(runtime.handle().clone());
    sink.resume(&job.into(), None).unwrap();
    sink
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn history_is_what_was_said_however_often(steps in steps(), cuts in prop::collection::vec((0..4_usize, 1..4_usize, any::<bool>()), 12)) {
        let runtime = runtime();
        let batches = batches(&steps);
        let (once, often) = (tempdir().unwrap(), tempdir().unwrap());
        let steady = runtime.block_on(open(once.path(), settings()));
        sink(&steady, &runtime, "job").deliver(&batches).unwrap();
        // from a bit before, a few at once, by a new sink now and then
        let mut alerting = runtime.block_on(open(often.path(), settings()));
        let mut at = 0;
        for (back, ahead, restarts) in cuts.into_iter().cycle().take(100) {
            let (from, to) = (at - back.min(at), (at + ahead).min(batches.len()));
            if restarts {
                alerting = runtime.block_on(open(often.path(), settings()));
            }
            sink(&alerting, &runtime, "job").deliver(&batches[from..to]).unwrap();
            at = to;
        }
        let expected = runtime.block_on(history(&steady));
        let seen: BTreeMap<_, _> = expected.iter()
            .map(|(id, turns)| (id.clone(), turns.iter().map(|(_, status)| *status).collect::<Vec<_>>()))
            .collect();
        prop_assert_eq!(seen, statuses(&steps));
        prop_assert_eq!(runtime.block_on(history(&alerting)), expected);
    }
}

#[test]
fn people_acknowledge_and_resolve_and_the_dataflow_goes_on() {
    let (runtime, folder) = (runtime(), tempdir().unwrap());
    let alerting = runtime.block_on(open(folder.path(), settings()));
    let mut sink = sink(&alerting, &runtime, "job");
    let status = || runtime.block_on(alerting.alerts().get(&CART.id())).unwrap().status;
    let act = |deed| runtime.block_on(alerting.alerts().act(&CART.id(), deed, "kim", "on it"));
    sink.deliver(&[batch(1, vec![CART.change_in("pending_alerts", Some("pending"))])]).unwrap();
    assert!(act(Deed::Acknowledge).unwrap_err().to_string().contains("pending"));
    let fires = vec![CART.change_in("pending_alerts", None), CART.change(Some("firing"))];
    sink.deliver(&[batch(2, fires)]).unwrap();
    assert_eq!(act(Deed::Acknowledge).unwrap().acknowledged.unwrap().who, "kim");
    assert_eq!(act(Deed::Resolve).unwrap().status, Status::Resolved);
    assert!(act(Deed::Resolve).is_err());
    sink.deliver(&[batch(3, vec![CART.change(Some("firing"))])]).unwrap();
    assert_eq!(status(), Status::Resolved, "until the condition was false once");
    sink.deliver(&[batch(4, vec![CART.change(Some("resolved"))])]).unwrap();
    sink.deliver(&[batch(5, vec![CART.change(Some("firing"))])]).unwrap();
    assert_eq!(status(), Status::Firing);
    let history = runtime.block_on(alerting.alerts().history(&CART.id())).unwrap();
    let seen: Vec<_> = history.iter().map(|turn| (turn.to, turn.who.as_deref())).collect();
    let kim = Some("kim");
    assert_eq!(
        seen,
        [
            (Status::Pending, None),
            (Status::Firing, None),
            (Status::Acknowledged, kim),
            (Status::Resolved, kim),
            (Status::Firing, None)
        ]
    );
}

#[test]
fn an_alert_that_late_logs_move_keeps_what_people_said() {
    let (runtime, folder) = (runtime(), tempdir().unwrap());
    let alerting = runtime.block_on(open(folder.path(), settings()));
    let mut sink = sink(&alerting, &runtime, "job");
    sink.deliver(&[batch(1, vec![CART.change(Some("firing"))])]).unwrap();
    runtime.block_on(alerting.alerts().act(&CART.id(), Deed::Acknowledge, "kim", "")).unwrap();
    let moved = Alert { since: 900, ..CART };
    sink.deliver(&[batch(2, vec![CART.change(None), moved.change(Some("firing"))])]).unwrap();
    let record = runtime.block_on(alerting.alerts().get(&moved.id())).unwrap();
    assert_eq!((record.status, record.acknowledged.unwrap().who), (Status::Acknowledged, "kim".to_owned()));
    let old = runtime.block_on(alerting.alerts().get(&CART.id())).unwrap();
    assert_eq!(old.status, Status::Resolved);
}

#[test]
fn a_job_that_begins_anew_ends_what_the_one_before_it_said() {
    let (runtime, folder) = (runtime(), tempdir().unwrap());
    let alerting = runtime.block_on(open(folder.path(), settings()));
    let mut first = alerting.sink(runtime.handle().clone());
    assert_eq!(first.empty_views().unwrap().len(), 2, "nothing is known yet");
    assert_eq!(first.resume(&"first".into(), None).unwrap(), None);
    let web = Alert { service: "web", ..CART };
    first.deliver(&[batch(70, vec![CART.change(Some("firing")), web.change(Some("firing"))])]).unwrap();
    assert_eq!(first.resume(&"first".into(), Some(60)).unwrap(), Some(70));
    assert!(first.empty_views().unwrap().is_empty());
    let mut second = sink(&alerting, &runtime, "second");
    second.deliver(&[batch(3, vec![web.change(Some("firing"))])]).unwrap();
    let status = |alert: Alert<'_>| runtime.block_on(alerting.alerts().get(&alert.id())).unwrap().status;
    assert_eq!((status(CART), status(web)), (Status::Resolved, Status::Firing));
}

#[test]
fn a_row_that_is_no_alert_fails_for_good() {
    let (runtime, folder) = (runtime(), tempdir().unwrap());
    let alerting = runtime.block_on(open(folder.path(), settings()));
    let mut change = CART.change(Some("firing"));
    change.record.value = Some(json!({ "id": 7 }));
    let error = sink(&alerting, &runtime, "job").deliver(&[batch(1, vec![change])]).unwrap_err();
    assert!(error.again.is_none() && error.to_string().contains("rule-1:cart"), "{error}");
}

#[test]
fn a_rule_that_sends_elsewhere_ends_its_alerts_where_they_were_told() {
    let (runtime, folder) = (runtime(), tempdir().unwrap());
    let (old, new) = (HttpReceiver::start(Vec::new()), HttpReceiver::start(Vec::new()));
    let alerting = runtime.block_on(open(folder.path(), settings()));
    let made =
        runtime.block_on(alerting.rules().create(rule("webhook", json!({ "url": old.url("/") })), "kim")).unwrap();
    let dispatcher = runtime.block_on(async { alerting.dispatch() });
    let cart = Alert { rule_id: &made.id, ..CART };
    sink(&alerting, &runtime, "job").deliver(&[batch(1, vec![cart.change(Some("firing"))])]).unwrap();
    assert_eq!(old.next().json()["status"], "firing");
    let draft = rule("webhook", json!({ "url": new.url("/") }));
    runtime.block_on(alerting.rules().replace(&made.id, 1, draft.clone())).unwrap();
    assert_eq!(old.next().json()["status"], "resolved");
    assert_eq!(new.next().json()["status"], "firing");
    assert!(
        runtime
            .block_on(alerting.rules().replace(&made.id, 1, draft))
            .unwrap_err()
            .to_string()
            .contains("version is 2")
    );
    runtime.block_on(alerting.rules().delete(&made.id)).unwrap();
    assert_eq!(new.next().json()["status"], "resolved");
    runtime.block_on(dispatcher.stop());
}
