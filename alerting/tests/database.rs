//! Every statement means the same on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::{
    Alert, PATIENCE, batch,
    http::{Answer, HttpReceiver, Request},
    rule, settings,
};
use highwater_alerting::{AlertFilter, Alerting, AlertingError, Deed, PageRequest, SilenceDraft, SilenceState, Status};
use highwater_engine::{Batch, Sink, Timestamp};
use highwater_metadata::{Database, DatabaseUrl, KeySource, on_each_kind};
use serde_json::json;

on_each_kind!(
    rules_are_kept_version_by_version,
    silences_are_kept_until_they_are_over,
    an_alert_goes_from_the_dataflow_to_a_receiver_and_back,
    lists_come_in_pages,
);

async fn open(url: DatabaseUrl) -> Alerting {
    let database = Database::open(&url).await.unwrap();
    let vault = database.vault(&KeySource::Memory).await.unwrap();
    Alerting::open(database, vault, settings()).await.unwrap()
}

/// The sink has a thread of its own, as in the engine.
async fn deliver(alerting: &Alerting, batches: Vec<Batch>) {
    let mut sink = alerting.sink(tokio::runtime::Handle::current());
    let delivered = tokio::task::spawn_blocking(move || {
        sink.resume(&"job".into(), None).unwrap();
        sink.deliver(&batches)
    });
    delivered.await.unwrap().unwrap();
}

async fn next(receiver: &HttpReceiver) -> Request {
    let requests = receiver.requests().clone();
    tokio::task::spawn_blocking(move || requests.recv_timeout(PATIENCE).unwrap()).await.unwrap()
}

async fn rules_are_kept_version_by_version(url: DatabaseUrl) {
    let rules = open(url).await.rules();
    let draft = rule("webhook", json!({ "url": "https://a.example/x" }));
    let made = rules.create(draft.clone(), "kim").await.unwrap();
    assert_eq!((made.version, &*made.owner), (1, "kim"));
    assert_eq!(rules.get(&made.id).await.unwrap(), made);
    let mut changed = draft.clone();
    changed.is_active = false;
    let replaced = rules.replace(&made.id, 1, changed).await.unwrap();
    assert_eq!((replaced.version, replaced.spec()), (2, None));
    assert_eq!(rules.all().await.unwrap(), [replaced]);
    let late = rules.replace(&made.id, 1, draft.clone()).await.unwrap_err();
    assert!(matches!(late, AlertingError::Conflict { current: 2 }), "{late}");
    let mut wrong = draft;
    wrong.name.clear();
    let refused = rules.replace(&made.id, 2, wrong).await.unwrap_err();
    assert!(matches!(&refused, AlertingError::Invalid(problems) if problems[0].field == "name"), "{refused}");
    rules.delete(&made.id).await.unwrap();
    for gone in [rules.delete(&made.id).await.err(), rules.get(&made.id).await.err()] {
        assert!(matches!(gone, Some(AlertingError::NotFound("rule"))));
    }
}

async fn silences_are_kept_until_they_are_over(url: DatabaseUrl) {
    let silences = open(url).await.silences();
    let now = Timestamp::now();
    let draft = SilenceDraft::read(&json!({
        "matchers": [{ "name": "service", "value": "cart" }],
        "starts_at": now, "ends_at": now.plus(Duration::from_secs(60)), "comment": "known",
    }))
    .unwrap();
    let made = silences.create(draft.clone(), "kim").await.unwrap();
    assert_eq!(silences.get(&made.id).await.unwrap().draft.matchers, draft.matchers);
    let longer = SilenceDraft { ends_at: now.plus(Duration::from_secs(600)), ..draft.clone() };
    let replaced = silences.replace(&made.id, longer, "sam").await.unwrap();
    assert_eq!((&*replaced.created_by, replaced.created_at), ("sam", made.created_at));
    let expired = silences.expire(&made.id).await.unwrap();
    assert_eq!(expired.state(Timestamp::now()), SilenceState::Expired);
    assert_eq!(silences.expire(&made.id).await.unwrap().draft.ends_at, expired.draft.ends_at);
    let everything = SilenceDraft::read(&json!({
        "matchers": [{ "name": "service", "value": ".*", "isRegex": true }],
        "starts_at": now, "ends_at": now.plus(Duration::from_secs(60)), "comment": "all",
    }));
    let refused = silences.create(everything.unwrap(), "kim").await.unwrap_err();
    assert!(refused.to_string().starts_with("matchers: "), "{refused}");
}

async fn an_alert_goes_from_the_dataflow_to_a_receiver_and_back(url: DatabaseUrl) {
    let alerting = open(url).await;
    let receiver = HttpReceiver::start(vec![Answer::Status("200 OK"), Answer::Status("404 Not Found")]);
    let made = alerting.rules().create(rule("webhook", json!({ "url": receiver.url("/") })), "kim").await.unwrap();
    let dispatcher = alerting.dispatch();
    let cart = Alert { rule_id: &made.id, service: "cart", since: 1_000 };
    deliver(&alerting, vec![batch(1, vec![cart.change(Some("firing"))])]).await;
    assert_eq!(next(&receiver).await.json()["status"], "firing");
    alerting.alerts().act(&cart.id(), Deed::Acknowledge, "kim", "on it").await.unwrap();
    let filter = AlertFilter { status: Some(Status::Acknowledged), rule: Some("too many errors".into()) };
    let listed = alerting.alerts().list(&filter, &PageRequest::default()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].acknowledged.as_ref().unwrap().comment, "on it");
    deliver(&alerting, vec![batch(1, Vec::new()), batch(2, vec![cart.change(Some("resolved"))])]).await;
    let over = next(&receiver).await;
    assert_eq!(over.json()["status"], "resolved");
    let history = alerting.alerts().history(&cart.id()).await.unwrap();
    let turns: Vec<Status> = history.iter().map(|turn| turn.to).collect();
    assert_eq!(turns, [Status::Firing, Status::Acknowledged, Status::Resolved]);
    let deadline = Instant::now() + PATIENCE;
    let letter = loop {
        if let Some(letter) = alerting.queue().dead_letters(&PageRequest::default()).await.unwrap().items.pop() {
            break letter;
        }
        assert!(Instant::now() < deadline, "nothing was given up");
        tokio::task::yield_now().await;
    };
    assert_eq!(letter.channel, "webhook");
    alerting.queue().requeue(&letter.id).await.unwrap();
    assert_eq!(next(&receiver).await.text, over.text);
    dispatcher.stop().await;
    assert_eq!(alerting.queue().waiting().await.unwrap(), 0);
}

async fn lists_come_in_pages(url: DatabaseUrl) {
    let alerting = open(url).await;
    let services: Vec<String> = (0..7).map(|number| format!("service-{number}")).collect();
    let alerts: Vec<Alert<'_>> = services
        .iter()
        .enumerate()
        // some begin at once
        .map(|(number, service)| Alert { rule_id: "rule", service, since: 1_000 + number as i64 / 2 })
        .collect();
    deliver(&alerting, vec![batch(1, alerts.iter().map(|alert| alert.change(Some("firing"))).collect())]).await;
    let mut page = PageRequest { limit: 2, cursor: None };
    let mut seen = Vec::new();
    loop {
        let found = alerting.alerts().list(&AlertFilter::default(), &page).await.unwrap();
        seen.extend(found.items.iter().map(|record| record.id.to_string()));
        match found.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => break,
        }
    }
    let mut expected: Vec<&Alert<'_>> = alerts.iter().collect();
    expected.sort_by_key(|alert| (std::cmp::Reverse(alert.since), alert.id()));
    assert_eq!(seen, expected.iter().map(|alert| alert.id()).collect::<Vec<_>>());
}
