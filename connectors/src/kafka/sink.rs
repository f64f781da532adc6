//! Views' changelogs, and dead letters, as topics.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use highwater_engine::{Batch, Change, Epoch, Name, Record, Sink, SinkError, metrics::Metrics};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};

use super::{
    KafkaConfig, Topic,
    ask::{has_topic, is_untouched},
    dead_letters,
    outbox::Outbox,
    transactions::{TAKEN_OVER, Transactions},
};

/// Writes the changes of views to topics: the row's key as the record's key, its value as JSON, a tombstone where the
/// row is gone. Whoever reads a topic from its beginning and keeps the newest value of each key has the view.
///
/// Each commit of the job is one transaction over all topics: readers with `isolation.level=read_committed` see it
/// whole and once, whatever ends the job and however often. Each record has the headers `highwater-view`,
/// `highwater-epoch`, `highwater-schema` (the view's name, `/`, the version of its value's form) and `content-type`.
///
/// A topic that is new, or was deleted and made anew while the job did not run, gets its view whole.
///
/// Dead letters, where they have a topic, are part of the same transactions: the record's first bytes as they came, and
/// in the headers `highwater-reason`, `highwater-source`, `highwater-partition`, `highwater-next-offset` (where reading
/// went on after it), `highwater-length` (how long it was, if that is more than is kept) and `highwater-epoch`.
pub struct KafkaSink {
    name: Name,
    config: KafkaConfig,
    /// view → topics
    topics: BTreeMap<Name, Vec<String>>,
    /// the topic of dead letters
    dead_letters: Option<String>,
    metrics: Arc<Metrics>,
    /// the job's, known once it resumes
    id: String,
    transactions: Option<Transactions>,
}

/// The version of what values look like.
const SCHEMA_VERSION: u32 = 1;

impl KafkaSink {
    /// A sink called `kafka` for the changes of views, each in its topic. Creates topics where they are missing,
    /// compacted unless their settings say otherwise.
    ///
    /// # Errors
    /// Where the configuration is wrong, or a topic is missing and cannot be created.
    pub fn open(
        config: &KafkaConfig,
        topics: impl IntoIterator<Item = (Name, Topic)>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SinkError> {
        let name = Name::from("kafka");
        let mut names: BTreeMap<Name, Vec<String>> = BTreeMap::new();
        for (view, mut topic) in topics {
            if !topic.settings.contains_key("cleanup.policy") {
                topic = topic.compacted();
            }
            create(&topic, config, &name)?;
            names.entry(view).or_default().push(topic.name);
        }
        let (config, id) = (config.clone(), String::new());
        Ok(KafkaSink { name, config, topics: names, dead_letters: None, metrics, id, transactions: None })
    }

    /// Takes dead letters too, to this topic, which is created where it is missing.
    ///
    /// # Errors
    /// Where the topic is missing and cannot be created.
    pub fn with_dead_letters(self, topic: Topic) -> Result<Self, SinkError> {
        create(&topic, &self.config, &self.name)?;
        Ok(KafkaSink { dead_letters: Some(topic.name), ..self })
    }

    /// Another name: where a job has several of these, durable state tells them apart by it.
    #[must_use]
    pub fn named(self, name: Name) -> Self {
        KafkaSink { name, ..self }
    }

    /// The producer in hand, or a new one where that was given up.
    fn connect(&mut self) -> Result<Transactions, SinkError> {
        if let Some(transactions) = self.transactions.take() {
            return Ok(transactions);
        }
        let outbox = Outbox::transactional(self.name.clone(), &self.config, &self.id, self.metrics.clone())?;
        let topics = self.topics.values().flatten().chain(&self.dead_letters).cloned().collect();
        Transactions::open(&self.config, &self.id, topics, self.name.clone(), outbox)
    }
}

impl KafkaSink {
    /// What is wrong if a topic is gone: made anew in the middle of it, it would lack the rows that were told before.
    fn gone(&self) -> Option<SinkError> {
        let mut topics = self.topics.values().flatten().chain(&self.dead_letters);
        // a cluster that does not answer says nothing of topics
        let missing = topics.find_map(|topic| match has_topic(&self.config, topic) {
            Ok(true) => None,
            Ok(false) => Some(Some(topic)),
            Err(_) => Some(None),
        });
        let (topic, brokers) = (missing??, &self.config.bootstrap_servers);
        let what = format!(
            "topic {topic:?} at {brokers} is gone, and what was in it; started again, the job creates it anew and writes \
             its view to it, whole (dead letters stay lost)"
        );
        Some(SinkError::new(self.name.clone(), what))
    }
}

fn create(topic: &Topic, config: &KafkaConfig, sink: &Name) -> Result<(), SinkError> {
    topic.create(config).map_err(|error| SinkError::new(sink.clone(), error.to_string()))
}

impl Sink for KafkaSink {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn takes_dead_letters(&self) -> bool {
        self.dead_letters.is_some()
    }

    /// The views whose topics nobody has written to since they were made.
    fn empty_views(&mut self) -> Result<Vec<Name>, SinkError> {
        let mut empty = Vec::new();
        for (view, topics) in &self.topics {
            let mut untouched = Vec::new();
            for topic in topics {
                let what = |why| format!("what is in topic {topic:?} cannot be asked: {why}");
                if is_untouched(&self.config, topic).map_err(|why| SinkError::new(self.name.clone(), what(why)))? {
                    untouched.push(topic);
                }
            }
            if untouched.len() == topics.len() {
                empty.push(view.clone());
            } else if !untouched.is_empty() {
                // what was told is known per view, and the others have it
                tracing::warn!(view = %view, topics = ?untouched, "new beside others of the view: only changes are written");
            }
        }
        Ok(empty)
    }

    fn resume(&mut self, job: &Name, delivered: Option<Epoch>) -> Result<Option<Epoch>, SinkError> {
        self.id = format!("highwater-{job}-{}", self.name);
        let transactions = self.connect()?;
        Ok(self.transactions.insert(transactions).epoch.max(delivered))
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        let Some(newest) = batches.last() else { return Ok(()) };
        let transactions = self.connect()?;
        let committed = transactions.epoch;
        if committed > Some(newest.epoch) {
            return Err(SinkError::new(self.name(), TAKEN_OVER));
        }
        let fresh: Vec<&Batch> = batches.iter().filter(|batch| Some(batch.epoch) > committed).collect();
        if fresh.is_empty() {
            self.transactions = Some(transactions);
            return Ok(());
        }
        let KafkaSink { topics, dead_letters: buried, .. } = &*self;
        let done = transactions.commit(newest.epoch, |outbox| {
            let mut headers = HashMap::new();
            for batch in fresh {
                headers.clear();
                for change in &batch.changes {
                    let headers = headers.entry(&change.view).or_insert_with(|| describe(&change.view, batch.epoch));
                    for topic in topics.get(&change.view).into_iter().flatten() {
                        send(outbox, topic, headers.clone(), change)?;
                    }
                }
                for (topic, letter) in
                    buried.iter().flat_map(|topic| batch.dead_letters.iter().map(move |l| (topic, l)))
                {
                    dead_letters::send(outbox, topic, batch.epoch, letter)?;
                }
            }
            Ok(())
        });
        let done = done.map_err(|error| if error.again.is_some() { self.gone().unwrap_or(error) } else { error });
        self.transactions = Some(done?);
        Ok(())
    }
}

fn describe(view: &str, epoch: Epoch) -> OwnedHeaders {
    let (epoch, schema) = (epoch.to_string(), format!("{view}/{SCHEMA_VERSION}"));
    OwnedHeaders::new_with_capacity(4)
        .insert(Header { key: "highwater-view", value: Some(view) })
        .insert(Header { key: "highwater-epoch", value: Some(epoch.as_str()) })
        .insert(Header { key: "highwater-schema", value: Some(schema.as_str()) })
        .insert(Header { key: "content-type", value: Some("application/json") })
}

fn send(outbox: &mut Outbox, topic: &str, headers: OwnedHeaders, change: &Change) -> Result<(), SinkError> {
    let Change { record: record @ Record { value, .. }, .. } = change;
    let key = record.key_text();
    let value = value.as_ref().map(serde_json::Value::to_string);
    let mut message: BaseRecord<'_, str, str> = BaseRecord::to(topic).key(key.as_str()).headers(headers);
    if let Some(value) = &value {
        message = message.payload(value.as_str());
    }
    outbox.send(message)
}
