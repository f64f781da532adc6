//! The tables, version by version.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{database::Database, error::Error};

/// A number, a name and its statements. The numbers grow by one.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "base", include_str!("../migrations/0001_base.sql")),
    (2, "alerting", include_str!("../migrations/0002_alerting.sql")),
];

/// The version this program's tables have.
pub(crate) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// Brings the tables to this program's version, in one transaction: all steps or none, and one process at a time.
pub(crate) async fn run(database: &Database) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    let ran = migrator().run(&mut *transaction).await;
    ran.map_err(|cause| explain(database, cause))?;
    transaction.commit().await?;
    Ok(())
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
