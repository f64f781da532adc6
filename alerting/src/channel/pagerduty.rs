//! PagerDuty's Events API v2: an event for each alert, whose fingerprint is the `dedup_key`.

use highwater_operators::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

use super::webhook::link;
use crate::{
    notify::{Notice, NoticeAlert, Standing},
    outbound::{Outbound, SendError, check_url},
    problem::Problem,
    secret::Secret,
};

const MOST_LETTERS: usize = 1_024;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagerDuty {
    routing_key: Secret,
    #[serde(default = "enqueue")]
    url: Secret,
}

fn enqueue() -> Secret {
    Secret::new("https://events.pagerduty.com/v2/enqueue")
}

impl PagerDuty {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.routing_key.reveal().trim().is_empty() {
            return Err(Problem::new("routing_key", "must not be empty"));
        }
        check_url("url", self.url.reveal())
    }

    /// Where one event fails, those before it come again with it: the `dedup_key` makes that harmless.
    pub(super) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        for alert in &notice.alerts {
            for action in actions(alert.standing) {
                let body = self.body(alert, action, &out.settings.external_url).to_string();
                let key = format!("{}-{}-{action}", notice.id, alert.fingerprint);
                out.post(self.url.reveal(), &[("Idempotency-Key".to_owned(), key)], &body)?;
            }
        }
        Ok(())
    }

    fn body(&self, alert: &NoticeAlert, action: &str, external_url: &str) -> Value {
        let mut event = json!({
            "routing_key": self.routing_key.reveal(),
            "event_action": action,
            "dedup_key": alert.fingerprint,
        });
        if action == "trigger" {
            let url = link(external_url, alert);
            event["client"] = "Highwater".into();
            event["links"] = json!([{ "href": url, "text": "The alert" }]);
            event["client_url"] = url.into();
            event["payload"] = payload(alert);
        }
        event
    }
}

/// An acknowledgement of what PagerDuty never heard of would be lost, so it hears of it first.
fn actions(standing: Standing) -> &'static [&'static str] {
    match standing {
        Standing::Firing | Standing::NoData => &["trigger"],
        Standing::Acknowledged => &["trigger", "acknowledge"],
        Standing::Resolved => &["resolve"],
    }
}

fn payload(alert: &NoticeAlert) -> Value {
    let label = |name: &str| alert.labels.get(name).map_or("", String::as_str);
    let description = alert.annotations.get("description").map_or("", String::as_str);
    let source = [label("service"), label("host")].into_iter().find(|name| !name.is_empty()).unwrap_or("highwater");
    let summary: String =
        format!("{} ({source}): {description}", label("alertname")).chars().take(MOST_LETTERS).collect();
    json!({
        "summary": summary.trim_end_matches(": "),
        "source": source,
        "severity": match alert.severity {
            Severity::Critical => "critical",
            Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "info",
        },
        "timestamp": alert.starts_at,
        "component": label("service"),
        "group": label("alertname"),
        "custom_details": { "labels": alert.labels, "annotations": alert.annotations },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_by_hand() {
        let pagerduty = PagerDuty { routing_key: Secret::new("key"), url: enqueue() };
        let alert = Notice::example().alerts.remove(0);
        let trigger = pagerduty.body(&alert, "trigger", "https://h.example");
        assert_eq!(trigger["payload"]["summary"], "test notice (highwater): A test of this channel: nothing is wrong.");
        assert_eq!(trigger["payload"]["severity"], "info");
        assert_eq!(trigger["dedup_key"], alert.fingerprint.as_str());
        let resolve = pagerduty.body(&alert, "resolve", "https://h.example");
        assert_eq!(resolve, json!({ "routing_key": "key", "event_action": "resolve", "dedup_key": alert.fingerprint }));
    }
}
