//! A source that reads nothing until it is told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError};

#[derive(Clone, Default)]
pub(crate) struct Gate {
    reached: Arc<AtomicBool>,
    open: Arc<AtomicBool>,
}

struct Gated<T> {
    inner: T,
    gate: Gate,
}

impl Gate {
    pub(crate) fn before<S: Source>(&self, source: S) -> impl Source + use<S> {
        Gated { inner: source, gate: self.clone() }
    }

    /// Whether the source has been opened and would read.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }
}

impl<S: Source> Source for Gated<S> {
    fn name(&self) -> Name {
        self.inner.name()
    }
    fn open(&self, worker: usize, workers: usize, resume: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let inner = self.inner.open(worker, workers, resume)?;
        Ok(Box::new(Gated { inner, gate: self.gate.clone() }))
    }
}

impl Reader for Gated<Box<dyn Reader>> {
    fn read(&mut self, intake: &mut Intake, patience: Duration) -> Result<Progress, SourceError> {
        self.gate.reached.store(true, Ordering::Release);
        if self.gate.open.load(Ordering::Acquire) { self.inner.read(intake, patience) } else { Ok(Progress::Idle) }
    }
    fn commit(&mut self, positions: &Positions) -> Result<(), SourceError> {
        self.inner.commit(positions)
    }
}
