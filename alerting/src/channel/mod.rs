//! Channels: the forms that notices take, a file each.

mod alertmanager;
mod console;
mod email;
mod pagerduty;
mod slack;
mod teams;
mod webhook;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::{
    alertmanager::Alertmanager, email::Email, pagerduty::PagerDuty, slack::Slack, teams::Teams, webhook::Webhook,
};
use crate::{
    notify::{Notice, NotifyOptions, Tells},
    outbound::{Outbound, SendError},
    problem,
    problem::Problem,
    secret::ChannelConfig,
};

/// Which channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// The server's own log. Takes no configuration.
    Console,
    /// A POST of what Alertmanager would send, version 4: `url`, `headers`, `secret` to sign with.
    ///
    /// With it go the headers of a CloudEvent in binary mode, an `Idempotency-Key` that is the same whenever a notice comes
    /// again, and where there is a secret `X-Highwater-Signature: t=1761229935,v1=5257a8..`. To verify that, take the digits
    /// of `t`, a full stop and the body as it came: their HMAC-SHA256 by the secret, in hexadecimal digits, must be `v1`
    /// (compared in constant time), and `t`, in seconds since 1970, must not be older than a few minutes.
    Webhook,
    /// An incoming webhook of Slack, or of what speaks as it does: `url`.
    Slack,
    /// SMTP: `host`, `port`, `security`, `username`, `password`, `from`, `to`.
    Email,
    /// Events API v2: `routing_key`, `url` where it is not PagerDuty's own.
    #[serde(rename = "pagerduty")]
    PagerDuty,
    /// A Workflows webhook of Microsoft Teams: `url`.
    Teams,
    /// API v2 of an Alertmanager: `url`, `headers`, `resend_interval`.
    Alertmanager,
}

impl ChannelKind {
    /// Every channel.
    pub const ALL: [ChannelKind; 7] = [
        ChannelKind::Console,
        ChannelKind::Webhook,
        ChannelKind::Slack,
        ChannelKind::Email,
        ChannelKind::PagerDuty,
        ChannelKind::Teams,
        ChannelKind::Alertmanager,
    ];

    /// `webhook` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChannelKind::Console => "console",
            ChannelKind::Webhook => "webhook",
            ChannelKind::Slack => "slack",
            ChannelKind::Email => "email",
            ChannelKind::PagerDuty => "pagerduty",
            ChannelKind::Teams => "teams",
            ChannelKind::Alertmanager => "alertmanager",
        }
    }
}

/// A channel with its configuration.
#[derive(Clone, Debug)]
pub(crate) enum Channel {
    Console,
    Webhook(Webhook),
    Slack(Slack),
    Email(Email),
    PagerDuty(PagerDuty),
    Teams(Teams),
    Alertmanager(Alertmanager),
}

impl Channel {
    /// Reads a channel's configuration.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub(crate) fn read(kind: ChannelKind, config: &ChannelConfig) -> Result<Channel, Problem> {
        fn read<T: DeserializeOwned>(json: &Value, check: impl Fn(&T) -> Result<(), Problem>) -> Result<T, Problem> {
            let config: T = problem::read(json)?;
            check(&config).map(|()| config)
        }
        let json = &config.0;
        Ok(match kind {
            ChannelKind::Console if json.is_null() || json.as_object().is_some_and(serde_json::Map::is_empty) => {
                Channel::Console
            }
            ChannelKind::Console => return Err(Problem::new("", "the console takes no configuration")),
            ChannelKind::Webhook => Channel::Webhook(read(json, Webhook::check)?),
            ChannelKind::Slack => Channel::Slack(read(json, Slack::check)?),
            ChannelKind::Email => Channel::Email(read(json, Email::check)?),
            ChannelKind::PagerDuty => Channel::PagerDuty(read(json, PagerDuty::check)?),
            ChannelKind::Teams => Channel::Teams(read(json, Teams::check)?),
            ChannelKind::Alertmanager => Channel::Alertmanager(read(json, Alertmanager::check)?),
        })
    }

    /// Sends a notice. Blocks. May be called again with the same one.
    ///
    /// # Errors
    /// Where it did not arrive, and whether to try again.
    pub(crate) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        match self {
            Channel::Console => {
                console::send(notice);
                Ok(())
            }
            Channel::Webhook(webhook) => webhook.send(notice, out),
            Channel::Slack(slack) => slack.send(notice, out),
            Channel::Email(email) => email.send(notice, out),
            Channel::PagerDuty(pagerduty) => pagerduty.send(notice, out),
            Channel::Teams(teams) => teams.send(notice, out),
            Channel::Alertmanager(alertmanager) => alertmanager.send(notice, out),
        }
    }

    /// What is news to it.
    pub(crate) fn tells(&self) -> Tells {
        Tells {
            acknowledged: matches!(self, Channel::PagerDuty(_)),
            keeps_alive: matches!(self, Channel::Alertmanager(_)),
        }
    }

    /// A rule's options, as far as they are not the channel's own business: an Alertmanager groups and repeats by itself,
    /// and has to hear again and again that something fires.
    pub(crate) fn options(&self, given: &NotifyOptions) -> NotifyOptions {
        match self {
            Channel::Alertmanager(alertmanager) => NotifyOptions {
                group_by: Vec::new(),
                group_wait: Duration::ZERO,
                group_interval: Duration::from_secs(1),
                repeat_interval: alertmanager.resend_interval,
                send_resolved: true,
                flap_threshold: u32::MAX,
                ..NotifyOptions::default()
            },
            _ => given.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(kind: ChannelKind) -> Value {
        match kind {
            ChannelKind::Console => json!({}),
            ChannelKind::Webhook => {
                json!({ "url": "https://a.example/hunter2", "secret": "hunter2", "headers": { "Authorization": "hunter2" } })
            }
            ChannelKind::Slack | ChannelKind::Teams => json!({ "url": "https://a.example/hunter2" }),
            ChannelKind::Email => json!({
                "host": "mail.example", "username": "highwater", "password": "hunter2",
                "from": "Highwater <alerts@a.example>", "to": ["kim@a.example"],
            }),
            ChannelKind::PagerDuty => json!({ "routing_key": "hunter2" }),
            ChannelKind::Alertmanager => {
                json!({ "url": "https://a.example/hunter2", "headers": { "Authorization": "hunter2" } })
            }
        }
    }

    #[test]
    fn every_channel_is_read_and_shows_no_secret() {
        for kind in ChannelKind::ALL {
            let config = ChannelConfig(config(kind));
            let channel = Channel::read(kind, &config).unwrap();
            let shown = format!("{channel:?} {config:?} {}", serde_json::to_string(&config).unwrap());
            assert!(!shown.contains("hunter2"), "{shown}");
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            // what is shown can be given back
            assert_eq!(ChannelConfig(config.masked()).with_secrets_of(&config), config);
        }
    }

    #[test]
    fn what_is_wrong_with_a_channel_names_the_field() {
        use ChannelKind::{Alertmanager, Console, Email, PagerDuty, Slack, Teams, Webhook};
        for (kind, change, field) in [
            (Console, json!({ "colour": true }), ""),
            (Webhook, json!({ "url": "file:///etc/passwd" }), "url"),
            (Webhook, json!({ "url": "https://a:b@c.example/" }), "url"),
            (Webhook, json!({ "headers": { "Host": "a" } }), "headers.Host"),
            (Webhook, json!({ "headers": { "X": "a\r\nb" } }), "headers.X"),
            (Webhook, json!({ "secret": "" }), "secret"),
            (Webhook, json!({ "retries": 3 }), "retries"),
            (Slack, json!({ "url": "x" }), "url"),
            (Teams, json!({ "url": 7 }), "url"),
            (PagerDuty, json!({ "routing_key": "" }), "routing_key"),
            (PagerDuty, json!({ "url": "gopher://x" }), "url"),
            (Alertmanager, json!({ "resend_interval": "1s" }), "resend_interval"),
            (Email, json!({ "to": [] }), "to"),
            (Email, json!({ "to": ["nobody"] }), "to[0]"),
            (Email, json!({ "from": "nobody" }), "from"),
            (Email, json!({ "security": "none" }), "security"),
            (Email, json!({ "host": "a b" }), "host"),
        ] {
            let mut json = config(kind);
            for (name, value) in change.as_object().unwrap() {
                json[name] = value.clone();
            }
            let problem = Channel::read(kind, &ChannelConfig(json)).unwrap_err();
            let names_it = problem.field == field || problem.what.contains(&format!("`{field}`"));
            assert!(names_it, "{change}: {problem}");
            assert!(!problem.to_string().contains("hunter2"));
        }
    }
}
