//! Dead letters as a topic.

use std::sync::Arc;

use highwater_engine::{DeadLetter, DeadLetterSink, Name, SinkError, metrics::Metrics};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};

use super::{KafkaConfig, Topic, outbox::Outbox};

/// Writes dead letters to a topic: the record's first bytes as they came, and in the headers `highwater-reason`,
/// `highwater-source`, `highwater-partition`, `highwater-next-offset` (where reading went on after it) and
/// `highwater-length` (how long it was, if that is more than is kept).
pub struct KafkaDeadLetters {
    outbox: Outbox,
    topic: String,
}

impl KafkaDeadLetters {
    /// A sink to this topic, which is created where it is missing.
    ///
    /// # Errors
    /// Where the configuration is wrong, or the topic is missing and cannot be created.
    pub fn open(config: &KafkaConfig, topic: &Topic, metrics: Arc<Metrics>) -> Result<Self, SinkError> {
        let name = Name::from(format!("kafka:{}", topic.name));
        topic.create(config).map_err(|error| SinkError::new(name.clone(), error.to_string()))?;
        Ok(KafkaDeadLetters { outbox: Outbox::open(name, config, metrics)?, topic: topic.name.clone() })
    }
}

impl DeadLetterSink for KafkaDeadLetters {
    fn name(&self) -> Name {
        self.outbox.name()
    }

    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError> {
        for letter in letters {
            let (partition, next_offset) = (letter.partition.to_string(), letter.next_offset.to_string());
            let length = letter.length.to_string();
            let headers = OwnedHeaders::new_with_capacity(5)
                .insert(Header { key: "highwater-reason", value: Some(letter.reason.label()) })
                .insert(Header { key: "highwater-source", value: Some(letter.source.as_str()) })
                .insert(Header { key: "highwater-partition", value: Some(partition.as_str()) })
                .insert(Header { key: "highwater-next-offset", value: Some(next_offset.as_str()) })
                .insert(Header { key: "highwater-length", value: Some(length.as_str()) });
            let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(&self.topic)
                .payload(letter.bytes.as_slice())
                .timestamp(letter.received.as_micros() / 1000)
                .headers(headers);
            self.outbox.send(record)?;
        }
        self.outbox.flush()
    }
}
