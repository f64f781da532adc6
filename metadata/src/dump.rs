//! What a backup looks like: lines of JSON, which either kind of database can be filled from.
//!
//! The first line says what it is, each one after it holds a row, the last one says that it is whole: how many rows, and
//! the SHA-256 of all bytes before it.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{error::Error, id::hexadecimal};

/// The format of the lines; another one is not read.
pub(crate) const FORMAT: u32 = 1;

/// No line is longer.
pub(crate) const MAX_LINE_BYTES: usize = 16 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) highwater_backup: u32,
    /// The version of the tables.
    pub(crate) tables: i64,
    pub(crate) made_at: String,
}

/// Each line after it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Line {
    Row { table: String, row: Map<String, Value> },
    End { rows: u64, sha256: String },
}

/// What was backed up or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Rows of all tables.
    pub rows: u64,
    /// The version of the tables in the file.
    pub tables_version: i64,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be read or written.
    #[error("backup {}: {cause}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The database has rows already, and nobody said that they may go.
    #[error("metadata database {database}: is not empty: table {table} has rows; a restore would replace all of them")]
    NotEmpty {
        /// Where it is, without the password.
        database: String,
        /// The first table that has.
        table: &'static str,
    },
    /// The file is not what was written.
    #[error("backup {}: damaged at line {line}: {what}; nothing was restored", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A newer version of the program wrote it.
    #[error(
        "backup {}: its tables are of version {found}, and this program knows versions up to {known}; restore it with the \
         version that wrote it or a newer one",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// What it says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

impl BackupError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BackupError {
        let path = path.into();
        move |cause| BackupError::Io { path, cause }
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> BackupError {
        BackupError::Database(error.into())
    }
}

/// The checksum of a file, line by line.
#[derive(Default)]
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn text(&self) -> String {
        hexadecimal(&self.0.clone().finalize())
    }
}
