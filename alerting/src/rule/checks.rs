//! What a rule must be like to be stored: every problem names its field and the limit.

use highwater_operators::RuleMetric;

use super::RuleDraft;
use crate::{channel::Channel, problem::Problem};

const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 4_000;
const MAX_SERVICES: usize = 100;
const MAX_LABELS: usize = 32;
const MAX_LABEL_NAME: usize = 100;
const MAX_LABEL_VALUE: usize = 500;

/// Labels that the dataflow gives to alerts itself.
const TAKEN_LABELS: [&str; 7] = ["alertname", "severity", "service", "host", "level", "template", "rule_id"];

pub(super) fn problems(draft: &RuleDraft) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, what: String| problems.push(Problem::new(field, what));
    texts(draft, &mut wrong);
    measure(draft, &mut wrong);
    scope(draft, &mut wrong);
    labels(draft, &mut wrong);
    problems.extend(channel_problems(draft));
    problems.extend(draft.notification.problems().into_iter().map(|problem| problem.inside("notification")));
    problems
}

type Wrong<'a> = &'a mut dyn FnMut(&str, String);

fn texts(draft: &RuleDraft, wrong: Wrong<'_>) {
    if draft.name.trim().is_empty() {
        wrong("name", "must not be empty".to_owned());
    }
    for (field, text, most) in [("name", &draft.name, MAX_NAME), ("description", &draft.description, MAX_DESCRIPTION)] {
        if text.chars().count() > most {
            wrong(field, format!("must have {most} characters at most"));
        }
    }
    if draft.name.chars().any(char::is_control) {
        wrong("name", "must have no control characters".to_owned());
    }
}

/// What the API asks for, and then what the dataflow can work out.
fn measure(draft: &RuleDraft, wrong: Wrong<'_>) {
    let is_absence = draft.metric == RuleMetric::Absence;
    for (field, given) in [("threshold", draft.threshold), ("clear_threshold", draft.clear_threshold)] {
        if is_absence && given.is_some() {
            wrong(field, "absence has none: leave it out".to_owned());
        }
    }
    let most = if draft.metric == RuleMetric::ErrorRate { 100.0 } else { 1e15 };
    match draft.threshold {
        None if !is_absence => wrong("threshold", "is missing".to_owned()),
        Some(threshold) if !(0.0..=most).contains(&threshold) => {
            wrong("threshold", format!("must be from 0 to {most}"))
        }
        _ => {}
    }
    for problem in draft.spec("unnamed".into()).problems() {
        match problem.field {
            "name" => {}
            "hold" => wrong("for", problem.what.to_owned()),
            field => wrong(field, problem.what.to_owned()),
        }
    }
}

fn scope(draft: &RuleDraft, wrong: Wrong<'_>) {
    if draft.services.len() > MAX_SERVICES {
        wrong("services", format!("must be {MAX_SERVICES} at most"));
    }
    for (index, service) in draft.services.iter().enumerate() {
        let stem = service.strip_suffix('*').unwrap_or(service);
        if service.is_empty() || stem.contains('*') || service.chars().count() > MAX_NAME {
            wrong(
                &format!("services[{index}]"),
                format!("must have 1 to {MAX_NAME} characters, and `*` only at the end"),
            );
        }
    }
}

fn labels(draft: &RuleDraft, wrong: Wrong<'_>) {
    if draft.labels.len() > MAX_LABELS {
        wrong("labels", format!("must be {MAX_LABELS} at most"));
    }
    for (name, value) in &draft.labels {
        let field = format!("labels.{name}");
        if !is_label_name(name) || name.len() > MAX_LABEL_NAME {
            wrong(
                &field,
                format!("must have 1 to {MAX_LABEL_NAME} letters, digits and `_` for a name, no digit first"),
            );
        }
        if TAKEN_LABELS.contains(&name.as_str()) {
            wrong(&field, "every alert has it already".to_owned());
        }
        if value.is_empty() || value.chars().count() > MAX_LABEL_VALUE {
            wrong(&field, format!("must have 1 to {MAX_LABEL_VALUE} characters"));
        }
    }
}

/// A label's name, as Prometheus and Alertmanager have it.
pub(crate) fn is_label_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn channel_problems(draft: &RuleDraft) -> Vec<Problem> {
    let Some(kind) = draft.notification_channel else {
        let is_given = !draft.notification_config.0.is_null();
        let lonely = Problem::new("notification_channel", "is missing where there is a notification_config");
        return is_given.then_some(lonely).into_iter().collect();
    };
    if draft.notification_config.lacks_a_secret() {
        let what = "says <secret>, and none is stored for this receiver: give the secrets again";
        return vec![Problem::new("notification_config", what)];
    }
    let read = Channel::read(kind, &draft.notification_config);
    read.err().map(|problem| problem.inside("notification_config")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields_of(changes: Value) -> Vec<String> {
        let mut rule = json!({ "name": "too many errors", "threshold": 5.0 });
        for (field, value) in changes.as_object().unwrap() {
            rule[field] = value.clone();
        }
        match RuleDraft::read(&rule) {
            Ok(draft) => draft.problems().into_iter().map(|problem| problem.field).collect(),
            Err(problem) => vec![problem.field],
        }
    }

    #[test]
    fn a_rule_of_two_fields_is_one() {
        assert_eq!(fields_of(json!({})), [""; 0]);
    }

    #[test]
    fn every_problem_names_its_field() {
        for (change, field) in [
            (json!({ "name": " " }), "name"),
            (json!({ "name": "x".repeat(201) }), "name"),
            (json!({ "name": "a\nb" }), "name"),
            (json!({ "description": "x".repeat(4001) }), "description"),
            (json!({ "threshold": null }), "threshold"),
            (json!({ "threshold": -1 }), "threshold"),
            (json!({ "threshold": 101, "metric": "error_rate" }), "threshold"),
            (json!({ "metric": "absence" }), "threshold"),
            (json!({ "metric": "cpu" }), "metric"),
            (json!({ "condition": "about" }), "condition"),
            (json!({ "clear_threshold": 6 }), "clear_threshold"),
            (json!({ "clear_threshold": 4, "condition": "less_than" }), "clear_threshold"),
            (json!({ "time_window": "0s" }), "time_window"),
            (json!({ "levels": ["WARN"], "metric": "latency_p95" }), "levels"),
            (json!({ "evaluate": "provisional", "condition": "less_than" }), "evaluate"),
            (json!({ "time_window": "25h" }), "time_window"),
            (json!({ "time_window": "15s" }), "time_window"),
            (json!({ "time_window": "five minutes" }), "time_window"),
            (json!({ "for": "25h" }), "for"),
            (json!({ "keep_firing_for": "25h" }), "keep_firing_for"),
            (json!({ "services": ["a*b"] }), "services[0]"),
            (json!({ "services": ["ok", ""] }), "services[1]"),
            (json!({ "levels": ["LOUD"] }), "levels[0]"),
            (json!({ "labels": { "team x": "a" } }), "labels.team x"),
            (json!({ "labels": { "severity": "a" } }), "labels.severity"),
            (json!({ "labels": { "team": "" } }), "labels.team"),
            (json!({ "group_by": "planet" }), "group_by"),
            (json!({ "notification_channel": "pigeon" }), "notification_channel"),
            (json!({ "notification_config": {} }), "notification_channel"),
            (json!({ "notification_channel": "webhook" }), "notification_config"),
            (
                json!({ "notification_channel": "webhook", "notification_config": { "url": "ftp://x" } }),
                "notification_config.url",
            ),
            (json!({ "notification": { "group_by": ["a b"] } }), "notification.group_by[0]"),
            (json!({ "notification": { "title": "{{" } }), "notification.title"),
        ] {
            assert_eq!(fields_of(change.clone()), [field], "{change}");
        }
    }

    #[test]
    fn what_is_shown_can_be_given_again() {
        let draft = RuleDraft::read(&json!({ "name": "a", "threshold": 1, "for": "90s", "group_by": null })).unwrap();
        let shown = serde_json::to_value(&draft).unwrap();
        assert_eq!((&shown["for"], &shown["time_window"]), (&json!("90s"), &json!("5m")));
        assert_eq!(RuleDraft::read(&shown).unwrap(), draft);
    }
}
