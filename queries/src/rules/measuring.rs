//! Facts into the parts of those measures that some rule asks for, on the worker that has the facts.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound::{Excluded, Included},
    rc::Rc,
    time::Duration,
};

use differential_dataflow::Hashable;
use highwater_engine::{Closed, Name, Timestamp, Window, seconds};
use highwater_operators::{Dimension, Fact, Measure, Origin, Part, RuleSpec, selects};

use super::{by_service::ByService, facts::Row};

/// What an origin contributes to a group of a measure in a step: `((measure, group), (step, origin, part))`.
pub(super) type Contribution = ((u64, Name), (Window, u64, Part));

/// All steps are multiples of this.
const FINEST: Duration = seconds(10);

type Changes = Vec<(Contribution, isize)>;

/// What is asked for by rules that differ in nothing that matters here.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ask {
    measure: Measure,
    /// where the services are the groups, those that are asked for
    services: Vec<Name>,
    id: u64,
}

impl Ask {
    fn of(spec: RuleSpec, retention: Duration) -> Self {
        let measure = Measure::of(&spec, retention);
        let services = if measure.group_by() == Some(Dimension::Service) { spec.services } else { Vec::new() };
        Ask { id: measure.id(), measure, services }
    }

    fn takes(&self, origin: &Origin) -> bool {
        let chosen = |service: &str| selects(&self.services, service);
        self.measure.takes(origin)
            && match origin {
                Origin::Service(service) | Origin::Anomaly(Some(service), _) => chosen(service),
                _ => true,
            }
    }

    fn tell(&self, origin: &Origin, window: Window, fact: &Fact, diff: isize, changes: &mut Changes) {
        for (group, part) in self.measure.parts(origin, fact) {
            changes.push((((self.id, group), (window, origin.hashed(), part)), diff));
        }
    }
}

/// A measure of an origin, and how many ask for it.
struct Asked {
    ask: Rc<Ask>,
    times: usize,
}

#[derive(Default)]
struct Known {
    facts: BTreeMap<(Duration, Window), Fact>,
    /// by the measure's id
    asked: BTreeMap<u64, Asked>,
}

/// The state of one worker.
pub(super) struct Measuring {
    retention: Duration,
    watermark: Timestamp,
    origins: HashMap<Origin, Known>,
    /// and how many rules ask so
    asks: BTreeMap<Rc<Ask>, usize>,
    by_service: ByService<Rc<Ask>>,
}

impl Measuring {
    pub(super) fn new(retention: Duration) -> Self {
        let (origins, asks, by_service) = (HashMap::new(), BTreeMap::new(), ByService::default());
        Measuring { retention, watermark: Timestamp::MIN, origins, asks, by_service }
    }

    pub(super) fn close(&mut self, closed: Closed<Row, RuleSpec>) -> Changes {
        let mut changes = Changes::new();
        // what comes first, so that an edit that changes nothing here is no news
        for (spec, diff) in closed.shared.into_iter().rev() {
            self.ask(Ask::of(spec, self.retention), diff, &mut changes);
        }
        for (row, diff) in closed.rows {
            self.learn(row, diff, &mut changes);
        }
        self.pass(closed.watermark, &mut changes);
        changes
    }

    /// The watermark rises: windows that it passes are told to those who have waited.
    fn pass(&mut self, to: Timestamp, changes: &mut Changes) {
        let from = std::mem::replace(&mut self.watermark, to);
        if from.align(FINEST) < to.align(FINEST) {
            for (origin, known) in &self.origins {
                known.pass(origin, from, to, changes);
            }
        }
    }

    /// A rule asks, or does so no longer.
    fn ask(&mut self, ask: Ask, diff: isize, changes: &mut Changes) {
        let ask = Rc::new(ask);
        let times = self.asks.entry(ask.clone()).or_default();
        let before = *times;
        *times = times.saturating_add_signed(diff);
        let after = *times;
        if after == 0 {
            self.asks.remove(&ask);
        }
        if (before == 0) == (after == 0) {
            return;
        }
        if after > 0 {
            self.by_service.insert(&ask.services, &ask);
        } else {
            self.by_service.remove(&ask.services, &ask);
        }
        for (origin, known) in self.origins.iter_mut().filter(|(origin, _)| ask.takes(origin)) {
            known.ask(origin, &ask, after > 0, self.watermark, changes);
        }
    }

    fn learn(&mut self, ((origin, step, window), fact): Row, diff: isize, changes: &mut Changes) {
        let asks = &self.by_service;
        let known = self.origins.entry(origin.clone()).or_insert_with(|| Known::new(&origin, asks));
        let is_open = window.end(step) > self.watermark;
        known.tell(&origin, (step, window), &fact, diff, |ask| !is_open || ask.measure.is_provisional(), changes);
        if diff > 0 {
            known.facts.insert((step, window), fact);
        } else {
            known.facts.remove(&(step, window));
            if known.facts.is_empty() {
                self.origins.remove(&origin);
            }
        }
    }
}

impl Known {
    fn new(origin: &Origin, asks: &ByService<Rc<Ask>>) -> Self {
        let mut known = Known::default();
        let service = match origin {
            Origin::Service(service) | Origin::Anomaly(Some(service), _) => service.as_str(),
            _ => "",
        };
        for ask in asks.of(service).filter(|ask| ask.takes(origin)) {
            known.asked.entry(ask.id).or_insert_with(|| Asked { ask: ask.clone(), times: 0 }).times += 1;
        }
        known
    }

    /// A measure is asked for once more or once less: the first and the last time, all that is known is told.
    fn ask(&mut self, origin: &Origin, ask: &Rc<Ask>, more: bool, watermark: Timestamp, changes: &mut Changes) {
        let asked = self.asked.entry(ask.id).or_insert_with(|| Asked { ask: ask.clone(), times: 0 });
        asked.times = asked.times.saturating_add_signed(if more { 1 } else { -1 });
        let (is_first, is_last) = (more && asked.times == 1, asked.times == 0);
        if is_first || is_last {
            let diff = if is_first { 1 } else { -1 };
            for (&(step, window), fact) in &self.facts {
                let is_told = window.end(step) <= watermark || ask.measure.is_provisional();
                self.tell(origin, (step, window), fact, diff, |other| is_told && other.id == ask.id, changes);
            }
        }
        if is_last {
            self.asked.remove(&ask.id);
        }
    }

    /// Windows that end after one time and not after another are over.
    fn pass(&self, origin: &Origin, from: Timestamp, to: Timestamp, changes: &mut Changes) {
        for Asked { ask, .. } in self.asked.values().filter(|asked| !asked.ask.measure.is_provisional()) {
            let step = ask.measure.step();
            let ending = |at: Timestamp| (step, Window { start: at.minus(step) });
            for (&(_, window), fact) in self.facts.range((Excluded(ending(from)), Included(ending(to)))) {
                ask.tell(origin, window, fact, 1, changes);
            }
        }
    }

    /// A fact comes or goes, for those who are to know.
    fn tell(
        &self,
        origin: &Origin,
        (step, window): (Duration, Window),
        fact: &Fact,
        diff: isize,
        who: impl Fn(&Ask) -> bool,
        changes: &mut Changes,
    ) {
        let asked = self.asked.values().map(|asked| &asked.ask);
        for ask in asked.filter(|ask| ask.measure.step() == step && who(ask)) {
            ask.tell(origin, window, fact, diff, changes);
        }
    }
}
