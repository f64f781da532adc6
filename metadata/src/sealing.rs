//! What of the database is sealed, and how a start sees to it that all of it is.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use sqlx::{AssertSqlSafe, Row};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::{
    database::{Database, Transaction},
    vault::{SEALED, Vault, VaultError, new_key},
};

/// Where the keys are that secrets are sealed by.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// In the configuration or the environment.
    Given(Vault),
    /// In a file, which is made where nothing is sealed yet.
    File(PathBuf),
    /// In this process: for a database that is no more lasting.
    Memory,
}

impl KeySource {
    /// What people call it.
    pub fn shown(&self) -> String {
        match self {
            KeySource::Given(vault) => vault.source().to_owned(),
            KeySource::File(path) => path.display().to_string(),
            KeySource::Memory => "the memory of this process".to_owned(),
        }
    }
}

/// The columns whose texts are sealed, by table. Each row is known by its `id`.
const COLUMNS: [(&str, &str); 3] = [("rules", "config"), ("receivers", "config"), ("own_secrets", "secret")];

impl Database {
    /// The keys for this database: read, or made where it has nothing sealed yet. What is stored in clear, by an older
    /// version, or sealed by an older key, is sealed by the first key.
    ///
    /// # Errors
    /// Where the keys cannot be read, or do not open all that is sealed: then nothing is changed.
    pub async fn vault(&self, source: &KeySource) -> Result<Vault, VaultError> {
        let vault = match source {
            KeySource::Given(vault) => vault.clone(),
            KeySource::Memory => Vault::of_this_process()?,
            KeySource::File(path) => match read_key(path)? {
                Some(text) => Vault::read(&text, &source.shown())?,
                None => match self.sealed_by().await? {
                    None => Vault::read(&make_key(path)?, &source.shown())?,
                    // a new key would hide that the old one is gone
                    Some(id) => return Err(VaultError::Missing { id, source_of_keys: source.shown() }),
                },
            },
        };
        self.seal_all(&vault).await?;
        Ok(vault)
    }

    /// A secret of the program's own by this name, 256 random bits as text: the same for as long as the database is.
    ///
    /// # Errors
    /// Where it cannot be opened, or the database fails.
    pub async fn own_secret(&self, vault: &Vault, name: &str) -> Result<Zeroizing<String>, VaultError> {
        let place = place("own_secrets", "secret", name);
        let mut transaction = self.begin().await?;
        let known = sqlx::query("SELECT secret FROM own_secrets WHERE id = $1").bind(name);
        if let Some(row) = known.fetch_optional(&mut *transaction).await? {
            return vault.open(&place, row.try_get(0)?);
        }
        let secret = new_key()?;
        let insert = sqlx::query("INSERT INTO own_secrets (id, secret) VALUES ($1, $2)").bind(name);
        insert.bind(vault.seal(&place, &secret)?).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(secret)
    }

    /// Lets go of all that is sealed, for where the key is gone. Says of how many rows.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn forget_secrets(&self) -> Result<u64, VaultError> {
        let mut transaction = self.begin().await?;
        let mut forgotten = 0;
        for statement in [
            "UPDATE rules SET config = 'null' WHERE config LIKE 'sealed:%'",
            "UPDATE receivers SET config = 'null' WHERE config LIKE 'sealed:%'",
            "DELETE FROM own_secrets",
        ] {
            forgotten += sqlx::query(statement).execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(forgotten)
    }

    /// The key of something that is sealed, if anything is.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sealed_by(&self) -> Result<Option<String>, VaultError> {
        for (table, column) in COLUMNS {
            // names of this program's own
            let found = format!("SELECT {column} FROM {table} WHERE {column} LIKE '{SEALED}%' LIMIT 1");
            if let Some(row) = sqlx::query(AssertSqlSafe(found)).fetch_optional(self.pool()).await? {
                let sealed: &str = row.try_get(0)?;
                return Ok(sealed.strip_prefix(SEALED).and_then(|rest| rest.split(':').next()).map(str::to_owned));
            }
        }
        Ok(None)
    }

    /// In one transaction: all or nothing.
    async fn seal_all(&self, vault: &Vault) -> Result<(), VaultError> {
        let mut transaction = self.begin().await?;
        for (table, column) in COLUMNS {
            seal_column(&mut transaction, vault, table, column).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn seal_column(
    transaction: &mut Transaction,
    vault: &Vault,
    table: &str,
    column: &str,
) -> Result<(), VaultError> {
    let others = format!("SELECT id, {column} FROM {table} WHERE {column} NOT LIKE $1");
    let others = sqlx::query(AssertSqlSafe(others)).bind(format!("{}%", vault.prefix()));
    for row in others.fetch_all(&mut **transaction).await? {
        let (id, stored): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let place = place(table, column, id);
        let sealed = if stored.starts_with(SEALED) {
            vault.seal(&place, &vault.open(&place, stored)?)?
        } else {
            vault.seal(&place, stored)?
        };
        let update = AssertSqlSafe(format!("UPDATE {table} SET {column} = $2 WHERE id = $1"));
        sqlx::query(update).bind(id).bind(sealed).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// What a secret is sealed for.
pub fn place(table: &str, column: &str, id: &str) -> String {
    format!("{table}.{column}:{id}")
}

fn failed(path: &Path) -> impl Fn(io::Error) -> VaultError + '_ {
    |cause| VaultError::Io { path: path.to_owned(), cause }
}

fn read_key(path: &Path) -> Result<Option<Zeroizing<String>>, VaultError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failed(path)(cause)),
    }
}

/// A new key in a file for its owner alone, which appears whole or not at all.
fn make_key(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let key = new_key()?;
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(key.as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(failed(path))?;
    Ok(key)
}
