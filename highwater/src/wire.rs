//! From configuration to connectors.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use highwater_connectors::{
    FileSource, GeneratorSource, Inbox, InboxBounds, IngestError, JsonLinesSink, KafkaChangelog, KafkaConfig,
    KafkaIngest, KafkaSink, KafkaSource, Topic, WebhookSink, generator::Traffic,
};
use highwater_engine::{Changelog, Job, Name, Sink, SinkError, Source, Timestamp, metrics::Metrics};
use highwater_server::{Ingest, IngestRefused};

use crate::{
    config::{self, Config, DeadLetters, Generated, SinkTarget},
    generate::Target,
};

/// A job, and the way in that it has for logs by HTTP.
pub(crate) struct Wired {
    pub(crate) job: Job,
    pub(crate) ingest: Option<Arc<dyn Ingest>>,
    /// as metrics call them
    pub(crate) sinks: Vec<String>,
}

/// Records that may wait in the inbox, whatever their size.
const MAX_WAITING_RECORDS: usize = 1_000_000;
/// Partitions of topics that are created for views: readers of a changelog seldom need more.
const VIEW_PARTITIONS: u32 = 4;

/// Makes what the configuration describes. Sinks are opened, sources are not yet.
///
/// # Errors
/// Where a sink or the way in cannot be opened.
pub(crate) fn wire(config: &Config) -> anyhow::Result<Wired> {
    let metrics = Arc::new(Metrics::default());
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut ingest: Option<Arc<dyn Ingest>> = None;
    for source in &config.sources {
        sources.push(match source {
            config::Source::Kafka(kafka) => {
                let topic = Topic::new(&kafka.topic).partitions(kafka.create_partitions.unwrap_or(1));
                let mut source = KafkaSource::new(kafka.kafka.config(), topic, &kafka.group, metrics.clone());
                source.start = kafka.start;
                source.on_loss = kafka.on_loss;
                source.create_topic = kafka.create_partitions.is_some();
                Box::new(source)
            }
            config::Source::File(file) => Box::new(
                FileSource::new(&file.path).follow(file.follow).max_record_bytes(config.settings.max_record_bytes),
            ),
            config::Source::Generator(generated) => Box::new(generator(generated)),
            config::Source::Http { max_waiting_bytes } => {
                let inbox = inbox(config, *max_waiting_bytes)?;
                let source = inbox.source(Name::from("http"), process(config));
                ingest = Some(Arc::new(Own(inbox)));
                Box::new(source)
            }
        });
    }
    if ingest.is_none() && config.listen.is_some() {
        let kafka = config.sources.iter().find_map(|source| match source {
            config::Source::Kafka(kafka) => Some(kafka),
            _ => None,
        });
        if let Some(kafka) = kafka {
            ingest = Some(Arc::new(InKafka(KafkaIngest::open(&kafka.kafka.config(), &kafka.topic)?)));
        }
    }
    // process 0 feeds the sinks
    let feeds = config.settings.cluster.as_ref().is_none_or(|cluster| cluster.process == 0);
    let sinks = if feeds { open_sinks(config, &metrics)? } else { Vec::new() };
    let names = sinks.iter().map(|(_, sink)| sink.name().to_string()).collect();
    let changelog = config.changelog.as_ref().filter(|_| feeds).map(|changelog| -> Box<dyn Changelog> {
        let topic = Topic::new(&changelog.topic);
        Box::new(KafkaChangelog::new(changelog.kafka.config(), topic, metrics.clone()))
    });
    let job = Job {
        settings: config.settings.clone(),
        sources,
        queries: vec![Box::new(config.queries.clone())],
        sinks,
        state: config.state.clone(),
        changelog,
        metrics,
    };
    Ok(Wired { job, ingest, sinks: names })
}

/// This process among those of a job.
fn process(config: &Config) -> u32 {
    config.settings.cluster.as_ref().map_or(0, |cluster| u32::try_from(cluster.process).unwrap_or(u32::MAX))
}

/// The way in for logs by HTTP: on disk, where the job's state is.
fn inbox(config: &Config, bytes: usize) -> anyhow::Result<Inbox> {
    let bounds = InboxBounds { records: MAX_WAITING_RECORDS, bytes };
    let Some(folder) = &config.state else { return Ok(Inbox::in_memory(bounds)) };
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(Inbox::on_disk(&folder.join(format!("http-{}.redb", process(config))), bounds)?)
}

fn generator(generated: &Generated) -> GeneratorSource {
    let traffic = Traffic {
        logs_per_second: generated.rate,
        seed: generated.seed,
        // the first incident comes soon after the start
        anchor: Timestamp::now(),
        incidents: generated.incidents,
        seasons: generated.seasons,
        disorder: generated.disorder,
    };
    GeneratorSource::new(traffic, generated.history)
}

/// A sink with the views that it takes.
type Outlet = (Vec<Name>, Box<dyn Sink>);

/// What is written to one Kafka cluster.
struct Cluster<'a> {
    kafka: &'a config::Brokers,
    topics: Vec<(Name, Topic)>,
    dead_letters: Option<Topic>,
}

/// What is written to one file.
#[derive(Default)]
struct Lines {
    views: Vec<Name>,
    dead_letters: bool,
}

/// One sink per Kafka cluster, since a transaction spans its topics; one per file; one per webhook.
fn open_sinks(config: &Config, metrics: &Arc<Metrics>) -> Result<Vec<Outlet>, SinkError> {
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    let mut files: BTreeMap<Option<PathBuf>, Lines> = BTreeMap::new();
    let mut sinks: Vec<Outlet> = Vec::new();
    for config::Sink { view, to } in &config.sinks {
        let view = Name::from(view.as_str());
        match to {
            SinkTarget::Kafka { kafka, topic } => {
                cluster(&mut clusters, kafka).topics.push((view, Topic::new(topic).partitions(VIEW_PARTITIONS)));
            }
            SinkTarget::JsonLines(path) => files.entry(path.clone()).or_default().views.push(view),
            SinkTarget::Webhook(webhook) => {
                sinks.push((vec![view.clone()], Box::new(WebhookSink::new(view, webhook.clone())?)));
            }
        }
    }
    match &config.dead_letters {
        DeadLetters::None => {}
        DeadLetters::Kafka { kafka, topic } => {
            cluster(&mut clusters, kafka).dead_letters = Some(Topic::new(topic).partitions(VIEW_PARTITIONS));
        }
        DeadLetters::JsonLines(path) => files.entry(Some(path.clone())).or_default().dead_letters = true,
    }
    for (number, cluster) in (1..).zip(clusters) {
        sinks.push(cluster.open(number, metrics)?);
    }
    for (path, lines) in files {
        sinks.push(lines.open(path.as_deref())?);
    }
    Ok(sinks)
}

fn cluster<'c, 'a>(clusters: &'c mut Vec<Cluster<'a>>, kafka: &'a config::Brokers) -> &'c mut Cluster<'a> {
    let at = clusters.iter().position(|known| known.kafka == kafka).unwrap_or(clusters.len());
    if at == clusters.len() {
        clusters.push(Cluster { kafka, topics: Vec::new(), dead_letters: None });
    }
    &mut clusters[at]
}

impl Cluster<'_> {
    fn open(self, number: usize, metrics: &Arc<Metrics>) -> Result<Outlet, SinkError> {
        let views = self.topics.iter().map(|(view, _)| view.clone()).collect();
        let mut sink = KafkaSink::open(&self.kafka.config(), self.topics, metrics.clone())?;
        if number > 1 {
            sink = sink.named(Name::from(format!("kafka-{number}")));
        }
        if let Some(topic) = self.dead_letters {
            sink = sink.with_dead_letters(topic)?;
        }
        Ok((views, Box::new(sink)))
    }
}

impl Lines {
    fn open(self, path: Option<&Path>) -> Result<Outlet, SinkError> {
        let sink = path.map_or_else(|| Ok(JsonLinesSink::stdout()), JsonLinesSink::file)?;
        let sink = if self.dead_letters { sink.with_dead_letters() } else { sink };
        Ok((self.views, Box::new(sink)))
    }
}

/// Logs by HTTP that the job itself keeps.
struct Own(Inbox);

impl Ingest for Own {
    fn accept(&self, records: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
        self.0.offer(records).map_err(refused)
    }
}

/// Logs by HTTP that Kafka keeps.
struct InKafka(KafkaIngest);

impl Ingest for InKafka {
    fn accept(&self, records: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
        self.0.append(&records).map_err(refused)
    }
}

fn refused(error: IngestError) -> IngestRefused {
    match error {
        IngestError::Busy => IngestRefused::Busy,
        IngestError::Failed(what) => IngestRefused::Failed(what),
    }
}

/// Generated logs that go to a topic.
struct ToKafka(KafkaIngest);

/// Each chunk is waited for: larger ones wait less often.
const KAFKA_CHUNK: usize = 1 << 20;

impl Target for ToKafka {
    fn write(&mut self, chunk: &[u8]) -> anyhow::Result<bool> {
        let records: Vec<Vec<u8>> =
            chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        self.0.append(&records)?;
        Ok(true)
    }

    fn chunk_bytes(&self) -> usize {
        KAFKA_CHUNK
    }
}

/// Where `generate --to kafka://..` writes; the topic is created where it is missing.
///
/// # Errors
/// Where the brokers cannot be reached.
pub(crate) fn kafka_target(brokers: &str, topic: &str) -> anyhow::Result<Box<dyn Target>> {
    let config = KafkaConfig::new(brokers);
    Topic::new(topic).partitions(VIEW_PARTITIONS).create(&config)?;
    let ingest = KafkaIngest::open(&config, topic).with_context(|| format!("cannot write to {topic} at {brokers}"))?;
    Ok(Box::new(ToKafka(ingest)))
}
