//! [`Alerts`]: what fired, what became of it, and what people do about it.

use std::collections::BTreeMap;

use highwater_engine::{Name, Timestamp};
use highwater_operators::{Real, Severity};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    error::AlertingError,
    ledger::read,
    lifecycle::{Act, Cause, Deed, Status, Transition},
    page::{Page, PageRequest},
    problem::Problem,
    row::{fingerprint, labels},
    store::Store,
    tracked::Tracked,
};

const MAX_COMMENT: usize = 1_000;

/// The alerts. Clones are the same.
#[derive(Clone, Debug)]
pub struct Alerts {
    pub(crate) store: Store,
}

/// Which alerts are asked for.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only of the rule of this id or name.
    pub rule: Option<String>,
}

/// An alert as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AlertRecord {
    /// The alert.
    pub id: Name,
    /// The same for all alerts of one rule and key.
    pub fingerprint: Name,
    /// The rule's id.
    pub rule_id: Name,
    /// The rule's name.
    pub rule: Name,
    /// What the rule means.
    pub description: String,
    /// How grave it is.
    pub severity: Severity,
    /// What it is about, mostly a service.
    pub key: Name,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub status: Status,
    /// The start of the first window in which the condition held, in event time.
    pub since: Timestamp,
    /// When it fired, or does at the earliest, in event time.
    pub firing_from: Timestamp,
    /// When the condition was found to hold no longer, in event time.
    pub resolved_at: Option<Timestamp>,
    /// When its status changed last: in event time, or by the wall clock where somebody changed it.
    pub changed_at: Timestamp,
    /// The value furthest beyond the threshold.
    pub peak: Real,
    /// The last value for which the condition held.
    pub last: Real,
    /// Who takes care of it.
    pub acknowledged: Option<Act>,
    /// Who said that it is over, while the condition still holds.
    pub resolved: Option<Act>,
    /// How many times its status changed.
    pub transitions: u64,
}

impl Alerts {
    /// A page of alerts, those that began last first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn list(&self, filter: &AlertFilter, page: &PageRequest) -> Result<Page<AlertRecord>, AlertingError> {
        let (since, id) = page.place().unwrap_or((i64::MAX, ""));
        let rows = sqlx::query(
            "SELECT id, body FROM alerts WHERE ($1 = '' OR status = $1) AND ($2 = '' OR rule_id = $2 OR rule = $2) \
             AND (since < $3 OR (since = $3 AND id > $4)) ORDER BY since DESC, id LIMIT $5",
        )
        .bind(filter.status.map_or("", Status::as_str))
        .bind(filter.rule.as_deref().unwrap_or_default())
        .bind(since)
        .bind(id)
        .bind(page.fetched())
        .fetch_all(self.store.database.pool())
        .await?;
        let records: Result<Vec<AlertRecord>, AlertingError> = rows.iter().map(record_of).collect();
        Ok(Page::of(records?, page, |record| format!("{}:{}", record.since.as_micros(), record.id)))
    }

    /// One alert.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn get(&self, id: &str) -> Result<AlertRecord, AlertingError> {
        let row = sqlx::query("SELECT id, body FROM alerts WHERE id = $1").bind(id);
        let row = row.fetch_optional(self.store.database.pool()).await?;
        record_of(&row.ok_or(AlertingError::NotFound("alert"))?)
    }

    /// What became of an alert, from its beginning.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn history(&self, id: &str) -> Result<Vec<Transition>, AlertingError> {
        let rows = sqlx::query(
            "SELECT id, alert_id, sequence, from_status, to_status, at, cause, who, comment FROM alert_transitions \
             WHERE alert_id = $1 ORDER BY sequence",
        );
        let rows = rows.bind(id).fetch_all(self.store.database.pool()).await?;
        if rows.is_empty() {
            return Err(AlertingError::NotFound("alert"));
        }
        rows.iter().map(transition_of).collect()
    }

    /// Says that `who` takes care of an alert, or that it is over.
    ///
    /// # Errors
    /// Where there is none, that cannot be done now, or the database fails.
    pub async fn act(&self, id: &str, deed: Deed, who: &str, comment: &str) -> Result<AlertRecord, AlertingError> {
        if comment.chars().count() > MAX_COMMENT {
            return Err(Problem::new("comment", format!("must have {MAX_COMMENT} characters at most")).into());
        }
        let mut ledger = self.store.ledger().await?;
        let now = ledger.now;
        let mut tracked = ledger.alert(id).await?.ok_or(AlertingError::NotFound("alert"))?;
        let act = Act { deed, who: who.to_owned(), at: now, comment: comment.to_owned() };
        let transition = tracked.life.act(&tracked.row.id, act)?;
        let transition = tracked.turned(transition);
        let record = AlertRecord::of(&tracked);
        ledger.write(tracked, transition, None).await?;
        ledger.commit().await?;
        self.store.bell.ring();
        Ok(record)
    }
}

impl AlertRecord {
    fn of(tracked: &Tracked) -> AlertRecord {
        let Tracked { row, life, .. } = tracked;
        let (acknowledged, resolved) = life.acts();
        AlertRecord {
            id: row.id.clone(),
            fingerprint: fingerprint(row),
            rule_id: row.rule_id.clone(),
            rule: row.rule.clone(),
            description: row.description.clone(),
            severity: row.severity,
            key: row.key.clone(),
            labels: labels(row),
            status: life.status().unwrap_or(Status::Resolved),
            since: row.since,
            firing_from: row.firing_from,
            resolved_at: row.resolved_at,
            changed_at: tracked.at,
            peak: row.peak,
            last: row.last,
            acknowledged: acknowledged.cloned(),
            resolved: resolved.cloned(),
            transitions: life.sequence(),
        }
    }
}

fn record_of(row: &AnyRow) -> Result<AlertRecord, AlertingError> {
    let tracked: Tracked = read("alert", row.try_get(0)?, row.try_get(1)?)?;
    Ok(AlertRecord::of(&tracked))
}

fn transition_of(row: &AnyRow) -> Result<Transition, AlertingError> {
    let id: &str = row.try_get(0)?;
    let word = |name: &str| AlertingError::Stored { what: "transition", id: id.to_owned(), cause: format!("{name:?}") };
    let status = |name: &str| Status::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| word(name));
    let cause = |name: &str| Cause::ALL.into_iter().find(|cause| cause.as_str() == name).ok_or_else(|| word(name));
    Ok(Transition {
        id: id.into(),
        alert_id: row.try_get::<&str, _>(1)?.into(),
        sequence: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or_default(),
        from: row.try_get::<Option<&str>, _>(3)?.map(status).transpose()?,
        to: status(row.try_get(4)?)?,
        at: Timestamp::from_micros(row.try_get(5)?),
        cause: cause(row.try_get(6)?)?,
        who: row.try_get(7)?,
        comment: row.try_get(8)?,
    })
}
