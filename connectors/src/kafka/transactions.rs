//! Transactions: batches of records that readers of committed records see whole, once, with how far the job has come.

use std::time::{Duration, Instant};

use highwater_engine::{Epoch, Name, SinkError};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::Producer,
};

use super::{
    KafkaConfig,
    ask::{code_of, is_settling},
    config::{REQUEST_TIMEOUT, explain},
    outbox::Outbox,
};

/// A transactional producer and the group whose offsets say which epoch was committed last.
///
/// The epoch stands in the metadata of offsets that the group has for partition 0 of the topics written to: part of
/// each transaction, so that it names exactly the transactions that happened. Whoever opens the same transactional id
/// anew ends what an older owner has left open, and fences that owner.
pub(crate) struct Transactions {
    name: Name,
    outbox: Outbox,
    group: ConsumerGroupMetadata,
    topics: Vec<String>,
    /// how long the cluster lets a transaction take
    timeout: Duration,
    /// when the newest transaction began
    began: Instant,
    /// the newest epoch that was committed
    pub(crate) epoch: Option<Epoch>,
}

/// How long a step may take before the producer is given up and another one asks what became of it.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

impl Transactions {
    /// Takes over from whoever used this id before, and reads which epoch was committed last.
    pub(crate) fn open(
        config: &KafkaConfig,
        id: &str,
        topics: Vec<String>,
        name: Name,
        outbox: Outbox,
    ) -> Result<Self, SinkError> {
        let began = Instant::now();
        persist(began, || outbox.producer().init_transactions(STEP_TIMEOUT))
            .map_err(|error| judge(&name, "the transactional producer cannot start", error))?;
        // a member of the group in name only: it reads offsets
        let consumer: BaseConsumer = config
            .consumer(&format!("highwater-{name}"), id)
            .create()
            .map_err(|error| judge(&name, "the group of the transactions", error))?;
        let mut asked = TopicPartitionList::new();
        for topic in &topics {
            asked.add_partition(topic, 0);
        }
        let offsets = persist(began, || consumer.committed_offsets(asked.clone(), REQUEST_TIMEOUT))
            .map_err(|error| judge(&name, "the epoch committed last cannot be read", error))?;
        let epoch = offsets.elements().iter().filter_map(|element| element.metadata().parse().ok()).max();
        let group = consumer
            .group_metadata()
            .ok_or_else(|| SinkError::new(name.clone(), "librdkafka knows no group of the transactions"))?;
        let timeout = config.transaction_timeout();
        Ok(Transactions { name, outbox, group, topics, timeout, began, epoch })
    }

    /// One transaction: what `fill` sends, and the epoch.
    ///
    /// A producer of which any step has failed is not given back: what of it is still under way in the network must not
    /// arrive in a later transaction. Its successor fences it first.
    ///
    /// # Errors
    /// Where a step fails. Whether the transaction happened, the successor's epoch says.
    pub(crate) fn commit(
        mut self,
        epoch: Epoch,
        fill: impl FnOnce(&mut Outbox) -> Result<(), SinkError>,
    ) -> Result<Self, SinkError> {
        let began = Instant::now();
        self.began = began;
        self.outbox.producer().begin_transaction().map_err(|error| self.judge("a transaction cannot begin", error))?;
        // delivery reports are served here: committing would wait for them for ever
        if let Err(error) = fill(&mut self.outbox).and_then(|()| self.outbox.flush()) {
            return Err(self.abort(error.again(Duration::ZERO)));
        }
        let progress = self.progress(epoch).map_err(|error| self.judge("the epoch", error))?;
        persist(began, || self.outbox.producer().send_offsets_to_transaction(&progress, &self.group, STEP_TIMEOUT))
            .map_err(|error| self.undone("the epoch cannot be committed", error))?;
        persist(began, || self.outbox.producer().commit_transaction(STEP_TIMEOUT))
            .map_err(|error| self.undone("a transaction cannot be committed", error))?;
        self.epoch = Some(epoch);
        Ok(self)
    }

    fn progress(&self, epoch: Epoch) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for topic in &self.topics {
            let mut element = list.add_partition(topic, 0);
            element.set_offset(Offset::Offset(0))?;
            element.set_metadata(epoch.to_string());
        }
        Ok(list)
    }

    /// After a failed step: aborts where librdkafka asks for it.
    fn undone(&self, what: &str, error: KafkaError) -> SinkError {
        let requires_abort = matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort());
        let judged = self.judge(what, error);
        if requires_abort { self.abort(judged) } else { judged }
    }

    /// Ends the transaction, so that readers need not wait for the successor. Whether the producer was fenced may be
    /// heard only now.
    fn abort(&self, error: SinkError) -> SinkError {
        match persist(Instant::now(), || self.outbox.producer().abort_transaction(STEP_TIMEOUT)) {
            Ok(()) => error,
            Err(cause) => {
                let judged = self.judge("a transaction cannot be aborted", cause);
                if judged.again.is_none() { judged } else { error }
            }
        }
    }

    /// As [`judge`]; but who was fenced after the time that a transaction may take was fenced by the cluster, for that. A
    /// new producer can tell whether it was not: by an epoch that this job has not come to.
    fn judge(&self, what: &str, error: KafkaError) -> SinkError {
        if is_fenced(&error) && self.began.elapsed() >= self.timeout {
            let what = format!("{what}: it took longer than {:?}, and the cluster has ended it", self.timeout);
            return SinkError::new(self.name.clone(), what).because(error).again(Duration::ZERO);
        }
        judge(&self.name, what, error)
    }
}

fn may_pass(error: &KafkaError) -> bool {
    is_settling(error) || matches!(error, KafkaError::Transaction(error) if error.is_retriable())
}

fn is_fenced(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code_of(error), Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch))
}

/// What is wrong where another process writes with this job's state.
pub(crate) const TAKEN_OVER: &str = "another process has taken over: a job's state must not be used twice at a time";

/// Makes the same call again as long as this may help.
fn persist<T>(began: Instant, call: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    loop {
        match call() {
            Err(error) if may_pass(&error) && began.elapsed() < STEP_TIMEOUT => {
                crate::pause(Duration::from_millis(100));
            }
            done => return done,
        }
    }
}

/// What an error means: nothing helps an owner that was fenced, or one without the right; all else may pass.
fn judge(name: &Name, what: &str, error: KafkaError) -> SinkError {
    use RDKafkaErrorCode as Code;
    match code_of(&error) {
        _ if is_fenced(&error) => SinkError::new(name.clone(), TAKEN_OVER).because(error),
        Some(
            Code::TransactionalIdAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed,
        ) => SinkError::new(name.clone(), format!("{what}: the cluster does not allow it")).because(error),
        _ => SinkError::new(name.clone(), format!("{what}: {}", explain(&error)))
            .because(error)
            .again(Duration::from_millis(500)),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::producer::BaseRecord;

    use super::*;
    use crate::kafka::Topic;

    #[test]
    fn a_transaction_that_the_cluster_has_ended_is_made_again_by_a_new_producer() {
        let Some(brokers) = std::env::var("HIGHWATER_TEST_KAFKA").ok().filter(|brokers| !brokers.is_empty()) else {
            println!("SKIPPED: a_transaction_that_the_cluster_has_ended_is_made_again_by_a_new_producer: no Kafka");
            return;
        };
        let mut config = KafkaConfig::new(brokers);
        config.properties.insert("transaction.timeout.ms".into(), "1000".into());
        let id = format!("ended-{}", highwater_engine::Timestamp::now().as_micros());
        Topic::new(&id).create(&config).unwrap();
        let open = || {
            let outbox = Outbox::transactional("test".into(), &config, &id, std::sync::Arc::default()).unwrap();
            Transactions::open(&config, &id, vec![id.clone()], "test".into(), outbox).unwrap()
        };
        let end = |reader: &BaseConsumer| reader.fetch_watermarks(&id, 0, REQUEST_TIMEOUT).unwrap().1;
        let reader: BaseConsumer = config.admin().create().unwrap();
        let send = |outbox: &mut Outbox| {
            outbox.send(BaseRecord::<str, str>::to(&id).payload("x"))?;
            outbox.flush()
        };
        let failed = open()
            .commit(1, send)
            .unwrap()
            .commit(2, |outbox| {
                send(outbox)?;
                // two records and the mark of the first transaction; then the one that the cluster sets
                while end(&reader) < 4 {
                    crate::pause(Duration::from_millis(100));
                }
                Ok(())
            })
            .err()
            .unwrap();
        assert!(failed.again.is_some(), "{failed}");
        let transactions = open();
        assert_eq!(transactions.epoch, Some(1));
        transactions.commit(2, send).unwrap();
        assert_eq!(open().epoch, Some(2));
    }
}
