//! What librdkafka tells about itself: its log, its errors and its statistics.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
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
    trouble: Mutex<Trouble>,
    troubled: AtomicBool,
    pub(crate) kind: T,
}

/// What is wrong with connections, until a record shows that there is one.
#[derive(Default)]
struct Trouble {
    /// the newest complaint
    text: Option<String>,
    /// whether it has been warned of
    warned: bool,
}

impl<T> Context<T> {
    pub(crate) fn new(who: Name, kind: T) -> Self {
        Context { who, trouble: Mutex::default(), troubled: AtomicBool::new(false), kind }
    }

    /// What is wrong with the connection, to be appended to a message.
    pub(crate) fn trouble(&self) -> String {
        self.lock().text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
    }

    /// Whether a connection failed since the cluster was there last.
    pub(crate) fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    /// A record came or went, or a question was answered: the cluster is there.
    pub(crate) fn well(&self) {
        if self.troubled.load(Ordering::Relaxed) && self.troubled.swap(false, Ordering::Relaxed) {
            let trouble = std::mem::take(&mut *self.lock());
            if trouble.warned {
                tracing::info!(client = %self.who, "Kafka answers again");
            }
        }
    }

    fn complain(&self, text: &str) {
        self.lock().text = Some(format!("{text}{}", guess(text)));
        self.troubled.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync> ClientContext for Context<T> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        match level {
            _ if facility == "FAIL" => {
                // a connection that was refused or lost, with what may be the matter: not all of these are errors
                self.complain(text.split_once("]: ").map_or(text, |(_thread, text)| text));
                tracing::debug!(client = %self.who, facility, "{text}");
            }
            _ if matches!(facility, "ERROR" | "REQTMOUT" | "MAXPOLL") => {
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
        let code = error.rdkafka_error_code();
        // that all brokers are down says less than why one is
        if code != Some(RDKafkaErrorCode::AllBrokersDown) || self.lock().text.is_none() {
            self.complain(reason);
        }
        let mut trouble = self.lock();
        let one_broker = code == Some(RDKafkaErrorCode::BrokerTransportFailure);
        if one_broker || std::mem::replace(&mut trouble.warned, true) {
            tracing::debug!(client = %self.who, %error, "{reason}");
        } else {
            let why = trouble.text.as_deref().unwrap_or(reason);
            tracing::warn!(client = %self.who, %error, "{why}; librdkafka tries again until it works");
        }
    }

    fn stats_raw(&self, _: &[u8]) {}
}

/// What may be behind a broker that hangs up at the first words; librdkafka does not say.
fn guess(complaint: &str) -> &'static str {
    let Some((what, (millis, state))) =
        complaint.rsplit_once(" (after ").and_then(|(what, when)| Some((what, when.split_once("ms in state ")?)))
    else {
        return "";
    };
    let just_up = state.starts_with("UP") && millis.parse().is_ok_and(|millis: u64| millis < 2000);
    let hung_up = what.contains("Disconnected") || what.contains("Send failed");
    if hung_up && (just_up || state.starts_with("APIVERSION_QUERY")) {
        "; is security.protocol what this listener expects, TLS or not, SASL or not?"
    } else {
        ""
    }
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
    fn a_broker_that_hangs_up_at_once_may_expect_another_protocol() {
        let hung_up = |how: &str| format!("127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer ({how})");
        for soon in ["after 1ms in state APIVERSION_QUERY", "after 7ms in state UP, 3 identical error(s) suppressed"] {
            assert!(guess(&hung_up(soon)).contains("security.protocol"), "{soon}");
        }
        let broken_pipe = "ssl://127.0.0.1:1/bootstrap: Send failed: Broken pipe (after 1ms in state UP)";
        assert!(guess(broken_pipe).contains("SASL"));
        assert_eq!(guess(&hung_up("after 86400000ms in state UP")), "");
        assert_eq!(guess("Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)"), "");
        assert_eq!(guess("Disconnected"), "");
    }

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
