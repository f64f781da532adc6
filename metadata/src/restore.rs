//! From a backup into a database, whole or not at all.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use sqlx::{
    Any, AssertSqlSafe, Column, Executor, SqlSafeStr, Statement,
    any::{AnyArguments, AnyTypeInfoKind},
    query::Query,
};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
};

use crate::{
    database::{Database, Transaction},
    dump::{BackupError, Checksum, FORMAT, Head, Line, MAX_LINE_BYTES, Summary},
    migrations::{self, PROGRESS, TABLES},
};

/// What becomes of rows that a database has before a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// If there are any, nothing is restored.
    Refuse,
    /// They go; what is in the backup is all that is there afterwards.
    Replace,
}

impl Database {
    /// Fills the database from a backup of either kind, of this version or an older one. Nobody else should use the
    /// database meanwhile.
    ///
    /// All of it is one transaction: a file that is damaged, or cut short, leaves the database as it was.
    pub async fn restore(&self, path: &Path, existing: Existing) -> Result<Summary, BackupError> {
        let mut reader = Reader::open(path).await?;
        let head = reader.head().await?;
        let mut transaction = self.begin().await?;
        if existing == Existing::Refuse {
            refuse_rows(self, &mut transaction).await?;
        }
        // The tables as they were when the backup was made, then its rows, then what newer versions change of both.
        drop_tables(&mut transaction).await?;
        migrations::up_to(head.tables, self, &mut transaction).await?;
        let rows = insert_rows(&mut reader, &mut transaction).await?;
        migrations::up_to(migrations::known(), self, &mut transaction).await?;
        transaction.commit().await?;
        Ok(Summary { rows, tables_version: head.tables })
    }
}

async fn refuse_rows(database: &Database, transaction: &mut Transaction) -> Result<(), BackupError> {
    for table in TABLES {
        let probe = AssertSqlSafe(format!("SELECT 1 FROM {table} LIMIT 1"));
        if sqlx::query(probe).fetch_optional(&mut **transaction).await?.is_some() {
            return Err(BackupError::NotEmpty { database: database.to_string(), table });
        }
    }
    Ok(())
}

async fn drop_tables(transaction: &mut Transaction) -> Result<(), BackupError> {
    for table in TABLES.iter().rev().chain([&PROGRESS]) {
        transaction.execute(AssertSqlSafe(format!("DROP TABLE IF EXISTS {table}"))).await?;
    }
    Ok(())
}

async fn insert_rows(reader: &mut Reader, transaction: &mut Transaction) -> Result<u64, BackupError> {
    let mut tables: HashMap<&'static str, Table> = HashMap::new();
    let mut rows = 0;
    while let Some((table, row)) = reader.row(rows).await? {
        let Some(name) = TABLES.iter().find(|known| **known == table) else {
            return Err(reader.damaged(format!("there is no table {table:?}")));
        };
        let table = match tables.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Table::look_up(name, transaction).await?),
        };
        let insert = table.insert(row).map_err(|what| reader.damaged(what))?;
        insert.execute(&mut **transaction).await?;
        rows += 1;
    }
    Ok(rows)
}

/// A table that is filled.
struct Table {
    name: &'static str,
    columns: HashMap<String, AnyTypeInfoKind>,
}

impl Table {
    async fn look_up(name: &'static str, transaction: &mut Transaction) -> Result<Table, BackupError> {
        let statement = transaction.prepare(AssertSqlSafe(format!("SELECT * FROM {name}")).into_sql_str()).await?;
        let columns = statement.columns().iter();
        let columns = columns.map(|column| (column.name().to_owned(), column.type_info().kind())).collect();
        Ok(Table { name, columns })
    }

    /// Only names of columns that the table has become part of the statement.
    fn insert(&self, row: Map<String, Value>) -> Result<Query<'static, Any, AnyArguments>, String> {
        let columns: Vec<&str> = row.keys().map(String::as_str).collect();
        if let Some(unknown) = columns.iter().find(|column| !self.columns.contains_key(**column)) {
            return Err(format!("table {} has no column {unknown:?}", self.name));
        }
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
        let statement = format!("INSERT INTO {} ({}) VALUES ({})", self.name, columns.join(", "), places.join(", "));
        let mut insert = sqlx::query(AssertSqlSafe(statement));
        for (column, value) in row {
            insert = bind(insert, self.columns[&column], value)
                .ok_or_else(|| format!("what {}.{column} should be is of another type", self.name))?;
        }
        Ok(insert)
    }
}

fn bind(
    insert: Query<'static, Any, AnyArguments>,
    kind: AnyTypeInfoKind,
    value: Value,
) -> Option<Query<'static, Any, AnyArguments>> {
    use AnyTypeInfoKind::{BigInt, Double, Integer, Real, SmallInt, Text};
    Some(match (kind, value) {
        (Text, Value::String(text)) => insert.bind(text),
        (Text, Value::Null) => insert.bind(None::<String>),
        (SmallInt | Integer | BigInt, Value::Number(number)) => insert.bind(number.as_i64()?),
        (SmallInt | Integer | BigInt, Value::Null) => insert.bind(None::<i64>),
        (Real | Double, Value::Number(number)) => insert.bind(number.as_f64()?),
        (Real | Double, Value::Null) => insert.bind(None::<f64>),
        _ => return None,
    })
}

/// Lines out of a file.
struct Reader {
    path: PathBuf,
    from: BufReader<File>,
    line: u64,
    checksum: Checksum,
}

impl Reader {
    async fn open(path: &Path) -> Result<Reader, BackupError> {
        let file = File::open(path).await.map_err(BackupError::io(path))?;
        Ok(Reader { path: path.to_owned(), from: BufReader::new(file), line: 0, checksum: Checksum::default() })
    }

    async fn head(&mut self) -> Result<Head, BackupError> {
        let bytes = self.bytes().await?;
        let head: Head = serde_json::from_slice(&bytes)
            .map_err(|_| self.damaged("it does not begin as a backup of Highwater does".into()))?;
        self.checksum.take(&bytes);
        let known = migrations::known();
        if head.highwater_backup != FORMAT || head.tables > known {
            return Err(BackupError::Newer { path: self.path.clone(), found: head.tables, known });
        }
        if head.tables < 1 {
            return Err(self.damaged(format!("no tables are of version {}", head.tables)));
        }
        Ok(head)
    }

    /// The next row and its table; nothing once the end says that `read` rows are all, and what they are.
    async fn row(&mut self, read: u64) -> Result<Option<(String, Map<String, Value>)>, BackupError> {
        let bytes = self.bytes().await?;
        match serde_json::from_slice(&bytes) {
            Ok(Line::Row { table, row }) => {
                self.checksum.take(&bytes);
                Ok(Some((table, row)))
            }
            Ok(Line::End { rows, sha256 }) => {
                // no checksum covers this line itself
                let end = serde_json::to_vec(&Line::End { rows, sha256: sha256.clone() });
                let is_as_written = end.is_ok_and(|end| bytes.strip_suffix(b"\n") == Some(&end[..]));
                if rows != read || sha256 != self.checksum.text() || !is_as_written {
                    return Err(self.damaged("the checksum is that of something else".into()));
                }
                match self.from.fill_buf().await.map_err(BackupError::io(&self.path))? {
                    [] => Ok(None),
                    _ => Err(self.damaged("something follows its end".into())),
                }
            }
            Err(_) => Err(self.damaged("it is neither a row nor the end".into())),
        }
    }

    async fn bytes(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.from).take(MAX_LINE_BYTES as u64);
        bounded.read_until(b'\n', &mut bytes).await.map_err(BackupError::io(&self.path))?;
        self.line += 1;
        match bytes.last() {
            Some(b'\n') => Ok(bytes),
            _ if bytes.len() == MAX_LINE_BYTES => Err(self.damaged(format!("longer than {MAX_LINE_BYTES} bytes"))),
            _ => Err(self.damaged("it ends early".into())),
        }
    }

    fn damaged(&self, what: String) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), line: self.line, what }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{address::DatabaseUrl, on_each_kind};

    on_each_kind!(a_backup_of_any_older_version_is_restored_and_brought_up_to_date);

    async fn a_backup_of_any_older_version_is_restored_and_brought_up_to_date(url: DatabaseUrl) {
        let database = Database::open(&url).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        for tables in 1..=migrations::known() {
            let path = folder.path().join(tables.to_string());
            std::fs::write(&path, older_backup(tables)).unwrap();
            let summary = database.restore(&path, Existing::Replace).await.unwrap();
            assert_eq!(summary, Summary { rows: 1, tables_version: tables });
            let settings = crate::Settings::new(database.clone());
            assert_eq!(settings.get("theme").await.unwrap(), Some(json!("dark")));
            let reopened = Database::open(&url).await.unwrap();
            let (done,): (i64,) =
                sqlx::query_as("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(reopened.pool()).await.unwrap();
            assert_eq!(done, migrations::known());
            reopened.close().await;
        }
    }

    fn older_backup(tables: i64) -> String {
        let head = json!({ "highwater_backup": FORMAT, "tables": tables, "made_at": "2026-01-01T00:00:00Z" });
        let row = json!({ "table": "settings", "row": { "name": "theme", "value": "\"dark\"", "updated_at": 0 } });
        let body = format!("{head}\n{row}\n");
        let mut checksum = Checksum::default();
        checksum.take(body.as_bytes());
        format!("{body}{}\n", json!({ "rows": 1, "sha256": checksum.text() }))
    }
}
