//! What may go wrong with the metadata store. No text of an error holds a password.

use std::{io, path::PathBuf};

use crate::address::UrlError;

/// Why the metadata store cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one.
    #[error("metadata database: {0}")]
    Url(#[from] UrlError),
    /// The database cannot be reached or opened.
    #[error("metadata database {database}: cannot be opened: {cause}")]
    Open {
        /// Where it is, without the password.
        database: String,
        /// What the database said.
        #[source]
        cause: sqlx::Error,
    },
    /// The file cannot be made.
    #[error("metadata database {}: cannot be made: {cause}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A newer version of the program wrote the database.
    #[error(
        "metadata database {database}: its tables are of version {found}, and this program knows versions up to {known}; \
         run the version that wrote it or a newer one, or restore a backup made before the upgrade into an empty database"
    )]
    Newer {
        /// Where it is, without the password.
        database: String,
        /// What the database says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// The tables cannot be brought to this program's version.
    #[error("metadata database {database}: its tables cannot be brought up to date: {cause}")]
    Migrate {
        /// Where it is, without the password.
        database: String,
        /// Which step failed and why.
        #[source]
        cause: Box<sqlx::migrate::MigrateError>,
    },
    /// A statement failed.
    #[error("metadata database: {0}")]
    Query(#[from] sqlx::Error),
    /// The database holds what this program would not have written.
    #[error("metadata database: {0}")]
    Stored(String),
    /// What is given is not taken.
    #[error("{field}: {problem}")]
    Invalid {
        /// Of what is given.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The name belongs to something else already.
    #[error("name: {0:?} is taken")]
    Taken(String),
    /// No more are kept.
    #[error("{what}: no more than {most} are kept; delete some first")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        most: i64,
    },
    /// The machine gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

impl Error {
    pub(crate) fn invalid(field: &'static str, problem: String) -> Error {
        Error::Invalid { field, problem }
    }

    /// What a statement failed for, which may be that another row has the name.
    pub(crate) fn or_taken(error: sqlx::Error, name: &str) -> Error {
        match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => Error::Taken(name.to_owned()),
            _ => Error::Query(error),
        }
    }
}
