//! A group's parts by steps, and the windows over them.

use std::{collections::BTreeMap, time::Duration};

use highwater_engine::{Timestamp, Window};
use highwater_operators::{Measure, Part, Real};

/// The parts of one group of a measure, by step and origin.
#[derive(Debug, Default)]
pub(super) struct Panes(BTreeMap<(Window, u64), Part>);

/// What a window that ends with this step comes to; none where nothing can be measured.
pub(super) type Point = (Window, Option<Real>);

impl Panes {
    /// Takes in what an origin contributes to a step, in place of what it did before.
    pub(super) fn put(&mut self, window: Window, origin: u64, part: Part) {
        self.0.insert((window, origin), part);
    }

    /// Lets go of what an origin contributed.
    pub(super) fn take(&mut self, window: Window, origin: u64) {
        self.0.remove(&(window, origin));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<Window> {
        self.0.keys().next().map(|(window, _)| *window)
    }

    /// How many steps from one on have parts without a break.
    pub(super) fn filled_from(&self, from: Timestamp, step: Duration) -> Timestamp {
        let mut next = Window { start: from };
        while self.parts(next).next().is_some() {
            next = next.later(step);
        }
        next.start
    }

    /// The windows of so many steps that end with the steps from `from` on, up to `to`. Each is told from the one before by
    /// what comes and what goes, where that can be done.
    pub(super) fn points(&self, measure: &Measure, steps: u32, from: Timestamp, to: Timestamp) -> Vec<Point> {
        let step = measure.step();
        let before = step.saturating_mul(steps - 1);
        let mut window = Window { start: from };
        if steps == 1 {
            let windows = std::iter::successors(Some(window), |window| Some(window.later(step)));
            let closed = windows.take_while(|window| window.end(step) <= to);
            return closed.map(|window| (window, measure.value(self.parts(window)))).collect();
        }
        let mut points = Vec::new();
        let mut sum = self.sum(Window { start: from.minus(before) }, window);
        while window.end(step) <= to {
            self.parts(window).for_each(|part| add(&mut sum, part));
            points.push((window, measure.value_of(sum.as_ref())));
            let next = window.later(step);
            let first = Window { start: window.start.minus(before) };
            let taken = sum.as_mut().is_none_or(|sum| self.parts(first).all(|part| sum.take_away(part)));
            if !taken {
                sum = self.sum(first.later(step), next);
            }
            window = next;
        }
        points
    }

    fn parts(&self, window: Window) -> impl Iterator<Item = &Part> {
        self.0.range((window, 0)..=(window, u64::MAX)).map(|(_, part)| part)
    }

    fn sum(&self, from: Window, to: Window) -> Option<Part> {
        let mut sum = None;
        self.0.range((from, 0)..(to, 0)).for_each(|(_, part)| add(&mut sum, part));
        sum
    }
}

fn add(sum: &mut Option<Part>, part: &Part) {
    match sum {
        Some(sum) => sum.add(part),
        None => *sum = Some(part.clone()),
    }
}
