//! [`Silences`]: where silences are kept.

use highwater_engine::Timestamp;
use highwater_metadata::{Transaction, new_id};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    clock,
    error::AlertingError,
    ledger::{read, written},
    notify::{Silence, SilenceDraft, SilenceState},
    page::{Page, PageRequest},
    store::Store,
};

/// Most silences that may be on or yet to come.
const MOST_SILENCES: u64 = 1_000;

/// The silences. Clones are the same.
#[derive(Clone, Debug)]
pub struct Silences {
    pub(crate) store: Store,
}

impl Silences {
    /// A page of all silences, those that are over too, in the order in which they were made.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Silence>, AlertingError> {
        let (created_at, id) = page.place().unwrap_or((i64::MIN, ""));
        let rows = sqlx::query(
            "SELECT id, created_by, created_at, updated_at, body FROM silences \
             WHERE created_at > $1 OR (created_at = $1 AND id > $2) ORDER BY created_at, id LIMIT $3",
        );
        let rows = rows.bind(created_at).bind(id).bind(page.fetched()).fetch_all(self.store.database.pool()).await?;
        let silences: Result<Vec<Silence>, AlertingError> = rows.iter().map(silence_of).collect();
        Ok(Page::of(silences?, page, |silence| format!("{}:{}", silence.created_at.as_micros(), silence.id)))
    }

    /// One silence.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn get(&self, id: &str) -> Result<Silence, AlertingError> {
        let row =
            sqlx::query("SELECT id, created_by, created_at, updated_at, body FROM silences WHERE id = $1").bind(id);
        let row = row.fetch_optional(self.store.database.pool()).await?;
        silence_of(&row.ok_or(AlertingError::NotFound("silence"))?)
    }

    /// Makes a silence.
    ///
    /// # Errors
    /// Where something is wrong with it, there are too many, or the database fails.
    pub async fn create(&self, draft: SilenceDraft, created_by: &str) -> Result<Silence, AlertingError> {
        let now = clock::now();
        check(&draft, now)?;
        let mut transaction = self.store.database.begin().await?;
        let count = sqlx::query("SELECT COUNT(*) FROM silences WHERE ends_at > $1").bind(now.as_micros());
        let count: i64 = count.fetch_one(&mut *transaction).await?.try_get(0)?;
        if u64::try_from(count).unwrap_or_default() >= MOST_SILENCES {
            return Err(AlertingError::TooMany { what: "silences", most: MOST_SILENCES });
        }
        let silence = Silence {
            id: new_id()?.into(),
            created_by: created_by.to_owned(),
            created_at: now,
            updated_at: now,
            draft,
        };
        put(&mut transaction, &silence).await?;
        transaction.commit().await?;
        self.store.bell.ring();
        Ok(silence)
    }

    /// Puts a silence in the place of the one of this id, unless that is over.
    ///
    /// # Errors
    /// Where there is none, something is wrong with it, or the database fails.
    pub async fn replace(&self, id: &str, draft: SilenceDraft, by: &str) -> Result<Silence, AlertingError> {
        let now = clock::now();
        check(&draft, now)?;
        self.change(id, now, |stored| Silence { created_by: by.to_owned(), updated_at: now, draft, ..stored }).await
    }

    /// Ends a silence now. One that is over stays as it was.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn expire(&self, id: &str) -> Result<Silence, AlertingError> {
        let now = clock::now();
        self.change(id, now, |stored| {
            let mut expired = Silence { updated_at: now, ..stored };
            expired.draft.starts_at = expired.draft.starts_at.min(now);
            expired.draft.ends_at = now;
            expired
        })
        .await
    }

    async fn change(
        &self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(Silence) -> Silence,
    ) -> Result<Silence, AlertingError> {
        let mut transaction = self.store.database.begin().await?;
        let row =
            sqlx::query("SELECT id, created_by, created_at, updated_at, body FROM silences WHERE id = $1").bind(id);
        let row = row.fetch_optional(&mut *transaction).await?;
        let stored = silence_of(&row.ok_or(AlertingError::NotFound("silence"))?)?;
        if stored.state(now) == SilenceState::Expired {
            return Ok(stored);
        }
        let silence = change(stored);
        put(&mut transaction, &silence).await?;
        transaction.commit().await?;
        self.store.bell.ring();
        Ok(silence)
    }
}

fn check(draft: &SilenceDraft, now: Timestamp) -> Result<(), AlertingError> {
    let problems = draft.problems(now);
    if problems.is_empty() { Ok(()) } else { Err(AlertingError::Invalid(problems)) }
}

async fn put(transaction: &mut Transaction, silence: &Silence) -> Result<(), AlertingError> {
    sqlx::query(
        "INSERT INTO silences (id, created_by, created_at, updated_at, starts_at, ends_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET created_by = $2, updated_at = $4, starts_at = $5, ends_at = $6, body = $7",
    )
    .bind(silence.id.as_str())
    .bind(&silence.created_by)
    .bind(silence.created_at.as_micros())
    .bind(silence.updated_at.as_micros())
    .bind(silence.draft.starts_at.as_micros())
    .bind(silence.draft.ends_at.as_micros())
    .bind(written(&silence.draft))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The silences that are on.
pub(crate) async fn in_force(transaction: &mut Transaction, now: Timestamp) -> Result<Vec<Silence>, AlertingError> {
    let rows = sqlx::query(
        "SELECT id, created_by, created_at, updated_at, body FROM silences WHERE starts_at <= $1 AND ends_at > $1",
    );
    let rows = rows.bind(now.as_micros()).fetch_all(&mut **transaction).await?;
    rows.iter().map(silence_of).collect()
}

fn silence_of(row: &AnyRow) -> Result<Silence, AlertingError> {
    let id: &str = row.try_get(0)?;
    Ok(Silence {
        id: id.into(),
        created_by: row.try_get(1)?,
        created_at: Timestamp::from_micros(row.try_get(2)?),
        updated_at: Timestamp::from_micros(row.try_get(3)?),
        draft: read("silence", id, row.try_get(4)?)?,
    })
}
