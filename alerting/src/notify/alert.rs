//! [`Notice`]: what a receiver is told, before a channel gives it its form.

use std::collections::BTreeMap;

use highwater_engine::{Name, Timestamp};
use highwater_operators::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an alert stands, for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It fires.
    Firing,
    /// It fired, and now nothing is logged by which to tell.
    NoData,
    /// It fires, and somebody takes care of it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl Standing {
    /// Whether something is wrong now.
    pub fn is_open(self) -> bool {
        self != Standing::Resolved
    }
}

/// An alert as a notice tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeAlert {
    /// The same for all alerts of one rule and key.
    pub fingerprint: Name,
    /// The alert.
    pub alert_id: Name,
    /// The rule's id.
    pub rule_id: Name,
    /// How it stands.
    pub standing: Standing,
    /// How grave it is.
    pub severity: Severity,
    /// What it is about.
    pub labels: BTreeMap<String, String>,
    /// What it means: `description`, `value`, `peak`; `flapping`, where it flaps.
    pub annotations: BTreeMap<String, String>,
    /// Since when, in event time.
    pub starts_at: Timestamp,
    /// Until when, where it is over.
    pub ends_at: Option<Timestamp>,
    /// How often it began or ended of late, where that is so often that it flaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<u32>,
}

/// What a receiver is told at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The same whenever it is sent.
    pub id: Name,
    /// To whom: a hash of the channel and its configuration.
    pub receiver: Name,
    /// The group that it tells of.
    pub group_key: Name,
    /// The labels that the group has in common, and was grouped by.
    pub group_labels: BTreeMap<String, String>,
    /// When it was due, by the wall clock.
    pub at: Timestamp,
    /// Whether it says nothing new.
    pub is_repeated: bool,
    /// What fires, and what has ended since the notice before.
    pub alerts: Vec<NoticeAlert>,
    /// Templates of the title and the text.
    #[serde(default)]
    pub title: Option<String>,
    /// See `title`.
    #[serde(default)]
    pub text: Option<String>,
}

impl Notice {
    /// Whether anything is wrong now.
    pub fn is_firing(&self) -> bool {
        self.alerts.iter().any(|alert| alert.standing.is_open())
    }

    /// The gravest of what is wrong now, else of what was.
    pub fn severity(&self) -> Severity {
        let gravest = |is_open: bool| {
            self.alerts.iter().filter(|alert| alert.standing.is_open() == is_open).map(|alert| alert.severity).max()
        };
        gravest(true).or_else(|| gravest(false)).unwrap_or(Severity::Low)
    }

    /// What all its alerts have alike, of labels or annotations.
    pub(crate) fn common(&self, of: impl Fn(&NoticeAlert) -> &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let Some((first, rest)) = self.alerts.split_first() else { return BTreeMap::new() };
        let mut common = of(first).clone();
        common.retain(|name, value| rest.iter().all(|alert| of(alert).get(name) == Some(value)));
        common
    }
}

impl Notice {
    /// A notice that says that it is a test.
    pub(crate) fn example() -> Notice {
        let now = crate::clock::now();
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = BTreeMap::from([
            label("alertname", "test notice"),
            label("service", "highwater"),
            label("severity", "low"),
        ]);
        let id = crate::id::id_of(&[b"test", &now.as_micros().to_be_bytes()]);
        Notice {
            id: id.clone(),
            receiver: "test".into(),
            group_key: id.clone(),
            group_labels: BTreeMap::from([label("alertname", "test notice")]),
            at: now,
            is_repeated: false,
            alerts: vec![NoticeAlert {
                fingerprint: id.clone(),
                alert_id: id,
                rule_id: "test".into(),
                standing: Standing::Firing,
                severity: Severity::Low,
                labels,
                annotations: BTreeMap::from([label("description", "A test of this channel: nothing is wrong.")]),
                starts_at: now,
                ends_at: None,
                flapping: None,
            }],
            title: None,
            text: None,
        }
    }
}
