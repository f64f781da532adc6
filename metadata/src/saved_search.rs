//! Searches that people keep under a name of theirs.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AnyPool, Row, any::AnyRow};

use crate::{
    clock::time,
    database::Database,
    error::Error,
    id::new_id,
    text::{check_name, check_text},
};

/// How many one user may keep.
pub const MAX_SAVED_SEARCHES: i64 = 1000;

/// The longest query, as text.
pub const MAX_QUERY_BYTES: usize = 64 << 10;

/// A search under a name, of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedSearch {
    /// Given by the store.
    pub id: String,
    /// The user's id.
    pub owner: String,
    /// What the user calls it; no two of one user are called the same.
    pub name: String,
    /// What is looked for, as the HTTP interface takes it.
    pub query: Value,
    /// When it was kept first.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The saved searches in a database.
#[derive(Clone, Debug)]
pub struct SavedSearches {
    database: Database,
}

impl SavedSearches {
    /// Those of this database.
    pub fn new(database: Database) -> SavedSearches {
        SavedSearches { database }
    }

    /// Keeps a search for a user.
    pub async fn create(&self, owner: &str, name: &str, query: &Value) -> Result<SavedSearch, Error> {
        check_name(name)?;
        let text = query_text(query)?;
        let id = new_id()?;
        let now = self.database.now().as_microsecond();
        let mut transaction = self.database.begin().await?;
        let (kept,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM saved_searches WHERE owner = $1")
            .bind(owner)
            .fetch_one(&mut *transaction)
            .await?;
        if kept >= MAX_SAVED_SEARCHES {
            return Err(Error::Full { what: "saved searches of one user", most: MAX_SAVED_SEARCHES });
        }
        let row = sqlx::query(
            "INSERT INTO saved_searches (id, owner, name, query, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $5) RETURNING *",
        )
        .bind(id)
        .bind(owner)
        .bind(name)
        .bind(text)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| Error::or_taken(error, name))?;
        transaction.commit().await?;
        read(&row)
    }

    /// One of them.
    pub async fn get(&self, id: &str) -> Result<Option<SavedSearch>, Error> {
        let row =
            sqlx::query("SELECT * FROM saved_searches WHERE id = $1").bind(id).fetch_optional(self.pool()).await?;
        row.as_ref().map(read).transpose()
    }

    /// A user's, by name, beginning after the one of this name.
    pub async fn list(&self, owner: &str, after: Option<&str>, limit: u32) -> Result<Vec<SavedSearch>, Error> {
        check_text("cursor", after.unwrap_or_default())?;
        let rows = sqlx::query(
            "SELECT * FROM saved_searches WHERE owner = $1 AND ($2 IS NULL OR name > $2) ORDER BY name LIMIT $3",
        )
        .bind(owner)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Gives one another name and query. Nothing where there is none.
    pub async fn replace(&self, id: &str, name: &str, query: &Value) -> Result<Option<SavedSearch>, Error> {
        check_text("id", id)?;
        check_name(name)?;
        let row =
            sqlx::query("UPDATE saved_searches SET name = $2, query = $3, updated_at = $4 WHERE id = $1 RETURNING *")
                .bind(id)
                .bind(name)
                .bind(query_text(query)?)
                .bind(self.database.now().as_microsecond())
                .fetch_optional(self.pool())
                .await
                .map_err(|error| Error::or_taken(error, name))?;
        row.as_ref().map(read).transpose()
    }

    /// Forgets one. Says whether there was one.
    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        check_text("id", id)?;
        let done = sqlx::query("DELETE FROM saved_searches WHERE id = $1").bind(id).execute(self.pool()).await?;
        Ok(done.rows_affected() > 0)
    }

    fn pool(&self) -> &AnyPool {
        self.database.pool()
    }
}

fn query_text(query: &Value) -> Result<String, Error> {
    let text = query.to_string();
    if text.len() > MAX_QUERY_BYTES {
        return Err(Error::invalid("query", format!("longer than {MAX_QUERY_BYTES} bytes")));
    }
    Ok(text)
}

fn read(row: &AnyRow) -> Result<SavedSearch, Error> {
    let query: String = row.try_get("query")?;
    Ok(SavedSearch {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        name: row.try_get("name")?,
        query: serde_json::from_str(&query)
            .map_err(|cause| Error::Stored(format!("a saved search is not JSON: {cause}")))?,
        created_at: time(row.try_get("created_at")?)?,
        updated_at: time(row.try_get("updated_at")?)?,
    })
}
