//! Questions to a cluster, and why they are not answered.

use std::time::{Duration, Instant};

use highwater_engine::Name;
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{
    config::{KafkaConfig, REQUEST_TIMEOUT, explain},
    context::{Consuming, Context, Ends},
};
use crate::pause;

/// Most events that are heard before an answer is given.
const MAX_EVENTS: usize = 100;

/// Whether there is a topic of this name.
pub(crate) fn has_topic(config: &KafkaConfig, topic: &str) -> Result<bool, String> {
    let context = Consuming(Context::new(Name::from("kafka-admin"), Ends::new(topic.to_owned())));
    let consumer: BaseConsumer<Consuming> =
        BaseConsumer::from_config_and_context(&config.admin(), context).map_err(|error| explain(&error))?;
    let metadata = consumer
        .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
        .map_err(|error| format!("{error}{}", hear_trouble(&consumer)))?;
    Ok(metadata.topics().iter().any(|found| found.error().is_none() && !found.partitions().is_empty()))
}

/// Whether nothing has ever been written to a topic, as it is now. One that was just created is waited for.
pub(crate) fn is_untouched(config: &KafkaConfig, topic: &str) -> Result<bool, String> {
    let mut client = config.admin();
    // a transaction that is not over yet is something, too
    client.set("isolation.level", "read_uncommitted");
    let consumer: BaseConsumer = client.create().map_err(|error| explain(&error))?;
    let ends = || -> KafkaResult<Vec<i64>> {
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        partitions.map(|partition| Ok(consumer.fetch_watermarks(topic, partition.id(), REQUEST_TIMEOUT)?.1)).collect()
    };
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    loop {
        match ends() {
            Ok(ends) if !ends.is_empty() => return Ok(ends.iter().all(|end| *end == 0)),
            Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
            Ok(_) if Instant::now() >= deadline => return Err("it has no partitions".to_owned()),
            _ => pause(Duration::from_millis(100)),
        }
    }
}

/// What is wrong with the connection of a consumer that has nothing to read yet, to be appended to a message. It tells
/// its context only when polled.
pub(crate) fn hear_trouble(consumer: &BaseConsumer<Consuming>) -> String {
    for _ in 0..MAX_EVENTS {
        if consumer.poll(Duration::from_millis(50)).is_none() {
            break;
        }
    }
    consumer.context().0.trouble()
}

/// What an error is about; of those of transactions too.
pub(crate) fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    }
}

/// Asks again for as long as who would know is not ready.
pub(crate) fn patiently<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    loop {
        match ask() {
            Err(error) if (is_settling(&error) || is_moving(&error)) && Instant::now() < deadline => {
                pause(Duration::from_millis(100));
            }
            done => return done,
        }
    }
}

/// Answers in a row that have to say that a partition which has had records has none left.
const AGREEING: usize = 3;

/// The first offset of a partition and the one after its last.
///
/// librdkafka (2.12) asks for both at once, and where the answer to the first is an error and that to the second has come by
/// then, it forgets the error and takes the end for the beginning, too: all records would be skipped, or be said to be gone. So
/// what looks like that is asked for again.
pub(crate) fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    patience: Duration,
) -> KafkaResult<(i64, i64)> {
    for _ in 1..AGREEING {
        let (low, high) = consumer.fetch_watermarks(topic, partition, patience)?;
        if low < high || high <= 0 {
            return Ok((low, high));
        }
    }
    consumer.fetch_watermarks(topic, partition, patience)
}

/// Whether it is the group's coordinator that is not ready: one that has moved or has just come up needs a moment.
pub(crate) fn is_settling(error: &KafkaError) -> bool {
    matches!(
        code_of(error),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}

/// Whether it is a partition's leader that is not ready: one that has moved, or that has not heard yet of a topic that was
/// just created.
fn is_moving(error: &KafkaError) -> bool {
    matches!(
        code_of(error),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::BrokerTransportFailure
        )
    )
}
