//! Notices arrive at real receivers: once each as far as those can tell, in order, and no receiver waits for another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::{
    Alert, PATIENCE, batch,
    http::{Answer, HttpReceiver, free_port},
    open, rule, runtime, settings,
};
use highwater_alerting::{
    Alerting, AlertingSettings, ChannelConfig, ChannelKind, DeadLetter, PageRequest, RuleDraft, SilenceDraft,
};
use highwater_engine::{Sink, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::{TempDir, tempdir};
use tokio::runtime::Runtime;

struct House {
    runtime: Runtime,
    folder: TempDir,
    alerting: Alerting,
}

impl House {
    fn new(settings: AlertingSettings) -> House {
        let (runtime, folder) = (runtime(), tempdir().unwrap());
        let alerting = runtime.block_on(open(folder.path(), settings));
        House { runtime, folder, alerting }
    }

    /// A rule of these alerts, and one of them fires.
    fn fire(&self, draft: RuleDraft, service: &str) -> String {
        let rule = self.runtime.block_on(self.alerting.rules().create(draft, "kim")).unwrap();
        self.say(&rule.id, service, "firing");
        rule.id.to_string()
    }

    fn say(&self, rule_id: &str, service: &str, status: &str) {
        let mut sink = self.alerting.sink(self.runtime.handle().clone());
        let done = sink.resume(&"job".into(), None).unwrap();
        let alert = Alert { rule_id, service, since: 1_000 };
        sink.deliver(&[batch(done.map_or(0, |done| done + 1), vec![alert.change(Some(status))])]).unwrap();
    }

    fn dead_letters(&self) -> Vec<DeadLetter> {
        self.runtime.block_on(self.alerting.queue().dead_letters(&PageRequest::default())).unwrap().items
    }

    fn wait_for_a_dead_letter(&self) -> DeadLetter {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(letter) = self.dead_letters().pop() {
                return letter;
            }
            assert!(Instant::now() < deadline, "nothing was given up");
            let _ = crossbeam_channel::after(Duration::from_millis(20)).recv();
        }
    }
}

#[test]
fn a_webhook_gets_what_alertmanager_would_send_signed_and_with_an_id() {
    let (house, receiver) = (House::new(settings()), HttpReceiver::start(Vec::new()));
    let dispatcher = house.runtime.block_on(async { house.alerting.dispatch() });
    let config =
        json!({ "url": receiver.url("/hook"), "secret": "hunter2", "headers": { "Authorization": "Bearer x" } });
    let rule_id = house.fire(rule("webhook", config), "cart");
    let request = receiver.next();
    let body = request.json();
    assert_eq!(request.path, "/hook");
    assert_eq!((request.header("authorization"), request.header("content-type")), ("Bearer x", "application/json"));
    assert_eq!((request.header("ce-specversion"), request.header("ce-type")), ("1.0", "highwater.alert.firing.v1"));
    assert_eq!(request.header("ce-id"), request.header("idempotency-key"));
    assert!(request.header("ce-time").parse::<Timestamp>().is_ok());
    verify("hunter2", request.header("x-highwater-signature"), &request.text);
    assert_eq!((&body["version"], &body["status"]), (&json!("4"), &json!("firing")));
    assert_eq!(body["groupLabels"], json!({ "alertname": "too many errors", "service": "cart" }));
    let alert = &body["alerts"][0];
    assert_eq!(alert["startsAt"], "1970-01-01T00:17:40.000Z");
    assert_eq!(alert["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(alert["annotations"], json!({ "description": "more than five errors", "value": "7", "peak": "9.5" }));
    house.say(&rule_id, "cart", "resolved");
    let over = receiver.next();
    assert_eq!((&over.json()["status"], over.header("ce-type")), (&json!("resolved"), "highwater.alert.resolved.v1"));
    assert_eq!(over.json()["alerts"][0]["fingerprint"], alert["fingerprint"]);
    assert_ne!(over.header("idempotency-key"), request.header("idempotency-key"));
    house.runtime.block_on(dispatcher.stop());
}

/// As the documentation says.
fn verify(secret: &str, signature: &str, body: &str) {
    let (t, v1) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert!(Timestamp::now().since(Timestamp::from_millis(t.parse::<i64>().unwrap() * 1_000)) < PATIENCE);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{t}.{body}").as_bytes());
    let bytes: Vec<u8> = (0..v1.len() / 2).map(|at| u8::from_str_radix(&v1[at * 2..at * 2 + 2], 16).unwrap()).collect();
    mac.verify_slice(&bytes).unwrap();
}

#[test]
fn what_fails_comes_again_the_same_and_in_order_across_a_restart() {
    let (mut house, receiver) = (House::new(settings()), HttpReceiver::start(vec![Answer::Status("503 Busy")]));
    let dispatcher = house.runtime.block_on(async { house.alerting.dispatch() });
    let rule_id = house.fire(rule("webhook", json!({ "url": receiver.url("/") })), "cart");
    let first = receiver.next();
    // while it waits to be tried again
    house.runtime.block_on(dispatcher.stop());
    house.say(&rule_id, "cart", "resolved");
    house.alerting = house.runtime.block_on(open(house.folder.path(), settings()));
    let dispatcher = house.runtime.block_on(async { house.alerting.dispatch() });
    let again = receiver.next();
    assert_eq!((again.header("idempotency-key"), &again.text), (first.header("idempotency-key"), &first.text));
    assert_eq!(receiver.next().json()["status"], "resolved");
    assert!(receiver.so_far().is_empty());
    house.runtime.block_on(dispatcher.stop());
}

#[test]
fn a_receiver_that_is_dead_delays_no_other() {
    let house = House::new(settings());
    let (dead, alive) = (HttpReceiver::start(vec![Answer::Silence; 100]), HttpReceiver::start(Vec::new()));
    let dispatcher = house.runtime.block_on(async { house.alerting.dispatch() });
    let dead_rule = house.fire(rule("webhook", json!({ "url": dead.url("/") })), "cart");
    let alive_rule = house.fire(rule("webhook", json!({ "url": alive.url("/") })), "cart");
    for turn in 0..4 {
        let status = if turn % 2 == 0 { "resolved" } else { "firing" };
        alive.next();
        house.say(&dead_rule, "cart", status);
        house.say(&alive_rule, "cart", status);
    }
    assert_eq!(alive.next().json()["status"], "firing");
    let waiting = house.runtime.block_on(house.alerting.queue().waiting()).unwrap();
    assert!(waiting > 0, "what is for the dead one waits");
    drop(dispatcher);
}

#[test]
fn what_is_refused_becomes_a_dead_letter_and_can_be_sent_again() {
    let (house, receiver) = (House::new(settings()), HttpReceiver::start(vec![Answer::Status("404 Not Found")]));
    let dispatcher = house.runtime.block_on(async { house.alerting.dispatch() });
    house.fire(rule("webhook", json!({ "url": receiver.url("/hunter2") })), "cart");
    let refused = receiver.next();
    let letter = house.wait_for_a_dead_letter();
    assert_eq!((letter.id.as_str(), letter.attempts), (refused.header("idempotency-key"), 1));
    assert!(letter.reason.contains("404") && !serde_json::to_string(&letter).unwrap().contains("hunter2"));
    house.runtime.block_on(house.alerting.queue().requeue(&letter.id)).unwrap();
    assert_eq!(receiver.next().text, refused.text);
    assert!(house.dead_letters().is_empty());
    assert!(house.runtime.block_on(house.alerting.queue().requeue(&letter.id)).is_err());
    house.runtime.block_on(dispatcher.stop());
}

#[test]
fn nothing_is_sent_inside_and_no_redirect_is_followed() {
    let inside = HttpReceiver::start(Vec::new());
    let house = House::new(AlertingSettings::default());
    let test = |house: &House, url: String| {
        house
            .alerting
            .send_test(ChannelKind::Webhook, &ChannelConfig::new(json!({ "url": url })))
            .unwrap_err()
            .to_string()
    };
    for url in [
        inside.url("/"),
        format!("http://localhost:{}/", inside.address.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", inside.address.port()),
        format!("http://0.0.0.0:{}/", inside.address.port()),
        format!("http://2130706433:{}/", inside.address.port()),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let error = test(&house, url.clone());
        assert!(error.contains("not a public one"), "{url}: {error}");
    }
    let email = json!({ "host": "localhost", "port": 25, "from": "a@b.example", "to": ["a@b.example"] });
    let error = house.alerting.send_test(ChannelKind::Email, &ChannelConfig::new(email)).unwrap_err();
    assert!(error.to_string().contains("not a public one"), "{error}");

    let house = House::new(settings());
    let elsewhere = Box::leak(format!("302 Found\r\nLocation: {}", inside.url("/secret")).into_boxed_str());
    let redirecting = HttpReceiver::start(vec![Answer::Status(elsewhere)]);
    assert!(test(&house, redirecting.url("/")).contains("302"));
    redirecting.next();
    assert!(inside.so_far().is_empty());
    assert!(test(&house, format!("http://127.0.0.1:{}/", free_port())).contains("cannot be reached"));
}

#[test]
fn chat_and_paging_channels_speak_over_the_wire() {
    let (house, receiver) = (House::new(settings()), HttpReceiver::start(Vec::new()));
    let test = |kind, config: Value| {
        house.alerting.send_test(kind, &ChannelConfig::new(config)).unwrap();
        receiver.next().json()
    };
    let slack = test(ChannelKind::Slack, json!({ "url": receiver.url("/services/T0/B0/x") }));
    assert_eq!(slack["text"], "[FIRING:1] test notice");
    let teams = test(ChannelKind::Teams, json!({ "url": receiver.url("/workflows/x") }));
    assert_eq!(teams["attachments"][0]["content"]["type"], "AdaptiveCard");
    let pagerduty = test(ChannelKind::PagerDuty, json!({ "routing_key": "R0", "url": receiver.url("/v2/enqueue") }));
    assert_eq!((&pagerduty["event_action"], &pagerduty["routing_key"]), (&json!("trigger"), &json!("R0")));
    house.alerting.send_test(ChannelKind::Console, &ChannelConfig::default()).unwrap();
    assert!(receiver.so_far().is_empty());
}

#[test]
fn a_silence_keeps_quiet_until_it_is_expired() {
    let (house, receiver) = (House::new(settings()), HttpReceiver::start(Vec::new()));
    let now = Timestamp::now();
    let silence = json!({
        "matchers": [{ "name": "service", "value": "ca.*", "isRegex": true }],
        "starts_at": now.minus(Duration::from_secs(1)), "ends_at": now.plus(Duration::from_secs(3_600)), "comment": "known",
    });
    let silence = SilenceDraft::read(&silence).unwrap();
    let silence = house.runtime.block_on(house.alerting.silences().create(silence, "kim")).unwrap();
    let dispatcher = house.runtime.block_on(async { house.alerting.dispatch() });
    let rule_id = house.fire(rule("webhook", json!({ "url": receiver.url("/") })), "cart");
    house.say(&rule_id, "web", "firing");
    assert_eq!(receiver.next().json()["commonLabels"]["service"], "web");
    assert!(receiver.so_far().is_empty());
    house.runtime.block_on(house.alerting.silences().expire(&silence.id)).unwrap();
    assert_eq!(receiver.next().json()["commonLabels"]["service"], "cart");
    house.runtime.block_on(dispatcher.stop());
}

#[test]
fn no_answer_and_no_error_shows_a_secret() {
    let house = House::new(settings());
    let config =
        json!({ "url": "https://hooks.example/hunter2", "secret": "hunter2", "headers": { "X-Key": "hunter2" } });
    let made = house.runtime.block_on(house.alerting.rules().create(rule("webhook", config.clone()), "kim")).unwrap();
    let shown = format!("{made:?} {}", serde_json::to_string(&made).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    let shown = serde_json::to_value(&made.draft).unwrap();
    let given_again = RuleDraft::read(&shown).unwrap();
    let kept = house.runtime.block_on(house.alerting.rules().replace(&made.id, 1, given_again)).unwrap();
    assert_eq!(kept.draft.notification_config, ChannelConfig::new(config), "the secrets stay");
    let mut elsewhere = shown;
    elsewhere["notification_config"]["url"] = json!("https://evil.example/<secret>");
    let draft = RuleDraft::read(&elsewhere).unwrap();
    let error = house.runtime.block_on(house.alerting.rules().replace(&made.id, 2, draft)).unwrap_err();
    assert!(error.to_string().starts_with("notification_config: "), "{error}");
}
