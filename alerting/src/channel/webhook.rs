//! A POST of what Alertmanager sends to its webhooks, version 4, so that every receiver of those takes it.
//!
//! [`ChannelKind::Webhook`](super::ChannelKind::Webhook) says what else goes with it, and how its signature is verified.

use std::collections::BTreeMap;

use highwater_metadata::hexadecimal;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    clock,
    notify::{Notice, NoticeAlert},
    outbound::{Outbound, SendError, check_header, check_url},
    problem::Problem,
    secret::{Secret, masked_url},
};

/// Most alerts in one body; `truncatedAlerts` counts the rest.
const MOST_ALERTS: usize = 500;
/// When something ends that has not: what Go makes of no time.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    #[serde(default)]
    secret: Option<Secret>,
}

impl Webhook {
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_url("url", self.url.reveal())?;
        check_headers(&self.headers)?;
        match &self.secret {
            Some(secret) if secret.reveal().is_empty() => Err(Problem::new("secret", "must not be empty")),
            _ => Ok(()),
        }
    }

    pub(super) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        let body = body(notice, &out.settings.external_url, &masked_url(self.url.reveal())).to_string();
        let mut headers = revealed(&self.headers);
        headers.extend(event_headers(notice));
        if let Some(secret) = &self.secret {
            let now = clock::now().as_micros() / 1_000_000;
            headers.push(("X-Highwater-Signature".to_owned(), signature(secret, now, &body)));
        }
        out.post(self.url.reveal(), &headers, &body).map(drop)
    }
}

pub(super) fn check_headers(headers: &BTreeMap<String, Secret>) -> Result<(), Problem> {
    headers.iter().try_for_each(|(name, value)| check_header(&format!("headers.{name}"), name, value.reveal()))
}

pub(super) fn revealed(headers: &BTreeMap<String, Secret>) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect()
}

fn event_headers(notice: &Notice) -> [(String, String); 6] {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let kind = if notice.is_firing() { "highwater.alert.firing.v1" } else { "highwater.alert.resolved.v1" };
    [
        header("Idempotency-Key", &notice.id),
        header("ce-specversion", "1.0"),
        header("ce-id", &notice.id),
        header("ce-source", "/highwater/alerts"),
        header("ce-type", kind),
        header("ce-time", &notice.at.to_string()),
    ]
}

/// `t=..,v1=..` of a body, as of `now` in seconds.
fn signature(secret: &Secret, now: i64, body: &str) -> String {
    // a key of any length will do
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else { return String::new() };
    mac.update(format!("{now}.{body}").as_bytes());
    format!("t={now},v1={}", hexadecimal(&mac.finalize().into_bytes()))
}

fn body(notice: &Notice, external_url: &str, receiver: &str) -> Value {
    let alerts: Vec<Value> = notice.alerts.iter().take(MOST_ALERTS).map(|alert| body_of(alert, external_url)).collect();
    json!({
        "version": "4",
        "groupKey": notice.group_key,
        "truncatedAlerts": notice.alerts.len() - alerts.len(),
        "status": if notice.is_firing() { "firing" } else { "resolved" },
        "receiver": receiver,
        "groupLabels": notice.group_labels,
        "commonLabels": notice.common(|alert| &alert.labels),
        "commonAnnotations": notice.common(|alert| &alert.annotations),
        "externalURL": external_url,
        "alerts": alerts,
    })
}

fn body_of(alert: &NoticeAlert, external_url: &str) -> Value {
    json!({
        "status": if alert.standing.is_open() { "firing" } else { "resolved" },
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at.map_or(NEVER.to_owned(), |at| at.to_string()),
        "generatorURL": link(external_url, alert),
        "fingerprint": alert.fingerprint,
    })
}

/// Where an alert is looked at.
pub(super) fn link(external_url: &str, alert: &NoticeAlert) -> String {
    let id: String = alert.alert_id.bytes().map(escaped).collect();
    format!("{}/api/v1/alerts/triggered/{id}", external_url.trim_end_matches('/'))
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Standing;

    #[test]
    fn the_signature_by_hand() {
        // printf '1761229935.{"a":1}' | openssl dgst -sha256 -hmac hunter2
        assert_eq!(signature(&Secret::new("hunter2"), 1_761_229_935, r#"{"a":1}"#), SIGNATURE);
    }

    const SIGNATURE: &str = "t=1761229935,v1=69e0799db5a268608d316832536294bc9cb2bb155370ccf238c732b7f9765b94";

    #[test]
    fn the_body_by_hand() {
        let mut notice = Notice::example();
        notice.alerts[0].alert_id = "rule:a b/ü:now".into();
        notice.alerts.push(NoticeAlert {
            standing: Standing::Resolved,
            ends_at: Some(notice.at),
            ..notice.alerts[0].clone()
        });
        let body = body(&notice, "https://h.example/", "team");
        assert_eq!(body["status"], "firing");
        assert_eq!(
            (&body["alerts"][0]["status"], &body["alerts"][1]["status"]),
            (&json!("firing"), &json!("resolved"))
        );
        assert_eq!(body["alerts"][0]["endsAt"], NEVER);
        assert_eq!(
            body["alerts"][0]["generatorURL"],
            "https://h.example/api/v1/alerts/triggered/rule%3Aa%20b%2F%C3%BC%3Anow"
        );
        assert_eq!(body["commonLabels"], json!(notice.alerts[0].labels));
    }
}
