//! Against the real Kafka at `HIGHWATER_TEST_KAFKA` (host:port); `scripts/kafka start --port 0 --dir DIR` starts one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    counts, failure,
    gate::Gate,
    job,
    kafka::{append, each_once, kafka, pipeline, records, topic, wait_for},
    stop, total, until,
};
use highwater_connectors::{KafkaChangelog, KafkaConfig, KafkaIngest, KafkaSink, KafkaSource, OnLoss, Start, Topic};
use highwater_engine::{
    Batch, Change, Name, Record, Sink,
    metrics::{Metrics, PartitionLabel},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde_json::json;

/// Everything in partition 0, with a plain consumer.
fn read_back(config: &KafkaConfig, topic: &str, count: usize) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("group.id", "test")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&assignment).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut messages = Vec::new();
    while messages.len() < count && Instant::now() < deadline {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            messages.push(message.detach());
        }
    }
    messages
}

fn admin(config: &KafkaConfig) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &config.bootstrap_servers).create().unwrap()
}

fn header(message: &OwnedMessage, key: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == key)?;
    Some(String::from_utf8(found.value?.to_vec()).unwrap())
}

#[test]
fn a_topic_is_read_to_its_end_and_gone_on_with_after_a_restart() {
    let Some(config) = kafka("a_topic_is_read_to_its_end_and_gone_on_with_after_a_restart") else { return };
    let topic = topic("read").partitions(4);
    topic.create(&config).unwrap();
    topic.create(&config).unwrap();
    let ingest = KafkaIngest::open(&config, &topic.name).unwrap();
    ingest.append(&records(0, 5000)).unwrap();

    let metrics = Arc::new(Metrics::default());
    let source = KafkaSource::new(config.clone(), topic.clone(), topic.name.clone(), metrics.clone());
    let (first, _) = job(2, source.clone());
    let running = first.start().unwrap();
    let views = running.views();
    until("all records", || total(&views) == 5000);
    ingest.append(&records(5000, 5100)).unwrap();
    until("those that came later", || total(&views) == 5100);
    assert!(counts(&views).values().all(|count| *count == 1));
    let lag = |partition| PartitionLabel { source: source.name.to_string(), partition };
    until("the lag", || (0..4).all(|p| metrics.source_lag.get(&lag(p)).is_some_and(|lag| lag.get() == 0)));
    stop(running);

    // what was committed on the way out is not read again
    ingest.append(&records(5100, 5200)).unwrap();
    let (second, _) = job(1, KafkaSource { start: Start::Committed, ..source.clone() });
    let running = second.start().unwrap();
    let views = running.views();
    until("the new ones", || total(&views) == 100);
    std::thread::park_timeout(Duration::from_millis(500));
    assert_eq!(counts(&views).keys().next().map(String::as_str), Some("m5100"));
    assert_eq!(total(&views), 100);
    stop(running);

    let (third, _) = job(1, KafkaSource { start: Start::Committed, group: "never seen".into(), ..source });
    let error = failure(third.start().unwrap());
    assert!(error.contains("never seen"), "{error}");
}

#[test]
fn a_missing_topic_is_named_or_created() {
    let Some(config) = kafka("a_missing_topic_is_named_or_created") else { return };
    let topic = topic("missing");
    let source = KafkaSource::new(config.clone(), topic.clone(), "g", Arc::default());
    let (first, _) = job(2, source.clone());
    let error = failure(first.start().unwrap());
    for part in [topic.name.as_str(), config.bootstrap_servers.as_str(), "kafka-topics.sh", "create_topic"] {
        assert!(error.contains(part), "{error}");
    }
    let (second, _) = job(2, KafkaSource { create_topic: true, ..source });
    let running = second.start().unwrap();
    let views = running.views();
    KafkaIngest::open(&config, &topic.name).unwrap().append(&records(0, 10)).unwrap();
    until("records", || total(&views) == 10);
    stop(running);
}

#[test]
fn records_that_are_gone_end_the_job() {
    let Some(config) = kafka("records_that_are_gone_end_the_job") else { return };
    let topic = topic("lost");
    topic.create(&config).unwrap();
    KafkaIngest::open(&config, &topic.name).unwrap().append(&records(0, 10)).unwrap();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("group.id", &topic.name)
        .create()
        .unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic.name, 0, Offset::Offset(20)).unwrap();
    consumer.commit(&offsets, rdkafka::consumer::CommitMode::Sync).unwrap();
    let (job, _) = job(1, KafkaSource::new(config, topic.clone(), topic.name.clone(), Arc::default()));
    let error = failure(job.start().unwrap());
    assert!(error.contains("ends at offset 10") && error.contains("--reset-offsets"), "{error}");
}

fn batch(epoch: u64, values: impl IntoIterator<Item = (&'static str, Option<serde_json::Value>)>) -> Batch {
    let change = |(key, value): (&str, _)| Change {
        view: "volume".into(),
        record: Record { key: key.into(), window_start: None, value },
    };
    let changes = values.into_iter().map(change).collect();
    Batch { epoch, changes, dead_letters: Vec::new() }
}

#[test]
fn a_partition_that_is_added_is_read_from_its_start() {
    let Some(mut config) = kafka("a_partition_that_is_added_is_read_from_its_start") else { return };
    config.properties.insert("topic.metadata.refresh.interval.ms".into(), "300".into());
    let topic = topic("grows");
    topic.create(&config).unwrap();
    KafkaIngest::open(&config, &topic.name).unwrap().append(&records(0, 10)).unwrap();
    let source = KafkaSource::new(config.clone(), topic.clone(), topic.name.clone(), Arc::default());
    let running = job(2, source).0.start().unwrap();
    let views = running.views();
    until("the first records", || total(&views) == 10);

    let to_four = NewPartitions::new(&topic.name, 4);
    wait_for(admin(&config).create_partitions([&to_four], &AdminOptions::new())).unwrap().remove(0).unwrap();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &config.bootstrap_servers).create().unwrap();
    for (partition, record) in (1..4).zip(records(10, 13)) {
        producer.send(BaseRecord::<(), _>::to(&topic.name).partition(partition).payload(&record)).unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
    until("what is in the new partitions", || total(&views) == 13);
    assert!(counts(&views).values().all(|count| *count == 1));
    stop(running);
}

#[test]
fn records_that_are_deleted_before_they_are_read_end_the_job() {
    let Some(mut config) = kafka("records_that_are_deleted_before_they_are_read_end_the_job") else { return };
    // next to nothing is fetched ahead of what is read
    for (key, value) in [("queued.min.messages", "1"), ("max.partition.fetch.bytes", "1000")] {
        config.properties.insert(key.into(), value.into());
    }
    let topic = topic("lagging");
    topic.create(&config).unwrap();
    let ingest = KafkaIngest::open(&config, &topic.name).unwrap();
    for batch in 0..50 {
        ingest.append(&records(batch * 100, batch * 100 + 100)).unwrap();
    }
    let gate = Gate::default();
    let source = KafkaSource::new(config.clone(), topic.clone(), topic.name.clone(), Arc::default());
    let running = job(1, gate.before(source)).0.start().unwrap();
    until("the source", || gate.is_reached());
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&topic.name, 0, Offset::Offset(4500)).unwrap();
    wait_for(admin(&config).delete_records(&before, &AdminOptions::new())).unwrap();
    gate.open();
    let error = failure(running);
    for part in [&topic.name, "partition 0, offsets", "to 4499", "--reset-offsets"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn records_that_are_gone_are_skipped_and_counted_where_that_is_wished() {
    let Some(mut config) = kafka("records_that_are_gone_are_skipped_and_counted_where_that_is_wished") else { return };
    for (key, value) in [("queued.min.messages", "1"), ("max.partition.fetch.bytes", "1000")] {
        config.properties.insert(key.into(), value.into());
    }
    let topic = topic("skipped");
    topic.create(&config).unwrap();
    let ingest = KafkaIngest::open(&config, &topic.name).unwrap();
    for batch in 0..50 {
        ingest.append(&records(batch * 100, batch * 100 + 100)).unwrap();
    }
    let state = tempfile::tempdir().unwrap();
    let delete_before = |offset| {
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(&topic.name, 0, Offset::Offset(offset)).unwrap();
        wait_for(admin(&config).delete_records(&before, &AdminOptions::new())).unwrap();
    };
    let metrics = Arc::new(Metrics::default());
    let mut source = KafkaSource::new(config.clone(), topic.clone(), topic.name.clone(), metrics.clone());
    source.on_loss = OnLoss::Skip;
    let label = PartitionLabel { source: source.name.to_string(), partition: 0 };
    let lost = || metrics.lost_records.get(&label).map_or(0, |lost| lost.get());

    // while the job runs
    let gate = Gate::default();
    let (mut first, _) = job(1, gate.before(source.clone()));
    first.state = Some(state.path().to_owned());
    let running = first.start().unwrap();
    let views = running.views();
    until("the source", || gate.is_reached());
    delete_before(4500);
    gate.open();
    until("what is there", || total(&views) + lost() == 5000);
    assert!(lost() > 0 && counts(&views).contains_key("m4999"));
    stop(running);

    // and while it does not
    let before = lost();
    ingest.append(&records(5000, 5100)).unwrap();
    delete_before(5050);
    let (mut second, _) = job(1, source.clone());
    second.state = Some(state.path().to_owned());
    let running = second.start().unwrap();
    let views = running.views();
    until("what is there now", || counts(&views).contains_key("m5099"));
    assert_eq!((lost() - before, total(&views) + lost()), (50, 5100));
    stop(running);
}

#[test]
fn a_topic_that_is_deleted_under_a_sink_ends_the_job_and_the_next_writes_all_of_it_anew() {
    let test = "a_topic_that_is_deleted_under_a_sink_ends_the_job_and_the_next_writes_all_of_it_anew";
    let Some(mut config) = kafka(test) else { return };
    for (key, value) in [("topic.metadata.refresh.interval.ms", "300"), ("topic.metadata.propagation.max.ms", "1000")] {
        config.properties.insert(key.into(), value.into());
    }
    let (input, output) = (topic("in"), topic("deleted"));
    input.create(&config).unwrap();
    append(&config, &input, 0, 100);
    let state = tempfile::tempdir().unwrap();
    let running = pipeline(&config, &input, &output, state.path()).start().unwrap();
    until("the view", || each_once(&config, &output, 100));
    wait_for(admin(&config).delete_topics(&[&output.name], &AdminOptions::new())).unwrap().remove(0).unwrap();
    append(&config, &input, 100, 200);
    let error = failure(running);
    assert!(error.contains(&output.name) && error.contains("is gone"), "{error}");

    let running = pipeline(&config, &input, &output, state.path()).start().unwrap();
    until("the whole view", || each_once(&config, &output, 200));
    stop(running);
}

#[test]
fn a_topic_that_is_deleted_while_the_job_is_stopped_gets_the_whole_view_once() {
    let test = "a_topic_that_is_deleted_while_the_job_is_stopped_gets_the_whole_view_once";
    let Some(config) = kafka(test) else { return };
    let (input, output) = (topic("in"), topic("deleted"));
    input.create(&config).unwrap();
    append(&config, &input, 0, 100);
    let state = tempfile::tempdir().unwrap();
    let run = |records| {
        let running = pipeline(&config, &input, &output, state.path()).start().unwrap();
        until("the view", || each_once(&config, &output, records));
        stop(running);
        assert!(each_once(&config, &output, records), "nothing is told twice");
    };
    run(100);
    // twice: with news since, and without
    for (from, to) in [(100, 150), (150, 150)] {
        wait_for(admin(&config).delete_topics(&[&output.name], &AdminOptions::new())).unwrap().remove(0).unwrap();
        append(&config, &input, from, to);
        run(to);
    }
    append(&config, &input, 150, 160);
    run(160);
}

#[test]
fn a_view_is_written_by_key_with_tombstones() {
    let Some(config) = kafka("a_view_is_written_by_key_with_tombstones") else { return };
    let topic = topic("view");
    let mut sink = KafkaSink::open(&config, [("volume".into(), topic.clone())], Arc::default()).unwrap();
    assert_eq!(sink.resume(&Name::from(&*topic.name), None).unwrap(), None);
    sink.deliver(&[batch(7, [("cart", Some(json!({ "count": 1 })))]), batch(8, [("cart", None)])]).unwrap();
    let messages = read_back(&config, &topic.name, 2);
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message.key() == Some(b"cart")));
    assert_eq!(messages[0].payload(), Some(&br#"{"count":1}"#[..]));
    assert_eq!(messages[1].payload(), None);
    assert_eq!(header(&messages[1], "highwater-epoch").as_deref(), Some("8"));
    assert_eq!(header(&messages[0], "highwater-view").as_deref(), Some("volume"));
    assert_eq!(header(&messages[0], "highwater-schema").as_deref(), Some("volume/1"));
    assert_eq!(header(&messages[0], "content-type").as_deref(), Some("application/json"));
}

#[test]
fn a_batch_that_comes_again_is_written_once_and_an_old_owner_is_fenced() {
    let Some(config) = kafka("a_batch_that_comes_again_is_written_once_and_an_old_owner_is_fenced") else { return };
    let topic = topic("once");
    let job = Name::from(&*topic.name);
    let open = || KafkaSink::open(&config, [("volume".into(), topic.clone())], Arc::default()).unwrap();
    let mut old = open();
    assert_eq!(old.resume(&job, None).unwrap(), None);
    old.deliver(&[batch(7, [("cart", Some(json!(7)))])]).unwrap();
    old.deliver(&[batch(7, [("cart", Some(json!(7)))]), batch(8, [("cart", Some(json!(8)))])]).unwrap();
    // it was killed before the job's state knew of epoch 8
    let mut new = open();
    assert_eq!(new.resume(&job, Some(7)).unwrap(), Some(8));
    let fenced = old.deliver(&[batch(9, [("cart", Some(json!("from the dead")))])]).unwrap_err();
    assert!(fenced.again.is_none() && fenced.to_string().contains("another process"), "{fenced}");
    new.deliver(&[batch(8, [("cart", Some(json!(8)))]), batch(9, [("cart", Some(json!(9)))])]).unwrap();
    let values: Vec<_> = read_back(&config, &topic.name, 3).iter().map(|m| m.payload().unwrap().to_vec()).collect();
    assert_eq!(values, [b"7", b"8", b"9"]);
}

#[test]
fn a_job_whose_folder_is_gone_goes_on_from_its_changelog() {
    let Some(config) = kafka("a_job_whose_folder_is_gone_goes_on_from_its_changelog") else { return };
    let (input, output, changelog) = (topic("in").partitions(2), topic("out"), topic("state").partitions(2));
    input.create(&config).unwrap();
    let ingest = KafkaIngest::open(&config, &input.name).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (number, part) in [(0, 0..100), (1, 100..250), (2, 250..250), (3, 250..300)] {
        // a machine of its own each time, but for the third start, which finds its folder
        let place = folder.path().join(if number == 2 { "1".to_owned() } else { number.to_string() });
        ingest.append(&records(part.start, part.end)).unwrap();
        let source = KafkaSource::new(config.clone(), input.clone(), input.name.clone(), Arc::default());
        let (mut job, _) = job(2, source);
        let metrics = job.metrics.clone();
        let sink = KafkaSink::open(&config, [("messages".into(), output.clone())], metrics.clone()).unwrap();
        job.sinks.push((vec!["messages".into()], Box::new(sink)));
        job.state = Some(place);
        job.changelog = Some(Box::new(KafkaChangelog::new(config.clone(), changelog.clone(), metrics.clone())));
        let running = job.start().unwrap();
        let views = running.views();
        until("all records", || total(&views) == part.end as u64);
        stop(running);
        assert_eq!(metrics.logs.get(), part.len() as u64, "each record is read once");
    }
    let told = read_back(&config, &output.name, 300);
    let keys: BTreeSet<_> = told.iter().map(|message| message.key().unwrap().to_vec()).collect();
    assert_eq!((told.len(), keys.len()), (300, 300), "each change is told once");
}

#[test]
fn a_job_writes_its_view_and_its_dead_letters() {
    let Some(config) = kafka("a_job_writes_its_view_and_its_dead_letters") else { return };
    let (input, output, dead) = (topic("in").partitions(3), topic("out"), topic("dead"));
    input.create(&config).unwrap();
    let mut sent = records(0, 200);
    sent.extend([b"{\"message\":".to_vec(), b"\xff".to_vec()]);
    KafkaIngest::open(&config, &input.name).unwrap().append(&sent).unwrap();
    let metrics = Arc::new(Metrics::default());
    let source = KafkaSource::new(config.clone(), input.clone(), input.name.clone(), metrics.clone());
    let (mut job, _) = job(2, source);
    let sink = KafkaSink::open(&config, [("messages".into(), output.clone())], metrics).unwrap();
    let sink = sink.with_dead_letters(dead.clone()).unwrap();
    job.sinks = vec![(vec!["messages".into()], Box::new(sink))];
    let running = job.start().unwrap();
    let views = running.views();
    until("all records", || total(&views) == 200);
    stop(running);
    let mut newest = BTreeMap::new();
    for message in read_back(&config, &output.name, 200) {
        newest
            .insert(String::from_utf8(message.key().unwrap().to_vec()).unwrap(), message.payload().map(<[u8]>::to_vec));
    }
    assert_eq!(newest.len(), 200);
    assert!(newest.values().all(|value| value.as_deref() == Some(b"1")));
    let letters = read_back(&config, &dead.name, 2);
    let mut found: Vec<_> =
        letters.iter().map(|l| (header(l, "highwater-reason").unwrap(), l.payload().unwrap())).collect();
    found.sort();
    assert_eq!(found, [("invalid_json".to_owned(), &b"{\"message\":"[..]), ("invalid_utf8".to_owned(), &b"\xff"[..])]);
    assert_eq!(header(&letters[0], "highwater-source"), Some(format!("kafka:{}", input.name)));
}

#[test]
fn nobody_there_is_an_error_in_time() {
    let config = KafkaConfig::new("127.0.0.1:1");
    let (job, _) = job(1, KafkaSource::new(config.clone(), Topic::new("logs"), "g", Arc::default()));
    std::thread::scope(|scope| {
        scope.spawn(|| KafkaIngest::open(&config, "logs").unwrap().append(&records(0, 1)).unwrap_err());
        let error = failure(job.start().unwrap());
        assert!(error.contains("127.0.0.1:1") && error.contains("refused"), "{error}");
    });
}
