//! [`Follower`]: reads sources outside of a dataflow, for those who want the logs themselves.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{LogBatch, Name, Positions, Progress, Reader, Settings, Source, SourceError, Timestamp, intake::Intake};

/// Reads every partition of some sources, from positions of its own. What is no log is left out: the job accounts for
/// it. What is too old for the job's windows is a log all the same.
pub struct Follower {
    inlets: Vec<Inlet>,
    /// whose turn it is
    turn: usize,
}

struct Inlet {
    source: Name,
    reader: Box<dyn Reader>,
    intake: Intake,
    told: Positions,
    finished: bool,
}

/// Logs of one source that were read together.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Where they were read.
    pub source: Name,
    /// The logs; none where there was nothing but what is no log.
    pub logs: Rc<LogBatch>,
    /// Of each of them its partition, and the offset after it.
    pub places: Vec<(u32, i64)>,
    /// Where reading goes on after them, of each partition that was read so far.
    pub positions: Positions,
}

impl Follower {
    /// Opens all of each source; `resume` says where reading goes on, as in [`Source::open`].
    ///
    /// # Errors
    /// Where a source does not open.
    pub fn open(
        sources: &[Box<dyn Source>],
        settings: &Settings,
        resume: &BTreeMap<Name, Positions>,
    ) -> Result<Follower, SourceError> {
        let inlet = |source: &dyn Source| {
            let name = source.name();
            let positions = resume.get(&name).cloned().unwrap_or_default();
            let reader = source.open(0, 1, &positions)?;
            let intake = Intake::outside(name.clone(), settings, &positions);
            Ok(Inlet { source: name, reader, intake, told: positions, finished: false })
        };
        let inlets = sources.iter().map(|source| inlet(&**source)).collect::<Result<_, _>>()?;
        Ok(Follower { inlets, turn: 0 })
    }

    /// The next logs of any source. Where there are none it waits, for up to `patience`, and then gives nothing.
    ///
    /// # Errors
    /// Where a reader fails; nothing more can be read then.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Stretch>, SourceError> {
        let start = Instant::now();
        let count = self.inlets.len();
        for _ in 0..count {
            let inlet = &mut self.inlets[self.turn];
            self.turn = (self.turn + 1) % count;
            // alone, a reader may wait for what comes; several would wait for one another
            if let Some(stretch) = inlet.next(if count == 1 { patience } else { Duration::ZERO })? {
                return Ok(Some(stretch));
            }
        }
        let left = patience.saturating_sub(start.elapsed());
        if !left.is_zero() && !self.is_finished() {
            let _ = crossbeam_channel::after(left).recv();
        }
        Ok(None)
    }

    /// Whether there is nothing more, ever.
    pub fn is_finished(&self) -> bool {
        self.inlets.iter().all(|inlet| inlet.finished)
    }

    /// Everything before these positions need not be read again; sources may be told so.
    ///
    /// # Errors
    /// Where a reader fails.
    pub fn commit(&mut self, positions: &BTreeMap<Name, Positions>) -> Result<(), SourceError> {
        for inlet in &mut self.inlets {
            if let Some(positions) = positions.get(&inlet.source) {
                inlet.reader.commit(positions)?;
            }
        }
        Ok(())
    }
}

impl Inlet {
    fn next(&mut self, patience: Duration) -> Result<Option<Stretch>, SourceError> {
        if self.finished {
            return Ok(None);
        }
        self.intake.at(Timestamp::now());
        let progress = self.reader.read(&mut self.intake, patience)?;
        self.finished = progress == Progress::Finished;
        self.intake.take_dead_letters();
        self.intake.take_bytes_read();
        let (logs, places) = (self.intake.take_batch(), self.intake.take_places());
        let reached = self.intake.reached().into_iter();
        let positions: Positions = reached.map(|(partition, reached)| (partition, reached.next_offset)).collect();
        if logs.is_none() && positions == self.told {
            return Ok(None);
        }
        self.told.clone_from(&positions);
        Ok(Some(Stretch { source: self.source.clone(), logs: logs.unwrap_or_default(), places, positions }))
    }
}
