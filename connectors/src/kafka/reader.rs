//! One worker's part of a topic, read for as long as the job runs, whatever becomes of its broker.

use std::time::{Duration, Instant};

use highwater_engine::{
    Intake, PartitionSlot, Positions, Progress, Reader, SourceError, Timestamp, metrics::PartitionLabel,
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    ask::ends,
    context::Consuming,
    source::{KafkaSource, Lost},
};

/// How often offsets are committed.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct KafkaReader {
    source: KafkaSource,
    pub(super) consumer: BaseConsumer<Consuming>,
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

/// A connection failed, or a broker said that the topic is gone. A broker may have just come up, and know of no topic; and
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
    /// whether there was nothing more; told where the consumer is to say so
    is_at_end: bool,
}

impl KafkaReader {
    /// Reads nothing yet; see [`KafkaReader::take_on`].
    pub(super) fn new(source: KafkaSource, consumer: BaseConsumer<Consuming>, worker: usize, workers: usize) -> Self {
        let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
        KafkaReader {
            source,
            consumer,
            worker: number(worker),
            workers: number(workers),
            count: 0,
            mine: Vec::new(),
            to_commit: Positions::new(),
            committed_at: Instant::now(),
            doubt: None,
        }
    }

    pub(super) fn is_mine(&self, partition: i32) -> bool {
        partition % self.workers == self.worker
    }

    /// Whether a partition has been read up to this offset, or up to where there was nothing more.
    pub(super) fn has_reached(&self, partition: i32, end: i64) -> bool {
        let found = self.mine.iter().find(|mine| mine.id == partition);
        found.is_none_or(|partition| partition.is_at_end || partition.next >= end)
    }

    /// Reads these partitions too.
    pub(super) fn take_on(&mut self, count: i32, starts: &[(i32, i64)]) -> Result<(), SourceError> {
        self.mine.extend(starts.iter().map(|&(id, next)| Partition { id, next, slot: None, is_at_end: false }));
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
            let topic = &self.source.topic.name;
            // whose ends are not told is read anew, and found out of range again
            if let Ok((low, high)) = ends(&self.consumer, topic, partition.id, DOUBT_PATIENCE)
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
                Some(Err(KafkaError::PartitionEOF(id))) => {
                    self.mine.iter_mut().filter(|partition| partition.id == id).for_each(|at| at.is_at_end = true);
                }
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
