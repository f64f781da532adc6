//! Logging in, and passwords.

use std::{ops::RangeInclusive, time::Duration};

use highwater_metadata::is_id;

use crate::{
    accounts::Accounts,
    error::{Error, Rejection},
    identity::{Credential, Identity},
    secret::Secret,
    user::{Record, User},
    user_name::UserName,
};

/// How many characters a password has.
pub const PASSWORD_CHARS: RangeInclusive<usize> = 12..=128;

/// Somebody is in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Who.
    pub user: User,
    /// What shows it to [`Accounts::authenticate`].
    pub access_token: Secret,
    /// For how long.
    pub expires_in: Duration,
}

impl Accounts {
    /// Lets somebody in by name and password. It takes as long where there is no such user.
    pub async fn login(&self, name: &str, password: &Secret) -> Result<Login, Error> {
        let record = match name.parse() {
            Ok(name) => self.record_named(&name).await?,
            Err(_) => None,
        };
        let record = self.verified(record, password).await?.ok_or(Error::Credentials)?;
        if self.hasher.is_dated(&record.password_hash) {
            let hash = self.hasher.hash(password).await?;
            self.replace_hash(&record, &hash).await?;
        }
        sqlx::query("UPDATE users SET last_login_at = $2 WHERE id = $1")
            .bind(&record.user.id)
            .bind(self.now())
            .execute(self.database.pool())
            .await?;
        self.begin_session(&record.user.id).await
    }

    /// Has somebody who is in stay there. The new access token is of the same session: what ends the session while this
    /// is under way ends the new token, too.
    pub async fn renew(&self, who: &Identity) -> Result<Login, Error> {
        // an API token is taken for as long as it was made for
        let Credential::Session(session) = &who.credential else { return Err(Rejection::Malformed.into()) };
        let record = self.record(&who.user).await?;
        let record = record.filter(|record| record.user.active && record.generation == session.generation);
        self.session(record.ok_or(Rejection::Unknown)?, session.logged_in_at.as_microsecond()).await
    }

    /// Changes one's own password, and ends all sessions but a new one.
    pub async fn change_password(&self, id: &str, old: &Secret, new: &Secret) -> Result<Login, Error> {
        let record = self.record(id).await?;
        let record = self.verified(record, old).await?.ok_or(Error::Credentials)?;
        check_password(new, &record.user.name)?;
        if new == old {
            return Err(Error::invalid("password", "is the old one"));
        }
        let hash = self.hasher.hash(new).await?;
        // Two changes at once: the second one's old password is not the password any more.
        let changed = sqlx::query(
            "UPDATE users SET password_hash = $3, must_change_password = 0, generation = generation + 1,
             updated_at = $4 WHERE id = $1 AND password_hash = $2",
        )
        .bind(id)
        .bind(&record.password_hash)
        .bind(hash)
        .bind(self.now())
        .execute(self.database.pool())
        .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::Credentials);
        }
        self.begin_session(id).await
    }

    /// Gives a user a password that must be changed at the next login, and ends their sessions.
    pub async fn reset_password(&self, id: &str) -> Result<Secret, Error> {
        if !is_id(id) {
            return Err(Error::NoSuchUser);
        }
        let password = Secret::password()?;
        let hash = self.hasher.hash(&password).await?;
        let changed = sqlx::query(
            "UPDATE users SET password_hash = $2, must_change_password = 1, generation = generation + 1,
             updated_at = $3 WHERE id = $1",
        )
        .bind(id)
        .bind(hash)
        .bind(self.now())
        .execute(self.database.pool())
        .await?;
        if changed.rows_affected() == 0 { Err(Error::NoSuchUser) } else { Ok(password) }
    }

    /// The user, if the password is theirs and they may log in.
    async fn verified(&self, record: Option<Record>, password: &Secret) -> Result<Option<Record>, Error> {
        let hash = record.as_ref().map_or(&self.decoy, |record| &record.password_hash);
        let matches = self.hasher.matches(password, hash).await?;
        Ok(record.filter(|record| matches && record.user.active))
    }

    async fn replace_hash(&self, record: &Record, hash: &str) -> Result<(), Error> {
        sqlx::query("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
            .bind(&record.user.id)
            .bind(&record.password_hash)
            .bind(hash)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    async fn begin_session(&self, id: &str) -> Result<Login, Error> {
        let record = self.record(id).await?.ok_or(Error::NoSuchUser)?;
        self.session(record, self.now()).await
    }
}

/// What a password must be: long enough, not longer than anybody types, not what everybody would try first.
pub(crate) fn check_password(password: &Secret, name: &UserName) -> Result<(), Error> {
    let characters = password.reveal().chars().count();
    if !PASSWORD_CHARS.contains(&characters) {
        let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
        return Err(Error::invalid("password", format!("must have {least} to {most} characters")));
    }
    if password.reveal().eq_ignore_ascii_case(name.as_str()) {
        return Err(Error::invalid("password", "must not be the name"));
    }
    Ok(())
}
