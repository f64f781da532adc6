//! `highwater backup` and `highwater restore`: what people made, to a file and back.

use anyhow::{Context, bail};
use highwater_metadata::{Database, Existing};

use crate::{
    cli,
    config::{self, Config},
    status,
};

/// Writes the metadata store to a file.
///
/// # Errors
/// Where there is no store, or the file cannot be written.
pub(crate) fn backup(arguments: &cli::Backup) -> anyhow::Result<()> {
    let config = config::load(&arguments.config, &arguments.common)?;
    let summary = with(&config, async |database| Ok(database.backup(&arguments.to).await?))?;
    status::say(&format!("{} rows are in {}", summary.rows, arguments.to.display()));
    Ok(())
}

/// Fills the metadata store from a file.
///
/// # Errors
/// Where the file is damaged, or the store has something in it that nobody said may go.
pub(crate) fn restore(arguments: &cli::Restore) -> anyhow::Result<()> {
    let config = config::load(&arguments.config, &arguments.common)?;
    let existing = if arguments.replace { Existing::Replace } else { Existing::Refuse };
    let summary = with(&config, async |database| {
        database.restore(&arguments.from, existing).await.context("--replace lets what is there go")
    })?;
    status::say(&format!("{} rows are restored from {}", summary.rows, arguments.from.display()));
    Ok(())
}

fn with<T>(config: &Config, act: impl AsyncFnOnce(&Database) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let url = config.database();
    if config.metadata.is_none() && config.state.is_none() {
        bail!("there is no metadata store that lasts: set [state] path, or [metadata] url");
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a thread")?;
    runtime.block_on(async {
        let database = Database::open(&url).await?;
        let done = act(&database).await;
        database.close().await;
        done
    })
}
