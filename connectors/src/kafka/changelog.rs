//! A compacted topic as the changelog of durable state.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use highwater_engine::{Changelog, Entry, Epoch, Name, SinkError, StateError, metrics::Metrics};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::BaseRecord,
};

use super::{KafkaConfig, Topic, ask, config::REQUEST_TIMEOUT, outbox::Outbox, transactions::Transactions};
use crate::pause;

/// Keeps durable state in a compacted topic: each commit of the job is a transaction of it, each entry a record with
/// the entry's key, a tombstone where it is gone. The topic belongs to one job, and is created where it is missing.
///
/// A process that opens it fences whoever wrote it before, on whatever machine.
pub struct KafkaChangelog {
    name: Name,
    config: KafkaConfig,
    topic: Topic,
    metrics: Arc<Metrics>,
    transactions: Option<Transactions>,
}

/// How long a read may bring nothing before the cluster counts as gone.
const SILENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl KafkaChangelog {
    /// The changelog in this topic. Does not connect yet.
    pub fn new(config: KafkaConfig, topic: Topic, metrics: Arc<Metrics>) -> Self {
        let name = Name::from(format!("kafka:{}", topic.name));
        let topic = if topic.settings.contains_key("cleanup.policy") { topic } else { topic.compacted() };
        KafkaChangelog { name, config, topic, metrics, transactions: None }
    }

    /// The producer in hand, or a new one where that was given up.
    fn connect(&mut self) -> Result<Transactions, SinkError> {
        if let Some(transactions) = self.transactions.take() {
            return Ok(transactions);
        }
        let id = format!("highwater-state-{}", self.topic.name);
        let (name, topics) = (self.name.clone(), vec![self.topic.name.clone()]);
        let outbox = Outbox::transactional(name.clone(), &self.config, &id, self.metrics.clone())?;
        Transactions::open(&self.config, &id, topics, name, outbox)
    }

    /// One attempt to append; nothing is left to do where the epoch is there already.
    fn try_append(&mut self, epoch: Epoch, entries: &[Entry]) -> Result<(), SinkError> {
        let mut transactions = self.connect()?;
        if transactions.epoch < Some(epoch) {
            transactions = transactions.commit(epoch, |outbox| {
                for (key, value) in entries {
                    let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic.name).key(key.as_slice());
                    outbox.send(match value {
                        Some(value) => record.payload(value.as_slice()),
                        None => record,
                    })?;
                }
                Ok(())
            })?;
        }
        self.transactions = Some(transactions);
        Ok(())
    }

    fn failed(&self, what: &str, cause: KafkaError) -> StateError {
        StateError::new(self.name.as_str(), format!("{what} at {}", self.config.bootstrap_servers)).because(cause)
    }

    /// A consumer at the beginning of every partition that holds anything, and where each ends.
    fn reader(&self) -> Result<(BaseConsumer, BTreeMap<i32, i64>), KafkaError> {
        let mut client = self.config.consumer(&format!("highwater-{}", self.name), "highwater-state");
        let consumer: BaseConsumer = client.set("enable.partition.eof", "true").create()?;
        let metadata = consumer.fetch_metadata(Some(&self.topic.name), REQUEST_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id());
        let mut ends = BTreeMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in partitions {
            let (low, high) = ask::ends(&consumer, &self.topic.name, partition, REQUEST_TIMEOUT)?;
            if low < high {
                ends.insert(partition, high);
                assignment.add_partition_offset(&self.topic.name, partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&assignment)?;
        Ok((consumer, ends))
    }
}

fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::OperationTimedOut
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::NotCoordinator
                | Code::CoordinatorNotAvailable
        )
    )
}

impl Changelog for KafkaChangelog {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn open(&mut self) -> Result<Option<Epoch>, StateError> {
        let unreachable = |error: String| StateError::new(self.topic.name.clone(), error);
        self.topic.create(&self.config).map_err(|error| unreachable(error.to_string()))?;
        let transactions = self.connect();
        let transactions =
            transactions.map_err(|error| StateError::new(self.name.as_str(), "cannot be taken over").because(error))?;
        Ok(self.transactions.insert(transactions).epoch)
    }

    fn read(&mut self, entry: &mut dyn FnMut(Entry) -> Result<(), StateError>) -> Result<(), StateError> {
        let (consumer, mut ends) = self.reader().map_err(|cause| self.failed("cannot be read", cause))?;
        let mut read = 0_u64;
        while !ends.is_empty() {
            match consumer.poll(SILENCE) {
                None => {
                    return Err(StateError::new(self.name.as_str(), "its end does not come: the brokers are silent"));
                }
                // behind the last record there may be marks of transactions, which are no records
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(ends.remove(&partition)),
                // librdkafka connects again by itself
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(self.failed("cannot be read", error)),
                Some(Ok(message)) => {
                    read += 1;
                    if read.is_multiple_of(1_000_000) {
                        tracing::info!(changelog = %self.name, read, "reading durable state");
                    }
                    entry((message.key().unwrap_or_default().to_vec(), message.payload().map(<[u8]>::to_vec)))?;
                }
            }
        }
        tracing::info!(changelog = %self.name, read, "durable state has been read");
        Ok(())
    }

    fn append(&mut self, epoch: Epoch, entries: &[Entry]) -> Result<(), StateError> {
        let mut wait = FIRST_PAUSE;
        loop {
            let error = match self.try_append(epoch, entries) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let Some(at_least) = error.again else {
                return Err(StateError::new(self.name.as_str(), "a commit cannot be appended").because(error));
            };
            tracing::warn!(changelog = %self.name, "{error}; trying again");
            pause(at_least.max(wait));
            wait = (wait * 2).min(LONGEST_PAUSE);
        }
    }
}
