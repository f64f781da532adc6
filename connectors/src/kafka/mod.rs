//! Apache Kafka: a source, a sink and an ingest log, all on librdkafka.

mod ask;
mod changelog;
mod config;
mod context;
mod dead_letters;
mod ingest;
mod outbox;
mod past;
mod reader;
mod sink;
mod source;
mod topic;
mod transactions;

pub use changelog::KafkaChangelog;
pub use config::{InvalidKafkaConfig, KafkaConfig};
pub use ingest::KafkaIngest;
pub use past::KafkaPast;
pub use sink::KafkaSink;
pub use source::{KafkaSource, OnLoss, Start};
pub use topic::{Topic, TopicError};
