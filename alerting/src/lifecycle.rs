//! The life of an alert, as one pure state machine.
//!
//! Two tell it things: the dataflow, which knows whether a rule's condition holds, and people, who know whether somebody
//! cares. What the alert's status is follows from what they said last; each change of status is a transition, numbered
//! without a gap, so that its id is the same however often it is worked out.

use highwater_engine::{Name, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::id_of;

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AlertState")]
pub enum Status {
    /// The condition holds, but not yet for as long as the rule asks.
    Pending,
    /// It holds, and has for as long as the rule asks.
    Firing,
    /// It fires, and somebody takes care of it.
    Acknowledged,
    /// It fired, and now nothing is logged by which to tell.
    NoData,
    /// It is over: the condition no longer holds, somebody says so, or the rule is gone.
    Resolved,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 5] =
        [Status::Pending, Status::Firing, Status::Acknowledged, Status::NoData, Status::Resolved];

    /// `firing` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Firing => "firing",
            Status::Acknowledged => "acknowledged",
            Status::NoData => "no_data",
            Status::Resolved => "resolved",
        }
    }

    /// Whether receivers are to know of it as something that is wrong now.
    pub const fn is_open(self) -> bool {
        matches!(self, Status::Firing | Status::Acknowledged | Status::NoData)
    }
}

/// What the dataflow says of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// The condition holds, not yet long enough.
    Pending,
    /// It holds.
    Firing,
    /// Nothing is logged by which to tell.
    NoData,
    /// It holds no longer.
    Resolved,
    /// The row is gone: a correction, an end of its retention, or a rule that is no more.
    Gone,
}

/// What somebody does about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// What.
    pub deed: Deed,
    /// Who.
    pub who: String,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Why, in their own words.
    pub comment: String,
}

/// What can be done about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// To say that one takes care of it.
    Acknowledge,
    /// To say that it is over, whatever the condition says, until the condition was false once.
    Resolve,
}

/// Why a status changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The dataflow said so.
    Condition,
    /// The row is gone: late logs say that it never was, or its rule is switched off, changed or deleted.
    Withdrawn,
    /// Somebody did.
    Person,
}

impl Cause {
    /// Every cause.
    pub(crate) const ALL: [Cause; 3] = [Cause::Condition, Cause::Withdrawn, Cause::Person];

    /// `condition` and the like.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Condition => "condition",
            Cause::Withdrawn => "withdrawn",
            Cause::Person => "person",
        }
    }
}

/// A change of an alert's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Transition {
    /// A hash of the alert's id and the number: the same on every replay.
    pub id: Name,
    /// The alert.
    pub alert_id: Name,
    /// The how manieth of this alert, from one.
    pub sequence: u64,
    /// The status before; none for the first.
    pub from: Option<Status>,
    /// The status since.
    pub to: Status,
    /// When: in event time where the dataflow said so, by the wall clock where somebody did.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// Who, where somebody did.
    pub who: Option<String>,
    /// What they said about it.
    pub comment: Option<String>,
}

/// What cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not fire yet.
    #[error("the alert is pending: it does not fire yet")]
    Pending,
    /// It is over.
    #[error("the alert is resolved")]
    Resolved,
    /// Somebody did already.
    #[error("the alert is acknowledged already")]
    Acknowledged,
}

/// All that the life of one alert depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    said: Said,
    /// who takes care of it, since it fired last
    acknowledged: Option<Act>,
    /// who said that it is over, since the condition was false last
    resolved: Option<Act>,
    status: Option<Status>,
    sequence: u64,
}

impl Default for Life {
    fn default() -> Self {
        Life { said: Said::Gone, acknowledged: None, resolved: None, status: None, sequence: 0 }
    }
}

impl Life {
    /// The status; none before the first transition.
    pub(crate) fn status(&self) -> Option<Status> {
        self.status
    }

    /// How many transitions there were.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Who takes care of it, and who said that it is over, while that counts.
    pub(crate) fn acts(&self) -> (Option<&Act>, Option<&Act>) {
        (self.acknowledged.as_ref(), self.resolved.as_ref())
    }

    /// The life of an alert that late logs put in the place of another, of the same rule and key: what people said about
    /// the one holds for the other.
    #[must_use]
    pub(crate) fn in_place_of(predecessor: &Life) -> Life {
        let acknowledged = predecessor.acknowledged.clone();
        Life { acknowledged, resolved: predecessor.resolved.clone(), ..Life::default() }
    }

    /// Takes what the dataflow says, as of `at` in event time.
    pub(crate) fn hear(&mut self, alert_id: &Name, said: Said, at: Timestamp) -> Option<Transition> {
        // what never was has no history
        if said == Said::Gone && self.status.is_none() {
            return None;
        }
        self.said = said;
        match said {
            Said::Resolved | Said::Gone => (self.acknowledged, self.resolved) = (None, None),
            // it may be pending because the alert before it, which somebody took care of, was withdrawn
            Said::Pending if self.status.is_some() => self.acknowledged = None,
            Said::Pending | Said::Firing | Said::NoData => {}
        }
        let cause = if said == Said::Gone { Cause::Withdrawn } else { Cause::Condition };
        self.turn(alert_id, at, cause, None)
    }

    /// Takes what somebody does.
    ///
    /// # Errors
    /// Where that cannot be done now.
    pub(crate) fn act(&mut self, alert_id: &Name, act: Act) -> Result<Option<Transition>, Refusal> {
        match (self.status, act.deed) {
            (Some(Status::Pending) | None, _) => return Err(Refusal::Pending),
            (Some(Status::Resolved), _) => return Err(Refusal::Resolved),
            (Some(Status::Acknowledged), Deed::Acknowledge) => return Err(Refusal::Acknowledged),
            (_, Deed::Acknowledge) => self.acknowledged = Some(act.clone()),
            (_, Deed::Resolve) => self.resolved = Some(act.clone()),
        }
        Ok(self.turn(alert_id, act.at, Cause::Person, Some(act)))
    }

    /// What the status follows from, and nothing else.
    fn follows(&self) -> Status {
        match self.said {
            Said::Resolved | Said::Gone => Status::Resolved,
            _ if self.resolved.is_some() => Status::Resolved,
            Said::Pending => Status::Pending,
            _ if self.acknowledged.is_some() => Status::Acknowledged,
            Said::Firing => Status::Firing,
            Said::NoData => Status::NoData,
        }
    }

    fn turn(&mut self, alert_id: &Name, at: Timestamp, cause: Cause, act: Option<Act>) -> Option<Transition> {
        let (from, to) = (self.status, self.follows());
        if from == Some(to) {
            return None;
        }
        self.status = Some(to);
        self.sequence += 1;
        let (who, comment) = act.map(|act| (act.who, act.comment)).unzip();
        let id = id_of(&[alert_id.as_bytes(), &self.sequence.to_be_bytes()]);
        let comment = comment.filter(|comment| !comment.is_empty());
        Some(Transition { id, alert_id: alert_id.clone(), sequence: self.sequence, from, to, at, cause, who, comment })
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
