//! The generator as a source.

use std::time::Duration;

use highwater_engine::{Intake, Name, PartitionSlot, Positions, Progress, Reader, Source, SourceError, Timestamp};

use crate::generator::{Generator, Traffic};

/// Generated logs: first those of the past, as fast as they are taken, then in step with the wall clock. Worker 0
/// reads them all.
#[derive(Clone, Debug)]
pub struct GeneratorSource {
    traffic: Traffic,
    start: Timestamp,
    end: Timestamp,
}

impl GeneratorSource {
    /// The logs of this traffic, from a time on.
    pub fn new(traffic: Traffic, start: Timestamp) -> Self {
        GeneratorSource { traffic, start, end: Timestamp::MAX }
    }

    /// Only those that come out before this, at which the source is finished.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.end = end;
        self
    }
}

impl Source for GeneratorSource {
    fn name(&self) -> Name {
        Name::from("generator")
    }

    fn open(&self, worker: usize, _: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let generator = (worker == 0).then(|| match resume.get(&0) {
            Some(&position) => Generator::resume(self.traffic.clone(), position),
            None => Generator::new(self.traffic.clone(), self.start),
        });
        Ok(Box::new(GeneratorReader { generator, end: self.end, line: Vec::new(), slot: None }))
    }
}

struct GeneratorReader {
    /// none on workers that read nothing
    generator: Option<Generator>,
    end: Timestamp,
    /// the next log; it may be early for it
    line: Vec<u8>,
    slot: Option<PartitionSlot>,
}

impl Reader for GeneratorReader {
    fn read(&mut self, intake: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        let Some(generator) = &mut self.generator else {
            return Ok(if self.end == Timestamp::MAX { Progress::Idle } else { Progress::Finished });
        };
        let slot = *self.slot.get_or_insert_with(|| intake.partition(0));
        let now = Timestamp::now();
        while !intake.is_full() {
            if self.line.is_empty() {
                generator.next(&mut self.line);
            }
            // not the log's own time, which is earlier where it was held up
            let due = comes_out(generator);
            if due >= self.end {
                return Ok(Progress::Finished);
            }
            if due > now {
                return Ok(Progress::Idle);
            }
            intake.record(slot, generator.position(), Some(due), &self.line);
            self.line.clear();
        }
        Ok(Progress::More)
    }
}

/// When the log that was written last comes out.
fn comes_out(generator: &Generator) -> Timestamp {
    Timestamp::from_millis(generator.position() >> 20)
}
