//! What the sinks share: a producer whose records are all known to have arrived, or not.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use highwater_engine::{
    Name, SinkError,
    metrics::{Metrics, SinkLabel},
};
use rdkafka::{
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, ToBytes},
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
};

use super::{
    config::{DELIVERY_TIMEOUT, KafkaConfig, explain},
    context::Context,
};

/// What became of records.
#[derive(Default)]
pub(crate) struct Deliveries {
    done: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
}

impl ProducerContext for Context<Deliveries> {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.well(),
            Err((error, _)) => {
                self.kind.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.clone());
            }
        }
        self.kind.done.fetch_add(1, Ordering::Release);
    }
}

/// A producer that loses nothing quietly.
pub(crate) struct Outbox {
    name: Name,
    brokers: String,
    producer: BaseProducer<Context<Deliveries>>,
    sent: u64,
    metrics: Arc<Metrics>,
}

impl Outbox {
    /// For records of transactions.
    pub(crate) fn transactional(
        name: Name,
        config: &KafkaConfig,
        id: &str,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SinkError> {
        let client = config.transactional(&format!("highwater-{name}"), id);
        config.check().map_err(|error| SinkError::new(name.clone(), error.to_string()))?;
        let context = Context::new(name.clone(), Deliveries::default());
        let producer = BaseProducer::from_config_and_context(&client, context)
            .map_err(|error| SinkError::new(name.clone(), explain(&error)))?;
        Ok(Outbox { name, brokers: config.bootstrap_servers.clone(), producer, sent: 0, metrics })
    }

    /// The producer, for what concerns transactions.
    pub(crate) fn producer(&self) -> &impl Producer<Context<Deliveries>> {
        &self.producer
    }

    /// Hands a record to librdkafka; waits for room where its queue is full.
    pub(crate) fn send<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &mut self,
        mut record: BaseRecord<'_, K, P>,
    ) -> Result<(), SinkError> {
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    // ends: what fills the queue is delivered or given up in time
                    self.failed()?;
                    self.metrics.sink_retries.get_or_create(&SinkLabel { sink: self.name.to_string() }).inc();
                    record = refused;
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, refused)) => {
                    let what = format!("a record for topic {:?} was refused", refused.topic);
                    return Err(SinkError::new(self.name.clone(), what).because(error));
                }
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(1024) {
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until everything sent has been acknowledged by all replicas in sync.
    pub(crate) fn flush(&mut self) -> Result<(), SinkError> {
        let deadline = Instant::now() + DELIVERY_TIMEOUT + Duration::from_secs(10);
        while self.producer.context().kind.done.load(Ordering::Acquire) < self.sent {
            self.producer.poll(Duration::from_millis(1));
            if Instant::now() > deadline {
                let what = format!("{} does not acknowledge{}", self.brokers, self.producer.context().trouble());
                return Err(SinkError::new(self.name.clone(), what));
            }
        }
        self.failed()
    }

    fn failed(&self) -> Result<(), SinkError> {
        let failure = self.producer.context().kind.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            None => Ok(()),
            Some(error) => {
                let trouble = self.producer.context().trouble();
                let what = format!("{} did not take a record, in spite of retries{trouble}", self.brokers);
                Err(SinkError::new(self.name.clone(), what).because(error))
            }
        }
    }
}
