//! Parts into windows, and what rules say of them, on the worker that has the group.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    rc::Rc,
    time::Duration,
};

use differential_dataflow::Hashable;
use highwater_engine::{Closed, Name, Timestamp};
use highwater_operators::{Alert, Dimension, Measure, RuleSpec};
use serde::{Deserialize, Serialize};

use super::{
    Kept,
    by_service::ByService,
    group::{Group, Time},
    measuring::Contribution,
    track::{Rule, Settled},
};

/// What is remembered is found by its measure, group and rule.
pub(super) type Of = (u64, Name, Name);

/// What alerts are found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Evidence {
    /// What has been measured.
    Part(Contribution),
    /// What was settled before this start. Boxed, for it is large and rare, and parts are many.
    Settled(Box<(Of, Settled)>),
}

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Verdict {
    Alert(Alert),
    Settled(Of, Settled),
}

impl Verdict {
    pub(super) fn alert(self) -> Option<Alert> {
        if let Verdict::Alert(alert) = self { Some(alert) } else { None }
    }

    pub(super) fn settled(self) -> Option<(Of, Settled)> {
        if let Verdict::Settled(of, settled) = self { Some((of, settled)) } else { None }
    }
}

/// The worker that has the group.
pub(super) fn place(evidence: &Evidence) -> u64 {
    match evidence {
        Evidence::Part(((measure, group), _)) => (measure, group).hashed(),
        Evidence::Settled(settled) => {
            let (measure, group, _) = &settled.0;
            (measure, group).hashed()
        }
    }
}

pub(super) type Changes = Vec<(Verdict, isize)>;

/// The state of one worker.
pub(super) struct Judging {
    kept: Kept,
    /// how long alerts that are over are shown
    keep: Duration,
    measures: BTreeMap<u64, Measured>,
    /// what was settled before this start, until the first watermark
    restored: BTreeMap<Of, Settled>,
}

/// The groups of a measure.
struct Measured {
    measure: Measure,
    kept: Duration,
    rules: BTreeMap<Name, Rc<Rule>>,
    /// where the services are the groups, the rules' ids
    by_service: ByService<Name>,
    groups: BTreeMap<Name, Group>,
    touched: BTreeSet<Name>,
    /// up to where windows had closed
    closed: Option<Timestamp>,
}

impl Judging {
    pub(super) fn new(kept: Kept, keep: Duration) -> Self {
        Judging { kept, keep, measures: BTreeMap::new(), restored: BTreeMap::new() }
    }

    pub(super) fn close(&mut self, closed: Closed<Evidence, RuleSpec>) -> Changes {
        let mut changes = Changes::new();
        self.edit(closed.shared, &mut changes);
        for (evidence, diff) in closed.rows {
            match evidence {
                Evidence::Part(part) => self.take(part, diff, closed.watermark),
                Evidence::Settled(settled) => self.restored.extend([*settled]),
            }
        }
        if closed.watermark > Timestamp::MIN {
            self.remember(&mut changes);
            for (id, measured) in &mut self.measures {
                let time = measured.time(closed.watermark, self.kept.retention, self.keep);
                measured.advance(*id, &time, &mut changes);
            }
        }
        changes
    }

    /// Rules come and go. One that is edited so that the same is found goes on where it is.
    fn edit(&mut self, edits: Vec<(RuleSpec, isize)>, changes: &mut Changes) {
        let (come, go): (Vec<_>, Vec<_>) = edits.into_iter().partition(|(_, diff)| *diff > 0);
        let mut gone: BTreeMap<Name, RuleSpec> = go.into_iter().map(|(spec, _)| (spec.id.clone(), spec)).collect();
        for (spec, _) in come {
            let measure = Measure::of(&spec, self.kept.retention);
            let is_same = |old: &RuleSpec| {
                (old.rule(), old.time_window) == (spec.rule(), spec.time_window)
                    && Measure::of(old, self.kept.retention) == measure
            };
            let goes_on = gone.get(&spec.id).is_some_and(is_same);
            if goes_on {
                gone.remove(&spec.id);
            } else if let Some(old) = gone.remove(&spec.id) {
                self.remove(&old, changes);
            }
            let id = measure.id();
            let kept = self.kept.of(&measure);
            let measured = self.measures.entry(id).or_insert_with(|| Measured::new(measure, kept));
            measured.place(id, Rule { rule: spec.rule(), spec }, changes);
        }
        for spec in gone.values() {
            self.remove(spec, changes);
        }
        self.measures.retain(|_, measured| !measured.rules.is_empty());
    }

    fn remove(&mut self, spec: &RuleSpec, changes: &mut Changes) {
        let id = Measure::of(spec, self.kept.retention).id();
        let Some(measured) = self.measures.get_mut(&id) else { return };
        measured.rules.remove(&spec.id);
        measured.by_service.remove(&spec.services, &spec.id);
        for (name, group) in &mut measured.groups {
            let track = group.look_away(&spec.id, spec.time_window);
            track.into_iter().for_each(|track| track.retract(id, name, changes));
        }
    }

    fn take(&mut self, ((id, name), (window, origin, part)): Contribution, diff: isize, watermark: Timestamp) {
        let Some(measured) = self.measures.get_mut(&id) else { return };
        let kept_from = watermark.minus(measured.kept);
        let Measured { measure, rules, by_service, groups, touched, .. } = measured;
        if diff > 0 {
            let group = groups.entry(name.clone()).or_insert_with(|| group_of(measure, rules, by_service, &name));
            group.put(measure.step(), window, origin, part);
        } else if let Some(group) = groups.get_mut(&name) {
            group.take(measure.step(), window, origin, kept_from);
        }
        touched.insert(name);
    }

    /// Goes on with what was settled before a start.
    fn remember(&mut self, changes: &mut Changes) {
        for ((id, name, rule), settled) in mem::take(&mut self.restored) {
            let measured = self.measures.get_mut(&id);
            let known = measured.and_then(|measured| {
                let rule = measured.rules.get(&rule).filter(|known| settled.is_of(known))?.clone();
                measured.touched.insert(name.clone());
                let Measured { measure, rules, by_service, groups, .. } = measured;
                let group = groups.entry(name.clone()).or_insert_with(|| group_of(measure, rules, by_service, &name));
                group.look(measure, rule, Some(settled.clone()));
                Some(())
            });
            if known.is_none() {
                changes.push((Verdict::Settled((id, name, rule), settled), -1));
            }
        }
    }
}

/// A group in which nothing has come yet.
fn group_of(measure: &Measure, rules: &BTreeMap<Name, Rc<Rule>>, by_service: &ByService<Name>, name: &Name) -> Group {
    let mut group = Group::default();
    let chosen = by_service.of(name).filter_map(|id| rules.get(id)).filter(|rule| rule.looks_at(measure, name));
    chosen.for_each(|rule| group.look(measure, rule.clone(), None));
    group
}

impl Rule {
    fn looks_at(&self, measure: &Measure, group: &str) -> bool {
        measure.group_by() != Some(Dimension::Service) || self.spec.selects(group)
    }
}

impl Measured {
    fn new(measure: Measure, kept: Duration) -> Self {
        let (rules, groups, touched) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Measured { measure, kept, rules, by_service: ByService::default(), groups, touched, closed: None }
    }

    fn time(&self, watermark: Timestamp, retention: Duration, keep: Duration) -> Time {
        let closed = watermark.align(self.measure.step());
        Time { watermark, closed, shown_from: closed.minus(keep), retention, kept: self.kept }
    }

    /// A rule comes, or stays and is told in other words.
    fn place(&mut self, id: u64, rule: Rule, changes: &mut Changes) {
        let rule = Rc::new(rule);
        let name = rule.spec.id.clone();
        if let Some(old) = self.rules.insert(name.clone(), rule.clone()) {
            self.by_service.remove(&old.spec.services, &name);
        }
        let by_service = self.measure.group_by() == Some(Dimension::Service);
        self.by_service.insert(if by_service { &rule.spec.services } else { &[] }, &name);
        for (key, group) in &mut self.groups {
            if !rule.looks_at(&self.measure, key) {
                let track = group.look_away(&name, rule.spec.time_window);
                track.into_iter().for_each(|track| track.retract(id, key, changes));
            } else if let Some(track) = group.track(&rule) {
                track.reword(key, rule.clone(), changes);
            } else {
                group.look(&self.measure, rule.clone(), None);
                self.touched.insert(key.clone());
            }
        }
    }

    /// Looks at every group where a window has closed, else at those of which something is known that was not.
    fn advance(&mut self, id: u64, time: &Time, changes: &mut Changes) {
        let touched = mem::take(&mut self.touched);
        let has_closed = self.closed.replace(time.closed).is_none_or(|before| before < time.closed);
        let measure = &self.measure;
        if has_closed {
            self.groups.retain(|name, group| !group.advance((id, name), measure, time, changes));
            return;
        }
        for name in touched {
            if self.groups.get_mut(&name).is_some_and(|group| group.advance((id, &name), measure, time, changes)) {
                self.groups.remove(&name);
            }
        }
    }
}
