//! The accounts in a database.

use std::time::Duration;

use highwater_metadata::Database;

use crate::{error::Error, hash::Hasher, hs256, secret::Secret};

/// How long things are taken, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// For how long an access token is taken. While it is, it can be renewed.
    pub session: Duration,
    /// For how long it can be renewed: then its user logs in again.
    pub longest_session: Duration,
    /// For how long a key signs access tokens before another one does.
    pub key_life: Duration,
    /// How many API tokens one user may have.
    pub tokens_per_user: u32,
}

impl Default for AccountSettings {
    /// 30 minutes, 12 hours, 30 days, 100 tokens.
    fn default() -> AccountSettings {
        AccountSettings {
            session: Duration::from_secs(30 * 60),
            longest_session: Duration::from_secs(12 * 3600),
            key_life: Duration::from_secs(30 * 24 * 3600),
            tokens_per_user: 100,
        }
    }
}

/// The accounts in a database. Clones are the same accounts.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use highwater_accounts::{AccountSettings, Accounts, Action, NewUser, Role, Secret, allows};
/// use highwater_metadata::Database;
///
/// let database = Database::open(&"sqlite::memory:".parse()?).await?;
/// let accounts = Accounts::open(database, AccountSettings::default()).await?;
///
/// let password = Secret::from("correct horse battery".to_owned());
/// let ada = NewUser { name: "ada".parse()?, email: None, password: password.clone() };
/// accounts.create_user(ada, Role::User).await?;
///
/// let login = accounts.login("ada", &password).await?;
/// let identity = accounts.authenticate(login.access_token.reveal()).await?;
/// assert_eq!(identity.name.as_str(), "ada");
/// assert!(allows(&identity, Action::Read).is_ok());
/// assert!(allows(&identity, Action::Administer).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(crate) database: Database,
    pub(crate) settings: AccountSettings,
    pub(crate) hasher: Hasher,
    /// What the password of a user who is not there is compared with, so that it takes as long as with one who is.
    pub(crate) decoy: String,
}

impl Accounts {
    /// Those of this database.
    pub async fn open(database: Database, settings: AccountSettings) -> Result<Accounts, Error> {
        hs256::install();
        let hasher = Hasher::new()?;
        let decoy = hasher.hash(&Secret::password()?).await?;
        Ok(Accounts { database, settings, hasher, decoy })
    }

    pub(crate) fn now(&self) -> i64 {
        self.database.now().as_microsecond()
    }
}

/// Durations as the database counts them.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
