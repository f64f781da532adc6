//! What each operator costs and holds, by the logs that timely and differential keep of themselves.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use differential_dataflow::logging::{DifferentialEvent, DifferentialEventBuilder};
use timely::{
    logging::{ChannelsEvent, MessagesEvent, OperatesEvent, ParkEvent, StartStop, TimelyEvent, TimelyEventBuilder},
    worker::Worker,
};

use crate::{
    Name,
    metrics::{Metrics, OperatorLabel},
    pipeline::{Channel, ChannelTally, Operator, OperatorTally, PartitionReport, Plan, WorkerReport},
};

/// How often metrics are brought up to date.
const EVERY: Duration = Duration::from_secs(1);

/// One worker's account of its operators.
pub(crate) struct Profile {
    ledger: Rc<RefCell<Ledger>>,
    metrics: Arc<Metrics>,
    worker: usize,
    /// which part of which query the operators from a number on belong to
    parts: Vec<(usize, Option<Name>)>,
    plan: Arc<Plan>,
    /// what metrics know of operators, by their numbers
    known: Vec<OperatorTally>,
    began: Instant,
    reported: Instant,
    reading: Duration,
    held_back: Duration,
    /// when the turn under way began, where nothing is read in it
    waits: Option<Instant>,
}

/// What has happened since the start. Operators and channels are numbered together, from small numbers on.
#[derive(Default)]
struct Ledger {
    /// that are in no plan yet
    operates: Vec<OperatesEvent>,
    channels: Vec<ChannelsEvent>,
    operators: Vec<OperatorTally>,
    carried: Vec<ChannelTally>,
    /// operators that run, each within the one before: when it began, and what those within took
    running: Vec<(usize, Duration, Duration)>,
    parked: Duration,
    parked_at: Option<Duration>,
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
        let now = Instant::now();
        Profile {
            ledger,
            metrics,
            worker: worker.index(),
            parts: Vec::new(),
            plan: Arc::default(),
            known: Vec::new(),
            began: now,
            reported: now,
            reading: Duration::ZERO,
            held_back: Duration::ZERO,
            waits: None,
        }
    }

    /// Learns which part the operators from a number on belong to.
    pub(crate) fn belong(&mut self, parts: Vec<(usize, Option<Name>)>) {
        self.parts = parts;
    }

    /// A turn of the worker's loop begins, in which it reads or is held back.
    pub(crate) fn turn(&mut self, now: Instant, is_held_back: bool) {
        if let Some(since) = self.waits.take() {
            self.held_back += now.saturating_duration_since(since);
        }
        self.waits = is_held_back.then_some(now);
    }

    /// Reading took so long.
    pub(crate) fn has_read(&mut self, took: Duration) {
        self.reading += took;
    }

    /// Brings the metrics up to date, if it is time.
    pub(crate) fn report(&mut self, worker: &Worker, now: Instant, partitions: impl FnOnce() -> Vec<PartitionReport>) {
        if now.saturating_duration_since(self.reported) >= EVERY {
            self.report_now(worker, now, partitions());
        }
    }

    /// Brings the metrics up to date.
    pub(crate) fn report_now(&mut self, worker: &Worker, now: Instant, partitions: Vec<PartitionReport>) {
        self.reported = now;
        if let Some(mut logs) = worker.log_register() {
            logs.flush();
        }
        let mut ledger = self.ledger.borrow_mut();
        let (operates, channels) = (std::mem::take(&mut ledger.operates), std::mem::take(&mut ledger.channels));
        if !operates.is_empty() || !channels.is_empty() {
            self.plan = Arc::new(self.plan.with(operates, channels, &self.parts));
        }
        let plan = self.plan.clone();
        let operators: Vec<_> = plan.operators.iter().map(|operator| at(&ledger.operators, operator.id)).collect();
        let channels = plan.channels.iter().map(|channel| at(&ledger.carried, channel.id)).collect();
        for (operator, now) in plan.operators.iter().zip(&operators) {
            let before = std::mem::replace(place(&mut self.known, operator.id), *now);
            if before == *now {
                continue;
            }
            let label = OperatorLabel { operator: format!("{} {}", operator.id, operator.name) };
            let spent = now.spent.saturating_sub(before.spent);
            self.metrics.operator_seconds.get_or_create(&label).inc_by(spent.as_secs_f64());
            if now.held != before.held {
                self.metrics.arrangement_records.get_or_create(&label).inc_by(now.held - before.held);
            }
        }
        self.metrics.pipeline.report(WorkerReport {
            worker: self.worker,
            took: now.saturating_duration_since(self.began),
            reading: self.reading,
            parked: ledger.parked,
            held_back: self.held_back,
            plan,
            operators,
            channels,
            partitions,
        });
    }
}

/// A tally, made where there is none yet.
fn place<T: Default + Clone>(tallies: &mut Vec<T>, number: usize) -> &mut T {
    if tallies.len() <= number {
        tallies.resize(number + 1, T::default());
    }
    &mut tallies[number]
}

fn at<T: Default + Copy>(tallies: &[T], number: usize) -> T {
    tallies.get(number).copied().unwrap_or_default()
}

impl Plan {
    /// The plan with operators and channels that are new.
    fn with(
        &self,
        operates: Vec<OperatesEvent>,
        channels: Vec<ChannelsEvent>,
        parts: &[(usize, Option<Name>)],
    ) -> Plan {
        let mut plan = self.clone();
        plan.operators.extend(operates.into_iter().map(|OperatesEvent { id, addr: address, name }| {
            let part = parts.iter().rev().find(|(first, _)| *first <= id).and_then(|(_, part)| part.clone());
            Operator { id, address, name, part }
        }));
        plan.operators.sort_unstable_by_key(|operator| operator.id);
        let numbers: BTreeMap<&[usize], usize> =
            plan.operators.iter().map(|operator| (operator.address.as_slice(), operator.id)).collect();
        // number 0 is the border of the scope itself
        let number = |scope: &[usize], index: usize| {
            let address: Vec<usize> = scope.iter().copied().chain((index > 0).then_some(index)).collect();
            numbers.get(address.as_slice()).copied()
        };
        let channel = |ChannelsEvent { id, scope_addr, source, target, .. }| {
            let from = (number(&scope_addr, source.0)?, source.1);
            Some(Channel { id, from, to: number(&scope_addr, target.0)? })
        };
        plan.channels.extend(channels.into_iter().filter_map(channel));
        plan.channels.sort_unstable_by_key(|channel| channel.id);
        plan
    }
}

impl Ledger {
    fn timely(&mut self, at: Duration, event: TimelyEvent) {
        match event {
            TimelyEvent::Schedule(schedule) => match schedule.start_stop {
                StartStop::Start => self.running.push((schedule.id, at, Duration::ZERO)),
                StartStop::Stop => self.stopped(at),
            },
            TimelyEvent::Messages(messages) => self.passed(&messages),
            TimelyEvent::Park(ParkEvent::Park(_)) => self.parked_at = Some(at),
            TimelyEvent::Park(ParkEvent::Unpark) => {
                self.parked += self.parked_at.take().map_or(Duration::ZERO, |began| at.saturating_sub(began));
            }
            TimelyEvent::Operates(operator) => self.operates.push(operator),
            TimelyEvent::Channels(channel) => self.channels.push(channel),
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
        let tally = place(&mut self.operators, id);
        tally.spent += took.saturating_sub(within);
        tally.runs += 1;
    }

    fn passed(&mut self, messages: &MessagesEvent) {
        let tally = place(&mut self.carried, messages.channel);
        let records = u64::try_from(messages.record_count).unwrap_or(0);
        if messages.is_send {
            tally.sent += records;
        } else {
            tally.received += records;
        }
    }

    fn differential(&mut self, event: DifferentialEvent) {
        let (id, change) = match event {
            DifferentialEvent::Batch(batch) => (batch.operator, count(batch.length)),
            DifferentialEvent::Drop(dropped) => (dropped.operator, -count(dropped.length)),
            DifferentialEvent::Merge(merge) => match merge.complete {
                Some(merged) => (merge.operator, count(merged) - count(merge.length1) - count(merge.length2)),
                None => return,
            },
            DifferentialEvent::Batcher(batcher) => {
                let tally = place(&mut self.operators, batcher.operator);
                tally.waiting += batcher.records_diff as i64;
                tally.waiting_bytes += batcher.size_diff as i64;
                return;
            }
            _ => return,
        };
        place(&mut self.operators, id).held += change;
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use differential_dataflow::logging::{BatchEvent, BatcherEvent, DropEvent, MergeEvent};
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
        let spent: Vec<_> = ledger.operators.iter().map(|tally| (tally.spent, tally.runs)).collect();
        assert_eq!(spent, [(at(0), 0), (at(25), 1), (at(5), 1), (at(30), 1)]);
    }

    #[test]
    fn time_is_parked_between_the_two_events() {
        let mut ledger = Ledger::default();
        let at = Duration::from_millis;
        for (millis, event) in [
            (1, ParkEvent::unpark()),
            (10, ParkEvent::park(None)),
            (15, ParkEvent::unpark()),
            (20, ParkEvent::park(Some(at(1)))),
            (50, ParkEvent::unpark()),
            (60, ParkEvent::park(None)),
        ] {
            ledger.timely(at(millis), event.into());
        }
        assert_eq!(ledger.parked, at(35));
    }

    #[test]
    fn records_are_those_of_batches_that_are_left() {
        let mut ledger = Ledger::default();
        let operator = 7;
        let merge = |complete| MergeEvent { operator, scale: 0, length1: 100, length2: 50, complete };
        let batcher = |records_diff, size_diff| {
            let (capacity_diff, allocations_diff) = (size_diff, 1);
            BatcherEvent { operator, records_diff, size_diff, capacity_diff, allocations_diff }
        };
        for event in [
            batcher(100, 1600).into(),
            BatchEvent { operator, length: 100 }.into(),
            BatchEvent { operator, length: 50 }.into(),
            merge(None).into(),
            merge(Some(120)).into(),
            BatchEvent { operator, length: 3 }.into(),
            DropEvent { operator, length: 3 }.into(),
            batcher(-90, -1440).into(),
        ] {
            ledger.differential(event);
        }
        let expected = OperatorTally { held: 120, waiting: 10, waiting_bytes: 160, ..OperatorTally::default() };
        assert_eq!(at(&ledger.operators, operator), expected);
        assert_eq!(at(&ledger.operators, 99), OperatorTally::default());
    }

    #[test]
    fn a_channel_leads_from_operator_to_operator_and_over_borders() {
        let operates =
            |id, addr: &[usize], name: &str| OperatesEvent { id, addr: addr.to_vec(), name: name.to_owned() };
        let channel = |id, scope: &[usize], source, target| ChannelsEvent {
            id,
            scope_addr: scope.to_vec(),
            source,
            target,
            typ: String::new(),
        };
        let parts = [(3, Some(Name::from("volume"))), (20, None)];
        let plan = Plan::default();
        let operators =
            vec![operates(9, &[1, 2], "Scope"), operates(2, &[1, 1], "Input"), operates(1, &[1], "Dataflow")];
        let plan = plan.with(operators, vec![channel(4, &[1], (1, 0), (2, 0))], &parts);
        let within = vec![channel(12, &[1, 2], (0, 0), (1, 1)), channel(13, &[1, 7], (1, 0), (2, 0))];
        let plan = plan.with(vec![operates(11, &[1, 2, 1], "Map"), operates(21, &[1, 3], "Probe")], within, &parts);
        let shown = plan.operators.iter().map(|operator| (operator.id, operator.part.as_deref()));
        let volume = Some("volume");
        assert_eq!(shown.collect::<Vec<_>>(), [(1, None), (2, None), (9, volume), (11, volume), (21, None)]);
        let expected = [Channel { id: 4, from: (2, 0), to: 9 }, Channel { id: 12, from: (9, 0), to: 11 }];
        assert_eq!(plan.channels, expected);
    }
}
