//! How a cluster is reached, and every setting of librdkafka that correctness or memory depends on.

use std::{collections::BTreeMap, fmt, time::Duration};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use serde::Deserialize;

/// How to reach a Kafka cluster, here one that encrypts and wants a password:
///
/// ```
/// # use highwater_connectors::KafkaConfig;
/// let config: KafkaConfig = serde_json::from_str(
///     r#"{ "bootstrap_servers": "a:9093,b:9093",
///          "properties": {
///              "security.protocol": "SASL_SSL",
///              "sasl.mechanism": "SCRAM-SHA-512",
///              "sasl.username": "highwater",
///              "sasl.password": "hunter2" } }"#,
/// ).unwrap();
/// assert!(config.check().is_ok());
/// assert!(!format!("{config:?}").contains("hunter2"));
/// ```
///
/// The mechanisms are `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`. The brokers' certificates must be signed by a CA that
/// the system trusts, or by one in the file `ssl.ca.location`, and name the host that is connected to;
/// `ssl.certificate.location` and `ssl.key.location` are the client's own where brokers ask for one. Files are PEM.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Some of the cluster's brokers: `host:port`, separated by commas.
    pub bootstrap_servers: String,
    /// Properties of librdkafka, such as `security.protocol` or `sasl.password`. They are passed through as they are,
    /// but for the few that Highwater's promises rest on: [`KafkaConfig::check`] names those.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// A configuration that librdkafka does not take, or that Highwater could not keep its promises with. Names the
/// property, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKafkaConfig(String);

/// What Highwater sets itself, because its promises rest on it.
const RESERVED: [&str; 20] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.protocol",
    "group.instance.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.commit.enable",
    "auto.offset.reset",
    "enable.partition.eof",
    "isolation.level",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "transactional.id",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "message.send.max.retries",
    "retries",
    "statistics.interval.ms",
];

/// How long librdkafka tries to deliver a record of a sink before the sink, and with it the job, fails.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a transaction may take, unless `transaction.timeout.ms` says otherwise.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a request may wait for its answer, unless `socket.timeout.ms` says otherwise.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a question to the cluster may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

impl KafkaConfig {
    /// The cluster at these brokers, without security.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        KafkaConfig { bootstrap_servers: bootstrap_servers.into(), properties: BTreeMap::new() }
    }

    /// Sees whether librdkafka takes the properties, without connecting.
    ///
    /// # Errors
    /// Where it does not, or where one is among those that Highwater sets itself.
    pub fn check(&self) -> Result<(), InvalidKafkaConfig> {
        if self.bootstrap_servers.trim().is_empty() {
            return Err(InvalidKafkaConfig("bootstrap_servers is empty; it takes host:port,host:port".into()));
        }
        for key in self.properties.keys() {
            if RESERVED.contains(&key.as_str()) {
                let what = format!("the property {key:?} is Highwater's to set: its guarantees rest on it");
                return Err(InvalidKafkaConfig(what));
            }
        }
        self.common("highwater").create_native_config().map(drop).map_err(|error| InvalidKafkaConfig(explain(&error)))
    }

    /// What all clients share.
    fn common(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            // of its log, the context uses more than it shows: why connections fail is told as information
            .set_log_level(RDKafkaLogLevel::Info)
            .set("client.id", client_id)
            .set("broker.address.family", "any")
            // the OpenSSL that is built in does not know where the system keeps its CAs
            .set("ssl.ca.location", "probe")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", SOCKET_TIMEOUT.as_millis().to_string())
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "5000")
            // also how soon a partition that is added gets a reader
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("metadata.max.age.ms", "90000");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config
    }

    fn with(&self, client_id: &str, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = self.common(client_id);
        for (key, value) in defaults.iter().filter(|(key, _)| !self.properties.contains_key(*key)) {
            config.set(*key, *value);
        }
        for (key, value) in fixed {
            config.set(*key, *value);
        }
        config
    }

    /// For one worker's consumer.
    pub(crate) fn consumer(&self, client_id: &str, group: &str) -> ClientConfig {
        let defaults = [
            ("check.crcs", "true"),
            ("allow.auto.create.topics", "false"),
            // 16 MiB of prefetched records per worker, fetched in large pieces but handed over without delay
            ("queued.min.messages", "100000"),
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.max.bytes", "16777216"),
            ("max.partition.fetch.bytes", "2097152"),
            ("fetch.min.bytes", "1"),
            ("fetch.wait.max.ms", "100"),
            // the default of a second starves a fast reader each time that its queue was full
            ("fetch.queue.backoff.ms", "5"),
            ("fetch.error.backoff.ms", "200"),
        ];
        let fixed = [
            ("group.id", group),
            // assign() is forbidden under the newer protocol
            ("group.protocol", "classic"),
            // what has been done is ours to say, and where to go on is ours to choose
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "false"),
            ("isolation.level", "read_committed"),
            // the ends of partitions, for the lag
            ("statistics.interval.ms", "1000"),
        ];
        self.with(client_id, &defaults, &fixed)
    }

    /// For a producer whose records are given up after `timeout`.
    pub(crate) fn producer(&self, client_id: &str, timeout: Duration) -> ClientConfig {
        let timeout = timeout.as_millis().to_string();
        let defaults = [
            ("linger.ms", "5"),
            ("compression.codec", "lz4"),
            ("request.timeout.ms", "10000"),
            ("retry.backoff.ms", "100"),
            ("retry.backoff.max.ms", "1000"),
            // librdkafka's own default is a gigabyte
            ("queue.buffering.max.kbytes", "65536"),
            ("queue.buffering.max.messages", "100000"),
        ];
        let fixed = [("enable.idempotence", "true"), ("acks", "all"), ("message.timeout.ms", timeout.as_str())];
        self.with(client_id, &defaults, &fixed)
    }

    /// For a producer whose records come in transactions with this id.
    pub(crate) fn transactional(&self, client_id: &str, id: &str) -> ClientConfig {
        // records must have arrived sooner
        let timeout = self.transaction_timeout();
        let mut config = self.producer(client_id, timeout / 2);
        // a producer that is gone keeps readers waiting no longer than this; its successor ends it at once
        config.set("transactional.id", id).set("transaction.timeout.ms", timeout.as_millis().to_string());
        // librdkafka wants no request to wait longer than the transaction may take
        if timeout < SOCKET_TIMEOUT && !self.properties.contains_key("socket.timeout.ms") {
            config.set("socket.timeout.ms", timeout.as_millis().to_string());
        }
        config
    }

    /// How long a transaction may take before the cluster ends it.
    pub(crate) fn transaction_timeout(&self) -> Duration {
        let millis = self.properties.get("transaction.timeout.ms").and_then(|millis| millis.parse().ok());
        millis.map_or(TRANSACTION_TIMEOUT, Duration::from_millis)
    }

    /// For questions and for creating topics.
    pub(crate) fn admin(&self) -> ClientConfig {
        self.common("highwater-admin")
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // of properties only the names: any value may be a secret
        f.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// What a client's creation failed of. Not the error's own text: that holds the value, which may be a secret.
pub(crate) fn explain(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, text, key, value) => {
            let text = if value.is_empty() { text.clone() } else { text.replace(value.as_str(), "…") };
            format!("librdkafka does not take the property {key:?}: {text}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_promises_rest_on_cannot_be_set() {
        let mut config = KafkaConfig::new("localhost:9092");
        config.properties.insert("enable.auto.commit".into(), "true".into());
        assert!(config.check().unwrap_err().to_string().contains("enable.auto.commit"));
        config.properties.clear();
        config.properties.insert("no.such.property".into(), "tell nobody".into());
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("no.such.property") && !error.contains("nobody"), "{error}");
        config.properties.clear();
        config.properties.insert("security.protocol".into(), "tell nobody".into());
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("security.protocol") && !error.contains("nobody"), "{error}");
    }

    #[test]
    fn librdkafka_takes_all_that_we_set() {
        let mut config = KafkaConfig::new("localhost:9092");
        config.properties.insert("fetch.min.bytes".into(), "1000".into());
        let consumer = config.consumer("c", "g");
        consumer.create_native_config().unwrap();
        assert_eq!(consumer.get("fetch.min.bytes"), Some("1000"));
        assert_eq!(consumer.get("auto.offset.reset"), Some("error"));
        config.producer("p", DELIVERY_TIMEOUT).create_native_config().unwrap();
    }
}
