//! [`Tracked`]: all that is stored of one alert.

use std::collections::{BTreeMap, BTreeSet};

use highwater_engine::{Name, Timestamp};
use highwater_operators::Alert;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    lifecycle::{Life, Said, Status, Transition},
    notify::{NoticeAlert, Standing},
    row,
};

/// An alert: what the dataflow says of it, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tracked {
    /// the row as it was last, in whichever view
    pub(crate) row: Alert,
    pub(crate) life: Life,
    /// whether it is in view `alerts`, and in `pending_alerts`
    in_alerts: bool,
    in_pending: bool,
    /// since when its status is what it is
    pub(crate) at: Timestamp,
    /// the groups that it is told with
    #[serde(alias = "group", deserialize_with = "one_or_many")]
    pub(crate) groups: BTreeSet<Name>,
}

/// What was written when an alert was in one group at most is read, too.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<Name>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Groups {
        Many(BTreeSet<Name>),
        One(Option<Name>),
    }
    Ok(match Groups::deserialize(from)? {
        Groups::Many(groups) => groups,
        Groups::One(group) => group.into_iter().collect(),
    })
}

/// What one commit says of an alert, by view: nothing, that its row is gone, or the row.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    pub(crate) in_alerts: Option<Option<Alert>>,
    pub(crate) in_pending: Option<Option<Alert>>,
}

impl News {
    /// The row that counts.
    pub(crate) fn row(&self) -> Option<&Alert> {
        self.in_alerts.iter().chain(&self.in_pending).flatten().next()
    }
}

impl Tracked {
    pub(crate) fn new(row: Alert, life: Life) -> Tracked {
        let at = row::at(&row);
        Tracked { row, life, in_alerts: false, in_pending: false, at, groups: BTreeSet::new() }
    }

    /// Takes what a commit says. What is in `alerts` counts more than what is pending.
    pub(crate) fn hear(&mut self, news: News, now: Timestamp) -> Option<Transition> {
        if let Some(row) = &news.in_pending {
            self.in_pending = row.is_some();
        }
        if let Some(row) = &news.in_alerts {
            self.in_alerts = row.is_some();
        }
        let row = if self.in_alerts { news.in_alerts.flatten() } else { news.in_pending.flatten() };
        if let Some(row) = row {
            self.row = row;
        }
        let (said, at) = if self.in_alerts || self.in_pending {
            (row::said(&self.row), row::at(&self.row))
        } else {
            (Said::Gone, now)
        };
        let transition = self.life.hear(&self.row.id, said, at);
        self.turned(transition)
    }

    /// Hears that nobody speaks of it any more.
    pub(crate) fn hear_nothing(&mut self, now: Timestamp) -> Option<Transition> {
        self.hear(News { in_alerts: Some(None), in_pending: Some(None) }, now)
    }

    pub(crate) fn turned(&mut self, transition: Option<Transition>) -> Option<Transition> {
        if let Some(transition) = &transition {
            self.at = transition.at;
        }
        transition
    }

    /// Whether nobody speaks of it any more.
    pub(crate) fn is_withdrawn(&self) -> bool {
        !(self.in_alerts || self.in_pending)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.life.status().is_some_and(Status::is_open)
    }

    /// How notices tell of it.
    pub(crate) fn for_notice(&self) -> NoticeAlert {
        let standing = match self.life.status() {
            Some(Status::Firing) => Standing::Firing,
            Some(Status::NoData) => Standing::NoData,
            Some(Status::Acknowledged) => Standing::Acknowledged,
            Some(Status::Pending | Status::Resolved) | None => Standing::Resolved,
        };
        let starts_at = self.row.firing_from;
        NoticeAlert {
            fingerprint: row::fingerprint(&self.row),
            alert_id: self.row.id.clone(),
            rule_id: self.row.rule_id.clone(),
            standing,
            severity: self.row.severity,
            labels: row::labels(&self.row),
            annotations: self.annotations(standing),
            starts_at,
            ends_at: (!standing.is_open()).then(|| self.at.max(starts_at)),
            flapping: None,
        }
    }

    fn annotations(&self, standing: Standing) -> BTreeMap<String, String> {
        let note = |name: &str, value: String| (name.to_owned(), value);
        let mut annotations = BTreeMap::from([
            note("description", self.row.description.clone()),
            note("value", shown(self.row.last.0)),
            note("peak", shown(self.row.peak.0)),
        ]);
        if let (Standing::Acknowledged, (Some(act), _)) = (standing, self.life.acts()) {
            annotations.extend([note("acknowledged_by", act.who.clone())]);
        }
        if standing == Standing::NoData {
            annotations.extend([note("no_data", "nothing is logged by which to tell".to_owned())]);
        }
        annotations
    }
}

/// A number with three decimals at most.
fn shown(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
