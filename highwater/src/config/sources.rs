//! `[[source]]`: ways in.

use std::time::Duration;

use highwater_connectors::{OnLoss, Start};
use highwater_engine::{days, seconds};

use super::{
    brokers::{Brokers, known_brokers, topic},
    tree::Section,
    values::{choice, duration, number, text, truth, whole},
};

/// `[[source]]`.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A Kafka topic.
    Kafka(KafkaSource),
    /// Files, or standard input.
    File(FileSource),
    /// Made-up logs.
    Generator(Generated),
    /// `POST /logs`.
    Http {
        /// How many bytes of logs may wait for the dataflow.
        max_waiting_bytes: usize,
    },
}

/// `type = "kafka"`.
#[derive(Clone, Debug)]
pub(crate) struct KafkaSource {
    pub(crate) kafka: Brokers,
    pub(crate) topic: String,
    pub(crate) group: String,
    pub(crate) start: Start,
    pub(crate) on_loss: OnLoss,
    /// Partitions of the topic, where it does not exist yet and is created; `None` to create none.
    pub(crate) create_partitions: Option<u32>,
}

/// `type = "file"`.
#[derive(Clone, Debug)]
pub(crate) struct FileSource {
    pub(crate) path: String,
    pub(crate) follow: bool,
}

/// `type = "generator"`.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) rate: f64,
    pub(crate) seed: u64,
    pub(crate) history: Duration,
    pub(crate) incidents: bool,
    pub(crate) seasons: bool,
    pub(crate) disorder: Duration,
}

impl Default for Generated {
    fn default() -> Self {
        Generated {
            rate: 500.0,
            seed: 1,
            history: Duration::ZERO,
            incidents: true,
            seasons: true,
            disorder: Duration::from_millis(200),
        }
    }
}

/// How many bytes of logs that came by HTTP may wait for the dataflow, unless configured.
pub(crate) const MAX_WAITING_BYTES: usize = 64 << 20;
#[derive(Clone, Copy)]
enum SourceType {
    Kafka,
    File,
    Generator,
    Http,
}

/// The types of sources, by name.
const SOURCE_TYPES: [(&str, SourceType); 4] = [
    ("kafka", SourceType::Kafka),
    ("file", SourceType::File),
    ("generator", SourceType::Generator),
    ("http", SourceType::Http),
];

pub(super) fn read_source(mut section: Section<'_>, defaults: &Brokers) -> Option<Source> {
    let kafka_start =
        choice(&[("earliest", Start::Earliest), ("latest", Start::Latest), ("committed", Start::Committed)]);
    let Some(kind) = section.need("type", choice(&SOURCE_TYPES)) else {
        section.give_up();
        return None;
    };
    let source = match kind {
        SourceType::Kafka => {
            let mut group = "highwater".to_owned();
            let mut from = Start::Earliest;
            let mut on_loss = OnLoss::Stop;
            let kafka = known_brokers(&mut section, defaults);
            let topic = section.need("topic", topic);
            section.set("group", &mut group, text);
            section.set("start", &mut from, kafka_start);
            section.set("on_loss", &mut on_loss, choice(&[("stop", OnLoss::Stop), ("skip", OnLoss::Skip)]));
            let create_partitions = section.get("create_partitions", whole(0..=10_000)).filter(|count| *count > 0);
            topic.map(|topic| {
                Source::Kafka(KafkaSource { kafka, topic, group, start: from, on_loss, create_partitions })
            })
        }
        SourceType::File => {
            let mut follow = false;
            let path = section.need("path", text);
            section.set("follow", &mut follow, truth);
            path.map(|path| Source::File(FileSource { path, follow }))
        }
        SourceType::Generator => {
            let mut generated = Generated::default();
            section.set("rate", &mut generated.rate, number(0.01..=1e7));
            section.set("seed", &mut generated.seed, whole(0..=i64::MAX as u64));
            section.set("history", &mut generated.history, duration(Duration::ZERO..=days(31)));
            section.set("incidents", &mut generated.incidents, truth);
            section.set("seasons", &mut generated.seasons, truth);
            section.set("disorder", &mut generated.disorder, duration(Duration::ZERO..=seconds(1)));
            Some(Source::Generator(generated))
        }
        SourceType::Http => {
            let mut max_waiting_bytes = MAX_WAITING_BYTES;
            section.set("max_waiting_bytes", &mut max_waiting_bytes, whole(1 << 16..=1 << 33));
            Some(Source::Http { max_waiting_bytes })
        }
    };
    section.finish();
    source
}
