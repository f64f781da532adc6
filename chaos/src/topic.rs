//! [`read`]: a topic from its beginning, as a read_committed consumer has it.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};
use serde_json::Value;

use crate::kafka::{Kafka, partitions};

/// A topic from which so long nothing comes, not even its end, is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record of a view's topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The partition that it is in.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// The row.
    pub key: String,
    /// The row's value; `None` is a tombstone.
    pub value: Option<Value>,
    /// The view, by the record's header.
    pub view: String,
    /// The epoch, by the record's header.
    pub epoch: u64,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of partition {}, epoch {}", self.offset, self.partition, self.epoch)
    }
}

/// All committed records up to the topic's end, each partition's in their order.
///
/// # Errors
/// Where the cluster fails, or a record has not the form that Highwater's records have.
pub fn read(kafka: &Kafka, topic: &str) -> Result<Vec<Record>> {
    let consumer = kafka.consumer("read_committed")?;
    let mut unfinished = assign_all(&consumer, topic)?;
    let mut records = Vec::new();
    let mut heard = Instant::now();
    while !unfinished.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() < PATIENCE => continue,
            None => bail!("topic {topic}: nothing comes from partitions {unfinished:?}, and no end"),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unfinished.remove(&partition);
            }
            Some(Err(error)) => return Err(error).with_context(|| format!("topic {topic} cannot be read")),
            Some(Ok(message)) => {
                let what = || format!("topic {topic}, partition {}, offset {}", message.partition(), message.offset());
                records.push(record(&message).with_context(what)?);
            }
        }
        heard = Instant::now();
    }
    Ok(records)
}

fn assign_all(consumer: &BaseConsumer, topic: &str) -> Result<BTreeSet<i32>> {
    let partitions = partitions(consumer, topic)?;
    let mut list = TopicPartitionList::new();
    for &partition in &partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list).with_context(|| format!("topic {topic} cannot be read"))?;
    Ok(partitions.into_iter().collect())
}

fn record(message: &BorrowedMessage<'_>) -> Result<Record> {
    let key = message.key().ok_or_else(|| anyhow!("the record has no key"))?;
    let value = message.payload().map(serde_json::from_slice).transpose().context("its value is no JSON")?;
    Ok(Record {
        partition: message.partition(),
        offset: message.offset(),
        key: String::from_utf8(key.to_vec()).context("its key is no text")?,
        value,
        view: header(message, "highwater-view")?,
        epoch: header(message, "highwater-epoch")?.parse().context("its header highwater-epoch is no number")?,
    })
}

fn header(message: &BorrowedMessage<'_>, name: &str) -> Result<String> {
    let mut headers = message.headers().into_iter().flat_map(Headers::iter);
    let value = headers.find(|header| header.key == name).and_then(|header| header.value);
    let value = value.ok_or_else(|| anyhow!("it has no header {name}"))?;
    String::from_utf8(value.to_vec()).with_context(|| format!("its header {name} is no text"))
}
