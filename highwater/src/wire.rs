//! From configuration to connectors.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::Context;
use highwater_connectors::{
    FileSource, GeneratorSource, Inbox, IngestError, JsonDeadLetters, JsonLinesSink, KafkaChangelog, KafkaConfig,
    KafkaDeadLetters, KafkaIngest, KafkaSink, KafkaSource, Topic, WebhookSink, generator::Traffic,
};
use highwater_engine::{Changelog, DeadLetterSink, Job, Name, Sink, SinkError, Source, Timestamp, metrics::Metrics};
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
                source.create_topic = kafka.create_partitions.is_some();
                Box::new(source)
            }
            config::Source::File(file) => Box::new(
                FileSource::new(&file.path).follow(file.follow).max_record_bytes(config.settings.max_record_bytes),
            ),
            config::Source::Generator(generated) => Box::new(generator(generated)),
            config::Source::Http { max_waiting_bytes } => {
                let (inbox, source) = Inbox::new(Name::from("http"), MAX_WAITING_RECORDS, *max_waiting_bytes);
                ingest = Some(Arc::new(InMemory(inbox)));
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
            ingest = Some(Arc::new(Durable(KafkaIngest::open(&kafka.kafka.config(), &kafka.topic)?)));
        }
    }
    // process 0 feeds the sinks
    let feeds = config.settings.cluster.as_ref().is_none_or(|cluster| cluster.process == 0);
    let sinks = if feeds { open_sinks(&config.sinks, &metrics)? } else { Vec::new() };
    let names = sinks.iter().map(|(_, sink)| sink.name().to_string()).collect();
    let changelog = config.changelog.as_ref().filter(|_| feeds).map(|changelog| -> Box<dyn Changelog> {
        let topic = Topic::new(&changelog.topic);
        Box::new(KafkaChangelog::new(changelog.kafka.config(), topic, metrics.clone()))
    });
    let dead_letters = open_dead_letters(&config.dead_letters, &metrics)?;
    let job = Job {
        settings: config.settings.clone(),
        sources,
        queries: vec![Box::new(config.queries.clone())],
        sinks,
        dead_letters,
        state: config.state.clone(),
        changelog,
        metrics,
    };
    Ok(Wired { job, ingest, sinks: names })
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

/// Sinks with the views that each takes.
type Sinks = Vec<(Vec<Name>, Box<dyn Sink>)>;

/// One sink per Kafka cluster, since a transaction spans its topics; one per file; one per webhook.
fn open_sinks(configured: &[config::Sink], metrics: &Arc<Metrics>) -> Result<Sinks, SinkError> {
    let mut clusters: Vec<(&config::Brokers, Vec<(Name, Topic)>)> = Vec::new();
    let mut files: BTreeMap<Option<PathBuf>, Vec<Name>> = BTreeMap::new();
    let mut sinks: Sinks = Vec::new();
    for config::Sink { view, to } in configured {
        let view = Name::from(view.as_str());
        match to {
            SinkTarget::Kafka { kafka, topic } => {
                let written = (view, Topic::new(topic).partitions(VIEW_PARTITIONS));
                match clusters.iter_mut().find(|(known, _)| *known == kafka) {
                    Some((_, topics)) => topics.push(written),
                    None => clusters.push((kafka, vec![written])),
                }
            }
            SinkTarget::JsonLines(path) => files.entry(path.clone()).or_default().push(view),
            SinkTarget::Webhook(webhook) => {
                sinks.push((vec![view.clone()], Box::new(WebhookSink::new(view, webhook.clone())?)));
            }
        }
    }
    for (number, (kafka, topics)) in (1..).zip(clusters) {
        let views = topics.iter().map(|(view, _)| view.clone()).collect();
        let sink = KafkaSink::open(&kafka.config(), topics, metrics.clone())?;
        let sink = if number == 1 { sink } else { sink.named(Name::from(format!("kafka-{number}"))) };
        sinks.push((views, Box::new(sink)));
    }
    for (path, views) in files {
        let sink = path.as_deref().map_or_else(|| Ok(JsonLinesSink::stdout()), JsonLinesSink::file)?;
        sinks.push((views, Box::new(sink)));
    }
    Ok(sinks)
}

fn open_dead_letters(to: &DeadLetters, metrics: &Arc<Metrics>) -> Result<Option<Box<dyn DeadLetterSink>>, SinkError> {
    Ok(match to {
        DeadLetters::None => None,
        DeadLetters::Kafka { kafka, topic } => {
            let topic = Topic::new(topic).partitions(VIEW_PARTITIONS);
            Some(Box::new(KafkaDeadLetters::open(&kafka.config(), &topic, metrics.clone())?))
        }
        DeadLetters::JsonLines(path) => Some(Box::new(JsonDeadLetters::file(path)?)),
    })
}

/// Logs by HTTP that wait in memory.
struct InMemory(Inbox);

impl Ingest for InMemory {
    fn accept(&self, records: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
        self.0.offer(records).map_err(|_| IngestRefused::Busy)
    }
}

/// Logs by HTTP that Kafka keeps.
struct Durable(KafkaIngest);

impl Ingest for Durable {
    fn accept(&self, records: Vec<Vec<u8>>) -> Result<(), IngestRefused> {
        self.0.append(&records).map_err(|error| match error {
            IngestError::Busy => IngestRefused::Busy,
            IngestError::Failed(what) => IngestRefused::Failed(what),
        })
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
