//! Settings that people change while the program runs: a name, and any JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    database::Database,
    error::Error,
    text::{check_name, check_text},
};

/// The longest value of a setting, as text.
pub const MAX_SETTING_BYTES: usize = 64 << 10;

/// The settings in a database.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use highwater_metadata::{Database, Settings};
///
/// let settings = Settings::new(Database::open(&"sqlite::memory:".parse()?).await?);
/// settings.set("retention", &serde_json::json!({"days": 7})).await?;
/// assert_eq!(settings.get("retention").await?, Some(serde_json::json!({"days": 7})));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    database: Database,
}

impl Settings {
    /// Those of this database.
    pub fn new(database: Database) -> Settings {
        Settings { database }
    }

    /// One of them, if it was ever set.
    pub async fn get(&self, name: &str) -> Result<Option<Value>, Error> {
        check_text("name", name)?;
        let value: Option<(String,)> = sqlx::query_as("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(self.database.pool())
            .await?;
        value.map(|(text,)| parse(name, &text)).transpose()
    }

    /// All of them.
    pub async fn all(&self) -> Result<BTreeMap<String, Value>, Error> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT name, value FROM settings").fetch_all(self.database.pool()).await?;
        rows.into_iter()
            .map(|(name, text)| {
                let value = parse(&name, &text)?;
                Ok((name, value))
            })
            .collect()
    }

    /// Sets one, whatever it was.
    pub async fn set(&self, name: &str, value: &Value) -> Result<(), Error> {
        check_name(name)?;
        let text = value.to_string();
        if text.len() > MAX_SETTING_BYTES {
            return Err(Error::invalid("value", format!("longer than {MAX_SETTING_BYTES} bytes")));
        }
        sqlx::query(
            "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        )
        .bind(name)
        .bind(text)
        .bind(self.database.now().as_microsecond())
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// Forgets one. Says whether there was one.
    pub async fn remove(&self, name: &str) -> Result<bool, Error> {
        let done = sqlx::query("DELETE FROM settings WHERE name = $1").bind(name).execute(self.database.pool()).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn parse(name: &str, text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|cause| Error::Stored(format!("setting {name:?} is not JSON: {cause}")))
}
