//! [`Silence`]: nobody is told of alerts like these, for a while.

use std::collections::BTreeMap;

use highwater_engine::{Name, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Matcher;
use crate::{problem, problem::Problem};

const MAX_MATCHERS: usize = 20;
const MAX_COMMENT: usize = 1_000;

/// A silence as somebody gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceDraft {
    /// What an alert's labels must be like, all of them.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why.
    pub comment: String,
}

impl SilenceDraft {
    /// Reads a silence from JSON.
    ///
    /// # Errors
    /// Where a field is missing, unknown or of the wrong kind: says which.
    pub fn read(json: &Value) -> Result<SilenceDraft, Problem> {
        problem::read(json)
    }

    /// All that is wrong with it.
    pub fn problems(&self, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.matchers.is_empty() || self.matchers.len() > MAX_MATCHERS {
            problems.push(Problem::new("matchers", format!("must be 1 to {MAX_MATCHERS}")));
        } else if self.matchers.iter().all(Matcher::matches_nothing_at_all) {
            problems.push(Problem::new("matchers", "must not match an alert without labels: that is every alert"));
        }
        if self.ends_at <= self.starts_at {
            problems.push(Problem::new("ends_at", "must be after starts_at"));
        } else if self.ends_at <= now {
            problems.push(Problem::new("ends_at", "must not have passed"));
        }
        if self.comment.trim().is_empty() || self.comment.chars().count() > MAX_COMMENT {
            problems.push(Problem::new("comment", format!("must have 1 to {MAX_COMMENT} characters")));
        }
        problems
    }
}

/// A silence as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Silence {
    /// Made when the silence is.
    pub id: Name,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was made or changed last.
    pub updated_at: Timestamp,
    /// The silence itself.
    #[serde(flatten)]
    pub draft: SilenceDraft,
}

/// Whether a silence is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It is on.
    Active,
    /// It is over.
    Expired,
}

impl Silence {
    /// Whether it is on.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.draft.starts_at {
            SilenceState::Pending
        } else if now < self.draft.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }

    /// Whether nobody is told of an alert of these labels now.
    pub fn mutes(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> bool {
        self.state(now) == SilenceState::Active && self.draft.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}
