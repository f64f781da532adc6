//! The keys that sign access tokens. One signs; those before it are taken until what they signed has expired.

use highwater_metadata::{Transaction, hexadecimal, is_id, new_id};
use sqlx::{Executor, Row, any::AnyRow};
use zeroize::Zeroizing;

use crate::{
    accounts::{Accounts, micros},
    error::Error,
    secret::random,
};

/// A key, by which access tokens name it and with which they are signed.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    /// As text: the 64 hexadecimal digits are the key, not what they stand for.
    pub(crate) secret: Zeroizing<String>,
    created_at: i64,
    verify_until: Option<i64>,
}

impl SigningKey {
    fn read(row: &AnyRow) -> Result<SigningKey, Error> {
        Ok(SigningKey {
            id: row.try_get("id")?,
            secret: Zeroizing::new(row.try_get("secret")?),
            created_at: row.try_get("created_at")?,
            verify_until: row.try_get("verify_until")?,
        })
    }
}

impl Accounts {
    /// The key that signs: a new one where there is none, or where it has signed for long enough.
    pub(crate) async fn signing_key(&self) -> Result<SigningKey, Error> {
        if let Some(key) = self.fresh(self.database.pool()).await? {
            return Ok(key);
        }
        let mut transaction = self.database.begin().await?;
        if let Some(key) = self.fresh(&mut *transaction).await? {
            return Ok(key); // somebody else was faster
        }
        let key = self.rotate(&mut transaction).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// The key of this id, if what it signed is still taken.
    pub(crate) async fn verifying_key(&self, id: &str) -> Result<Option<SigningKey>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let row = sqlx::query("SELECT * FROM signing_keys WHERE id = $1")
            .bind(id)
            .fetch_optional(self.database.pool())
            .await?;
        let key = row.as_ref().map(SigningKey::read).transpose()?;
        Ok(key.filter(|key| key.verify_until.is_none_or(|until| until > self.now())))
    }

    /// From now on a new key signs. What the old one signed is taken until it expires.
    pub async fn rotate_keys(&self) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        self.rotate(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets all keys: nobody's access token is taken any more.
    pub async fn end_all_sessions(&self) -> Result<(), Error> {
        sqlx::query("DELETE FROM signing_keys").execute(self.database.pool()).await?;
        Ok(())
    }

    async fn fresh<'c>(&self, executor: impl Executor<'c, Database = sqlx::Any>) -> Result<Option<SigningKey>, Error> {
        let row = sqlx::query("SELECT * FROM signing_keys WHERE verify_until IS NULL").fetch_optional(executor).await?;
        let key = row.as_ref().map(SigningKey::read).transpose()?;
        Ok(key.filter(|key| self.now().saturating_sub(key.created_at) < micros(self.settings.key_life)))
    }

    async fn rotate(&self, transaction: &mut Transaction) -> Result<SigningKey, Error> {
        let now = self.now();
        sqlx::query("UPDATE signing_keys SET verify_until = $1 WHERE verify_until IS NULL")
            .bind(now.saturating_add(micros(self.settings.session)))
            .execute(&mut **transaction)
            .await?;
        sqlx::query("DELETE FROM signing_keys WHERE verify_until <= $1").bind(now).execute(&mut **transaction).await?;
        let secret = Zeroizing::new(hexadecimal(random::<32>()?.as_ref()));
        let row = sqlx::query(
            "INSERT INTO signing_keys (id, secret, created_at, verify_until) VALUES ($1, $2, $3, NULL) RETURNING *",
        )
        .bind(new_id()?)
        .bind(secret.as_str())
        .bind(now)
        .fetch_one(&mut **transaction)
        .await?;
        SigningKey::read(&row)
    }
}
