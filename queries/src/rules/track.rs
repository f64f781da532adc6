//! A rule, and what becomes of its alerts in one group.

use std::{mem, rc::Rc, time::Duration};

use highwater_engine::{Name, Window};
use highwater_operators::{AlertMachine, AlertRule, AlertSpan, RuleSpec};
use serde::{Deserialize, Serialize};

use super::{
    judging::{Changes, Of, Verdict},
    windows::Point,
};

/// A rule, as groups look at it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) spec: RuleSpec,
    pub(super) rule: AlertRule,
}

/// What is remembered of a rule and group from before the windows that may still be corrected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Settled {
    /// the rule that it was found by, and the windows
    rule: AlertRule,
    time_window: Duration,
    machine: AlertMachine,
    /// the group's newest step
    pub(super) newest: Option<Window>,
}

impl Settled {
    /// Whether a rule would have found the same.
    pub(super) fn is_of(&self, rule: &Rule) -> bool {
        (self.rule, self.time_window) == (rule.rule, rule.spec.time_window)
    }
}

/// What becomes of the alerts of one rule.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) rule: Rc<Rule>,
    /// as of the settled past
    pub(super) settled: AlertMachine,
    /// as of the newest window that is closed
    pub(super) live: AlertMachine,
    /// what has been told
    shown: Vec<AlertSpan>,
    stored: Option<Settled>,
    /// whether it has to be shown all windows, not only fresh ones
    pub(super) is_new: bool,
}

impl Track {
    pub(super) fn new(rule: Rc<Rule>, stored: Option<Settled>) -> Self {
        let settled = stored.as_ref().map(|stored| stored.machine.clone()).unwrap_or_default();
        Track { rule, settled, live: AlertMachine::default(), shown: Vec::new(), stored, is_new: true }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.settled.is_idle() && self.live.is_idle()
    }

    /// Shows it windows that have closed; all that there are, where it is new.
    pub(super) fn show<'a>(
        &mut self,
        step: Duration,
        all: impl Iterator<Item = &'a Point>,
        fresh: impl Iterator<Item = &'a Point>,
    ) {
        if mem::take(&mut self.is_new) {
            self.live = self.settled.clone();
            advance(&mut self.live, &self.rule, step, all);
        } else {
            advance(&mut self.live, &self.rule, step, fresh);
        }
    }

    /// These windows are corrected no more.
    pub(super) fn settle<'a>(&mut self, step: Duration, points: impl Iterator<Item = &'a Point>) {
        advance(&mut self.settled, &self.rule, step, points);
    }

    /// Whether there is nothing to tell, as is mostly so: found without a word being written down.
    pub(super) fn is_as_shown(&self) -> bool {
        self.live.spans().eq(self.shown.iter().copied())
    }

    /// The alerts, where these windows under way are looked at, too.
    pub(super) fn spans_with(&self, step: Duration, points: &[Point]) -> Vec<AlertSpan> {
        let mut machine = self.live.clone();
        advance(&mut machine, &self.rule, step, points.iter());
        machine.spans().collect()
    }

    /// Tells these alerts in place of those told before.
    pub(super) fn tell(&mut self, group: &Name, spans: Vec<AlertSpan>, changes: &mut Changes) {
        if self.shown == spans {
            return;
        }
        let told = mem::replace(&mut self.shown, spans);
        let mut emit =
            |span: &AlertSpan, diff| changes.push((Verdict::Alert(self.rule.spec.alert(group, *span)), diff));
        told.iter().filter(|span| !self.shown.contains(span)).for_each(|span| emit(span, -1));
        self.shown.iter().filter(|span| !told.contains(span)).for_each(|span| emit(span, 1));
    }

    /// Writes down what has to be remembered, if anything, in place of what was.
    pub(super) fn store(&mut self, of: impl Fn() -> Of, newest: Option<Window>, changes: &mut Changes) {
        let Rule { rule, spec } = &*self.rule;
        let new = (!self.settled.is_idle()).then(|| Settled {
            rule: *rule,
            time_window: spec.time_window,
            machine: self.settled.clone(),
            newest,
        });
        if self.stored != new {
            let old = mem::replace(&mut self.stored, new.clone());
            changes.extend(old.map(|old| (Verdict::Settled(of(), old), -1)));
            changes.extend(new.map(|new| (Verdict::Settled(of(), new), 1)));
        }
    }

    /// Goes on as a rule that finds the same, and is told in other words.
    pub(super) fn reword(&mut self, group: &Name, rule: Rc<Rule>, changes: &mut Changes) {
        let shown = self.shown.clone();
        self.tell(group, Vec::new(), changes);
        self.rule = rule;
        self.tell(group, shown, changes);
    }

    /// Takes back all that was told.
    pub(super) fn retract(mut self, measure: u64, group: &Name, changes: &mut Changes) {
        self.tell(group, Vec::new(), changes);
        let of = (measure, group.clone(), self.rule.spec.id.clone());
        changes.extend(self.stored.map(|stored| (Verdict::Settled(of, stored), -1)));
    }
}

fn advance<'a>(machine: &mut AlertMachine, rule: &Rule, step: Duration, points: impl Iterator<Item = &'a Point>) {
    for (window, value) in points {
        machine.step(&rule.rule, *window, step, *value);
    }
}
