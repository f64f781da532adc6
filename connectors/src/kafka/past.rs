//! [`KafkaPast`]: what a topic has of a stretch of time, to be read once more.

use std::time::Duration;

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError, Timestamp};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use super::{
    ask::{hear_trouble, patiently},
    config::REQUEST_TIMEOUT,
    context::Consuming,
    reader::KafkaReader,
    source::KafkaSource,
};

/// The records of a topic from a time on, by the brokers' timestamps, up to where its partitions end when it is opened.
/// No offsets are committed.
#[derive(Clone)]
pub struct KafkaPast {
    source: KafkaSource,
    from: Timestamp,
}

impl KafkaPast {
    /// Of the topic of this source.
    pub fn new(source: KafkaSource, from: Timestamp) -> Self {
        KafkaPast { source, from }
    }

    /// Where each partition is to be read from, and up to where.
    fn stretches(
        &self,
        consumer: &BaseConsumer<Consuming>,
        partitions: &[i32],
    ) -> Result<Vec<(i32, i64, i64)>, SourceError> {
        let mut wanted = TopicPartitionList::new();
        let at = Offset::Offset(self.from.as_micros().max(0) / 1000);
        let failed = |error| {
            let what = format!("the offsets of {} cannot be read{}", self.from, hear_trouble(consumer));
            self.source.error(what).because(error)
        };
        for partition in partitions {
            wanted.add_partition_offset(&self.source.topic.name, *partition, at).map_err(failed)?;
        }
        let found = patiently(|| consumer.offsets_for_times(wanted.clone(), REQUEST_TIMEOUT)).map_err(failed)?;
        let mut stretches = Vec::new();
        for element in found.elements() {
            let (_, end) = self.source.bounds(consumer, element.partition())?;
            let start = if let Offset::Offset(start) = element.offset() { start } else { end };
            stretches.push((element.partition(), start, end));
        }
        Ok(stretches)
    }
}

impl Source for KafkaPast {
    fn name(&self) -> Name {
        self.source.name()
    }

    fn open(&self, worker: usize, workers: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let consumer = self.source.connect(worker, &[("enable.partition.eof", "true")])?;
        let count = self.source.count_partitions(&consumer)?;
        let mut reader = KafkaReader::new(self.source.clone(), consumer, worker, workers);
        let mine: Vec<i32> = (0..count).filter(|partition| reader.is_mine(*partition)).collect();
        let stretches = self.stretches(&reader.consumer, &mine)?;
        let starts: Vec<(i32, i64)> = stretches.iter().map(|(partition, start, _)| (*partition, *start)).collect();
        reader.take_on(count, &starts)?;
        let ends = stretches.into_iter().map(|(partition, _, end)| (partition, end)).collect();
        Ok(Box::new(PastReader { reader, ends }))
    }
}

struct PastReader {
    reader: KafkaReader,
    ends: Vec<(i32, i64)>,
}

impl Reader for PastReader {
    fn read(&mut self, intake: &mut Intake, patience: Duration) -> Result<Progress, SourceError> {
        let progress = self.reader.read(intake, patience)?;
        // the last offsets of a partition may be no records, but marks of transactions
        let is_over = |(partition, end): &(i32, i64)| self.reader.has_reached(*partition, *end);
        Ok(if self.ends.iter().all(is_over) { Progress::Finished } else { progress })
    }
}
