//! Topics, and how they come to be.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Poll, Wake},
    thread::Thread,
};

use highwater_engine::Name;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::FromClientConfigAndContext,
    error::RDKafkaErrorCode,
};

use super::{
    ask::has_topic,
    config::{KafkaConfig, REQUEST_TIMEOUT, explain},
    context::Context,
};

/// A topic, as it is created where it is missing. One that is there stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// What it is called.
    pub name: String,
    /// How many partitions it gets.
    pub partitions: u32,
    /// On how many brokers each is kept; `None` is the cluster's default.
    pub replication: Option<u32>,
    /// Further settings, such as `retention.ms`.
    pub settings: BTreeMap<String, String>,
}

/// A topic that could not be created.
#[derive(Debug, thiserror::Error)]
#[error("topic {topic:?} at {brokers} could not be created: {why}; create it by hand: {by_hand}")]
pub struct TopicError {
    topic: String,
    brokers: String,
    why: String,
    by_hand: String,
}

impl Topic {
    /// A topic of one partition with the cluster's settings.
    pub fn new(name: impl Into<String>) -> Self {
        Topic { name: name.into(), partitions: 1, replication: None, settings: BTreeMap::new() }
    }

    /// With so many partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions.max(1);
        self
    }

    /// Of which Kafka keeps the newest record of each key, for ever: what the changelog of a view wants.
    #[must_use]
    pub fn compacted(mut self) -> Self {
        self.settings.insert("cleanup.policy".into(), "compact".into());
        self
    }

    /// Creates the topic where it is missing.
    ///
    /// # Errors
    /// Where the cluster does not answer or does not allow it.
    pub fn create(&self, config: &KafkaConfig) -> Result<(), TopicError> {
        self.try_create(config).map_err(|why| TopicError {
            topic: self.name.clone(),
            brokers: config.bootstrap_servers.clone(),
            why,
            by_hand: self.by_hand(&config.bootstrap_servers),
        })
    }

    fn try_create(&self, config: &KafkaConfig) -> Result<(), String> {
        config.check().map_err(|error| error.to_string())?;
        if has_topic(config, &self.name)? {
            return Ok(());
        }
        let context = Context::new(Name::from("kafka-admin"), ());
        let admin = AdminClient::from_config_and_context(&config.admin(), context).map_err(|error| explain(&error))?;
        let replication = self.replication.and_then(|n| i32::try_from(n).ok()).unwrap_or(-1);
        let partitions = i32::try_from(self.partitions).unwrap_or(i32::MAX);
        let mut topic = NewTopic::new(&self.name, partitions, TopicReplication::Fixed(replication));
        for (key, value) in &self.settings {
            topic = topic.set(key, value);
        }
        let options =
            AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT));
        let answer = wait_for(admin.create_topics([&topic], &options)).map_err(|error| error.to_string())?;
        match answer.into_iter().next() {
            Some(Ok(_)) => {
                tracing::info!(topic = self.name, partitions = self.partitions, "created a topic");
                Ok(())
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(code.to_string()),
            None => Err("the broker gave no answer".into()),
        }
    }

    /// The command that creates it.
    pub(crate) fn by_hand(&self, brokers: &str) -> String {
        let settings: String = self.settings.iter().map(|(key, value)| format!(" --config {key}={value}")).collect();
        format!(
            "kafka-topics.sh --bootstrap-server {brokers} --create --topic {} --partitions {}{settings}",
            self.name, self.partitions
        )
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks until a future is ready: the administrative calls have no other form.
fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
