//! API v2 of an Alertmanager. It forgets what it does not hear again, so it hears it every `resend_interval`.

use std::{collections::BTreeMap, time::Duration};

use highwater_engine::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::webhook::{check_headers, link, revealed};
use crate::{
    clock, duration,
    notify::{Notice, NoticeAlert},
    outbound::{Outbound, SendError, check_url},
    problem::Problem,
    secret::Secret,
};

/// Most alerts of one request.
const MOST_ALERTS: usize = 500;
/// So many times may it miss hearing of an alert before it takes it for resolved.
const PATIENCE: u32 = 4;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alertmanager {
    /// what `/api/v2/alerts` is added to
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    #[serde(with = "duration", default = "minute")]
    pub(super) resend_interval: Duration,
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

impl Alertmanager {
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_url("url", self.url.reveal())?;
        check_headers(&self.headers)?;
        if !(10..=3_600).contains(&self.resend_interval.as_secs()) {
            return Err(Problem::new("resend_interval", "must be from 10s to 1h"));
        }
        Ok(())
    }

    pub(super) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        let url = format!("{}/api/v2/alerts", self.url.reveal().trim_end_matches('/'));
        let until = clock::now().plus(self.resend_interval * PATIENCE);
        for (part, alerts) in notice.alerts.chunks(MOST_ALERTS).enumerate() {
            let body: Vec<Value> = alerts.iter().map(|alert| body(alert, until, &out.settings.external_url)).collect();
            let mut headers = revealed(&self.headers);
            headers.push(("Idempotency-Key".to_owned(), format!("{}-{part}", notice.id)));
            out.post(&url, &headers, &Value::from(body).to_string())?;
        }
        Ok(())
    }
}

fn body(alert: &NoticeAlert, until: Timestamp, external_url: &str) -> Value {
    json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        // it refuses what ends before it starts
        "endsAt": alert.ends_at.unwrap_or(until).max(alert.starts_at.plus(Duration::from_millis(1))),
        "generatorURL": link(external_url, alert),
    })
}
