//! Parts into windows, and what rules say of them, on the worker that has the group.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    rc::Rc,
    time::Duration,
};

use differential_dataflow::Hashable;
use highwater_engine::{Closed, Name, Timestamp, minutes};
use highwater_operators::{Alert, AlertSpan, Dimension, Measure, RuleSpec};
use serde::{Deserialize, Serialize};

use super::{
    Kept,
    by_service::ByService,
    group::{Group, Rule, Settled, Time, Track},
    measuring::Contribution,
};

/// Windows settle so many at a time: rows are written less often.
const SETTLES_EVERY: Duration = minutes(10);

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

type Changes = Vec<(Verdict, isize)>;

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
    time: Option<Time>,
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
                measured.advance(*id, time, &mut changes);
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
            let is_same =
                |old: &RuleSpec| old.rule() == spec.rule() && Measure::of(old, self.kept.retention) == measure;
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
    }

    fn remove(&mut self, spec: &RuleSpec, changes: &mut Changes) {
        let id = Measure::of(spec, self.kept.retention).id();
        let Some(measured) = self.measures.get_mut(&id) else { return };
        measured.rules.remove(&spec.id);
        measured.by_service.remove(&spec.services, &spec.id);
        for (name, group) in &mut measured.groups {
            group.tracks.remove(&spec.id).into_iter().for_each(|track| track.retract(id, name, changes));
        }
        if measured.rules.is_empty() {
            self.measures.remove(&id);
        }
    }

    fn take(&mut self, ((id, name), (window, origin, part)): Contribution, diff: isize, watermark: Timestamp) {
        let Some(measured) = self.measures.get_mut(&id) else { return };
        let kept_from = watermark.minus(measured.kept);
        let Measured { measure, rules, by_service, groups, touched, .. } = measured;
        if diff > 0 {
            let group = groups.entry(name.clone()).or_insert_with(|| group_of(measure, rules, by_service, &name));
            group.put(measure, window, origin, part);
        } else if let Some(group) = groups.get_mut(&name) {
            group.take(measure, window, origin, kept_from);
        }
        touched.insert(name);
    }

    /// Goes on with what was settled before a start.
    fn remember(&mut self, changes: &mut Changes) {
        for ((id, name, rule), settled) in mem::take(&mut self.restored) {
            let measured = self.measures.get_mut(&id);
            let known = measured.and_then(|measured| {
                let rule = measured.rules.get(&rule).filter(|known| known.rule == settled.rule)?.clone();
                measured.touched.insert(name.clone());
                let Measured { measure, rules, by_service, groups, .. } = measured;
                let group = groups.entry(name.clone()).or_insert_with(|| group_of(measure, rules, by_service, &name));
                group.remember(settled.newest);
                group.tracks.insert(rule.spec.id.clone(), Track::new(rule, Some(settled.clone())));
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
    group.tracks.extend(chosen.map(|rule| (rule.spec.id.clone(), Track::new(rule.clone(), None))));
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
        Measured { measure, kept, rules, by_service: ByService::default(), groups, touched, time: None }
    }

    fn time(&self, watermark: Timestamp, retention: Duration, keep: Duration) -> Time {
        let step = self.measure.step();
        let window = step.saturating_mul(self.measure.steps());
        // what is corrected needs all the rows of its window
        let follow = retention.min(self.kept.saturating_sub(window).saturating_sub(SETTLES_EVERY));
        let closed = watermark.align(step);
        Time { closed, settled: watermark.minus(follow).align(SETTLES_EVERY), shown_from: closed.minus(keep) }
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
                group.tracks.remove(&name).into_iter().for_each(|track| track.retract(id, key, changes));
            } else if let Some(track) = group.tracks.get_mut(&name) {
                let shown = track.shown.clone();
                track.tell(key, Vec::new(), changes);
                track.rule = rule.clone();
                track.tell(key, shown, changes);
            } else {
                group.tracks.insert(name.clone(), Track::new(rule.clone(), None));
                self.touched.insert(key.clone());
            }
        }
    }

    /// Looks at every group where a window has closed, else at those of which something is known that was not.
    fn advance(&mut self, id: u64, time: Time, changes: &mut Changes) {
        let touched = mem::take(&mut self.touched);
        let has_closed = self.time.replace(time).is_none_or(|before| before.closed < time.closed);
        let measure = &self.measure;
        let mut is_over = |name: &Name, group: &mut Group| {
            let has_settled = group.advance(measure, time);
            let is_over = group.is_over(measure, time);
            group.report((id, name), measure, has_settled, changes);
            if is_over {
                let tracks = mem::take(&mut group.tracks);
                tracks.into_values().for_each(|track| track.retract(id, name, changes));
            }
            is_over
        };
        if has_closed {
            self.groups.retain(|name, group| !is_over(name, group));
            return;
        }
        for name in touched {
            if self.groups.get_mut(&name).is_some_and(|group| is_over(&name, group)) {
                self.groups.remove(&name);
            }
        }
    }
}

impl Group {
    /// Tells what is found now.
    fn report(&mut self, (id, name): (u64, &Name), measure: &Measure, has_settled: bool, changes: &mut Changes) {
        let mut tracks = mem::take(&mut self.tracks);
        for (rule, track) in &mut tracks {
            if !self.is_as_shown(measure, track) {
                let spans = self.spans(measure, track);
                track.tell(name, spans, changes);
            }
            if has_settled {
                let new = self.settled(track);
                let of = || (id, name.clone(), rule.clone());
                if track.stored != new {
                    let old = mem::replace(&mut track.stored, new.clone());
                    changes.extend(old.map(|old| (Verdict::Settled(of(), old), -1)));
                    changes.extend(new.map(|new| (Verdict::Settled(of(), new), 1)));
                }
            }
        }
        self.tracks = tracks;
    }
}

impl Track {
    /// Tells these alerts in place of those told before.
    fn tell(&mut self, group: &Name, spans: Vec<AlertSpan>, changes: &mut Changes) {
        if self.shown == spans {
            return;
        }
        let told = mem::replace(&mut self.shown, spans);
        let mut emit =
            |span: &AlertSpan, diff| changes.push((Verdict::Alert(self.rule.spec.alert(group, *span)), diff));
        told.iter().filter(|span| !self.shown.contains(span)).for_each(|span| emit(span, -1));
        self.shown.iter().filter(|span| !told.contains(span)).for_each(|span| emit(span, 1));
    }

    /// Takes back all that was told.
    fn retract(mut self, id: u64, group: &Name, changes: &mut Changes) {
        self.tell(group, Vec::new(), changes);
        let of = (id, group.clone(), self.rule.spec.id.clone());
        changes.extend(self.stored.map(|stored| (Verdict::Settled(of, stored), -1)));
    }
}
