//! What can be configured: each section's keys, their defaults and their bounds. `highwater.example.toml` documents
//! them; a test holds the two together.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use highwater_ask::ModelConfig;
use highwater_connectors::{KafkaConfig, OnLoss, Start, WebhookConfig};
use highwater_engine::{MAX_BATCH_BYTES, Settings, days, format::Format, hours, minutes, seconds};
use highwater_queries::{Rollups, Standard};

use super::{
    tree::{Node, Problems, Section, Table},
    values::{choice, duration, number, properties, text, texts, truth, whole},
};
use crate::logging::{LogStyle, filter};

/// A job as configured.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where HTTP listens; `None` for nowhere.
    pub(crate) listen: Option<SocketAddr>,
    /// Further host names that HTTP answers to.
    pub(crate) hosts: Vec<String>,
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
    /// `[ai]`: the model that is asked first for plain-language help; `None` for none.
    pub(crate) model: Option<ModelConfig>,
    /// The program's own log.
    pub(crate) logging: Logging,
}

/// `[[source]]`.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A Kafka topic.
    Kafka(KafkaSource),
    /// Files, or standard input.
    File(FileSource),
    /// Made-up logs.
    Generator(Generated),
    /// `POST /logs`.
    Http {
        /// How many bytes of logs may wait for the dataflow.
        max_waiting_bytes: usize,
    },
}

/// A topic for durable state.
#[derive(Clone, Debug)]
pub(crate) struct Changelog {
    pub(crate) kafka: Brokers,
    pub(crate) topic: String,
}

/// How brokers are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brokers {
    pub(crate) brokers: String,
    /// Handed through to librdkafka.
    pub(crate) properties: BTreeMap<String, String>,
}

impl Brokers {
    /// As the connectors want it.
    pub(crate) fn config(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.brokers.clone(), properties: self.properties.clone() }
    }
}

/// `type = "kafka"`.
#[derive(Clone, Debug)]
pub(crate) struct KafkaSource {
    pub(crate) kafka: Brokers,
    pub(crate) topic: String,
    pub(crate) group: String,
    pub(crate) start: Start,
    pub(crate) on_loss: OnLoss,
    /// Partitions of the topic, where it does not exist yet and is created; `None` to create none.
    pub(crate) create_partitions: Option<u32>,
}

/// `type = "file"`.
#[derive(Clone, Debug)]
pub(crate) struct FileSource {
    pub(crate) path: String,
    pub(crate) follow: bool,
}

/// `type = "generator"`.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) rate: f64,
    pub(crate) seed: u64,
    pub(crate) history: Duration,
    pub(crate) incidents: bool,
    pub(crate) seasons: bool,
    pub(crate) disorder: Duration,
}

impl Default for Generated {
    fn default() -> Self {
        Generated {
            rate: 500.0,
            seed: 1,
            history: Duration::ZERO,
            incidents: true,
            seasons: true,
            disorder: Duration::from_millis(200),
        }
    }
}

/// `[[sink]]`.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    pub(crate) view: String,
    pub(crate) to: SinkTarget,
}

/// Where a sink writes.
#[derive(Clone, Debug)]
pub(crate) enum SinkTarget {
    /// A topic, created compacted where it does not exist.
    Kafka { kafka: Brokers, topic: String },
    /// JSON lines; no path is standard output.
    JsonLines(Option<PathBuf>),
    /// HTTP POSTs.
    Webhook(WebhookConfig),
}

/// `[dead_letters]`.
#[derive(Clone, Debug)]
pub(crate) enum DeadLetters {
    /// They are counted, and that is all.
    None,
    /// To a topic.
    Kafka { kafka: Brokers, topic: String },
    /// To a file.
    JsonLines(PathBuf),
}

/// `[logging]`.
#[derive(Clone, Debug)]
pub(crate) struct Logging {
    pub(crate) level: String,
    pub(crate) style: LogStyle,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8000))),
            hosts: Vec::new(),
            settings: Settings::default(),
            sources: Vec::new(),
            sinks: Vec::new(),
            state: Some(PathBuf::from("highwater-state")),
            changelog: None,
            dead_letters: DeadLetters::None,
            queries: Standard::default(),
            model: None,
            logging: Logging { level: "warn".to_owned(), style: LogStyle::Text },
        }
    }
}

/// How many bytes of logs that came by HTTP may wait for the dataflow, unless configured.
pub(crate) const MAX_WAITING_BYTES: usize = 64 << 20;
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
    config.model = read_ai(root.section("ai"));

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

/// `[ai]`: whether and which model is asked.
fn read_ai(mut section: Section<'_>) -> Option<ModelConfig> {
    let base_url = section.get("base_url", text);
    let mut config = ModelConfig {
        base_url: base_url.clone().unwrap_or_default(),
        model: String::new(),
        api_key_env: section.get("api_key_env", variable),
        timeout: seconds(10),
        send_logs: false,
    };
    section.set("model", &mut config.model, text);
    section.set("timeout", &mut config.timeout, duration(Duration::from_millis(100)..=seconds(25)));
    section.set("send_logs", &mut config.send_logs, truth);
    if base_url.is_none() && (!config.model.is_empty() || config.api_key_env.is_some()) {
        section.complain("needs the key \"base_url\": without it, no model is asked");
    }
    if let Some(error) = base_url.as_ref().and_then(|_| config.check().err()) {
        section.complain(error);
    }
    section.finish();
    base_url.map(|_| config)
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

fn brokers(section: &mut Section<'_>, defaults: &Brokers) -> Brokers {
    let mut kafka = defaults.clone();
    section.set("brokers", &mut kafka.brokers, broker_list);
    kafka.properties.extend(section.get("properties", properties('.')).unwrap_or_default());
    kafka
}

/// The same, where brokers must be known.
fn known_brokers(section: &mut Section<'_>, defaults: &Brokers) -> Brokers {
    let kafka = brokers(section, defaults);
    if kafka.brokers.is_empty() {
        section.complain("needs the key \"brokers\", here or in [kafka]");
    } else if let Err(error) = kafka.config().check() {
        section.complain(error.to_string());
    }
    kafka
}

#[derive(Clone, Copy)]
enum SourceType {
    Kafka,
    File,
    Generator,
    Http,
}

/// The types of sources, by name.
const SOURCE_TYPES: [(&str, SourceType); 4] = [
    ("kafka", SourceType::Kafka),
    ("file", SourceType::File),
    ("generator", SourceType::Generator),
    ("http", SourceType::Http),
];

fn read_source(mut section: Section<'_>, defaults: &Brokers) -> Option<Source> {
    let kafka_start =
        choice(&[("earliest", Start::Earliest), ("latest", Start::Latest), ("committed", Start::Committed)]);
    let Some(kind) = section.need("type", choice(&SOURCE_TYPES)) else {
        section.give_up();
        return None;
    };
    let source = match kind {
        SourceType::Kafka => {
            let mut group = "highwater".to_owned();
            let mut from = Start::Earliest;
            let mut on_loss = OnLoss::Stop;
            let kafka = known_brokers(&mut section, defaults);
            let topic = section.need("topic", topic);
            section.set("group", &mut group, text);
            section.set("start", &mut from, kafka_start);
            section.set("on_loss", &mut on_loss, choice(&[("stop", OnLoss::Stop), ("skip", OnLoss::Skip)]));
            let create_partitions = section.get("create_partitions", whole(0..=10_000)).filter(|count| *count > 0);
            topic.map(|topic| {
                Source::Kafka(KafkaSource { kafka, topic, group, start: from, on_loss, create_partitions })
            })
        }
        SourceType::File => {
            let mut follow = false;
            let path = section.need("path", text);
            section.set("follow", &mut follow, truth);
            path.map(|path| Source::File(FileSource { path, follow }))
        }
        SourceType::Generator => {
            let mut generated = Generated::default();
            section.set("rate", &mut generated.rate, number(0.01..=1e7));
            section.set("seed", &mut generated.seed, whole(0..=i64::MAX as u64));
            section.set("history", &mut generated.history, duration(Duration::ZERO..=days(31)));
            section.set("incidents", &mut generated.incidents, truth);
            section.set("seasons", &mut generated.seasons, truth);
            section.set("disorder", &mut generated.disorder, duration(Duration::ZERO..=seconds(1)));
            Some(Source::Generator(generated))
        }
        SourceType::Http => {
            let mut max_waiting_bytes = MAX_WAITING_BYTES;
            section.set("max_waiting_bytes", &mut max_waiting_bytes, whole(1 << 16..=1 << 33));
            Some(Source::Http { max_waiting_bytes })
        }
    };
    section.finish();
    source
}

#[derive(Clone, Copy)]
enum SinkType {
    Kafka,
    JsonLines,
    Webhook,
}

/// The types of sinks, by name.
const SINK_TYPES: [(&str, SinkType); 3] =
    [("kafka", SinkType::Kafka), ("jsonl", SinkType::JsonLines), ("webhook", SinkType::Webhook)];

fn read_sink(mut section: Section<'_>, defaults: &Brokers) -> Option<Sink> {
    let Some(kind) = section.need("type", choice(&SINK_TYPES)) else {
        section.give_up();
        return None;
    };
    let view = section.need("view", text);
    let to = match kind {
        SinkType::Kafka => {
            let mut to = format!("highwater.{}", view.as_deref().unwrap_or_default());
            section.set("topic", &mut to, topic);
            Some(SinkTarget::Kafka { kafka: known_brokers(&mut section, defaults), topic: to })
        }
        SinkType::JsonLines => section.need("path", path).map(SinkTarget::JsonLines),
        SinkType::Webhook => {
            let url = section.need("url", text);
            let mut webhook = WebhookConfig::new(url.clone().unwrap_or_default());
            webhook.headers = section.get("headers", properties('-')).unwrap_or_default();
            let within = || duration(seconds(1)..=days(1));
            if let Some(timeout) = section.get("timeout", within()) {
                webhook.timeout_seconds = timeout.as_secs();
            }
            section.set("max_changes", &mut webhook.max_changes, whole(1..=1_000_000));
            if let Some(error) = url.as_ref().and_then(|_| webhook.check().err()) {
                section.complain(format!("url or headers: {error}"));
            }
            url.map(|_| SinkTarget::Webhook(webhook))
        }
    };
    section.finish();
    Some(Sink { view: view?, to: to? })
}

#[derive(Clone, Copy)]
enum LetterType {
    None,
    Kafka,
    JsonLines,
}

/// The types of dead-letter sinks, by name.
const LETTER_TYPES: [(&str, LetterType); 3] =
    [("none", LetterType::None), ("kafka", LetterType::Kafka), ("jsonl", LetterType::JsonLines)];

fn read_dead_letters(mut section: Section<'_>, defaults: &Brokers) -> DeadLetters {
    let mut kind = LetterType::None;
    section.set("type", &mut kind, choice(&LETTER_TYPES));
    let letters = match kind {
        LetterType::None => DeadLetters::None,
        LetterType::Kafka => {
            let mut to = "highwater.dead_letters".to_owned();
            section.set("topic", &mut to, topic);
            DeadLetters::Kafka { kafka: known_brokers(&mut section, defaults), topic: to }
        }
        LetterType::JsonLines => {
            section.need("path", text).map_or(DeadLetters::None, |path| DeadLetters::JsonLines(path.into()))
        }
    };
    section.finish();
    letters
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

fn broker_list(node: &Node) -> Result<String, String> {
    let allowed = || "a list of brokers, like \"127.0.0.1:9092\" or \"a:9092,b:9092\"".to_owned();
    let list = text(node).map_err(|_| allowed())?;
    let port = |broker: &str| broker.rsplit_once(':').and_then(|(_, port)| port.trim().parse::<u16>().ok());
    if list.split(',').all(|broker| port(broker).is_some()) { Ok(list) } else { Err(allowed()) }
}

fn topic(node: &Node) -> Result<String, String> {
    let legal = |name: &String| {
        name.len() <= 249
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && name != "."
            && name != ".."
    };
    text(node).ok().filter(legal).ok_or_else(|| "a topic: letters, digits, dots, underscores and hyphens".to_owned())
}

/// A path; `-` is standard output.
fn path(node: &Node) -> Result<Option<PathBuf>, String> {
    let path = text(node).map_err(|_| "a path, or \"-\" for standard output".to_owned())?;
    Ok((path != "-").then(|| PathBuf::from(path)))
}

/// The name of an environment variable; a key itself would not look like one.
fn variable(node: &Node) -> Result<String, String> {
    let legal = |name: &String| {
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit()) && name.bytes().next().is_some_and(is_letter)
    };
    text(node).ok().filter(legal).ok_or_else(|| {
        "the name of an environment variable that has the key, like \"OPENAI_API_KEY\": capital letters, digits, \
         underscores"
            .to_owned()
    })
}

fn log_level(node: &Node) -> Result<String, String> {
    text(node).ok().filter(|level| filter(level).is_some()).ok_or_else(|| {
        "a level (off, error, warn, info, debug, trace), or levels by module like \"info,highwater_engine=debug\""
            .into()
    })
}
