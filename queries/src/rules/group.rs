//! One group of a measure, and the rules that look at it.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use highwater_engine::{Name, Timestamp, Window, hours};
use highwater_operators::{AlertMachine, AlertRule, AlertSpan, Measure, Part, RuleSpec};
use serde::{Deserialize, Serialize};

use super::windows::{Panes, Point};

/// An alert of a group that has had no log for so long is forgotten.
const FORGOTTEN_AFTER: Duration = hours(24);

/// A rule, as groups look at it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) spec: RuleSpec,
    pub(super) rule: AlertRule,
}

/// What is remembered of a rule and group from before the windows that may still be corrected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Settled {
    /// the rule that it was found by
    pub(super) rule: AlertRule,
    pub(super) machine: AlertMachine,
    /// the group's newest step
    pub(super) newest: Option<Window>,
}

/// What becomes of the alerts of one rule.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) rule: Rc<Rule>,
    /// as of the settled past
    settled: AlertMachine,
    /// as of the newest window that is closed
    live: AlertMachine,
    /// what has been told
    pub(super) shown: Vec<AlertSpan>,
    pub(super) stored: Option<Settled>,
    is_new: bool,
}

/// How far the watermark has come, as a measure sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// windows up to here are closed
    pub(super) closed: Timestamp,
    /// windows up to here are corrected no more
    pub(super) settled: Timestamp,
    /// alerts that were over before are shown no more
    pub(super) shown_from: Timestamp,
}

/// The state of a group.
#[derive(Debug, Default)]
pub(super) struct Group {
    panes: Panes,
    newest: Option<Window>,
    /// steps that go for their age, once all that they are part of has been looked at
    aged: Vec<(Window, u64)>,
    /// closed windows that may be corrected
    points: VecDeque<Point>,
    /// where the next window's last step starts; none where nothing has been looked at
    next: Option<Timestamp>,
    settled_to: Option<Timestamp>,
    is_corrected: bool,
    /// by the rule's id
    pub(super) tracks: BTreeMap<Name, Track>,
}

impl Track {
    pub(super) fn new(rule: Rc<Rule>, stored: Option<Settled>) -> Self {
        let settled = stored.as_ref().map(|stored| stored.machine.clone()).unwrap_or_default();
        Track { rule, settled, live: AlertMachine::default(), shown: Vec::new(), stored, is_new: true }
    }
}

impl Group {
    pub(super) fn put(&mut self, measure: &Measure, window: Window, origin: u64, part: Part) {
        self.correct(measure, window);
        self.newest = self.newest.max(Some(window));
        self.panes.put(window, origin, part);
    }

    /// A step that ended before what is kept goes for its age.
    pub(super) fn take(&mut self, measure: &Measure, window: Window, origin: u64, kept_from: Timestamp) {
        if window.end(measure.step()) <= kept_from {
            self.aged.push((window, origin));
        } else {
            self.correct(measure, window);
            self.panes.take(window, origin);
        }
    }

    /// What was found before may be found otherwise.
    fn correct(&mut self, measure: &Measure, window: Window) {
        let affects_to = window.start.plus(measure.step().saturating_mul(measure.steps()));
        let was_seen = self.next.is_some_and(|next| window.start < next);
        self.is_corrected |= was_seen && self.settled_to.is_none_or(|settled| affects_to > settled);
    }

    /// What a start found of the group.
    pub(super) fn remember(&mut self, newest: Option<Window>) {
        self.newest = self.newest.max(newest);
    }

    /// Looks at what has come since last time. Gives whether more is settled than before.
    pub(super) fn advance(&mut self, measure: &Measure, time: Time) -> bool {
        let mut fresh = Vec::new();
        if !self.is_forgotten(measure, time) {
            let from = match self.next.filter(|_| !self.is_corrected) {
                Some(next) => next,
                None => {
                    self.points.clear();
                    self.tracks.values_mut().for_each(|track| track.is_new = true);
                    self.begin(self.settled_to.unwrap_or(time.settled))
                }
            };
            fresh = self.panes.points(measure, from, time.closed);
            self.next = Some(fresh.last().map_or(from, |(window, _)| window.end(measure.step())));
        }
        self.is_corrected = false;
        let seen = self.points.len();
        self.points.extend(fresh);
        for track in self.tracks.values_mut() {
            let from = if std::mem::take(&mut track.is_new) {
                track.live = track.settled.clone();
                0
            } else {
                seen
            };
            track.show(measure, self.points.range(from..));
        }
        let has_settled = self.settle(measure, time.settled);
        for track in self.tracks.values_mut() {
            track.live.forget(time.shown_from);
            track.settled.forget(time.shown_from);
        }
        for (window, origin) in self.aged.drain(..) {
            self.panes.take(window, origin);
        }
        has_settled
    }

    /// The last step of the first window that is looked at.
    fn begin(&self, settled_to: Timestamp) -> Timestamp {
        let first = self.panes.first().map_or(Timestamp::MAX, |first| first.start);
        let goes_on = first < settled_to || self.tracks.values().any(|track| track.settled.is_open());
        if goes_on || first == Timestamp::MAX { settled_to } else { first }
    }

    /// Windows that are corrected no more become part of what is remembered.
    fn settle(&mut self, measure: &Measure, to: Timestamp) -> bool {
        if self.settled_to.is_some_and(|settled| settled >= to) {
            return false;
        }
        let step = measure.step();
        let count = self.points.partition_point(|(window, _)| window.end(step) <= to);
        for track in self.tracks.values_mut() {
            let Track { rule, settled, .. } = track;
            for (window, value) in self.points.range(..count) {
                settled.step(&rule.rule, *window, step, *value);
            }
        }
        self.points.drain(..count);
        self.settled_to = Some(to);
        true
    }

    /// What has to be remembered of a rule, if anything.
    pub(super) fn settled(&self, track: &Track) -> Option<Settled> {
        let Track { rule, settled, .. } = track;
        let newest = self.newest;
        (!settled.is_idle()).then(|| Settled { rule: rule.rule, machine: settled.clone(), newest })
    }

    /// Whether there is nothing to tell of a rule, as is mostly so: found without a word being written down.
    pub(super) fn is_as_shown(&self, measure: &Measure, track: &Track) -> bool {
        !measure.is_provisional() && track.live.spans().eq(track.shown.iter().copied())
    }

    /// The alerts of a rule: of closed windows, and of those under way where it looks at them.
    pub(super) fn spans(&self, measure: &Measure, track: &Track) -> Vec<AlertSpan> {
        if !measure.is_provisional() {
            return track.live.spans().collect();
        }
        let step = measure.step();
        let from = self.next.or_else(|| self.panes.first().map(|first| first.start));
        let mut machine = track.live.clone();
        for (window, value) in from.into_iter().flat_map(|from| {
            let to = self.panes.filled_from(from, step);
            self.panes.points(measure, from, to)
        }) {
            machine.step(&track.rule.rule, window, step, value);
        }
        machine.spans().collect()
    }

    /// Whether nothing is left to look at.
    pub(super) fn is_over(&self, measure: &Measure, time: Time) -> bool {
        let is_idle = self.tracks.values().all(|track| track.settled.is_idle() && track.live.is_idle());
        self.panes.is_empty() && (is_idle || self.is_forgotten(measure, time))
    }

    fn is_forgotten(&self, measure: &Measure, time: Time) -> bool {
        let end = self.newest.map_or(Timestamp::MIN, |newest| newest.end(measure.step()));
        self.panes.is_empty() && end.plus(FORGOTTEN_AFTER) <= time.closed
    }
}

impl Track {
    fn show<'a>(&mut self, measure: &Measure, points: impl Iterator<Item = &'a Point>) {
        for (window, value) in points {
            self.live.step(&self.rule.rule, *window, measure.step(), *value);
        }
    }
}
