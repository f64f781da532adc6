//! Ways in, as configured: for the job, and for the log store, which reads all of it by itself.

use std::sync::Arc;

use anyhow::Context;
use highwater_connectors::{
    FileSource, GeneratorSource, Inbox, InboxBounds, IngestError, KafkaIngest, KafkaSource, OnLoss, Start, Topic,
    generator::Traffic,
};
use highwater_engine::{Name, Source, Timestamp, metrics::Metrics};
use highwater_server::{Ingest, IngestRefused};

use crate::config::{self, Config, Generated};

/// Records that may wait in the inbox, whatever their size.
const MAX_WAITING_RECORDS: usize = 1_000_000;

/// The ways in.
#[derive(Default)]
pub(super) struct Sources {
    /// Of the job.
    pub(super) of_job: Vec<Box<dyn Source>>,
    /// The same for the log store; none where there is no store.
    pub(super) of_store: Vec<Box<dyn Source>>,
    /// For logs by HTTP.
    pub(super) ingest: Option<Arc<dyn Ingest>>,
}

impl Sources {
    /// Makes them; they are not open yet.
    ///
    /// # Errors
    /// Where the way in by HTTP cannot be opened.
    pub(super) fn of(config: &Config, metrics: &Arc<Metrics>) -> anyhow::Result<Self> {
        let mut sources = Sources::default();
        for source in &config.sources {
            sources.add(config, source, metrics)?;
        }
        if sources.ingest.is_none() && config.listen.is_some() {
            let kafka = config.sources.iter().find_map(|source| match source {
                config::Source::Kafka(kafka) => Some(kafka),
                _ => None,
            });
            if let Some(kafka) = kafka {
                let ingest = KafkaIngest::open(&kafka.kafka.config(), &kafka.topic)?;
                sources.ingest = Some(Arc::new(InKafka(ingest)));
            }
        }
        Ok(sources)
    }

    fn add(&mut self, config: &Config, source: &config::Source, metrics: &Arc<Metrics>) -> anyhow::Result<()> {
        let searches = config.log_store().is_some();
        match source {
            config::Source::Kafka(kafka) => {
                self.of_job.push(Box::new(self::kafka(kafka, metrics.clone())));
                if searches {
                    // its lag is not the job's, what is gone shall not keep it from what is there, and a folder that is
                    // lost is made anew
                    let mut source = self::kafka(kafka, Arc::default());
                    source.group = format!("{}-search", kafka.group);
                    source.goes_by_group = false;
                    if kafka.start == Start::Committed {
                        source.start = Start::Earliest;
                    }
                    source.on_loss = OnLoss::Skip;
                    self.of_store.push(Box::new(source));
                }
            }
            config::Source::File(file) => {
                let source =
                    FileSource::new(&file.path).follow(file.follow).max_record_bytes(config.settings.max_record_bytes);
                if searches {
                    self.of_store.push(Box::new(source.twin()));
                }
                self.of_job.push(Box::new(source));
            }
            config::Source::Generator(generated) => {
                let source = generator(generated);
                if searches {
                    self.of_store.push(Box::new(source.clone()));
                }
                self.of_job.push(Box::new(source));
            }
            config::Source::Http { max_waiting_bytes } => {
                let inbox = inbox(config, *max_waiting_bytes)?;
                let source = || Box::new(inbox.source(Name::from("http"), process(config)));
                if searches {
                    self.of_store.push(source());
                }
                self.of_job.push(source());
                self.ingest = Some(Arc::new(Own(inbox)));
            }
        }
        Ok(())
    }
}

fn kafka(kafka: &config::KafkaSource, metrics: Arc<Metrics>) -> KafkaSource {
    let topic = Topic::new(&kafka.topic).partitions(kafka.create_partitions.unwrap_or(1));
    let mut source = KafkaSource::new(kafka.kafka.config(), topic, &kafka.group, metrics);
    source.start = kafka.start;
    source.on_loss = kafka.on_loss;
    source.create_topic = kafka.create_partitions.is_some();
    source
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
        ..Traffic::default()
    };
    GeneratorSource::new(traffic, Timestamp::now().minus(generated.history))
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
