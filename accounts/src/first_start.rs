//! The first start: somebody has to be able to log in.

use crate::{
    accounts::Accounts,
    error::Error,
    secret::Secret,
    user::{Role, User},
    users::NewUser,
};

/// The first user, who must change this password at the first login.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    /// Called `admin`.
    pub user: User,
    /// For whoever started the program, once; it is kept nowhere.
    pub password: Secret,
}

impl Accounts {
    /// Makes an administrator where there is no user at all. Of several processes that start at once, one does.
    pub async fn ensure_admin(&self) -> Result<Option<FirstAdmin>, Error> {
        if self.has_users().await? {
            return Ok(None);
        }
        let password = Secret::password()?;
        let hash = self.hasher.hash(&password).await?;
        let mut transaction = self.database.begin().await?;
        let (users,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM users").fetch_one(&mut *transaction).await?;
        if users > 0 {
            return Ok(None);
        }
        let new = NewUser { name: "admin".parse()?, email: None, password: password.clone() };
        let user = self.insert(&mut transaction, &new, &hash, Role::Admin, true).await?;
        transaction.commit().await?;
        Ok(Some(FirstAdmin { user, password }))
    }

    async fn has_users(&self) -> Result<bool, Error> {
        let found = sqlx::query("SELECT 1 FROM users LIMIT 1").fetch_optional(self.database.pool()).await?;
        Ok(found.is_some())
    }
}
