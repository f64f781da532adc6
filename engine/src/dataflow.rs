//! Building a worker's part of the dataflow: inputs, queries, probe.

use std::{cell::Cell, collections::HashSet, rc::Rc, sync::Arc};

use crossbeam_channel::Sender;
use timely::{
    container::{CapacityContainerBuilder, NoopBuilder},
    dataflow::{
        InputHandle, ProbeHandle,
        operators::{Concatenate, Input, Inspect, Probe, core::input::Handle},
    },
    worker::Worker,
};

use crate::{
    Epoch, LogBatch, Query, Timestamp,
    flow::{Flow, LongestWindow},
    metrics::Metrics,
    publish::Output,
    settings::Settings,
    view::Publisher,
    watermark::{Mark, watermarks},
};

/// A worker's ends of the dataflow.
pub(crate) struct Dataflow {
    logs: Handle<Epoch, NoopBuilder<Rc<LogBatch>>>,
    marks: InputHandle<Epoch, CapacityContainerBuilder<Vec<(usize, Mark)>>>,
    probe: ProbeHandle<Epoch>,
    watermark: Rc<Cell<Timestamp>>,
    worker: usize,
}

impl Dataflow {
    pub(crate) fn build(
        worker: &mut Worker,
        settings: &Settings,
        metrics: &Arc<Metrics>,
        queries: &[Box<dyn Query>],
        outputs: Sender<Output>,
    ) -> Dataflow {
        let (index, workers) = (worker.index(), worker.peers());
        worker.dataflow::<Epoch, _, _>(|scope| {
            let (logs_handle, logs) = scope.new_input_with_builder::<NoopBuilder<Rc<LogBatch>>>();
            let (marks_handle, marks) = scope.new_input::<Vec<(usize, Mark)>>();
            let longest = Rc::new(LongestWindow::default());
            let watermark = Rc::new(Cell::new(Timestamp::MIN));
            let (longest_seen, watermark_seen) = (longest.clone(), watermark.clone());
            let watermarks = watermarks(marks, workers, move || longest_seen.get())
                .inspect(move |at: &Timestamp| watermark_seen.set(*at));
            let publisher = Publisher { outputs, ends: Vec::new(), names: HashSet::new() };
            let mut flow =
                Flow { logs, watermarks, settings: settings.clone(), metrics: metrics.clone(), longest, publisher };
            for query in queries {
                query.build(&mut flow);
            }
            let Flow { watermarks, publisher, .. } = flow;
            use timely::dataflow::operators::vec::Map;
            let ends = publisher.ends.into_iter().chain([watermarks.map(|_: Timestamp| ())]);
            let (probe, _) = scope.concatenate(ends).probe();
            Dataflow { logs: logs_handle, marks: marks_handle, probe, watermark, worker: index }
        })
    }

    /// The epoch under way.
    pub(crate) fn epoch(&self) -> Epoch {
        *self.logs.time()
    }

    pub(crate) fn send(&mut self, mut batch: Rc<LogBatch>) {
        self.logs.send_batch(&mut batch);
    }

    /// Ends the epoch under way with what this worker's partitions say of the watermark, and begins `next`.
    pub(crate) fn advance(&mut self, mark: Option<Mark>, next: Epoch) {
        if let Some(mark) = mark {
            self.marks.send((self.worker, mark));
        }
        self.logs.advance_to(next);
        self.marks.advance_to(next);
    }

    /// Whether nothing will change any more at `epoch` or before, on any worker.
    pub(crate) fn is_complete(&self, epoch: Epoch) -> bool {
        !self.probe.less_equal(&epoch)
    }

    /// The watermark that this worker knows of.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark.get()
    }

    /// Ends this worker's inputs; the probe is done when every worker's are ended and nothing is under way.
    pub(crate) fn close(self) -> (ProbeHandle<Epoch>, Rc<Cell<Timestamp>>) {
        (self.probe, self.watermark)
    }
}
