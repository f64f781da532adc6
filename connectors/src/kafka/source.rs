//! A topic as a source.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use highwater_engine::{
    Name, Positions, Reader, Source, SourceError,
    metrics::{Metrics, PartitionLabel},
};
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
};
use serde::Deserialize;

use super::{
    KafkaConfig, Topic,
    ask::{ends, hear_trouble, patiently},
    config::{REQUEST_TIMEOUT, explain},
    context::{Consuming, Context, Ends},
    reader::KafkaReader,
};
use crate::pause;

/// Where reading begins in a partition for which the group has committed no offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest record there is.
    #[default]
    Earliest,
    /// At what comes from now on.
    Latest,
    /// Nowhere: it is an error that the group has committed none.
    Committed,
}

/// What to do where records are gone before they were read: deleted by retention, or with their topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// End the job, with a message that says what is gone.
    #[default]
    Stop,
    /// Say and count what is gone, and go on with the first record there is.
    Skip,
}

/// Reads a topic. Goes on where the job's state ends; without state, where the group has committed, which is after
/// what views and sinks have seen: at least once then.
///
/// Partitions are dealt to workers by their number, not by Kafka's rebalancing, so only one job may use a group at a
/// time. Partitions that are added are read from their beginning within half a minute.
#[derive(Clone, Debug)]
pub struct KafkaSource {
    /// What the source is called; see [`KafkaSource::new`].
    pub name: Name,
    /// The cluster.
    pub config: KafkaConfig,
    /// The topic, as it is created where it is missing and `create_topic` is set.
    pub topic: Topic,
    /// The group whose committed offsets say where to go on.
    pub group: String,
    /// Whether they do; where not, they are for lag tools alone.
    pub goes_by_group: bool,
    /// Where to begin without one.
    pub start: Start,
    /// What to do where the next record is gone.
    pub on_loss: OnLoss,
    /// Whether to create the topic where it is missing.
    pub create_topic: bool,
    /// Where the lag is reported.
    pub metrics: Arc<Metrics>,
}

impl KafkaSource {
    /// The source `kafka:<topic>`: from the earliest record where the group has committed nothing, of a topic that
    /// exists.
    pub fn new(config: KafkaConfig, topic: Topic, group: impl Into<String>, metrics: Arc<Metrics>) -> Self {
        let name = Name::from(format!("kafka:{}", topic.name));
        let (start, on_loss) = (Start::Earliest, OnLoss::Stop);
        let (group, goes_by_group) = (group.into(), true);
        KafkaSource { name, config, topic, group, goes_by_group, start, on_loss, create_topic: false, metrics }
    }

    pub(super) fn error(&self, what: impl Into<String>) -> SourceError {
        SourceError::new(self.name.clone(), what)
    }

    pub(super) fn brokers(&self) -> &str {
        &self.config.bootstrap_servers
    }

    /// A consumer that reads nothing yet; `more` are settings beside the usual ones.
    pub(super) fn connect(&self, worker: usize, more: &[(&str, &str)]) -> Result<BaseConsumer<Consuming>, SourceError> {
        self.config.check().map_err(|error| self.error(error.to_string()))?;
        let client_id = format!("highwater-{}-{worker}", self.topic.name);
        let context = Consuming(Context::new(self.name.clone(), Ends::new(self.topic.name.clone())));
        let mut config = self.config.consumer(&client_id, &self.group);
        more.iter().for_each(|(key, value)| _ = config.set(*key, *value));
        BaseConsumer::from_config_and_context(&config, context).map_err(|error| self.error(explain(&error)))
    }

    /// How many partitions the topic has; creates it where that is wanted.
    pub(super) fn count_partitions(&self, consumer: &BaseConsumer<Consuming>) -> Result<i32, SourceError> {
        let mut created = false;
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        loop {
            let metadata = consumer.fetch_metadata(Some(&self.topic.name), REQUEST_TIMEOUT).map_err(|error| {
                let trouble = hear_trouble(consumer);
                self.error(format!("Kafka at {} does not answer{trouble}", self.brokers())).because(error)
            })?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic.name);
            let (count, refusal) =
                topic.map_or((0, None), |topic| (topic.partitions().len(), topic.error().map(RDKafkaErrorCode::from)));
            match refusal {
                None if count > 0 => return i32::try_from(count).map_err(|error| self.error("").because(error)),
                Some(code @ (RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::InvalidTopic)) => {
                    return Err(self.error(format!("topic {:?} at {}", self.topic.name, self.brokers())).because(code));
                }
                _ if self.create_topic && !created => {
                    self.topic.create(&self.config).map_err(|error| self.error(error.to_string()))?;
                    created = true;
                }
                // news of a topic takes its time to get around
                _ if (created || refusal != Some(RDKafkaErrorCode::UnknownTopicOrPartition))
                    && Instant::now() < deadline =>
                {
                    pause(Duration::from_millis(100));
                }
                _ => {
                    return Err(self.error(format!(
                        "there is no topic {:?} at {}; create it with `{}`, or let the source do it with create_topic",
                        self.topic.name,
                        self.brokers(),
                        self.topic.by_hand(self.brokers()),
                    )));
                }
            }
        }
    }

    /// Where to begin with those of `count` partitions that fulfil `mine`.
    fn starts(
        &self,
        consumer: &BaseConsumer<Consuming>,
        count: i32,
        mine: impl Fn(i32) -> bool,
        resume: &Positions,
    ) -> Result<Vec<(i32, i64)>, SourceError> {
        let offsets = if resume.is_empty() && self.goes_by_group {
            self.committed(consumer, count)?
        } else {
            let resumed = |partition| u32::try_from(partition).ok().and_then(|partition| resume.get(&partition));
            (0..count).map(|partition| (partition, resumed(partition).copied())).collect()
        };
        // where others have been read, one that has not came later
        let resumes = offsets.iter().any(|(_, offset)| offset.is_some());
        let mut starts = Vec::new();
        for (partition, offset) in offsets.into_iter().filter(|(partition, _)| mine(*partition)) {
            let (low, high) = self.bounds(consumer, partition)?;
            let start = match (offset, self.start) {
                (Some(offset), _) if offset < low || offset > high => {
                    self.lose(&[Lost { partition, next: offset, low, high }])?;
                    low
                }
                (Some(offset), _) => offset,
                (None, _) if resumes => low,
                (None, Start::Earliest) => low,
                (None, Start::Latest) => high,
                (None, Start::Committed) => {
                    return Err(self.error(format!(
                        "group {:?} has committed no offset for topic {:?}; start from \"earliest\" or \"latest\"",
                        self.group, self.topic.name
                    )));
                }
            };
            tracing::info!(source = %self.name, partition, start, low, high, "reading");
            starts.push((partition, start));
        }
        Ok(starts)
    }

    /// What the group has committed, by partition.
    fn committed(
        &self,
        consumer: &BaseConsumer<Consuming>,
        count: i32,
    ) -> Result<Vec<(i32, Option<i64>)>, SourceError> {
        let mut all = TopicPartitionList::new();
        all.add_partition_range(&self.topic.name, 0, count - 1);
        let committed = patiently(|| consumer.committed_offsets(all.clone(), REQUEST_TIMEOUT)).map_err(|error| {
            let trouble = hear_trouble(consumer);
            let what = format!("the offsets of group {:?} at {} cannot be read{trouble}", self.group, self.brokers());
            self.error(what).because(error)
        })?;
        let mut offsets = Vec::new();
        for element in committed.elements() {
            element.error().map_err(|error| {
                self.error(format!("the offset of group {:?} in partition {}", self.group, element.partition()))
                    .because(error)
            })?;
            let offset = if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None };
            offsets.push((element.partition(), offset));
        }
        Ok(offsets)
    }

    pub(super) fn bounds(&self, consumer: &BaseConsumer<Consuming>, partition: i32) -> Result<(i64, i64), SourceError> {
        patiently(|| ends(consumer, &self.topic.name, partition, REQUEST_TIMEOUT)).map_err(|error| {
            let trouble = hear_trouble(consumer);
            self.error(format!("the ends of partition {partition} at {} cannot be read{trouble}", self.brokers()))
                .because(error)
        })
    }

    /// What is lost ends the job, or is reported.
    pub(super) fn lose(&self, lost: &[Lost]) -> Result<(), SourceError> {
        if self.on_loss == OnLoss::Stop {
            return Err(self.lost(lost));
        }
        for range in lost {
            tracing::error!(source = %self.name, "records are gone before they were read: {range}; they are skipped");
            let partition = u32::try_from(range.partition).unwrap_or(u32::MAX);
            let label = PartitionLabel { source: self.name.to_string(), partition };
            self.metrics.lost_records.get_or_create(&label).inc_by(range.count());
        }
        Ok(())
    }

    fn lost(&self, lost: &[Lost]) -> SourceError {
        let ranges: Vec<String> = lost.iter().map(Lost::to_string).collect();
        let (topic, brokers, group) = (&self.topic.name, self.brokers(), &self.group);
        self.error(format!(
            "records of topic {topic:?} at {brokers} are gone before they were read: {}. To go on with what is there, set \
             on_loss to \"skip\". Without durable state, where reading goes on where the group has committed, other ways \
             are to use another group, or to stop all jobs of group {group:?} and run `kafka-consumer-groups.sh \
             --bootstrap-server {brokers} --group {group} --topic {topic} --reset-offsets --to-earliest --execute`",
            ranges.join("; "),
        ))
    }
}

/// A partition in which the next record is not there.
pub(super) struct Lost {
    pub(super) partition: i32,
    pub(super) next: i64,
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Lost {
    /// Offsets that were not read; how many a topic had that was made anew, nobody knows.
    fn count(&self) -> u64 {
        u64::try_from(self.low - self.next).unwrap_or(0)
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Lost { partition, next, low, high } = self;
        if next < low {
            write!(f, "partition {partition}, offsets {next} to {} (deleted by its retention)", low - 1)
        } else {
            write!(
                f,
                "partition {partition} ends at offset {high}, where reading was to go on at {next} (the topic was made \
                 anew, or a broker lost records)"
            )
        }
    }
}

impl Source for KafkaSource {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let consumer = self.connect(worker, &[])?;
        let count = self.count_partitions(&consumer)?;
        if worker == 0 && usize::try_from(count).is_ok_and(|count| count < workers) {
            tracing::warn!(source = %self.name, partitions = count, workers, "some workers have no partition to read");
        }
        let mut reader = KafkaReader::new(self.clone(), consumer, worker, workers);
        let starts = self.starts(&reader.consumer, count, |partition| reader.is_mine(partition), resume)?;
        reader.take_on(count, &starts)?;
        Ok(Box::new(reader))
    }
}
