//! A user, as the database keeps one.

use std::{fmt, str::FromStr};

use highwater_metadata::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::{error::Error, user_name::UserName};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read everything, and change what is one's own.
    User,
    /// Everything.
    Admin,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Role, Error> {
        match text {
            "user" => Ok(Role::User),
            "admin" => Ok(Role::Admin),
            _ => Err(Error::invalid("role", "is user or admin")),
        }
    }
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Given by the store.
    pub id: String,
    /// Unique.
    pub name: UserName,
    /// Where to write to.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether they may do it now.
    pub active: bool,
    /// Whether somebody else made the password.
    pub must_change_password: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When somebody last logged in.
    pub last_login_at: Option<Timestamp>,
}

/// A user, and what nobody outside needs to see.
pub(crate) struct Record {
    pub(crate) user: User,
    pub(crate) password_hash: String,
    /// Grows with each change after which earlier access tokens are not taken.
    pub(crate) generation: i64,
}

impl Record {
    pub(crate) fn read(row: &AnyRow) -> Result<Record, Error> {
        Ok(Record {
            user: User::read(row)?,
            password_hash: row.try_get("password_hash")?,
            generation: row.try_get("generation")?,
        })
    }
}

impl User {
    pub(crate) fn read(row: &AnyRow) -> Result<User, Error> {
        let (name, role): (String, String) = (row.try_get("name")?, row.try_get("role")?);
        Ok(User {
            id: row.try_get("id")?,
            name: name.parse().map_err(|_| Error::stored("the name of a user is not one"))?,
            email: row.try_get("email")?,
            role: role.parse().map_err(|_| Error::stored("the role of a user is not one"))?,
            active: row.try_get::<i64, _>("active")? != 0,
            must_change_password: row.try_get::<i64, _>("must_change_password")? != 0,
            created_at: time(row.try_get("created_at")?)?,
            updated_at: time(row.try_get("updated_at")?)?,
            last_login_at: row.try_get::<Option<i64>, _>("last_login_at")?.map(time).transpose()?,
        })
    }
}
