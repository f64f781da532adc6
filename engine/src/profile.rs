//! What each operator costs and holds, by the logs that timely and differential keep of themselves.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use differential_dataflow::logging::{DifferentialEvent, DifferentialEventBuilder};
use timely::{
    logging::{StartStop, TimelyEvent, TimelyEventBuilder},
    worker::Worker,
};

use crate::metrics::{Metrics, OperatorLabel};

/// How often metrics are brought up to date.
const EVERY: Duration = Duration::from_secs(1);

/// One worker's account of its operators.
pub(crate) struct Profile {
    ledger: Rc<RefCell<Ledger>>,
    metrics: Arc<Metrics>,
    reported: Instant,
}

/// What has happened since it was reported, by the operator's number.
#[derive(Default)]
struct Ledger {
    names: HashMap<usize, String>,
    spent: HashMap<usize, Duration>,
    records: HashMap<usize, i64>,
    /// operators that run, each within the one before: when it began, and what those within took
    running: Vec<(usize, Duration, Duration)>,
}

impl Profile {
    /// Listens to a worker that has no dataflow yet: operators take their loggers along when they are made.
    pub(crate) fn of(worker: &Worker, metrics: Arc<Metrics>) -> Self {
        let ledger = Rc::new(RefCell::new(Ledger::default()));
        if let Some(mut logs) = worker.log_register() {
            let to = ledger.clone();
            logs.insert::<TimelyEventBuilder, _>("timely", move |_, events| {
                let mut ledger = to.borrow_mut();
                events.iter_mut().flat_map(|events| events.drain(..)).for_each(|(at, event)| ledger.timely(at, event));
            });
            let to = ledger.clone();
            logs.insert::<DifferentialEventBuilder, _>("differential/arrange", move |_, events| {
                let mut ledger = to.borrow_mut();
                events.iter_mut().flat_map(|events| events.drain(..)).for_each(|(_, event)| ledger.differential(event));
            });
        }
        Profile { ledger, metrics, reported: Instant::now() }
    }

    /// Brings the metrics up to date, if it is time.
    pub(crate) fn report(&mut self, worker: &Worker, now: Instant) {
        if now.saturating_duration_since(self.reported) < EVERY {
            return;
        }
        self.reported = now;
        if let Some(mut logs) = worker.log_register() {
            logs.flush();
        }
        let mut ledger = self.ledger.borrow_mut();
        let Ledger { names, spent, records, .. } = &mut *ledger;
        let label = |id: usize| {
            let name = names.get(&id).map_or("?", String::as_str);
            OperatorLabel { operator: format!("{id} {name}") }
        };
        for (id, time) in spent.drain() {
            self.metrics.operator_seconds.get_or_create(&label(id)).inc_by(time.as_secs_f64());
        }
        for (id, change) in records.drain() {
            self.metrics.arrangement_records.get_or_create(&label(id)).inc_by(change);
        }
    }
}

impl Ledger {
    fn timely(&mut self, at: Duration, event: TimelyEvent) {
        match event {
            TimelyEvent::Operates(operator) => {
                self.names.insert(operator.id, operator.name);
            }
            TimelyEvent::Schedule(schedule) => match schedule.start_stop {
                StartStop::Start => self.running.push((schedule.id, at, Duration::ZERO)),
                StartStop::Stop => self.stopped(at),
            },
            _ => {}
        }
    }

    /// The innermost operator's own time is what it took less what those within it took.
    fn stopped(&mut self, at: Duration) {
        let Some((id, began, within)) = self.running.pop() else { return };
        let took = at.saturating_sub(began);
        if let Some((_, _, outer)) = self.running.last_mut() {
            *outer += took;
        }
        *self.spent.entry(id).or_default() += took.saturating_sub(within);
    }

    fn differential(&mut self, event: DifferentialEvent) {
        let (id, change) = match event {
            DifferentialEvent::Batch(batch) => (batch.operator, count(batch.length)),
            DifferentialEvent::Drop(dropped) => (dropped.operator, -count(dropped.length)),
            DifferentialEvent::Merge(merge) => match merge.complete {
                Some(merged) => (merge.operator, count(merged) - count(merge.length1) - count(merge.length2)),
                None => return,
            },
            _ => return,
        };
        *self.records.entry(id).or_default() += change;
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use differential_dataflow::logging::{BatchEvent, DropEvent, MergeEvent};
    use timely::logging::ScheduleEvent;

    use super::*;

    #[test]
    fn time_is_an_operators_own() {
        let mut ledger = Ledger::default();
        let at = Duration::from_millis;
        for (millis, event) in [
            (0, ScheduleEvent::start(1)),
            (10, ScheduleEvent::start(2)),
            (15, ScheduleEvent::stop(2)),
            (20, ScheduleEvent::start(3)),
            (50, ScheduleEvent::stop(3)),
            (60, ScheduleEvent::stop(1)),
            (70, ScheduleEvent::stop(9)),
        ] {
            ledger.timely(at(millis), event.into());
        }
        assert_eq!(ledger.spent, HashMap::from([(1, at(25)), (2, at(5)), (3, at(30))]));
    }

    #[test]
    fn records_are_those_of_batches_that_are_left() {
        let mut ledger = Ledger::default();
        let operator = 7;
        let merge = |complete| MergeEvent { operator, scale: 0, length1: 100, length2: 50, complete };
        for event in [
            BatchEvent { operator, length: 100 }.into(),
            BatchEvent { operator, length: 50 }.into(),
            merge(None).into(),
            merge(Some(120)).into(),
            BatchEvent { operator, length: 3 }.into(),
            DropEvent { operator, length: 3 }.into(),
        ] {
            ledger.differential(event);
        }
        assert_eq!(ledger.records, HashMap::from([(operator, 120)]));
    }
}
