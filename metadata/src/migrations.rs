//! The tables, version by version.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{
    database::{Database, Transaction},
    error::Error,
};

/// A number, a name and its statements. The numbers grow by one.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "base", include_str!("../migrations/0001_base.sql")),
    (2, "alerting", include_str!("../migrations/0002_alerting.sql")),
    (3, "own_secrets", include_str!("../migrations/0003_own_secrets.sql")),
];

/// All tables but the migrator's own, each after those it refers to.
pub(crate) const TABLES: &[&str] = &[
    "users",
    "api_tokens",
    "signing_keys",
    "audit",
    "saved_searches",
    "settings",
    "rules",
    "silences",
    "alerts",
    "alert_transitions",
    "alerting_progress",
    "receivers",
    "notice_groups",
    "notices",
    "dead_letters",
    "own_secrets",
];

/// The migrator's own, which says what was done already.
pub(crate) const PROGRESS: &str = "_sqlx_migrations";

/// The version this program's tables have.
pub(crate) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// Brings the tables to this program's version, in one transaction: all steps or none, and one process at a time.
pub(crate) async fn run(database: &Database) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    up_to(known(), database, &mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// The steps up to a version that were not done yet, as part of a transaction.
pub(crate) async fn up_to(version: i64, database: &Database, transaction: &mut Transaction) -> Result<(), Error> {
    // not `run_to`: what that makes of a connection is not `Send`
    let ran = migrator().run_direct(Some(version), &mut **transaction, false).await;
    ran.map_err(|cause| explain(database, cause))
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|&(version, name, statements)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, statements.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_locking(false); // the transaction is the lock, on both kinds
    migrator
}

fn explain(database: &Database, cause: MigrateError) -> Error {
    let name = database.to_string();
    match cause {
        MigrateError::VersionMissing(found) if found > known() => {
            Error::Newer { database: name, found, known: known() }
        }
        cause => Error::Migrate { database: name, cause: Box::new(cause) },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        address::{DatabaseUrl, Kind},
        on_each_kind,
    };

    on_each_kind!(all_tables_are_backed_up);

    async fn all_tables_are_backed_up(url: DatabaseUrl) {
        let database = Database::open(&url).await.unwrap();
        let statement = match database.kind() {
            Kind::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            Kind::Postgres => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
            }
        };
        let there: Vec<(String,)> = sqlx::query_as(statement).fetch_all(database.pool()).await.unwrap();
        let there: BTreeSet<&str> = there.iter().map(|(name,)| name.as_str()).collect();
        assert_eq!(there, TABLES.iter().copied().chain([PROGRESS]).collect());
    }

    #[test]
    fn versions_follow_one_another() {
        assert!(MIGRATIONS.iter().map(|(version, ..)| *version).eq(1..=known()));
    }
}
