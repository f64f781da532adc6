//! [`Kafka`]: the cluster as an independent client sees it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

/// Longest that one request is waited for.
const REQUEST: Duration = Duration::from_secs(20);

/// A cluster.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// Where it is, as `host:port`, several of them with commas between.
    pub brokers: String,
}

impl Kafka {
    /// The settings that all clients share.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Creates a topic that keeps every record: what a compacted one drops could not be held against anything.
    ///
    /// # Errors
    /// Where the cluster does not do it.
    pub fn create(&self, topic: &str, partitions: i32) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create().context("no Kafka client")?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
            .set("cleanup.policy", "delete")
            .set("retention.ms", "-1");
        let options = AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST));
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime for a request")?;
        let answers = runtime
            .block_on(admin.create_topics([&new], &options))
            .with_context(|| format!("{} does not create topic {topic}", self.brokers))?;
        match answers.into_iter().next() {
            Some(Ok(_)) => Ok(()),
            Some(Err((_, code))) => bail!("{} does not create topic {topic}: {code}", self.brokers),
            None => bail!("{} gave no answer about topic {topic}", self.brokers),
        }
    }

    /// The offset after the last record of each partition, of transactions under way too.
    ///
    /// # Errors
    /// Where the cluster does not say.
    pub fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let consumer = self.consumer("read_uncommitted")?;
        partitions(&consumer, topic)?.into_iter().map(|partition| end(&consumer, topic, partition)).collect()
    }

    /// Partitions in which a transaction is still open: their readers would wait for ever.
    ///
    /// # Errors
    /// Where the cluster does not say.
    pub fn open_transactions(&self, topic: &str) -> Result<Vec<i32>> {
        let (all, committed) = (self.consumer("read_uncommitted")?, self.consumer("read_committed")?);
        let mut open = Vec::new();
        for partition in partitions(&all, topic)? {
            if end(&committed, topic, partition)? < end(&all, topic, partition)? {
                open.push(partition);
            }
        }
        Ok(open)
    }

    /// A consumer that commits nothing.
    ///
    /// # Errors
    /// Where the configuration is refused.
    pub fn consumer(&self, isolation: &str) -> Result<BaseConsumer> {
        self.client()
            .set("group.id", "highwater-chaos")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", isolation)
            .create()
            .context("no Kafka consumer")
    }
}

/// The partitions of a topic.
///
/// # Errors
/// Where the cluster does not say.
pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).with_context(|| format!("nobody tells of {topic}"))?;
    let topic = metadata.topics().first().ok_or_else(|| anyhow!("there is no topic {topic}"))?;
    Ok(topic.partitions().iter().map(|partition| partition.id()).collect())
}

fn end(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<i64> {
    let ends = consumer.fetch_watermarks(topic, partition, REQUEST);
    Ok(ends.with_context(|| format!("nobody tells where partition {partition} of {topic} ends"))?.1)
}
