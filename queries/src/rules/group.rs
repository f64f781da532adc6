//! One group of a measure: its steps, and the windows over them.

use std::{collections::BTreeMap, mem, rc::Rc, time::Duration};

use highwater_engine::{Name, Timestamp, Window, hours, minutes};
use highwater_operators::{Measure, Part};

use super::{
    judging::Changes,
    sliding::Sliding,
    track::{Rule, Settled, Track},
    windows::Panes,
};

/// An alert of a group that has had no log for so long is forgotten.
const FORGOTTEN_AFTER: Duration = hours(24);

/// Windows settle so many at a time: rows are written less often.
const SETTLES_EVERY: Duration = minutes(10);

/// How far the watermark has come, as a measure sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) watermark: Timestamp,
    /// windows up to here are closed
    pub(super) closed: Timestamp,
    /// alerts that were over before are shown no more
    pub(super) shown_from: Timestamp,
    /// for so long windows may be corrected, at most
    pub(super) retention: Duration,
    /// how long steps are kept
    pub(super) kept: Duration,
}

impl Time {
    /// Windows of this length up to here are corrected no more: what is corrected needs all the rows of its window.
    pub(super) fn settled(&self, length: Duration) -> Timestamp {
        let follow = self.retention.min(self.kept.saturating_sub(length).saturating_sub(SETTLES_EVERY));
        self.watermark.minus(follow).align(SETTLES_EVERY)
    }
}

/// The state of a group.
#[derive(Debug, Default)]
pub(super) struct Group {
    panes: Panes,
    newest: Option<Window>,
    /// steps that go for their age, once all that they are part of has been looked at
    aged: Vec<(Window, u64)>,
    /// by how long the windows are
    windows: BTreeMap<Duration, Sliding>,
}

impl Group {
    pub(super) fn put(&mut self, step: Duration, window: Window, origin: u64, part: Part) {
        self.correct(step, window);
        self.newest = self.newest.max(Some(window));
        self.panes.put(window, origin, part);
    }

    /// A step that ended before what is kept goes for its age.
    pub(super) fn take(&mut self, step: Duration, window: Window, origin: u64, kept_from: Timestamp) {
        if window.end(step) <= kept_from {
            self.aged.push((window, origin));
        } else {
            self.correct(step, window);
            self.panes.take(window, origin);
        }
    }

    fn correct(&mut self, step: Duration, window: Window) {
        self.windows.values_mut().for_each(|sliding| sliding.correct(step, window));
    }

    /// A rule looks at it, where it has not before.
    pub(super) fn look(&mut self, measure: &Measure, rule: Rc<Rule>, settled: Option<Settled>) {
        self.newest = self.newest.max(settled.as_ref().and_then(|settled| settled.newest));
        let (id, length) = (rule.spec.id.clone(), rule.spec.time_window);
        let sliding = self.windows.entry(length).or_insert_with(|| Sliding::new(measure.steps(length)));
        sliding.tracks.insert(id, Track::new(rule, settled));
    }

    /// What has become of a rule's alerts.
    pub(super) fn track(&mut self, rule: &Rule) -> Option<&mut Track> {
        self.windows.get_mut(&rule.spec.time_window)?.tracks.get_mut(&rule.spec.id)
    }

    /// A rule does not look at it any more.
    pub(super) fn look_away(&mut self, id: &Name, length: Duration) -> Option<Track> {
        let sliding = self.windows.get_mut(&length)?;
        let track = sliding.tracks.remove(id);
        if sliding.tracks.is_empty() {
            self.windows.remove(&length);
        }
        track
    }

    /// Looks at what has come since last time, and tells what is found now. Gives whether nothing is left to look at.
    pub(super) fn advance(
        &mut self,
        (id, name): (u64, &Name),
        measure: &Measure,
        time: &Time,
        changes: &mut Changes,
    ) -> bool {
        let panes = (!self.is_forgotten(measure, time)).then_some(&self.panes);
        let settling: Vec<bool> =
            self.windows.values_mut().map(|sliding| sliding.advance(panes, measure, time)).collect();
        for (window, origin) in self.aged.drain(..) {
            self.panes.take(window, origin);
        }
        let is_idle = self.windows.values().all(Sliding::is_idle);
        let is_over = self.panes.is_empty() && (is_idle || self.is_forgotten(measure, time));
        for (sliding, has_settled) in self.windows.values_mut().zip(settling) {
            sliding.report(name, &self.panes, measure, changes);
            for (rule, track) in sliding.tracks.iter_mut().filter(|_| has_settled) {
                track.store(|| (id, name.clone(), rule.clone()), self.newest, changes);
            }
        }
        if is_over {
            let tracks = mem::take(&mut self.windows).into_values().flat_map(|sliding| sliding.tracks);
            tracks.for_each(|(_, track)| track.retract(id, name, changes));
        }
        is_over
    }

    fn is_forgotten(&self, measure: &Measure, time: &Time) -> bool {
        let end = self.newest.map_or(Timestamp::MIN, |newest| newest.end(measure.step()));
        self.panes.is_empty() && end.plus(FORGOTTEN_AFTER) <= time.closed
    }
}
