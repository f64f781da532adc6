//! What can be configured: each section's keys, their defaults and their bounds. Sources, sinks and brokers have files of
//! their own. `highwater.example.toml` documents them all; a test holds the two together.

use std::{
    borrow::Cow,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use highwater_ask::ModelConfig;
use highwater_engine::{MAX_BATCH_BYTES, Settings, days, format::Format, hours, minutes, seconds};
use highwater_logstore::StoreSettings;
use highwater_metadata::{DatabaseUrl, KeySource, Kind};
use highwater_queries::{Rollups, Standard};

use super::{
    accounts::{Accounts, Login, Metadata, read_accounts, read_metadata},
    ai::read_ai,
    alerts::{Alerts, read_alerts},
    brokers::{Brokers, brokers, known_brokers, topic},
    http::{Http, read_http},
    search::{Folder, Search, read_search},
    sinks::{DeadLetters, Sink, read_dead_letters, read_sink},
    sources::{Source, read_source},
    tree::{Node, Problems, Section, Table},
    values::{choice, duration, text, texts, whole},
};
use crate::logging::{LogStyle, filter};

/// A job as configured.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where HTTP listens; `None` for nowhere.
    pub(crate) listen: Option<SocketAddr>,
    /// Further host names that HTTP answers to.
    pub(crate) hosts: Vec<String>,
    /// Who may ask, how often, and over what.
    pub(crate) http: Http,
    /// `[time]`, `[limits]` and `[logs]`.
    pub(crate) settings: Settings,
    /// Ways in.
    pub(crate) sources: Vec<Source>,
    /// Ways out.
    pub(crate) sinks: Vec<Sink>,
    /// The folder of durable state; `None` for none.
    pub(crate) state: Option<PathBuf>,
    /// The topic that durable state is kept in besides.
    pub(crate) changelog: Option<Changelog>,
    /// Where records go that are no log.
    pub(crate) dead_letters: DeadLetters,
    /// `[queries]`: what the built-in queries are told.
    pub(crate) queries: Standard,
    /// Where logs are kept to be searched.
    pub(crate) search: Search,
    /// `[ai]`: the model that is asked first for plain-language help; `None` for none.
    pub(crate) model: Option<ModelConfig>,
    /// `[metadata]`: where what people make is kept, and what its secrets are sealed by.
    pub(crate) metadata: Metadata,
    /// `[accounts]`: who has to say who they are.
    pub(crate) accounts: Accounts,
    /// `[alerts]`: rules of a file, who is told, and how receivers are reached.
    pub(crate) alerts: Alerts,
    /// The program's own log.
    pub(crate) logging: Logging,
}

/// A topic for durable state.
#[derive(Clone, Debug)]
pub(crate) struct Changelog {
    pub(crate) kafka: Brokers,
    pub(crate) topic: String,
}

/// `[logging]`.
#[derive(Clone, Debug)]
pub(crate) struct Logging {
    pub(crate) level: String,
    pub(crate) style: LogStyle,
}

impl Config {
    /// Whether this process keeps durable state, feeds sinks and takes rules: process 0 does.
    pub(crate) fn is_first(&self) -> bool {
        self.settings.cluster.as_ref().is_none_or(|cluster| cluster.process == 0)
    }

    /// Whether whoever asks has to say who they are: by default where others than who is on this machine may ask.
    pub(crate) fn login_required(&self) -> bool {
        match self.accounts.login {
            Login::Always => true,
            Login::Never => false,
            Login::Auto => {
                let is_local = self.listen.is_none_or(|address| address.ip().is_loopback());
                !is_local || !self.hosts.is_empty() || !self.http.proxies.is_empty()
            }
        }
    }

    /// Where what people make is kept; in memory, where nothing else is.
    pub(crate) fn database(&self) -> DatabaseUrl {
        let in_folder = || self.state.as_ref().map(|folder| DatabaseUrl::file(&folder.join("metadata.db")));
        self.metadata.url.clone().or_else(in_folder).unwrap_or_else(DatabaseUrl::memory)
    }

    /// What its secrets are sealed by: by default a file in the state's folder, or beside the database's own; none where a
    /// server has the database, and there is no folder.
    pub(crate) fn keys(&self) -> Option<KeySource> {
        const FILE: &str = "metadata.key";
        let url = self.database();
        let beside = || match url.kind() {
            Kind::Sqlite => {
                Some(url.sqlite_file().map_or(KeySource::Memory, |file| KeySource::File(file.with_file_name(FILE))))
            }
            Kind::Postgres => None,
        };
        let in_folder = || self.state.as_ref().map(|folder| KeySource::File(folder.join(FILE)));
        self.metadata.keys.clone().or_else(in_folder).or_else(beside)
    }

    /// The log store of this process, if it has one: process 0 does.
    pub(crate) fn log_store(&self) -> Option<StoreSettings> {
        let path = match &self.search.folder {
            Folder::WithState => self.state.as_ref()?.join("logs"),
            Folder::At(path) => path.clone(),
            Folder::Nowhere => return None,
        };
        self.is_first().then(|| StoreSettings { path, ..self.search.settings.clone() })
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8000))),
            hosts: Vec::new(),
            http: Http::default(),
            settings: Settings::default(),
            sources: Vec::new(),
            sinks: Vec::new(),
            state: Some(PathBuf::from("highwater-state")),
            changelog: None,
            dead_letters: DeadLetters::None,
            queries: Standard::default(),
            search: Search::default(),
            model: None,
            metadata: Metadata::default(),
            accounts: Accounts::default(),
            alerts: Alerts::default(),
            logging: Logging { level: "warn".to_owned(), style: LogStyle::Text },
        }
    }
}

/// Most worker threads: far beyond what helps.
const MAX_WORKERS: usize = 256;

/// Longest that rollups may be kept.
const MAX_KEPT_DAYS: u64 = 3660;

/// Reads all sections; what is wrong with them is added to `problems`.
pub(crate) fn read(root: Table, problems: &Problems) -> Config {
    let mut config = Config::default();
    let mut root = Section::root(root, problems);

    let mut http = root.section("http");
    http.set("listen", &mut config.listen, listen);
    http.set("hosts", &mut config.hosts, texts);
    config.http = read_http(&mut http);
    http.finish();

    read_settings(&mut root, &mut config.settings);

    let mut kafka = root.section("kafka");
    let defaults = brokers(&mut kafka, &Brokers::default());
    kafka.finish();
    read_state(&mut root, &mut config, &defaults);

    for source in root.sections("source") {
        config.sources.extend(read_source(source, &defaults));
    }
    for sink in root.sections("sink") {
        config.sinks.extend(read_sink(sink, &defaults));
    }
    let dead_letters = root.section("dead_letters");
    config.dead_letters = read_dead_letters(dead_letters, &defaults);

    read_queries(&mut root, &mut config.queries, problems);
    config.search = read_search(root.section("search"));
    config.model = read_ai(root.section("ai"));
    config.metadata = read_metadata(root.section("metadata"));
    config.accounts = read_accounts(root.section("accounts"));
    config.alerts = read_alerts(root.section("alerts"));

    let mut logging = root.section("logging");
    logging.set("level", &mut config.logging.level, log_level);
    logging.set("format", &mut config.logging.style, choice(&[("text", LogStyle::Text), ("json", LogStyle::Json)]));
    logging.finish();

    root.finish();
    check_whole(&config, problems);
    config
}

/// What no single key shows.
fn check_whole(config: &Config, problems: &Problems) {
    let nowhere = super::tree::Place::Nowhere;
    if config.sources.is_empty() && problems.is_empty() {
        problems.add(&nowhere, "source", "nothing to read: add a [[source]] of type kafka, file, http or generator");
    }
    if config.sources.iter().filter(|source| matches!(source, Source::Http { .. })).count() > 1 {
        problems.add(&nowhere, "source", "there is one way in by HTTP: one [[source]] of type http is enough");
    }
    if config.listen.is_none() && config.sources.iter().any(|source| matches!(source, Source::Http { .. })) {
        problems.add(&nowhere, "http.listen", "is \"none\", yet there is a [[source]] of type http");
    }
}

/// The keys of `[queries]` are those of the queries' own configuration.
fn read_queries(root: &mut Section<'_>, queries: &mut Standard, problems: &Problems) {
    let nowhere = super::tree::Place::Nowhere;
    match serde_json::to_value(&*queries) {
        Ok(mut tree) => {
            root.like("queries", &mut tree);
            match serde_json::from_value(tree) {
                Ok(read) => *queries = read,
                Err(error) => problems.add(&nowhere, "queries", error.to_string()),
            }
        }
        Err(error) => problems.add(&nowhere, "queries", error.to_string()),
    }
    if !(0.0..=1.0).contains(&queries.service_graph.share) {
        let what = format!("{} is not a number from 0 to 1", queries.service_graph.share);
        problems.add(&nowhere, "queries.service_graph.share", what);
    }
    let Rollups { minutes_kept_hours, hours_kept_days } = queries.rollups;
    for (key, kept, most) in [
        ("minutes_kept_hours", minutes_kept_hours, 24 * MAX_KEPT_DAYS),
        ("hours_kept_days", hours_kept_days, MAX_KEPT_DAYS),
    ] {
        if !(1..=most).contains(&kept) {
            let what = format!("{kept} is not a whole number from 1 to {most}");
            problems.add(&nowhere, format!("queries.rollups.{key}"), what);
        }
    }
}

/// `[state]`: where, and how often it is written.
fn read_state(root: &mut Section<'_>, config: &mut Config, defaults: &Brokers) {
    let mut section = root.section("state");
    if let Some(place) = section.get("path", text) {
        config.state = (place != "none").then(|| PathBuf::from(place));
    }
    let interval = duration(Duration::from_millis(1)..=minutes(1));
    section.set("commit_interval", &mut config.settings.commit_interval, interval);
    if let Some(name) = section.get("changelog", topic) {
        config.changelog = Some(Changelog { kafka: known_brokers(&mut section, defaults), topic: name });
        if config.state.is_none() {
            section.complain("changelog: needs a path, even if it does not last");
        }
    }
    section.finish();
}

fn read_settings(root: &mut Section<'_>, settings: &mut Settings) {
    let ms = Duration::from_millis;
    let mut time = root.section("time");
    time.set("tick", &mut settings.tick, duration(ms(1)..=minutes(1)));
    time.set("lateness", &mut settings.lateness, duration(Duration::ZERO..=days(1)));
    time.set("retention", &mut settings.retention, duration(seconds(1)..=days(366)));
    time.set("max_ahead", &mut settings.max_ahead, duration(Duration::ZERO..=days(366)));
    time.set("idle_after", &mut settings.idle_after, duration(ms(100)..=hours(24)));
    if settings.lateness > settings.retention {
        time.complain("lateness is longer than retention: a log that is not late yet would be too old");
    }
    time.finish();

    let mut limits = root.section("limits");
    limits.set("workers", &mut settings.workers, whole(1..=MAX_WORKERS));
    limits.set("max_keys", &mut settings.max_keys, whole(1..=100_000_000));
    limits.set("max_record_bytes", &mut settings.max_record_bytes, whole(64..=MAX_BATCH_BYTES / 4));
    limits.set("batch_bytes", &mut settings.batch_bytes, whole(1024..=MAX_BATCH_BYTES / 4));
    limits.set("max_epochs_in_flight", &mut settings.max_epochs_in_flight, whole(1..=10_000));
    limits.set("max_outbox_bytes", &mut settings.max_outbox_bytes, whole(1 << 20..=1 << 40));
    limits.finish();

    let mut logs = root.section("logs");
    let formats = [
        ("auto", None),
        ("json", Some(Format::Json)),
        ("envelope", Some(Format::Envelope)),
        ("logfmt", Some(Format::Logfmt)),
        ("plain", Some(Format::Plain)),
        ("syslog", Some(Format::Syslog)),
    ];
    logs.set("format", &mut settings.format, choice(&formats));
    if let Some(service) = logs.get("default_service", text) {
        settings.default_service = Cow::Owned(service);
    }
    logs.finish();
}

fn listen(node: &Node) -> Result<Option<SocketAddr>, String> {
    let allowed = || "an address to listen on, like \"127.0.0.1:8000\" (port 0: any free one), or \"none\"".to_owned();
    let address = text(node).map_err(|_| allowed())?;
    if address == "none" {
        return Ok(None);
    }
    // names such as localhost too
    let mut found = address.to_socket_addrs().map_err(|_| allowed())?;
    found.next().map(Some).ok_or_else(allowed)
}

fn log_level(node: &Node) -> Result<String, String> {
    text(node).ok().filter(|level| filter(level).is_some()).ok_or_else(|| {
        "a level (off, error, warn, info, debug, trace), or levels by module like \"info,highwater_engine=debug\""
            .into()
    })
}
