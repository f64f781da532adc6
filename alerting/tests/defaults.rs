//! What no rule's own channel takes goes to the receivers of the configuration, and nowhere else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::time::Duration;

use common::{
    Alert, batch,
    http::{Answer, HttpReceiver, Request},
    open, rule, runtime, settings, settings_with_receivers,
};
use highwater_alerting::{Alerting, AlertingSettings, Dispatcher, Receiver, RuleDraft, SilenceDraft};
use highwater_engine::{Sink, Timestamp};
use serde_json::json;
use tempfile::{TempDir, tempdir};
use tokio::runtime::Runtime;

struct House {
    runtime: Runtime,
    folder: TempDir,
    alerting: Alerting,
    dispatcher: Dispatcher,
}

impl House {
    fn new(settings: AlertingSettings) -> House {
        let (runtime, folder) = (runtime(), tempdir().unwrap());
        let alerting = runtime.block_on(open(folder.path(), settings));
        let dispatcher = runtime.block_on(async { alerting.dispatch() });
        House { runtime, folder, alerting, dispatcher }
    }

    /// The next start, under other settings.
    fn restart(mut self, settings: AlertingSettings) -> House {
        self.runtime.block_on(self.dispatcher.stop());
        self.alerting = self.runtime.block_on(open(self.folder.path(), settings));
        self.dispatcher = self.runtime.block_on(async { self.alerting.dispatch() });
        self
    }

    fn say(&self, rule_id: &str, service: &str, status: &str) {
        let mut sink = self.alerting.sink(self.runtime.handle().clone());
        let done = sink.resume(&"job".into(), None).unwrap();
        let alert = Alert { rule_id, service, since: 1_000 };
        sink.deliver(&[batch(done.map_or(0, |done| done + 1), vec![alert.change(Some(status))])]).unwrap();
    }

    fn make(&self, draft: RuleDraft) -> String {
        self.runtime.block_on(self.alerting.rules().create(draft, "kim")).unwrap().id.to_string()
    }
}

/// A rule as the queries have it: known by a name.
const BUILT_IN: &str = "high_error_rate";

fn without_channel() -> RuleDraft {
    RuleDraft::read(&json!({ "name": "too many errors", "threshold": 5 })).unwrap()
}

fn about(request: &Request) -> (String, String) {
    let body = request.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&body["status"]), text(&body["commonLabels"]["service"]))
}

fn told(status: &str, service: &str) -> (String, String) {
    (status.to_owned(), service.to_owned())
}

#[test]
fn built_in_alerts_and_rules_without_a_channel_are_told_to_every_receiver_others_to_their_own() {
    let (one, two, own) = (
        HttpReceiver::start(vec![Answer::Status("503 Busy")]),
        HttpReceiver::start(Vec::new()),
        HttpReceiver::start(Vec::new()),
    );
    let house = House::new(settings_with_receivers(&[one.url("/"), two.url("/")]));
    house.say(BUILT_IN, "cart", "firing");
    let (refused, again) = (one.next(), one.next());
    assert_eq!(about(&refused), told("firing", "cart"));
    assert_eq!(again.header("idempotency-key"), refused.header("idempotency-key"), "tried again, the same");
    assert_eq!(about(&two.next()), told("firing", "cart"));
    house.say(&house.make(without_channel()), "web", "firing");
    house.say(&house.make(rule("webhook", json!({ "url": own.url("/") }))), "mail", "firing");
    assert_eq!(about(&own.next()), told("firing", "mail"));
    house.say(BUILT_IN, "cart", "resolved");
    for receiver in [&one, &two] {
        assert_eq!(about(&receiver.next()), told("firing", "web"));
        assert_eq!(about(&receiver.next()), told("resolved", "cart"));
        assert!(receiver.so_far().is_empty());
    }
    assert!(own.so_far().is_empty());
    house.runtime.block_on(house.dispatcher.stop());
}

#[test]
fn without_a_receiver_nobody_is_told_and_silences_hold_for_those_there_are() {
    let receiver = HttpReceiver::start(Vec::new());
    let house = House::new(settings());
    house.say(BUILT_IN, "cart", "firing");
    assert_eq!(house.runtime.block_on(house.alerting.queue().waiting()).unwrap(), 0);
    // the next start has one: it hears of what is not over
    let house = house.restart(settings_with_receivers(&[receiver.url("/")]));
    assert_eq!(about(&receiver.next()), told("firing", "cart"));
    let now = Timestamp::now();
    let silence = json!({
        "matchers": [{ "name": "service", "value": "web" }],
        "starts_at": now.minus(Duration::from_secs(1)), "ends_at": now.plus(Duration::from_secs(3_600)), "comment": "known",
    });
    let silence = SilenceDraft::read(&silence).unwrap();
    house.runtime.block_on(house.alerting.silences().create(silence, "kim")).unwrap();
    house.say(BUILT_IN, "web", "firing");
    house.say(BUILT_IN, "mail", "firing");
    assert_eq!(about(&receiver.next()), told("firing", "mail"));
    assert!(receiver.so_far().is_empty());
    house.runtime.block_on(house.dispatcher.stop());
}

#[test]
fn another_configuration_moves_what_is_not_over_and_the_one_before_hears_that_it_is() {
    let (before, after) = (HttpReceiver::start(Vec::new()), HttpReceiver::start(Vec::new()));
    let house = House::new(settings_with_receivers(&[before.url("/")]));
    house.say(BUILT_IN, "cart", "firing");
    assert_eq!(about(&before.next()), told("firing", "cart"));
    let house = house.restart(settings_with_receivers(&[after.url("/")]));
    assert_eq!(about(&after.next()), told("firing", "cart"));
    assert_eq!(about(&before.next()), told("resolved", "cart"));
    // and a start that changes nothing says nothing
    let house = house.restart(settings_with_receivers(&[after.url("/")]));
    house.say(BUILT_IN, "web", "firing");
    assert_eq!(about(&after.next()), told("firing", "web"));
    assert!(before.so_far().is_empty() && after.so_far().is_empty());
    house.runtime.block_on(house.dispatcher.stop());
}

#[test]
fn a_rule_that_gets_a_channel_or_is_deleted_leaves_the_receivers() {
    let (default, own) = (HttpReceiver::start(Vec::new()), HttpReceiver::start(Vec::new()));
    let house = House::new(settings_with_receivers(&[default.url("/")]));
    let id = house.make(without_channel());
    house.say(&id, "cart", "firing");
    assert_eq!(about(&default.next()), told("firing", "cart"));
    let rules = house.alerting.rules();
    house.runtime.block_on(rules.replace(&id, 1, rule("webhook", json!({ "url": own.url("/") })))).unwrap();
    assert_eq!(about(&own.next()), told("firing", "cart"));
    assert_eq!(about(&default.next()), told("resolved", "cart"));
    house.runtime.block_on(rules.delete(&id)).unwrap();
    assert_eq!(about(&own.next()), told("resolved", "cart"));
    // one that is gone is nobody's: not even when the dataflow still speaks of it
    house.say(&id, "cart", "firing");
    house.say(BUILT_IN, "web", "firing");
    assert_eq!(about(&default.next()), told("firing", "web"));
    assert!(default.so_far().is_empty() && own.so_far().is_empty());
    house.runtime.block_on(house.dispatcher.stop());
}

#[test]
fn a_receiver_that_is_wrong_names_the_field_and_shows_no_secret() {
    for (json, field) in [
        (json!({ "config": { "url": "https://a.example/hunter2" } }), ""),
        (json!({ "channel": "slack", "config": { "url": "hunter2" } }), "config.url"),
        (json!({ "channel": "slack", "config": { "url": "https://a.example/", "token": "hunter2" } }), "config"),
        (json!({ "channel": "console", "notification": { "repeat_interval": "1s" } }), "notification.repeat_interval"),
    ] {
        let problems = Receiver::read(&json).unwrap_err();
        assert!(problems[0].field.starts_with(field), "{problems:?}");
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }
    let receiver = json!({ "channel": "slack", "config": { "url": "https://hooks.example/hunter2" } });
    let receiver = Receiver::read(&receiver).unwrap();
    let shown = format!("{} {receiver:?}", receiver.shown());
    assert!(!shown.contains("hunter2") && shown.starts_with("slack https://hooks.example/"), "{shown}");
}
