//! What needs a Kafka of its own: one that goes away and comes back, one that encrypts and asks who is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::sync::Arc;

use common::{
    broker::Broker,
    counts, failure, job,
    kafka::{append, each_once, kafka, pipeline, records, topic},
    stop, total, until,
};
use highwater_connectors::{KafkaConfig, KafkaIngest, KafkaSink, KafkaSource, Topic};

#[test]
fn a_source_waits_for_a_broker_that_is_gone() {
    if kafka("a_source_waits_for_a_broker_that_is_gone").is_none() {
        return;
    }
    let mut broker = Broker::start(&[]);
    let config = KafkaConfig::new(&broker.address);
    let topic = topic("outage").partitions(2);
    topic.create(&config).unwrap();
    KafkaIngest::open(&config, &topic.name).unwrap().append(&records(0, 1000)).unwrap();
    let source = KafkaSource::new(config.clone(), topic.clone(), topic.name.clone(), Arc::default());
    let running = job(2, source).0.start().unwrap();
    let views = running.views();
    until("all records", || total(&views) == 1000);

    broker.stop();
    broker.start_again();
    KafkaIngest::open(&config, &topic.name).unwrap().append(&records(1000, 2000)).unwrap();
    until("what came after the outage", || total(&views) == 2000);
    assert!(counts(&views).values().all(|count| *count == 1));
    stop(running);
}

#[test]
fn a_sink_outlives_its_broker_and_a_job_does_not_start_without_one() {
    if kafka("a_sink_outlives_its_broker_and_a_job_does_not_start_without_one").is_none() {
        return;
    }
    let mut broker = Broker::start(&[]);
    let config = KafkaConfig::new(&broker.address);
    let (input, output) = (topic("in"), topic("out"));
    input.create(&config).unwrap();
    append(&config, &input, 0, 500);
    let state = tempfile::tempdir().unwrap();
    let running = pipeline(&config, &input, &output, state.path()).start().unwrap();
    let views = running.views();
    until("all records", || total(&views) == 500);

    // with what may be under way
    broker.stop();
    assert!(!running.is_stopping());
    broker.start_again();
    append(&config, &input, 500, 1000);
    until("what came after the outage", || each_once(&config, &output, 1000));
    stop(running);

    // whoever starts it again and again gets a message that says where nobody is, and in the end a job that goes on
    broker.stop();
    let again = KafkaSink::open(&config, [("messages".into(), output.clone())], Arc::default());
    let refusal = again.err().unwrap().to_string();
    assert!(refusal.contains(&broker.address) && refusal.contains(&output.name), "{refusal}");
    broker.start_again();
    append(&config, &input, 1000, 1500);
    let running = pipeline(&config, &input, &output, state.path()).start().unwrap();
    until("what came in the meantime", || each_once(&config, &output, 1500));
    stop(running);
}

#[test]
fn a_broker_that_stands_still_for_longer_than_a_transaction_may_take_gets_all_of_it_once() {
    if kafka("a_broker_that_stands_still_for_longer_than_a_transaction_may_take_gets_all_of_it_once").is_none() {
        return;
    }
    let broker = Broker::start(&[]);
    let mut config = KafkaConfig::new(&broker.address);
    config.properties.insert("transaction.timeout.ms".into(), "1000".into());
    let (input, output) = (topic("in"), topic("out"));
    input.create(&config).unwrap();
    let state = tempfile::tempdir().unwrap();
    let running = pipeline(&config, &input, &output, state.path()).start().unwrap();
    let views = running.views();
    for round in 0..3 {
        append(&config, &input, round * 500, round * 500 + 500);
        until("some of it", || total(&views) > round as u64 * 500);
        broker.stand_still(std::time::Duration::from_secs(3));
    }
    until("all of it", || each_once(&config, &output, 1500));
    stop(running);
}

/// What a source, a producer and an administrator say where they do not get in.
fn refusals(config: &KafkaConfig) -> [String; 3] {
    std::thread::scope(|scope| {
        let source = KafkaSource::new(config.clone(), Topic::new("logs"), "g", Arc::default());
        let source = scope.spawn(|| failure(job(1, source).0.start().unwrap()));
        let ingest = scope.spawn(|| {
            KafkaIngest::open(config, "logs").and_then(|ingest| ingest.append(&records(0, 1))).unwrap_err().to_string()
        });
        let create = scope.spawn(|| Topic::new("logs").create(config).unwrap_err().to_string());
        [source, ingest, create].map(|thread| thread.join().unwrap())
    })
}

fn with(config: &KafkaConfig, key: &str, value: &str) -> KafkaConfig {
    let mut config = config.clone();
    config.properties.insert(key.to_owned(), value.to_owned());
    config
}

#[test]
fn who_knows_the_password_gets_in_and_others_are_told_why_not() {
    let test = "who_knows_the_password_gets_in_and_others_are_told_why_not";
    if kafka(test).is_none() {
        return;
    }
    let broker = Broker::start(&["--secure"]);
    let config = broker.secure();

    let topic = topic("secure");
    topic.create(&config).unwrap();
    KafkaIngest::open(&config, &topic.name).unwrap().append(&records(0, 100)).unwrap();
    let source = KafkaSource::new(config.clone(), topic.clone(), topic.name.clone(), Arc::default());
    let running = job(2, source).0.start().unwrap();
    let views = running.views();
    until("all records", || total(&views) == 100);
    stop(running);

    let mut unknown_ca = config.clone();
    unknown_ca.properties.remove("ssl.ca.location");
    let cases = [
        (with(&config, "sasl.password", "not this one"), "invalid credentials"),
        (unknown_ca, "certificate verify failed"),
        (with(&config, "security.protocol", "SASL_PLAINTEXT"), "security.protocol"),
        (with(&config, "security.protocol", "PLAINTEXT"), "security.protocol"),
        (with(&config, "security.protocol", "SSL"), "SASL"),
        (with(&config, "ssl.ca.location", "/no/such/ca.pem"), "ssl.ca.location"),
    ];
    std::thread::scope(|scope| {
        for (config, why) in cases {
            scope.spawn(move || {
                for (who, refusal) in ["source", "ingest", "create"].iter().zip(refusals(&config)) {
                    println!("{who}: {refusal}");
                    assert!(refusal.contains(why), "{who}: {refusal}");
                    let secret = config.properties["sasl.password"].as_str();
                    assert!(!refusal.contains(secret), "{refusal}");
                }
            });
        }
    });
}
