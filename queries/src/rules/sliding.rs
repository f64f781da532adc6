//! Windows of one length over a group's steps, and the rules that look at them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use highwater_engine::{Name, Timestamp, Window};
use highwater_operators::Measure;

use super::{
    group::Time,
    judging::Changes,
    track::Track,
    windows::{Panes, Point},
};

/// The windows that end with each step.
#[derive(Debug)]
pub(super) struct Sliding {
    /// how long they are
    steps: u32,
    /// closed ones that may be corrected
    points: VecDeque<Point>,
    /// where the next one's last step starts; none where nothing has been looked at
    next: Option<Timestamp>,
    settled_to: Option<Timestamp>,
    is_corrected: bool,
    /// by the rule's id
    pub(super) tracks: BTreeMap<Name, Track>,
}

impl Sliding {
    pub(super) fn new(steps: u32) -> Self {
        let (points, tracks) = (VecDeque::new(), BTreeMap::new());
        Sliding { steps, points, next: None, settled_to: None, is_corrected: false, tracks }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tracks.values().all(Track::is_idle)
    }

    /// A step is otherwise than it was: what was found before may be found otherwise.
    pub(super) fn correct(&mut self, step: Duration, window: Window) {
        let affects_to = window.start.plus(step.saturating_mul(self.steps));
        let was_seen = self.next.is_some_and(|next| window.start < next);
        self.is_corrected |= was_seen && self.settled_to.is_none_or(|settled| affects_to > settled);
    }

    /// Looks at what has come since last time. Gives whether more is settled than before.
    pub(super) fn advance(&mut self, panes: Option<&Panes>, measure: &Measure, time: &Time) -> bool {
        let step = measure.step();
        let settled = time.settled(step.saturating_mul(self.steps));
        let mut fresh = Vec::new();
        if let Some(panes) = panes {
            let from = match self.next.filter(|_| !self.is_corrected) {
                Some(next) => next,
                None => {
                    self.points.clear();
                    self.tracks.values_mut().for_each(|track| track.is_new = true);
                    self.begin(panes, self.settled_to.unwrap_or(settled))
                }
            };
            fresh = panes.points(measure, self.steps, from, time.closed);
            self.next = Some(fresh.last().map_or(from, |(window, _)| window.end(step)));
        }
        self.is_corrected = false;
        let seen = self.points.len();
        self.points.extend(fresh);
        for track in self.tracks.values_mut() {
            track.show(step, self.points.iter(), self.points.range(seen..));
        }
        let has_settled = self.settle(step, settled);
        for track in self.tracks.values_mut() {
            track.live.forget(time.shown_from);
            track.settled.forget(time.shown_from);
        }
        has_settled
    }

    /// The last step of the first window that is looked at.
    fn begin(&self, panes: &Panes, settled_to: Timestamp) -> Timestamp {
        let first = panes.first().map_or(Timestamp::MAX, |first| first.start);
        let goes_on = first < settled_to || self.tracks.values().any(|track| track.settled.is_open());
        if goes_on || first == Timestamp::MAX { settled_to } else { first }
    }

    /// Windows that are corrected no more become part of what is remembered.
    fn settle(&mut self, step: Duration, to: Timestamp) -> bool {
        if self.settled_to.is_some_and(|settled| settled >= to) {
            return false;
        }
        let count = self.points.partition_point(|(window, _)| window.end(step) <= to);
        for track in self.tracks.values_mut() {
            track.settle(step, self.points.range(..count));
        }
        self.points.drain(..count);
        self.settled_to = Some(to);
        true
    }

    /// Tells the alerts that there are now: of closed windows, and of those under way where they are looked at.
    pub(super) fn report(&mut self, name: &Name, panes: &Panes, measure: &Measure, changes: &mut Changes) {
        if !measure.is_provisional() {
            for track in self.tracks.values_mut().filter(|track| !track.is_as_shown()) {
                track.tell(name, track.live.spans().collect(), changes);
            }
            return;
        }
        let open = self.open(panes, measure);
        for track in self.tracks.values_mut() {
            track.tell(name, track.spans_with(measure.step(), &open), changes);
        }
    }

    fn open(&self, panes: &Panes, measure: &Measure) -> Vec<Point> {
        let Some(from) = self.next.or_else(|| panes.first().map(|first| first.start)) else { return Vec::new() };
        panes.points(measure, self.steps, from, panes.filled_from(from, measure.step()))
    }
}
