//! [`Rules`]: where rules are kept.

use highwater_engine::{Name, Timestamp};
use highwater_metadata::{Transaction, new_id};
use sqlx::{Row as _, any::AnyRow};

use super::{Rule, RuleDraft};
use crate::{
    clock,
    error::AlertingError,
    ledger::{Ledger, read, written},
    page::{Page, PageRequest},
    problem::Problem,
    secrets::{Secrets, Table},
    store::Store,
};

/// Most rules that there may be.
const MOST_RULES: u64 = 20_000;

/// The rules. Clones are the same.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) store: Store,
}

impl Rules {
    /// A page of all rules, in the order in which they were made.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Rule>, AlertingError> {
        let (created_at, id) = page.place().unwrap_or((i64::MIN, ""));
        let rows = sqlx::query(
            "SELECT id, owner, version, created_at, updated_at, body, config FROM rules \
             WHERE created_at > $1 OR (created_at = $1 AND id > $2) ORDER BY created_at, id LIMIT $3",
        );
        let rows = rows.bind(created_at).bind(id).bind(page.fetched()).fetch_all(self.store.database.pool()).await?;
        let rules: Result<Vec<Rule>, AlertingError> =
            rows.iter().map(|row| rule_of(row, &self.store.secrets)).collect();
        Ok(Page::of(rules?, page, |rule| format!("{}:{}", rule.created_at.as_micros(), rule.id)))
    }

    /// Every rule: what the dataflow is told at its start, and after each change.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn all(&self) -> Result<Vec<Rule>, AlertingError> {
        let rows = sqlx::query(
            "SELECT id, owner, version, created_at, updated_at, body, config FROM rules ORDER BY created_at, id",
        );
        rows.fetch_all(self.store.database.pool()).await?.iter().map(|row| rule_of(row, &self.store.secrets)).collect()
    }

    /// One rule.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn get(&self, id: &str) -> Result<Rule, AlertingError> {
        let row =
            sqlx::query("SELECT id, owner, version, created_at, updated_at, body, config FROM rules WHERE id = $1");
        let row = row.bind(id).fetch_optional(self.store.database.pool()).await?;
        rule_of(&row.ok_or(AlertingError::NotFound("rule"))?, &self.store.secrets)
    }

    /// Makes a rule.
    ///
    /// # Errors
    /// Where something is wrong with it, there are too many, or the database fails.
    pub async fn create(&self, draft: RuleDraft, owner: &str) -> Result<Rule, AlertingError> {
        self.insert(new_id()?.into(), draft, owner).await
    }

    pub(super) async fn insert(&self, id: Name, draft: RuleDraft, owner: &str) -> Result<Rule, AlertingError> {
        check(&draft)?;
        let now = clock::now();
        let rule = Rule { id, owner: owner.to_owned(), version: 1, created_at: now, updated_at: now, draft };
        let mut transaction = self.store.database.begin().await?;
        let count: i64 = sqlx::query("SELECT COUNT(*) FROM rules").fetch_one(&mut *transaction).await?.try_get(0)?;
        if u64::try_from(count).unwrap_or_default() >= MOST_RULES {
            return Err(AlertingError::TooMany { what: "rules", most: MOST_RULES });
        }
        sqlx::query(
            "INSERT INTO rules (id, owner, version, created_at, updated_at, is_active, body, config) \
             VALUES ($1, $2, 1, $3, $3, $4, $5, $6)",
        )
        .bind(rule.id.as_str())
        .bind(&rule.owner)
        .bind(now.as_micros())
        .bind(i64::from(rule.draft.is_active))
        .bind(written(&rule.draft))
        .bind(self.store.secrets.seal(Table::Rules, &rule.id, &rule.draft.notification_config)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.store.bell.ring();
        Ok(rule)
    }

    /// Puts a rule in the place of the one of this id, which must have `version`. Secrets that it says as they are shown
    /// stay what they were. Whoever was told of its alerts and no longer is hears that they are over.
    ///
    /// # Errors
    /// Where there is none, somebody was faster, something is wrong with it, or the database fails.
    pub async fn replace(&self, id: &str, version: u64, draft: RuleDraft) -> Result<Rule, AlertingError> {
        let mut ledger = self.store.ledger().await?;
        let now = ledger.now;
        let id = Name::from(id);
        let stored =
            load(ledger.transaction(), &self.store.secrets, &id).await?.ok_or(AlertingError::NotFound("rule"))?;
        if stored.version != version {
            return Err(AlertingError::Conflict { current: stored.version });
        }
        let draft = with_stored_secrets(draft, &stored.draft);
        check(&draft)?;
        let rule = Rule { version: version + 1, updated_at: now, draft, ..stored };
        sqlx::query(
            "UPDATE rules SET version = version + 1, updated_at = $2, is_active = $3, body = $4, config = $5 WHERE id = $1",
        )
        .bind(id.as_str())
        .bind(now.as_micros())
        .bind(i64::from(rule.draft.is_active))
        .bind(written(&rule.draft))
        .bind(self.store.secrets.seal(Table::Rules, &rule.id, &rule.draft.notification_config)?)
        .execute(&mut **ledger.transaction())
        .await?;
        regroup(&mut ledger, &id).await?;
        ledger.commit().await?;
        self.store.bell.ring();
        Ok(rule)
    }

    /// Deletes a rule. Its alerts end as soon as the dataflow says so; their history stays.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn delete(&self, id: &str) -> Result<(), AlertingError> {
        let mut ledger = self.store.ledger().await?;
        let deleted =
            sqlx::query("DELETE FROM rules WHERE id = $1").bind(id).execute(&mut **ledger.transaction()).await?;
        if deleted.rows_affected() == 0 {
            return Err(AlertingError::NotFound("rule"));
        }
        regroup(&mut ledger, id).await?;
        ledger.commit().await?;
        self.store.bell.ring();
        Ok(())
    }
}

fn check(draft: &RuleDraft) -> Result<(), AlertingError> {
    let problems = draft.problems();
    if problems.is_empty() { Ok(()) } else { Err(AlertingError::Invalid(problems)) }
}

fn with_stored_secrets(mut draft: RuleDraft, stored: &RuleDraft) -> RuleDraft {
    if draft.notification_channel == stored.notification_channel {
        draft.notification_config = draft.notification_config.with_secrets_of(&stored.notification_config);
    }
    draft
}

async fn regroup(ledger: &mut Ledger, rule_id: &str) -> Result<(), AlertingError> {
    for alert in ledger.open_alerts_of(rule_id).await? {
        ledger.write(alert, None, None).await?;
    }
    Ok(())
}

/// The rule of an id, as it is within a transaction.
pub(crate) async fn load(
    transaction: &mut Transaction,
    secrets: &Secrets,
    id: &str,
) -> Result<Option<Rule>, AlertingError> {
    let row = sqlx::query("SELECT id, owner, version, created_at, updated_at, body, config FROM rules WHERE id = $1");
    let row = row.bind(id).fetch_optional(&mut **transaction).await?;
    row.map(|row| rule_of(&row, secrets)).transpose()
}

fn rule_of(row: &AnyRow, secrets: &Secrets) -> Result<Rule, AlertingError> {
    let id: &str = row.try_get(0)?;
    let stored =
        |problem: Problem| AlertingError::Stored { what: "rule", id: id.to_owned(), cause: problem.to_string() };
    let mut draft = RuleDraft::read(&read("rule", id, row.try_get(5)?)?).map_err(stored)?;
    draft.notification_config = secrets.read(Table::Rules, id, row.try_get(6)?)?;
    Ok(Rule {
        id: id.into(),
        owner: row.try_get(1)?,
        version: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or_default(),
        created_at: Timestamp::from_micros(row.try_get(3)?),
        updated_at: Timestamp::from_micros(row.try_get(4)?),
        draft,
    })
}
