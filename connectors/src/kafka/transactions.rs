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
        Ok(Transactions { name, outbox, group, topics, epoch })
    }

    /// One transaction: what `fill` sends, and the epoch.
    ///
    /// # Errors
    /// Where nobody knows what became of it, `true`: the producer must not be used again. Else it did not happen.
    pub(crate) fn commit(
        &mut self,
        epoch: Epoch,
        fill: impl FnOnce(&mut Outbox) -> Result<(), SinkError>,
    ) -> Result<(), (SinkError, bool)> {
        let began = Instant::now();
        self.outbox.producer().begin_transaction().map_err(|error| self.lost("a transaction cannot begin", error))?;
        // delivery reports are served here: committing would wait for them for ever
        if let Err(error) = fill(&mut self.outbox).and_then(|()| self.outbox.flush()) {
            return Err(self.abort(error.again(Duration::ZERO)));
        }
        let progress = self.progress(epoch).map_err(|error| self.lost("the epoch", error))?;
        persist(began, || self.outbox.producer().send_offsets_to_transaction(&progress, &self.group, STEP_TIMEOUT))
            .map_err(|error| self.undone("the epoch cannot be committed", error))?;
        persist(began, || self.outbox.producer().commit_transaction(STEP_TIMEOUT))
            .map_err(|error| self.undone("a transaction cannot be committed", error))?;
        self.epoch = Some(epoch);
        Ok(())
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
    fn undone(&mut self, what: &str, error: KafkaError) -> (SinkError, bool) {
        let requires_abort = matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort());
        if requires_abort { self.abort(judge(&self.name, what, error)) } else { self.lost(what, error) }
    }

    fn abort(&mut self, error: SinkError) -> (SinkError, bool) {
        self.outbox.forget();
        match persist(Instant::now(), || self.outbox.producer().abort_transaction(STEP_TIMEOUT)) {
            Ok(()) => (error, false),
            Err(why) => {
                let judged = judge(&self.name, "a transaction cannot be aborted", why);
                (if judged.again.is_none() { judged } else { error }, true)
            }
        }
    }

    fn lost(&self, what: &str, error: KafkaError) -> (SinkError, bool) {
        (judge(&self.name, what, error), true)
    }
}

/// Makes the same call again as long as librdkafka says that this may help.
fn persist<T>(began: Instant, call: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    loop {
        match call() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() && began.elapsed() < STEP_TIMEOUT => {
                crate::pause(Duration::from_millis(100));
            }
            done => return done,
        }
    }
}

/// What an error means: nothing helps an owner that was fenced, or one without the right; all else may pass.
fn judge(name: &Name, what: &str, error: KafkaError) -> SinkError {
    use RDKafkaErrorCode as Code;
    let code = match &error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    };
    match code {
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => {
            let what = "another process has taken over: a job's state must not be used twice at a time";
            SinkError::new(name.clone(), what).because(error)
        }
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
