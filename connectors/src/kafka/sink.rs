//! A view's changelog as a topic.

use std::sync::Arc;

use highwater_engine::{Epoch, Name, Record, Sink, SinkError, metrics::Metrics};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};

use super::{KafkaConfig, Topic, outbox::Outbox};

/// Writes the changes of a view to a topic: the row's key as the record's key, its value as JSON, a tombstone where
/// the row is gone. Whoever reads the topic from its beginning and keeps the newest value of each key has the view.
///
/// Each record has the headers `highwater-view`, `highwater-epoch`, `highwater-schema` (the view's name, `/`, the
/// version of its value's form) and `content-type`.
pub struct KafkaSink {
    outbox: Outbox,
    topic: String,
    view: Name,
    schema: String,
}

/// The version of what values look like.
const SCHEMA_VERSION: u32 = 1;

impl KafkaSink {
    /// A sink for the changes of `view`. Creates the topic where it is missing, compacted unless its settings say
    /// otherwise.
    ///
    /// # Errors
    /// Where the configuration is wrong, or the topic is missing and cannot be created.
    pub fn open(config: &KafkaConfig, topic: &Topic, view: Name, metrics: Arc<Metrics>) -> Result<Self, SinkError> {
        let name = Name::from(format!("kafka:{}", topic.name));
        let mut topic = topic.clone();
        if !topic.settings.contains_key("cleanup.policy") {
            topic = topic.compacted();
        }
        topic.create(config).map_err(|error| SinkError::new(name.clone(), error.to_string()))?;
        let schema = format!("{view}/{SCHEMA_VERSION}");
        Ok(KafkaSink { outbox: Outbox::open(name, config, metrics)?, topic: topic.name, view, schema })
    }
}

impl Sink for KafkaSink {
    fn name(&self) -> Name {
        self.outbox.name()
    }

    fn write(&mut self, epoch: Epoch, records: &[Record]) -> Result<(), SinkError> {
        let epoch = epoch.to_string();
        let headers = OwnedHeaders::new_with_capacity(4)
            .insert(Header { key: "highwater-view", value: Some(self.view.as_str()) })
            .insert(Header { key: "highwater-epoch", value: Some(epoch.as_str()) })
            .insert(Header { key: "highwater-schema", value: Some(self.schema.as_str()) })
            .insert(Header { key: "content-type", value: Some("application/json") });
        for record in records {
            let key = record.key_text();
            let value = record.value.as_ref().map(serde_json::Value::to_string);
            let mut message: BaseRecord<'_, str, str> =
                BaseRecord::to(&self.topic).key(key.as_str()).headers(headers.clone());
            if let Some(value) = &value {
                message = message.payload(value.as_str());
            }
            self.outbox.send(message)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.outbox.flush()
    }
}
