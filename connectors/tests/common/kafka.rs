//! The Kafka that tests share, and what is in it.

use std::{
    collections::BTreeMap,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use highwater_connectors::{KafkaConfig, KafkaIngest, KafkaSink, KafkaSource, Topic};
use highwater_engine::{Job, metrics::Metrics};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

pub(crate) fn kafka(test: &str) -> Option<KafkaConfig> {
    let Some(address) = std::env::var("HIGHWATER_TEST_KAFKA").ok().filter(|address| !address.is_empty()) else {
        println!("SKIPPED: {test}: no Kafka at HIGHWATER_TEST_KAFKA");
        return None;
    };
    Some(KafkaConfig::new(address))
}

/// A topic of this test alone.
pub(crate) fn topic(name: &str) -> Topic {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    Topic::new(format!("{name}-{nanos}"))
}

pub(crate) fn records(from: usize, to: usize) -> Vec<Vec<u8>> {
    (from..to).map(|n| format!("{{\"message\":\"m{n}\"}}").into_bytes()).collect()
}

/// Blocks until a future is ready.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
}

/// A job with durable state that reads one topic and writes the view of it to another.
pub(crate) fn pipeline(config: &KafkaConfig, input: &Topic, output: &Topic, state: &Path) -> Job {
    let metrics = Arc::new(Metrics::default());
    let source = KafkaSource::new(config.clone(), input.clone(), input.name.clone(), metrics.clone());
    let sink = KafkaSink::open(config, [("messages".into(), output.clone())], metrics).unwrap();
    let (mut job, _) = super::job(2, source);
    job.sinks = vec![(vec!["messages".into()], Box::new(sink))];
    job.state = Some(state.to_owned());
    job
}

pub(crate) fn append(config: &KafkaConfig, topic: &Topic, from: usize, to: usize) {
    KafkaIngest::open(config, &topic.name).unwrap().append(&records(from, to)).unwrap();
}

/// How often each key stands in partition 0, as a reader of committed records sees it.
pub(crate) fn keys(config: &KafkaConfig, topic: &str) -> BTreeMap<String, usize> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("group.id", "test")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&assignment).unwrap();
    let mut keys = BTreeMap::new();
    loop {
        match consumer.poll(Duration::from_secs(20)) {
            Some(Ok(message)) => {
                let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
                *keys.entry(key).or_default() += 1;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return keys,
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                return keys;
            }
            Some(Err(_)) => {}
            None => panic!("{topic} is not answered for"),
        }
    }
}

/// Whether all of so many records have an answer, each one.
pub(crate) fn each_once(config: &KafkaConfig, topic: &Topic, records: usize) -> bool {
    let keys = keys(config, &topic.name);
    assert!(keys.values().all(|times| *times == 1), "{keys:?}");
    keys.len() == records
}
