//! What people make: the metadata store, accounts, and alerting.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::{Context, anyhow, bail};
use highwater_accounts::Accounts;
use highwater_alerting::{Alerting, AlertingSettings, Dispatcher, Feed, RuleDraft};
use highwater_engine::{Name, Sink};
use highwater_metadata::{Database, KeySource, Kind, Vault};
use highwater_operators::catalog;
use highwater_server::{Desk, Server};
use serde::Deserialize;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{config::Config, status};

/// What people make, opened.
pub(crate) struct Office {
    database: Database,
    accounts: Accounts,
    /// process 0's
    alerting: Option<Alarm>,
}

/// Alerting, from rules to notices.
struct Alarm {
    alerting: Alerting,
    feed: Feed,
    dispatcher: Dispatcher,
    feeding: JoinHandle<()>,
}

impl Office {
    /// Opens the store; makes the first user, and says their password; tells the dataflow of the rules as soon as that
    /// runs. None where this process has no store: another process of a cluster has it, in a file.
    ///
    /// # Errors
    /// Where the store cannot be opened, or a rule of the configuration cannot be.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Option<Office>> {
        let url = config.database();
        if !config.is_first() && url.kind() == Kind::Sqlite {
            if config.login_required() && config.listen.is_some() {
                bail!(
                    "[metadata] url: processes beside the first need a PostgreSQL database to know users by, or listen on loopback"
                );
            }
            return Ok(None);
        }
        let database = Database::open(&url).await?;
        let accounts = Accounts::open(database.clone(), config.accounts.settings).await?;
        if config.login_required()
            && let Some(first) = accounts.ensure_admin().await?
        {
            status::say(&format!(
                "The first user is {}, with the password {}\n  \
                 It is shown this once, and must be changed at the first login.\n",
                first.user.name,
                first.password.reveal()
            ));
        }
        let alerting = if config.is_first() { Some(Alarm::new(config, &database).await?) } else { None };
        Ok(Some(Office { database, accounts, alerting }))
    }

    /// What hears of alerts, with the views that it hears of.
    pub(crate) fn sink(&self) -> Option<(Vec<Name>, Box<dyn Sink>)> {
        let alarm = self.alerting.as_ref()?;
        let views = [catalog::ALERTS, catalog::PENDING_ALERTS].map(Name::from).to_vec();
        Some((views, Box::new(alarm.alerting.sink(Handle::current()))))
    }

    /// Lends the server what it offers.
    pub(crate) fn furnish(&self, config: &Config, server: &mut Server) {
        server.accounts = Some(self.accounts.clone());
        server.metadata = Some(self.database.clone());
        if let Some(Alarm { alerting, feed, .. }) = &self.alerting {
            alerting.register_metrics(&mut server.registry);
            let (alerting, feed) = (alerting.clone(), feed.clone());
            let queries = &config.queries;
            server.desk = Some(Desk {
                alerting,
                feed,
                by_host: queries.rules.by_host,
                settings: config.settings.clone(),
                detectors: queries.detectors,
            });
        }
    }

    /// Ends what goes on by itself.
    pub(crate) async fn close(self) {
        if let Some(alarm) = self.alerting {
            alarm.feeding.abort();
            alarm.dispatcher.stop().await;
        }
        self.database.close().await;
    }
}

impl Alarm {
    async fn new(config: &Config, database: &Database) -> anyhow::Result<Alarm> {
        let vault = vault(config, database).await?;
        let alerting = Alerting::open(database.clone(), vault, settings(config)?).await.context("[alerts]")?;
        if let Some(file) = &config.alerts.rules {
            let provisioned = alerting.rules().provision(rules(file)?).await;
            provisioned.with_context(|| format!("[alerts] rules: {}", file.display()))?;
        }
        let feed = alerting.feed(config.queries.rules.input.clone());
        let telling = feed.clone();
        // the answer comes once the dataflow runs
        let feeding = tokio::spawn(async move {
            if let Err(error) = telling.all().await {
                tracing::error!(%error, "the rules are not in force");
            }
        });
        let dispatcher = alerting.dispatch();
        Ok(Alarm { alerting, feed, dispatcher, feeding })
    }
}

/// The keys of the store's secrets, made at the first start.
///
/// # Errors
/// Where they are missing, or there is no place for them.
pub(crate) async fn vault(config: &Config, database: &Database) -> anyhow::Result<Vault> {
    let source = config.keys().context(
        "[metadata]: a PostgreSQL database without a [state] path needs key or key_file: what the secrets in it are sealed by",
    )?;
    let vault = database.vault(&source).await?;
    if let KeySource::File(path) = &source
        && is_open_to_others(path)
    {
        tracing::warn!("{}: others than its owner may read the key of the metadata store's secrets", path.display());
    }
    Ok(vault)
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

fn settings(config: &Config) -> anyhow::Result<AlertingSettings> {
    let mut settings = config.alerts.settings.clone();
    if let Some(file) = &config.alerts.trusted_roots {
        let pem = fs::read_to_string(file);
        settings.outbound.trusted_roots =
            Some(pem.with_context(|| format!("[alerts] trusted_roots: cannot read {}", file.display()))?);
    }
    let listens = |address: SocketAddr| {
        let scheme = if config.http.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    };
    if let Some(url) = config.alerts.external_url.clone().or_else(|| config.listen.map(listens)) {
        settings.outbound.external_url = url;
    }
    Ok(settings)
}

/// A file of rules: TOML with a table `[[rule]]` each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "rule")]
    rules: Vec<serde_json::Value>,
}

/// Reads rules as the HTTP API takes them.
///
/// # Errors
/// Names the file, the rule and the field.
pub(crate) fn rules(file: &Path) -> anyhow::Result<Vec<RuleDraft>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the rules {}", file.display()))?;
    let File { rules } = toml::from_str(&text).with_context(|| format!("{} is no file of rules", file.display()))?;
    let read = |(number, rule): (usize, &serde_json::Value)| {
        RuleDraft::read(rule).map_err(|problem| anyhow!("{}: rule {number}: {problem}", file.display()))
    };
    (1..).zip(&rules).map(read).collect()
}
