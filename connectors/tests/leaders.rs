//! Partitions whose leader does not know of them yet, on librdkafka's own mock of a cluster: a real one shows this for
//! milliseconds after a topic was created.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::sync::Arc;

use common::{failure, job, kafka::records, stop, total, until};
use highwater_connectors::{KafkaConfig, KafkaIngest, KafkaSource, Topic};
use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr as Code},
};

#[test]
fn a_leader_that_does_not_know_yet_is_asked_again() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("logs", 2, 1).unwrap();
    let config = KafkaConfig::new(cluster.bootstrap_servers());
    KafkaIngest::open(&config, "logs").unwrap().append(&records(0, 10)).unwrap();

    let unknown = Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let elsewhere = Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[unknown, elsewhere, unknown, elsewhere, unknown, elsewhere]);
    let topic = Topic::new("logs");
    let (logs, _) = job(2, KafkaSource::new(config.clone(), topic.clone(), "g", Arc::default()));
    let running = logs.start().unwrap();
    let views = running.views();
    until("all records", || total(&views) == 10);
    stop(running);

    // who may not read is told so, at once
    cluster.request_errors(RDKafkaApiKey::ListOffsets, &[Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 8]);
    let (refused, _) = job(1, KafkaSource::new(config, topic, "another", Arc::default()));
    let error = failure(refused.start().unwrap());
    assert!(error.contains("the ends of partition 0"), "{error}");
}
