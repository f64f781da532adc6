//! What is still to be sent, and what was given up: both in the database, so that they outlive a restart.

use highwater_engine::{Name, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    channel::{Channel, ChannelKind},
    clock,
    error::AlertingError,
    ledger::read,
    notify::Notice,
    page::{Page, PageRequest},
    secrets::Table,
    store::Store,
};

/// A notice that waits to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) notice: Notice,
    pub(crate) attempts: u32,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Timestamp,
}

/// A notice that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DeadLetter {
    /// The notice's id, and its `Idempotency-Key`.
    pub id: Name,
    /// The receiver: a keyed hash of the channel and its configuration.
    pub receiver: Name,
    /// The channel.
    pub channel: String,
    /// When it was due first.
    pub created_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last attempt came to.
    pub reason: String,
    /// The notice itself.
    pub notice: Notice,
}

/// The queue. Clones are the same.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(crate) store: Store,
}

impl Queue {
    /// How many notices wait.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn waiting(&self) -> Result<u64, AlertingError> {
        let count = sqlx::query("SELECT COUNT(*) FROM notices").fetch_one(self.store.database.pool()).await?;
        Ok(count_of(count.try_get(0)?))
    }

    /// A page of what was given up, the oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn dead_letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, AlertingError> {
        let (died_at, id) = page.place().unwrap_or((i64::MIN, ""));
        let rows = sqlx::query(
            "SELECT d.id, d.receiver, r.channel, d.created_at, d.died_at, d.attempts, d.reason, d.body \
             FROM dead_letters d JOIN receivers r ON r.id = d.receiver \
             WHERE d.died_at > $1 OR (d.died_at = $1 AND d.id > $2) ORDER BY d.died_at, d.id LIMIT $3",
        );
        let rows = rows.bind(died_at).bind(id).bind(page.fetched()).fetch_all(self.store.database.pool()).await?;
        let letters: Result<Vec<DeadLetter>, AlertingError> = rows.iter().map(dead_letter_of).collect();
        Ok(Page::of(letters?, page, |letter| format!("{}:{}", letter.died_at.as_micros(), letter.id)))
    }

    /// Puts a notice that was given up back into the queue, under the same id.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn requeue(&self, id: &str) -> Result<(), AlertingError> {
        let now = clock::now().as_micros();
        let mut transaction = self.store.database.begin().await?;
        let queued = sqlx::query(
            "INSERT INTO notices (id, receiver, notice_group, created_at, due_at, attempts, body) \
             SELECT id, receiver, notice_group, $2, $2, 0, body FROM dead_letters WHERE id = $1",
        );
        let queued = queued.bind(id).bind(now).execute(&mut *transaction).await?;
        if queued.rows_affected() == 0 {
            return Err(AlertingError::NotFound("dead letter"));
        }
        sqlx::query("DELETE FROM dead_letters WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.store.bell.ring();
        Ok(())
    }

    pub(crate) async fn is_group_due(&self, now: Timestamp) -> Result<bool, AlertingError> {
        let due = sqlx::query("SELECT 1 FROM notice_groups WHERE wake_at <= $1 LIMIT 1").bind(now.as_micros());
        Ok(due.fetch_optional(self.store.database.pool()).await?.is_some())
    }

    /// Receivers that something waits for.
    pub(crate) async fn receivers(&self) -> Result<Vec<Name>, AlertingError> {
        let rows = sqlx::query("SELECT DISTINCT receiver FROM notices").fetch_all(self.store.database.pool()).await?;
        rows.iter().map(|row| Ok(row.try_get::<&str, _>(0)?.into())).collect()
    }

    /// The oldest of what waits for a receiver, so many at most.
    pub(crate) async fn window(&self, receiver: &str, most: u32) -> Result<Vec<Waiting>, AlertingError> {
        let rows = sqlx::query(
            "SELECT id, body, attempts, created_at, due_at FROM notices WHERE receiver = $1 ORDER BY created_at, id LIMIT $2",
        );
        let rows = rows.bind(receiver).bind(i64::from(most)).fetch_all(self.store.database.pool()).await?;
        rows.iter().map(waiting_of).collect()
    }

    /// The channel of a receiver. What cannot be read any more says why.
    pub(crate) async fn channel(&self, receiver: &str) -> Result<Result<Channel, String>, AlertingError> {
        let row = sqlx::query("SELECT channel, config FROM receivers WHERE id = $1").bind(receiver);
        let Some(row) = row.fetch_optional(self.store.database.pool()).await? else {
            return Ok(Err("the receiver is gone".to_owned()));
        };
        let kind = serde_json::from_value::<ChannelKind>(row.try_get::<&str, _>(0)?.into());
        let config = self.store.secrets.read(Table::Receivers, receiver, row.try_get(1)?)?;
        Ok(kind
            .map_err(|error| error.to_string())
            .and_then(|kind| Channel::read(kind, &config).map_err(|problem| problem.to_string())))
    }

    pub(crate) async fn sent(&self, id: &str) -> Result<(), AlertingError> {
        sqlx::query("DELETE FROM notices WHERE id = $1").bind(id).execute(self.store.database.pool()).await?;
        Ok(())
    }

    pub(crate) async fn put_off(&self, id: &str, due_at: Timestamp) -> Result<(), AlertingError> {
        let update = sqlx::query("UPDATE notices SET attempts = attempts + 1, due_at = $2 WHERE id = $1");
        update.bind(id).bind(due_at.as_micros()).execute(self.store.database.pool()).await?;
        Ok(())
    }

    pub(crate) async fn give_up(&self, id: &str, reason: &str) -> Result<(), AlertingError> {
        let mut transaction = self.store.database.begin().await?;
        sqlx::query(
            "INSERT INTO dead_letters (id, receiver, notice_group, created_at, died_at, attempts, reason, body) \
             SELECT id, receiver, notice_group, created_at, $2, attempts + 1, $3, body FROM notices WHERE id = $1",
        )
        .bind(id)
        .bind(clock::now().as_micros())
        .bind(reason)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM notices WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn waiting_of(row: &AnyRow) -> Result<Waiting, AlertingError> {
    Ok(Waiting {
        notice: read("notice", row.try_get(0)?, row.try_get(1)?)?,
        attempts: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or(u32::MAX),
        created_at: Timestamp::from_micros(row.try_get(3)?),
        due_at: Timestamp::from_micros(row.try_get(4)?),
    })
}

fn dead_letter_of(row: &AnyRow) -> Result<DeadLetter, AlertingError> {
    let id: &str = row.try_get(0)?;
    Ok(DeadLetter {
        id: id.into(),
        receiver: row.try_get::<&str, _>(1)?.into(),
        channel: row.try_get(2)?,
        created_at: Timestamp::from_micros(row.try_get(3)?),
        died_at: Timestamp::from_micros(row.try_get(4)?),
        attempts: u32::try_from(row.try_get::<i64, _>(5)?).unwrap_or(u32::MAX),
        reason: row.try_get(6)?,
        notice: read("dead letter", id, row.try_get(7)?)?,
    })
}

fn count_of(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}
