//! A topic as a source.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use highwater_engine::{
    Intake, Name, PartitionSlot, Positions, Progress, Reader, Source, SourceError, Timestamp,
    metrics::{Metrics, PartitionLabel},
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use serde::Deserialize;

use super::{
    KafkaConfig, Topic,
    ask::{hear_trouble, is_settling},
    config::{REQUEST_TIMEOUT, explain},
    context::{Consuming, Context, Ends},
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

    fn error(&self, what: impl Into<String>) -> SourceError {
        SourceError::new(self.name.clone(), what)
    }

    fn brokers(&self) -> &str {
        &self.config.bootstrap_servers
    }

    /// How many partitions the topic has; creates it where that is wanted.
    fn count_partitions(&self, consumer: &BaseConsumer<Consuming>) -> Result<i32, SourceError> {
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
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let committed = loop {
            match consumer.committed_offsets(all.clone(), REQUEST_TIMEOUT) {
                Ok(committed) => break committed,
                Err(error) if is_settling(&error) && Instant::now() < deadline => pause(Duration::from_millis(100)),
                Err(error) => {
                    let trouble = hear_trouble(consumer);
                    let what =
                        format!("the offsets of group {:?} at {} cannot be read{trouble}", self.group, self.brokers());
                    return Err(self.error(what).because(error));
                }
            }
        };
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

    fn bounds(&self, consumer: &BaseConsumer<Consuming>, partition: i32) -> Result<(i64, i64), SourceError> {
        consumer.fetch_watermarks(&self.topic.name, partition, REQUEST_TIMEOUT).map_err(|error| {
            let trouble = hear_trouble(consumer);
            self.error(format!("the ends of partition {partition} at {} cannot be read{trouble}", self.brokers()))
                .because(error)
        })
    }

    /// What is lost ends the job, or is reported.
    fn lose(&self, lost: &[Lost]) -> Result<(), SourceError> {
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
struct Lost {
    partition: i32,
    next: i64,
    low: i64,
    high: i64,
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
        self.config.check().map_err(|error| self.error(error.to_string()))?;
        let client_id = format!("highwater-{}-{worker}", self.topic.name);
        let context = Consuming(Context::new(self.name.clone(), Ends::new(self.topic.name.clone())));
        let consumer: BaseConsumer<Consuming> =
            BaseConsumer::from_config_and_context(&self.config.consumer(&client_id, &self.group), context)
                .map_err(|error| self.error(explain(&error)))?;
        let count = self.count_partitions(&consumer)?;
        if worker == 0 && usize::try_from(count).is_ok_and(|count| count < workers) {
            tracing::warn!(source = %self.name, partitions = count, workers, "some workers have no partition to read");
        }
        let mut reader = KafkaReader {
            source: self.clone(),
            consumer,
            worker: i32::try_from(worker).unwrap_or(i32::MAX),
            workers: i32::try_from(workers).unwrap_or(i32::MAX),
            count: 0,
            mine: Vec::new(),
            to_commit: Positions::new(),
            committed_at: Instant::now(),
            doubt: None,
        };
        let starts = self.starts(&reader.consumer, count, |partition| reader.is_mine(partition), resume)?;
        reader.take_on(count, &starts)?;
        Ok(Box::new(reader))
    }
}

/// How often offsets are committed.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

struct KafkaReader {
    source: KafkaSource,
    consumer: BaseConsumer<Consuming>,
    worker: i32,
    workers: i32,
    /// how many partitions the topic has
    count: i32,
    /// this worker's, by number: every `workers`th from `worker` on
    mine: Vec<Partition>,
    to_commit: Positions,
    committed_at: Instant,
    doubt: Option<Doubt>,
}

/// A connection failed, or a broker said that the topic is gone. It may have just come up, and know of none; and
/// librdkafka may read on, or not.
#[derive(Clone, Copy)]
struct Doubt {
    /// since when brokers have said so
    gone: Option<Instant>,
    ask_at: Instant,
}

/// How long a topic must have been gone to be gone: a broker that has just come up does not know of any.
const GONE_FROM: Duration = Duration::from_secs(10);
/// How often to ask, and how long an answer may take: the worker has other things to do.
const DOUBT_EVERY: Duration = Duration::from_secs(3);
const DOUBT_PATIENCE: Duration = Duration::from_millis(500);

struct Partition {
    id: i32,
    next: i64,
    slot: Option<PartitionSlot>,
}

impl KafkaReader {
    fn is_mine(&self, partition: i32) -> bool {
        partition % self.workers == self.worker
    }

    /// Reads these partitions too.
    fn take_on(&mut self, count: i32, starts: &[(i32, i64)]) -> Result<(), SourceError> {
        self.mine.extend(starts.iter().map(|&(id, next)| Partition { id, next, slot: None }));
        self.mine.sort_unstable_by_key(|partition| partition.id);
        self.count = count;
        let mut assignment = TopicPartitionList::new();
        let mut done = Ok(());
        for partition in &self.mine {
            let at = Offset::Offset(partition.next);
            done = done.and(assignment.add_partition_offset(&self.source.topic.name, partition.id, at));
        }
        done.and_then(|()| self.consumer.assign(&assignment))
            .map_err(|error| self.source.error("partitions cannot be assigned").because(error))
    }

    /// Tells the intake where partitions are read that it does not know of, or that are read elsewhere now.
    fn settle(&mut self, intake: &mut Intake) {
        for partition in self.mine.iter_mut().filter(|partition| partition.slot.is_none()) {
            let slot = intake.partition(u32::try_from(partition.id).unwrap_or(u32::MAX));
            intake.skip_to(slot, partition.next);
            partition.slot = Some(slot);
        }
    }

    /// What the newest statistics say: lag, and whether partitions have been added.
    fn look_around(&mut self) -> Result<(), SourceError> {
        let Some(ends) = self.consumer.context().0.kind.take() else { return Ok(()) };
        for partition in &self.mine {
            let Some(end) = ends.get(&partition.id).filter(|end| **end >= 0) else { continue };
            let number = u32::try_from(partition.id).unwrap_or(u32::MAX);
            let label = PartitionLabel { source: self.source.name.to_string(), partition: number };
            self.source.metrics.source_lag.get_or_create(&label).set((end - partition.next).max(0));
        }
        let count = ends.keys().max().map_or(0, |last| last + 1);
        if count > self.count {
            tracing::info!(source = %self.source.name, from = self.count, to = count, "the topic has more partitions");
            // what may be gone from them already is lost, and an error like any other loss
            let starts: Vec<(i32, i64)> = (self.count..count)
                .filter(|partition| self.is_mine(*partition))
                .map(|partition| (partition, 0))
                .collect();
            if starts.is_empty() {
                self.count = count;
            } else {
                self.take_on(count, &starts)?;
            }
        }
        Ok(())
    }

    /// Ends the job for what trying again does not mend; librdkafka tries again with the rest by itself.
    fn judge(&mut self, error: KafkaError) -> Result<(), SourceError> {
        use RDKafkaErrorCode as Code;
        let source = self.source.clone();
        let (topic, brokers) = (&source.topic.name, source.brokers());
        let what = match error.rdkafka_error_code() {
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => return self.out_of_range(error),
            Some(
                Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId,
            ) => {
                let Doubt { gone, .. } = self.doubt();
                let since = gone.unwrap_or_else(Instant::now);
                if since.elapsed() < GONE_FROM {
                    self.doubt = Some(Doubt { gone: Some(since), ..self.doubt() });
                    return Ok(());
                }
                format!("topic {topic:?} at {brokers}, or a partition of it, is gone")
            }
            Some(
                Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed,
            ) => {
                format!("{brokers} does not allow topic {topic:?} to be read with group {:?}", source.group)
            }
            // librdkafka would go on behind the records that it cannot read
            Some(Code::BadMessage | Code::BadCompression | Code::NotImplemented) => {
                format!("{brokers} sends records of topic {topic:?} that are damaged or in an unknown form")
            }
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => "librdkafka gives up".into(),
            _ => {
                tracing::debug!(source = %source.name, %error, "librdkafka tries again");
                return Ok(());
            }
        };
        Err(source.error(what).because(error))
    }

    fn doubt(&self) -> Doubt {
        self.doubt.unwrap_or_else(|| Doubt { gone: None, ask_at: Instant::now() + DOUBT_EVERY })
    }

    /// After something went wrong, asks whether the topic is there; if so it is read anew from where reading was.
    fn ask_again(&mut self) -> Result<(), SourceError> {
        if self.doubt.is_none() && !self.consumer.context().0.is_troubled() {
            return Ok(());
        }
        let doubt = self.doubt();
        self.doubt = Some(doubt);
        if Instant::now() < doubt.ask_at {
            return Ok(());
        }
        let ask_at = Instant::now() + DOUBT_EVERY;
        let (topic, brokers) = (&self.source.topic.name, self.source.brokers());
        let Ok(metadata) = self.consumer.fetch_metadata(Some(topic), DOUBT_PATIENCE) else {
            // who does not answer says nothing of topics
            self.doubt = Some(Doubt { gone: None, ask_at });
            return Ok(());
        };
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let count = found.filter(|found| found.error().is_none()).map_or(0, |found| found.partitions().len());
        if i32::try_from(count).is_ok_and(|count| count >= self.count) {
            self.doubt = None;
            self.consumer.context().0.well();
            return self.take_on(self.count, &[]);
        }
        let since = doubt.gone.unwrap_or_else(Instant::now);
        self.doubt = Some(Doubt { gone: Some(since), ask_at });
        if since.elapsed() < GONE_FROM {
            return Ok(());
        }
        Err(self.source.error(format!("topic {topic:?} at {brokers}, or a partition of it, is gone")))
    }

    fn out_of_range(&mut self, error: KafkaError) -> Result<(), SourceError> {
        let mut lost = Vec::new();
        for partition in &mut self.mine {
            if let Ok((low, high)) = self.source.bounds(&self.consumer, partition.id)
                && !(low..=high).contains(&partition.next)
            {
                lost.push(Lost { partition: partition.id, next: partition.next, low, high });
                (partition.next, partition.slot) = (low, None);
            }
        }
        self.source.lose(&lost).map_err(|lost| lost.because(error))?;
        // librdkafka has stopped reading there
        self.take_on(self.count, &[])
    }

    fn send_commit(&mut self) {
        if self.to_commit.is_empty() {
            return;
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in std::mem::take(&mut self.to_commit) {
            let Ok(partition) = i32::try_from(partition) else { continue };
            if let Err(error) = offsets.add_partition_offset(&self.source.topic.name, partition, Offset::Offset(next)) {
                tracing::warn!(source = %self.source.name, %error, "an offset cannot be committed");
            }
        }
        // what fails is in the next commit too, and costs a restart some reading at worst
        if let Err(error) = self.consumer.commit(&offsets, CommitMode::Async) {
            tracing::warn!(source = %self.source.name, %error, "offsets cannot be committed");
        }
        self.committed_at = Instant::now();
    }
}

impl Reader for KafkaReader {
    fn read(&mut self, intake: &mut Intake, mut patience: Duration) -> Result<Progress, SourceError> {
        self.settle(intake);
        let mut any = false;
        while !intake.is_full() {
            match self.consumer.poll(patience) {
                None => break,
                Some(Err(error)) => {
                    self.judge(error)?;
                    self.settle(intake);
                }
                Some(Ok(message)) => {
                    let at = usize::try_from(message.partition() / self.workers).unwrap_or(usize::MAX);
                    let Some(Partition { next, slot: Some(slot), .. }) = self.mine.get_mut(at) else { continue };
                    let offset = message.offset();
                    if offset < *next {
                        continue;
                    }
                    *next = offset + 1;
                    match message.payload() {
                        None => intake.skip_to(*slot, *next),
                        Some(bytes) => {
                            let received = message.timestamp().to_millis().filter(|millis| *millis >= 0);
                            intake.record(*slot, *next, received.map(Timestamp::from_millis), bytes);
                        }
                    }
                    patience = Duration::ZERO;
                    any = true;
                }
            }
        }
        if any {
            self.consumer.context().0.well();
        }
        self.look_around()?;
        self.ask_again()?;
        Ok(if intake.is_full() { Progress::More } else { Progress::Idle })
    }

    fn commit(&mut self, positions: &Positions) -> Result<(), SourceError> {
        self.to_commit.clone_from(positions);
        if self.committed_at.elapsed() >= COMMIT_EVERY {
            self.send_commit();
        }
        Ok(())
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        // closing the consumer waits for what is under way
        self.send_commit();
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(source = %self.source.name, %error, "partitions cannot be given back");
        }
    }
}
