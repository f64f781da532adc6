//! [`Producer`]: a thread that writes the logs of a run at their rate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    ClientContext,
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};

use crate::kafka::Kafka;

/// Logs are sent in portions of so long. What a portion falls behind, no later one makes up for: a burst would leave
/// silence behind it.
const PORTION: Duration = Duration::from_millis(10);
/// After the last log, its acknowledgement is waited for at most so long.
const FLUSH: Duration = Duration::from_secs(120);

/// Writes in the background until all logs are written, or it is dropped.
pub struct Producer {
    thread: JoinHandle<Result<()>>,
    granted: Arc<AtomicU64>,
    _stop: Sender<()>,
}

impl Producer {
    /// Writes the first `count` of the records, each to its partition, so many a second at most, each once it is granted.
    ///
    /// # Errors
    /// Where there is no client or no thread to be had.
    pub fn start(
        kafka: &Kafka,
        topic: String,
        records: impl Iterator<Item = (i32, String)> + Send + 'static,
        count: u64,
        per_second: u64,
    ) -> Result<Self> {
        // Idempotent, so that retries neither repeat nor reorder; and without a limit of time, so that a broker that is
        // away for a while costs nothing.
        let mut config = kafka.client();
        config.set("enable.idempotence", "true").set("message.timeout.ms", "0").set("linger.ms", "5");
        let client =
            BaseProducer::from_config_and_context(&config, Delivered::default()).context("no Kafka producer")?;
        let (stop, stopped) = channel();
        let granted = Arc::new(AtomicU64::new(0));
        let writer = Writer { client, topic, granted: granted.clone(), stopped };
        let thread = std::thread::Builder::new()
            .name("producer".to_owned())
            .spawn(move || writer.write(records, count, per_second))
            .context("no thread for the producer")?;
        Ok(Producer { thread, granted, _stop: stop })
    }

    /// The first so many logs may be written.
    pub fn grant(&self, logs: u64) {
        self.granted.store(logs, Ordering::Relaxed);
    }

    /// Whether it has written all, or failed.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Where a log was not delivered.
    pub fn finish(self) -> Result<()> {
        self.thread.join().map_err(|_| anyhow!("the producer panicked"))?
    }
}

/// Counts what has arrived.
#[derive(Clone, Default)]
struct Delivered {
    well: Arc<AtomicU64>,
}

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.well.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
    }
}

struct Writer {
    client: BaseProducer<Delivered>,
    topic: String,
    granted: Arc<AtomicU64>,
    stopped: Receiver<()>,
}

impl Writer {
    fn write(self, records: impl Iterator<Item = (i32, String)>, count: u64, per_second: u64) -> Result<()> {
        let portion = (per_second * PORTION.as_millis() as u64 / 1000).max(1);
        let mut due = 0;
        for (sent, (partition, json)) in (0..count).zip(records) {
            while due <= sent {
                self.client.poll(Duration::ZERO);
                due = (due + portion).min(self.granted.load(Ordering::Relaxed));
                if let Err(RecvTimeoutError::Disconnected) = self.stopped.recv_timeout(PORTION) {
                    return Ok(());
                }
            }
            self.send(partition, &json)?;
        }
        self.client.flush(FLUSH).with_context(|| format!("topic {} does not take all logs", self.topic))?;
        match self.client.context().well.load(Ordering::Relaxed) {
            well if well == count => Ok(()),
            well => bail!("topic {} took {well} of {count} logs", self.topic),
        }
    }

    fn send(&self, partition: i32, json: &str) -> Result<()> {
        let mut record: BaseRecord<'_, str, str> = BaseRecord::to(&self.topic).partition(partition).payload(json);
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    record = refused;
                    self.client.poll(PORTION);
                    if let Err(std::sync::mpsc::TryRecvError::Disconnected) = self.stopped.try_recv() {
                        return Ok(());
                    }
                }
                Err((error, _)) => return Err(error).with_context(|| format!("topic {} refuses a log", self.topic)),
            }
        }
    }
}
