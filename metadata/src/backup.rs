//! A backup, while the database is in use.

use std::path::Path;

use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::{Map, Number, Value};
use sqlx::{
    AssertSqlSafe, Column, Row, TypeInfo, ValueRef,
    any::{AnyRow, AnyTypeInfoKind},
};
use tempfile::NamedTempFile;
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
};

use crate::{
    database::Database,
    dump::{BackupError, Checksum, FORMAT, Head, Line, Summary},
    error::Error,
    migrations::{self, TABLES},
};

const BUFFER_BYTES: usize = 256 << 10;

impl Database {
    /// Writes all that the database holds to a new file, as of one instant, while others go on using the database.
    ///
    /// The file appears whole or not at all, for its owner's eyes only: it holds the hashes of passwords and the keys
    /// that sign access tokens. Either kind of database can be filled from it.
    pub async fn backup(&self, path: &Path) -> Result<Summary, BackupError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(BackupError::io(path))?;
        let handle = file.as_file().try_clone().map_err(BackupError::io(path))?;
        let mut writer = Writer::new(path, handle);
        let summary = self.write_all(&mut writer).await?;
        writer.sync().await?;
        file.persist_noclobber(path).map_err(|error| BackupError::io(path)(error.error))?;
        let folder = File::open(folder).await.map_err(BackupError::io(path))?;
        folder.sync_all().await.map_err(BackupError::io(path))?;
        Ok(summary)
    }

    async fn write_all(&self, writer: &mut Writer<'_>) -> Result<Summary, BackupError> {
        let tables_version = migrations::known();
        let head = Head { highwater_backup: FORMAT, tables: tables_version, made_at: self.now().to_string() };
        writer.write(&head).await?;
        let mut transaction = self.begin_to_read().await?;
        let mut rows = 0;
        for table in TABLES {
            // A name of this program's own.
            let mut found = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch(&mut *transaction);
            while let Some(row) = found.try_next().await? {
                writer.write(&Line::Row { table: (*table).to_owned(), row: cells(table, &row)? }).await?;
                rows += 1;
            }
        }
        let sha256 = writer.checksum.text();
        writer.write(&Line::End { rows, sha256 }).await?;
        Ok(Summary { rows, tables_version })
    }
}

fn cells(table: &str, row: &AnyRow) -> Result<Map<String, Value>, Error> {
    row.columns().iter().map(|column| Ok((column.name().to_owned(), cell(table, row, column.name())?))).collect()
}

fn cell(table: &str, row: &AnyRow, column: &str) -> Result<Value, Error> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().kind();
    match kind {
        AnyTypeInfoKind::Text => Ok(Value::String(row.try_get(column)?)),
        AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
            Ok(Value::from(row.try_get::<i64, _>(column)?))
        }
        AnyTypeInfoKind::Real | AnyTypeInfoKind::Double => {
            let number: f64 = row.try_get(column)?;
            Number::from_f64(number)
                .map(Value::Number)
                .ok_or_else(|| Error::Stored(format!("{table}.{column} holds {number}, which JSON has no word for")))
        }
        _ => Err(Error::Stored(format!(
            "{table}.{column} is of a type that no backup holds: {}",
            raw.type_info().name()
        ))),
    }
}

/// Lines on their way to a file.
struct Writer<'a> {
    path: &'a Path,
    to: BufWriter<File>,
    checksum: Checksum,
}

impl Writer<'_> {
    fn new(path: &Path, file: std::fs::File) -> Writer<'_> {
        Writer { path, to: BufWriter::with_capacity(BUFFER_BYTES, File::from_std(file)), checksum: Checksum::default() }
    }

    async fn write(&mut self, line: &impl Serialize) -> Result<(), BackupError> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| BackupError::io(self.path)(error.into()))?;
        bytes.push(b'\n');
        self.checksum.take(&bytes);
        self.to.write_all(&bytes).await.map_err(BackupError::io(self.path))
    }

    async fn sync(&mut self) -> Result<(), BackupError> {
        self.to.flush().await.map_err(BackupError::io(self.path))?;
        self.to.get_ref().sync_all().await.map_err(BackupError::io(self.path))
    }
}
