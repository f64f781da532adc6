//! From configuration to connectors.

mod sinks;
mod sources;

use std::sync::Arc;

use anyhow::Context;
use highwater_connectors::{KafkaChangelog, KafkaConfig, KafkaIngest, KafkaPast, KafkaSource, Topic};
use highwater_engine::{Changelog, Job, Source, Timestamp, metrics::Metrics};
use highwater_server::Ingest;

use self::{
    sinks::{Outlet, open_sinks},
    sources::Sources,
};
use crate::{config::Config, generate::Target};

/// A job, and the way in that it has for logs by HTTP.
pub(crate) struct Wired {
    pub(crate) job: Job,
    /// what the log store reads
    pub(crate) followed: Vec<Box<dyn Source>>,
    pub(crate) ingest: Option<Arc<dyn Ingest>>,
    /// as metrics call them
    pub(crate) sinks: Vec<String>,
}

/// Partitions of topics that are created for views: readers of a changelog seldom need more.
const VIEW_PARTITIONS: u32 = 4;

/// Makes what the configuration describes, and one more sink for alerts. Sinks are opened, sources are not yet.
///
/// # Errors
/// Where a sink or the way in cannot be opened.
pub(crate) fn wire(config: &Config, alerts: Option<Outlet>) -> anyhow::Result<Wired> {
    let metrics = Arc::new(Metrics::default());
    let Sources { of_job, of_store, ingest } = Sources::of(config, &metrics)?;
    let feeds = config.is_first();
    let mut sinks = if feeds { open_sinks(config, &metrics)? } else { Vec::new() };
    sinks.extend(alerts);
    let names = sinks.iter().map(|(_, sink)| sink.name().to_string()).collect();
    let changelog = config.changelog.as_ref().filter(|_| feeds).map(|changelog| -> Box<dyn Changelog> {
        let topic = Topic::new(&changelog.topic);
        Box::new(KafkaChangelog::new(changelog.kafka.config(), topic, metrics.clone()))
    });
    let job = Job {
        settings: config.settings.clone(),
        sources: of_job,
        queries: vec![Box::new(config.queries.clone())],
        sinks,
        state: config.state.clone(),
        changelog,
        metrics,
    };
    Ok(Wired { job, followed: of_store, ingest, sinks: names })
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

/// What a topic has from a time on, for a back-test.
pub(crate) fn kafka_past(brokers: &str, topic: &str, from: Timestamp) -> Box<dyn Source> {
    let source = KafkaSource::new(KafkaConfig::new(brokers), Topic::new(topic), "highwater-backtest", Arc::default());
    Box::new(KafkaPast::new(source, from))
}
