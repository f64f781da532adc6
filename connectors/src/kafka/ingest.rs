//! The input topic as a log that others append to: what makes an accepted request durable.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use highwater_engine::Name;
use rdkafka::{
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};

use super::{
    config::{InvalidKafkaConfig, KafkaConfig, explain},
    context::Context,
};
use crate::IngestError;

/// Appends records to a topic and says when they are durable. Meant to be shared by threads.
pub struct KafkaIngest {
    producer: ThreadedProducer<Context<Acks>>,
    topic: String,
    /// records under way
    records: AtomicUsize,
    /// and their bytes
    bytes: AtomicUsize,
}

/// How long Kafka may take. Short: a client waits for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most records under way.
const MAX_RECORDS: usize = 50_000;
/// Most bytes under way.
const MAX_BYTES: usize = 32 << 20;

/// Marks a client whose records belong to a [`Batch`].
pub(crate) struct Acks;

/// Records that are waited for together.
pub(crate) struct Batch {
    state: Mutex<Pending>,
    done: Condvar,
}

struct Pending {
    open: usize,
    failed: usize,
    why: Option<KafkaError>,
}

impl Batch {
    fn finish(&self, failure: Option<KafkaError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open = state.open.saturating_sub(1);
        if let Some(error) = failure {
            state.failed += 1;
            state.why.get_or_insert(error);
        }
        if state.open == 0 {
            self.done.notify_all();
        }
    }
}

impl ProducerContext for Context<Acks> {
    type DeliveryOpaque = Arc<Batch>;

    fn delivery(&self, result: &DeliveryResult<'_>, batch: Arc<Batch>) {
        match result {
            Ok(_) => {
                self.well();
                batch.finish(None);
            }
            Err((error, _)) => batch.finish(Some(error.clone())),
        }
    }
}

impl KafkaIngest {
    /// A handle on this topic, which should exist: see [`Topic::create`](super::Topic::create). Does not connect yet.
    ///
    /// # Errors
    /// Where the configuration is wrong.
    pub fn open(config: &KafkaConfig, topic: impl Into<String>) -> Result<Self, IngestError> {
        let invalid = |error: InvalidKafkaConfig| IngestError::Failed(error.to_string());
        config.check().map_err(invalid)?;
        let mut client = config.producer("highwater-ingest", TIMEOUT);
        // its own bounds come first, so that librdkafka's queue is never full
        client.set("queue.buffering.max.messages", (2 * MAX_RECORDS).to_string());
        let context = Context::new(Name::from("kafka-ingest"), Acks);
        let producer = ThreadedProducer::from_config_and_context(&client, context)
            .map_err(|error| IngestError::Failed(explain(&error)))?;
        Ok(KafkaIngest { producer, topic: topic.into(), records: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// Appends these records and waits, up to about ten seconds, until all replicas in sync have them.
    ///
    /// # Errors
    /// [`IngestError::Busy`] where nothing was appended because too much is under way; [`IngestError::Failed`] where
    /// some may have been: a client that sends them again may cause duplicates.
    pub fn append(&self, records: &[Vec<u8>]) -> Result<(), IngestError> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = records.iter().map(Vec::len).sum();
        let _room = self.reserve(records.len(), bytes).ok_or(IngestError::Busy)?;
        let pending = Pending { open: records.len(), failed: 0, why: None };
        let batch = Arc::new(Batch { state: Mutex::new(pending), done: Condvar::new() });
        for (number, record) in records.iter().enumerate() {
            let message: BaseRecord<'_, [u8], [u8], Arc<Batch>> =
                BaseRecord::with_opaque_to(&self.topic, batch.clone()).payload(record.as_slice());
            if let Err((error, _)) = self.producer.send(message) {
                let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                if full && number == 0 {
                    return Err(IngestError::Busy);
                }
                batch.finish(Some(error));
            }
        }
        let state = batch.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = batch
            .done
            .wait_timeout_while(state, TIMEOUT + Duration::from_secs(2), |state| state.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let lost = state.failed + state.open;
        if lost == 0 {
            return Ok(());
        }
        let why = state.why.as_ref().map_or_else(|| "no answer in time".to_owned(), KafkaError::to_string);
        let trouble = self.producer.context().trouble();
        Err(IngestError::Failed(format!("{lost} of {} records were not taken: {why}{trouble}", records.len())))
    }

    fn reserve(&self, records: usize, bytes: usize) -> Option<Room<'_>> {
        let records_before = self.records.fetch_add(records, Ordering::AcqRel);
        let bytes_before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let room = Room { ingest: self, records, bytes };
        // a single call larger than the bounds goes through when nothing else is under way
        let fits = records_before + records <= MAX_RECORDS && bytes_before + bytes <= MAX_BYTES;
        (fits || records_before == 0).then_some(room)
    }
}

/// A share of the bounds, given back when dropped.
struct Room<'a> {
    ingest: &'a KafkaIngest,
    records: usize,
    bytes: usize,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.ingest.records.fetch_sub(self.records, Ordering::AcqRel);
        self.ingest.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
