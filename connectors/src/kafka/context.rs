//! What librdkafka tells about itself: its log, its errors and its statistics.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use highwater_engine::Name;
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};
use serde::Deserialize;

/// The context of a client, with what its kind of client keeps besides.
pub(crate) struct Context<T> {
    who: Name,
    /// the newest complaint about connections, until a record shows that there is one
    trouble: Mutex<Option<String>>,
    troubled: AtomicBool,
    pub(crate) kind: T,
}

impl<T> Context<T> {
    pub(crate) fn new(who: Name, kind: T) -> Self {
        Context { who, trouble: Mutex::default(), troubled: AtomicBool::new(false), kind }
    }

    /// What is wrong with the connection, to be appended to a message.
    pub(crate) fn trouble(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
    }

    /// A record came or went: the cluster is there.
    pub(crate) fn well(&self) {
        if self.troubled.load(Ordering::Relaxed) && self.troubled.swap(false, Ordering::Relaxed) {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!(client = %self.who, "Kafka answers again");
        }
    }
}

impl<T: Send + Sync> ClientContext for Context<T> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        match level {
            // each attempt to connect; `error` tells it once
            _ if matches!(facility, "FAIL" | "ERROR" | "REQTMOUT" | "MAXPOLL") => {
                tracing::debug!(client = %self.who, facility, "{text}");
            }
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(client = %self.who, facility, "{text}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(client = %self.who, facility, "{text}"),
            _ => tracing::debug!(client = %self.who, facility, "{text}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        let one_broker = error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure);
        if one_broker || self.troubled.swap(true, Ordering::Relaxed) {
            tracing::debug!(client = %self.who, %error, "{reason}");
        } else {
            tracing::warn!(client = %self.who, %error, "{reason}; librdkafka tries again until it works");
        }
    }

    fn stats_raw(&self, _: &[u8]) {}
}

/// What a consumer learns about its topic, from librdkafka's statistics.
pub(crate) struct Ends {
    topic: String,
    fresh: AtomicBool,
    ends: Mutex<HashMap<i32, i64>>,
}

impl Ends {
    pub(crate) fn new(topic: String) -> Self {
        Ends { topic, fresh: AtomicBool::new(false), ends: Mutex::default() }
    }

    /// Partition → its end as a reader of committed records sees it, or `None` where that is unknown; all partitions
    /// that the topic has. Each answer is given once.
    pub(crate) fn take(&self) -> Option<HashMap<i32, i64>> {
        if !self.fresh.load(Ordering::Relaxed) {
            return None;
        }
        self.fresh.store(false, Ordering::Relaxed);
        Some(std::mem::take(&mut self.ends.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn learn(&self, statistics: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) else { return };
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        let known = topic.partitions.values().filter(|partition| partition.partition >= 0 && !partition.unknown);
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) =
            known.map(|p| (p.partition, if p.ls_offset >= 0 { p.ls_offset } else { p.hi_offset })).collect();
        self.fresh.store(true, Ordering::Relaxed);
    }
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: HashMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    #[serde(default)]
    unknown: bool,
    hi_offset: i64,
    ls_offset: i64,
}

/// The context of a consumer. Not [`Context`], which takes no statistics.
pub(crate) struct Consuming(pub(crate) Context<Ends>);

impl ClientContext for Consuming {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.0.log(level, facility, text);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
    fn stats_raw(&self, statistics: &[u8]) {
        self.0.kind.learn(statistics);
    }
}

impl ConsumerContext for Consuming {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(client = %self.0.who, %error, "offsets were not committed; the next commit includes them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_those_of_committed_records() {
        let ends = Ends::new("logs".into());
        assert!(ends.take().is_none());
        ends.learn(
            br#"{"name":"x","topics":{"logs":{"topic":"logs","partitions":{
                "0":{"partition":0,"unknown":false,"hi_offset":9,"ls_offset":7},
                "1":{"partition":1,"unknown":false,"hi_offset":5,"ls_offset":-1001},
                "2":{"partition":2,"unknown":true,"hi_offset":5,"ls_offset":5},
                "-1":{"partition":-1,"unknown":false,"hi_offset":-1001,"ls_offset":-1001}}}}}"#,
        );
        assert_eq!(ends.take(), Some(HashMap::from([(0, 7), (1, 5)])));
        assert!(ends.take().is_none());
        ends.learn(b"nonsense");
        assert!(ends.take().is_none());
    }
}
