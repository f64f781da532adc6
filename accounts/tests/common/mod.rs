//! What the tests of several files need.
#![allow(dead_code, reason = "no file needs all of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use highwater_accounts::{AccountSettings, Accounts, NewUser, Role, Secret, User};
use highwater_metadata::{Clock, Database, DatabaseUrl};
use jiff::Timestamp;

/// A clock that stands until it is told to go on.
#[derive(Clone)]
pub(crate) struct Stopped(Arc<AtomicI64>);

impl Stopped {
    pub(crate) fn new() -> Stopped {
        Stopped(Arc::new(AtomicI64::new(1_800_000_000)))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

pub(crate) fn settings() -> AccountSettings {
    AccountSettings {
        session: Duration::from_secs(30 * 60),
        longest_session: Duration::from_secs(8 * 3600),
        key_life: Duration::from_secs(24 * 3600),
        tokens_per_user: 5,
    }
}

pub(crate) async fn open(url: &DatabaseUrl, clock: &Stopped) -> Accounts {
    let clock = clock.clone();
    let database = Database::open(url).await.unwrap().with_clock(Clock::new(move || clock.now()));
    Accounts::open(database, settings()).await.unwrap()
}

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

pub(crate) async fn user(accounts: &Accounts, name: &str, role: Role) -> User {
    let new = NewUser { name: name.parse().unwrap(), email: None, password: secret(PASSWORD) };
    accounts.create_user(new, role).await.unwrap()
}

/// All that a database holds, as text.
pub(crate) async fn dump(url: &DatabaseUrl) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let database = Database::open(url).await.unwrap();
    database.backup(&path).await.unwrap();
    database.close().await;
    std::fs::read_to_string(&path).unwrap()
}

pub(crate) const HOSTILE: &[&str] = &[
    "'; DROP TABLE users; --",
    "admin' --",
    "\" OR \"\"=\"",
    "$1",
    "%",
    "",
    " admin",
    "a\0b",
    "hw_'",
    "аdmin", // the first letter is Cyrillic
    "../../etc/passwd",
];
