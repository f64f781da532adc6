//! `highwater backup`, `restore` and `forget-secrets`: what people made, to a file and back, and without its secrets.

use anyhow::{Context, bail};
use highwater_metadata::{Database, Existing};

use crate::{
    cli,
    config::{self, Config},
    office::vault,
    status,
};

/// Writes the metadata store to a file.
///
/// # Errors
/// Where there is no store, or the file cannot be written.
pub(crate) fn backup(arguments: &cli::Backup) -> anyhow::Result<()> {
    let config = config::load(&arguments.config, &arguments.common)?;
    let (summary, is_sealed) = with(&config, async |database| {
        Ok((database.backup(&arguments.to).await?, database.sealed_by().await?.is_some()))
    })?;
    status::say(&format!("{} rows are in {}", summary.rows, arguments.to.display()));
    if let Some(keys) = config.keys().filter(|_| is_sealed) {
        status::say(&format!(
            "the key that secrets in it are sealed by is not: keep a copy of {} elsewhere",
            keys.shown()
        ));
    }
    Ok(())
}

/// Fills the metadata store from a file.
///
/// # Errors
/// Where the file is damaged, or the store has something in it that nobody said may go.
pub(crate) fn restore(arguments: &cli::Restore) -> anyhow::Result<()> {
    let config = config::load(&arguments.config, &arguments.common)?;
    let existing = if arguments.replace { Existing::Replace } else { Existing::Refuse };
    let (summary, opened) = with(&config, async |database| {
        let restored = database.restore(&arguments.from, existing).await.context("--replace lets what is there go")?;
        Ok((restored, vault(&config, database).await))
    })?;
    status::say(&format!("{} rows are restored from {}", summary.rows, arguments.from.display()));
    if let Err(error) = opened {
        status::say(&format!("before the job can start: {error:#}"));
    }
    Ok(())
}

/// Lets go of the secrets of the metadata store: where the key that they are sealed by is gone.
///
/// # Errors
/// Where there is no store, or it fails.
pub(crate) fn forget_secrets(arguments: &cli::ForgetSecrets) -> anyhow::Result<()> {
    let config = config::load(&arguments.config, &arguments.common)?;
    let forgotten = with(&config, async |database| Ok(database.forget_secrets().await?))?;
    status::say(&format!("{forgotten} sealed texts are gone: give rules the configuration of their channels again"));
    Ok(())
}

fn with<T>(config: &Config, act: impl AsyncFnOnce(&Database) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let url = config.database();
    if config.metadata.url.is_none() && config.state.is_none() {
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
