//! From a bearer token to whose it is.

use sqlx::{Row, any::AnyRow};

use crate::{
    accounts::Accounts,
    api_token::{self, PREFIX},
    error::{Error, Rejection},
    identity::{Credential, Identity},
    tokens::scopes,
    user::User,
};

/// Microseconds between two notes of when a token was last taken.
const NOTED_EVERY: i64 = 60 * 1_000_000;

impl Accounts {
    /// Whose token this is, of either kind: what stands after `Bearer` in a request's `Authorization`.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Error> {
        if token.starts_with(PREFIX) {
            self.verify_api_token(token).await
        } else {
            self.verify_access_token(token).await
        }
    }

    async fn verify_api_token(&self, token: &str) -> Result<Identity, Error> {
        let hash = api_token::digest(token).ok_or(Rejection::Malformed)?;
        // Looked up by the hash of what cannot be guessed, so the time that takes tells nothing of the token.
        let row = sqlx::query(
            "SELECT users.*, api_tokens.id AS token, scopes, expires_at, last_used_at
             FROM api_tokens JOIN users ON users.id = api_tokens.owner WHERE hash = $1",
        )
        .bind(hash)
        .fetch_optional(self.database.pool())
        .await?
        .ok_or(Rejection::Unknown)?;
        let now = self.now();
        if row.try_get::<Option<i64>, _>("expires_at")?.is_some_and(|at| at <= now) {
            return Err(Rejection::Expired.into());
        }
        let user = User::read(&row)?;
        if !user.active {
            return Err(Rejection::Inactive.into());
        }
        let id: String = row.try_get("token")?;
        self.note_use(&id, &row, now).await?;
        let credential = Credential::Token { id, scopes: scopes(&row)? };
        Ok(Identity { user: user.id, name: user.name, role: user.role, credential })
    }

    /// A note that cannot be made keeps nobody out.
    async fn note_use(&self, id: &str, row: &AnyRow, now: i64) -> Result<(), Error> {
        let noted: Option<i64> = row.try_get("last_used_at")?;
        if noted.is_some_and(|at| now.saturating_sub(at) < NOTED_EVERY) {
            return Ok(());
        }
        let done = sqlx::query("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1")
            .bind(id)
            .bind(now)
            .execute(self.database.pool())
            .await;
        if let Err(error) = done {
            tracing::warn!(token = id, %error, "when an API token was last used is not noted");
        }
        Ok(())
    }
}
