//! Making, finding and changing users.

use highwater_metadata::{Transaction, is_id, new_id};
use sqlx::Executor;

use crate::{
    accounts::Accounts,
    error::Error,
    login::check_password,
    secret::Secret,
    user::{Record, Role, User},
    user_name::UserName,
};

const MAX_EMAIL_BYTES: usize = 254;

/// Who is to become a user.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique.
    pub name: UserName,
    /// Where to write to.
    pub email: Option<String>,
    /// Of their own choice: 12 to 128 characters, and not the name.
    pub password: Secret,
}

impl Accounts {
    /// Makes a user.
    pub async fn create_user(&self, new: NewUser, role: Role) -> Result<User, Error> {
        check_email(new.email.as_deref())?;
        check_password(&new.password, &new.name)?;
        let hash = self.hasher.hash(&new.password).await?;
        let mut transaction = self.database.begin().await?;
        let user = self.insert(&mut transaction, &new, &hash, role, false).await?;
        transaction.commit().await?;
        Ok(user)
    }

    pub(crate) async fn insert(
        &self,
        transaction: &mut Transaction,
        new: &NewUser,
        password_hash: &str,
        role: Role,
        must_change_password: bool,
    ) -> Result<User, Error> {
        let row = sqlx::query(
            "INSERT INTO users (id, name, email, role, active, password_hash, must_change_password, generation,
             created_at, updated_at, last_login_at) VALUES ($1, $2, $3, $4, 1, $5, $6, 0, $7, $7, NULL) RETURNING *",
        )
        .bind(new_id()?)
        .bind(new.name.as_str())
        .bind(&new.email)
        .bind(role.as_str())
        .bind(password_hash)
        .bind(i64::from(must_change_password))
        .bind(self.now())
        .fetch_one(&mut **transaction)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => Error::NameTaken,
            _ => error.into(),
        })?;
        User::read(&row)
    }

    /// One of them.
    pub async fn user(&self, id: &str) -> Result<Option<User>, Error> {
        Ok(self.record(id).await?.map(|record| record.user))
    }

    /// One of them, by name.
    pub async fn user_named(&self, name: &UserName) -> Result<Option<User>, Error> {
        Ok(self.record_named(name).await?.map(|record| record.user))
    }

    pub(crate) async fn record(&self, id: &str) -> Result<Option<Record>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        record(self.database.pool(), id).await
    }

    pub(crate) async fn record_named(&self, name: &UserName) -> Result<Option<Record>, Error> {
        let row = sqlx::query("SELECT * FROM users WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(self.database.pool())
            .await?;
        row.as_ref().map(Record::read).transpose()
    }

    /// Users by name, beginning after this one.
    pub async fn users(&self, after: Option<&UserName>, limit: u32) -> Result<Vec<User>, Error> {
        let rows = sqlx::query("SELECT * FROM users WHERE name > $1 ORDER BY name LIMIT $2")
            .bind(after.map_or("", UserName::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(User::read).collect()
    }

    /// Gives a user another e-mail address, or none.
    pub async fn set_email(&self, id: &str, email: Option<&str>) -> Result<User, Error> {
        check_email(email)?;
        self.change(id, |user| user.email = email.map(str::to_owned)).await
    }

    /// Gives a user another role, at once: their access tokens go with the old one.
    pub async fn set_role(&self, id: &str, role: Role) -> Result<User, Error> {
        self.change(id, |user| user.role = role).await
    }

    /// Lets a user in, or in no more: from then on none of their tokens is taken, of either kind. API tokens are again
    /// once the user is active.
    pub async fn set_active(&self, id: &str, active: bool) -> Result<User, Error> {
        self.change(id, |user| user.active = active).await
    }

    /// Ends all sessions of a user: no access token that was made before is taken any more.
    pub async fn end_sessions(&self, id: &str) -> Result<(), Error> {
        if !is_id(id) {
            return Err(Error::NoSuchUser);
        }
        let done = sqlx::query("UPDATE users SET generation = generation + 1 WHERE id = $1")
            .bind(id)
            .execute(self.database.pool())
            .await?;
        if done.rows_affected() == 0 { Err(Error::NoSuchUser) } else { Ok(()) }
    }

    async fn change(&self, id: &str, how: impl FnOnce(&mut User)) -> Result<User, Error> {
        if !is_id(id) {
            return Err(Error::NoSuchUser);
        }
        let mut transaction = self.database.begin().await?;
        let before = record(&mut *transaction, id).await?.ok_or(Error::NoSuchUser)?;
        let mut user = before.user.clone();
        how(&mut user);
        let may_administer = |user: &User| user.role == Role::Admin && user.active;
        if may_administer(&before.user) && !may_administer(&user) && admins(&mut transaction).await? == 1 {
            return Err(Error::LastAdmin);
        }
        let ends_sessions = (before.user.role, before.user.active) != (user.role, user.active);
        user.updated_at = self.database.now();
        sqlx::query(
            "UPDATE users SET email = $2, role = $3, active = $4, generation = $5, updated_at = $6 WHERE id = $1",
        )
        .bind(id)
        .bind(&user.email)
        .bind(user.role.as_str())
        .bind(i64::from(user.active))
        .bind(before.generation + i64::from(ends_sessions))
        .bind(user.updated_at.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(user)
    }
}

async fn record<'c>(executor: impl Executor<'c, Database = sqlx::Any>, id: &str) -> Result<Option<Record>, Error> {
    let row = sqlx::query("SELECT * FROM users WHERE id = $1").bind(id).fetch_optional(executor).await?;
    row.as_ref().map(Record::read).transpose()
}

async fn admins(transaction: &mut Transaction) -> Result<i64, Error> {
    let (admins,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM users WHERE role = 'admin' AND active = 1")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(admins)
}

/// Enough to tell an address from a slip of the hand; whether it works only a letter to it can tell.
fn check_email(email: Option<&str>) -> Result<(), Error> {
    let Some(email) = email else { return Ok(()) };
    let sound = email.len() <= MAX_EMAIL_BYTES
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email
            .split_once('@')
            .is_some_and(|(who, place)| !who.is_empty() && !place.is_empty() && !place.contains('@'));
    if sound { Ok(()) } else { Err(Error::invalid("email", "is not an e-mail address")) }
}
