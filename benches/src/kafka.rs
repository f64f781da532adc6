//! From a real Kafka on the same machine: the job beside a bare consumer that counts bytes. Needs the address of a broker
//! in `HIGHWATER_TEST_KAFKA`; `scripts/kafka start --port 0` starts one.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use highwater_connectors::{KafkaConfig, KafkaSink, KafkaSource, Topic};
use highwater_engine::{Job, Name, Query, Sink, Source, metrics::Metrics};
use highwater_queries::Standard;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use crate::{
    cases::OneQuery,
    data::Data,
    usage::{Meter, Usage},
};

const LOGS: usize = 2_000_000;
const PARTITIONS: u32 = 4;

/// Whether there is a broker to measure with.
pub(crate) fn broker() -> Option<String> {
    std::env::var("HIGHWATER_TEST_KAFKA").ok()
}

/// A topic of [`LOGS`] logs, made when it is not there yet.
fn topic(broker: &str) -> Result<Topic> {
    let topic = Topic::new(format!("bench-{LOGS}")).partitions(PARTITIONS);
    topic.create(&KafkaConfig::new(broker))?;
    let config = client(broker);
    let consumer: BaseConsumer = config.create()?;
    let mut there = 0;
    for partition in 0..PARTITIONS as i32 {
        there += consumer.fetch_watermarks(&topic.name, partition, Duration::from_secs(10))?.1;
    }
    if there == 0 {
        let data = Data::generate(200_000, 20_000)?;
        let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
        for at in 0..LOGS {
            let partition = (at % PARTITIONS as usize) as i32;
            let mut record =
                BaseRecord::<(), [u8]>::to(&topic.name).partition(partition).payload(data.get(at % data.len()));
            while let Err((_, refused)) = producer.send(record) {
                record = refused;
                producer.flush(Duration::from_secs(1)).ok();
            }
        }
        producer.flush(Duration::from_secs(60))?;
    }
    Ok(topic)
}

fn client(broker: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker).set("group.id", "bench").set("enable.auto.commit", "false");
    config
}

/// The yardstick: a consumer that counts bytes.
pub(crate) fn bare() -> Result<Usage> {
    let broker = broker().context("HIGHWATER_TEST_KAFKA")?;
    let topic = topic(&broker)?;
    let consumer: BaseConsumer = client(&broker).create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS as i32 {
        partitions.add_partition_offset(&topic.name, partition, Offset::Beginning)?;
    }
    let meter = Meter::start()?;
    consumer.assign(&partitions)?;
    let (mut logs, mut bytes) = (0, 0);
    let deadline = Instant::now() + Duration::from_secs(120);
    while logs < LOGS {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            bytes += message?.payload().map_or(0, <[u8]>::len);
            logs += 1;
        } else if Instant::now() > deadline {
            bail!("{logs} of {LOGS} logs after two minutes");
        }
    }
    std::hint::black_box(bytes);
    meter.stop(LOGS as u64)
}

/// One windowed query over the same topic.
pub(crate) fn job() -> Result<Usage> {
    measure(Box::new(OneQuery), None, None)
}

/// The built-in queries over the same topic with their volume and anomalies written to Kafka, with durable state or
/// without.
pub(crate) fn to_kafka(state: Option<&Path>) -> Result<Usage> {
    measure(Box::new(Standard::default()), Some(["log_volume", "anomalies"]), state)
}

/// Until all logs are read, and without sinks no longer: with them, until the job has ended and they have everything.
fn measure(query: Box<dyn Query>, written: Option<[&str; 2]>, state: Option<&Path>) -> Result<Usage> {
    let broker = broker().context("HIGHWATER_TEST_KAFKA")?;
    let topic = topic(&broker)?;
    let metrics = Arc::new(Metrics::default());
    let group = format!("bench-{}", std::process::id());
    let config = KafkaConfig::new(broker);
    let sinks: Vec<(Vec<Name>, Box<dyn Sink>)> = match written {
        None => Vec::new(),
        Some(views) => {
            let topics = views.map(|view| (Name::from(view), Topic::new(format!("bench-{view}"))));
            let sink = KafkaSink::open(&config, topics, metrics.clone())?;
            vec![(views.map(Name::from).to_vec(), Box::new(sink))]
        }
    };
    let sources: Vec<Box<dyn Source>> = vec![Box::new(KafkaSource::new(config, topic, group, metrics.clone()))];
    let meter = Meter::start()?;
    let state = state.map(Path::to_owned);
    let running = Job { sources, queries: vec![query], sinks, state, metrics, ..Job::default() }.start()?;
    let metrics = running.metrics();
    let mut changes = running.views().subscribe();
    while metrics.logs.get() < LOGS as u64 && !running.is_stopping() {
        // wakes with each epoch
        let _ = changes.blocking_recv();
    }
    running.stopper()();
    if written.is_none() {
        let usage = meter.stop(LOGS as u64);
        running.join()?;
        return usage;
    }
    running.join()?;
    meter.stop(LOGS as u64)
}
