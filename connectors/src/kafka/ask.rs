//! Questions to a cluster, and why they are not answered.

use std::time::Duration;

use highwater_engine::Name;
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    config::{KafkaConfig, REQUEST_TIMEOUT, explain},
    context::{Consuming, Context, Ends},
};

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
