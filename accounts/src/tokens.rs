//! API tokens: made, listed, revoked.

use highwater_metadata::{Transaction, is_id, new_id, time};
use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};

use crate::{
    accounts::Accounts,
    api_token,
    error::Error,
    scope::{Scope, Scopes},
    secret::Secret,
    user::Role,
};

const MAX_NAME_CHARS: usize = 100;

/// What a token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What for, in its user's words.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// Until when; for ever if absent.
    pub expires_at: Option<Timestamp>,
}

/// A token, without the secret, which is shown once and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Given by the store.
    pub id: String,
    /// The user's id.
    pub owner: String,
    /// What for, in the user's words.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is taken.
    pub expires_at: Option<Timestamp>,
    /// When it was last taken, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Accounts {
    /// Makes a token for a user: what is known of it, and the token itself, for this once.
    pub async fn create_token(&self, owner: &str, new: NewToken) -> Result<(ApiToken, Secret), Error> {
        self.check(&new)?;
        let token = api_token::generate()?;
        let hash = api_token::digest(token.reveal()).ok_or(Error::stored("a new token is not one"))?;
        let mut transaction = self.database.begin().await?;
        self.check_owner(&mut transaction, owner, &new).await?;
        let row = sqlx::query(
            "INSERT INTO api_tokens (id, owner, name, hash, scopes, created_at, expires_at, last_used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL) RETURNING *",
        )
        .bind(new_id()?)
        .bind(owner)
        .bind(&new.name)
        .bind(hash)
        .bind(new.scopes.to_string())
        .bind(self.now())
        .bind(new.expires_at.map(Timestamp::as_microsecond))
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok((read(&row)?, token))
    }

    /// A user's, in the order they were made. There are never more than the settings allow.
    pub async fn tokens(&self, owner: &str) -> Result<Vec<ApiToken>, Error> {
        if !is_id(owner) {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("SELECT * FROM api_tokens WHERE owner = $1 ORDER BY created_at, id")
            .bind(owner)
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(read).collect()
    }

    /// One of them.
    pub async fn token(&self, id: &str) -> Result<Option<ApiToken>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let row =
            sqlx::query("SELECT * FROM api_tokens WHERE id = $1").bind(id).fetch_optional(self.database.pool()).await?;
        row.as_ref().map(read).transpose()
    }

    /// Forgets a token: from now on it is not taken. Says whether there was one.
    pub async fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        let done = sqlx::query("DELETE FROM api_tokens WHERE id = $1").bind(id).execute(self.database.pool()).await?;
        Ok(done.rows_affected() > 0)
    }

    fn check(&self, new: &NewToken) -> Result<(), Error> {
        let characters = new.name.chars().count();
        if new.name.trim().is_empty() || characters > MAX_NAME_CHARS || new.name.contains(char::is_control) {
            return Err(Error::invalid("name", format!("must be a line of 1 to {MAX_NAME_CHARS} characters")));
        }
        if new.scopes.is_empty() {
            return Err(Error::invalid("scopes", "at least one is needed"));
        }
        if new.expires_at.is_some_and(|at| at <= self.database.now()) {
            return Err(Error::invalid("expires_at", "is past"));
        }
        Ok(())
    }

    async fn check_owner(&self, transaction: &mut Transaction, owner: &str, new: &NewToken) -> Result<(), Error> {
        if !is_id(owner) {
            return Err(Error::NoSuchUser);
        }
        let role: Option<(String,)> = sqlx::query_as("SELECT role FROM users WHERE id = $1 AND active = 1")
            .bind(owner)
            .fetch_optional(&mut **transaction)
            .await?;
        let (role,) = role.ok_or(Error::NoSuchUser)?;
        if role != Role::Admin.as_str() && new.scopes.iter().any(|scope| scope == Scope::Admin) {
            return Err(Error::invalid("scopes", "admin is for tokens of administrators"));
        }
        let (kept,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM api_tokens WHERE owner = $1")
            .bind(owner)
            .fetch_one(&mut **transaction)
            .await?;
        if kept >= i64::from(self.settings.tokens_per_user) {
            return Err(Error::TooManyTokens(self.settings.tokens_per_user));
        }
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<ApiToken, Error> {
    Ok(ApiToken {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        name: row.try_get("name")?,
        scopes: scopes(row)?,
        created_at: time(row.try_get("created_at")?)?,
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(time).transpose()?,
        last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(time).transpose()?,
    })
}

pub(crate) fn scopes(row: &AnyRow) -> Result<Scopes, Error> {
    let scopes: String = row.try_get("scopes")?;
    scopes.parse().map_err(|_| Error::stored("the scopes of a token are none"))
}
