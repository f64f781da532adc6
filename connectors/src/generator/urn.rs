//! Which kind of work arrives.

use fastrand::Rng;

use super::services::{FRONTEND, Flow, SERVICES, WORK, Work};

/// All kinds of work, ready to be drawn by weight.
#[derive(Clone, Debug)]
pub(super) struct Urn {
    /// a ball for every unit of weight, with the kind's place in [`WORK`]
    balls: Vec<u8>,
    /// how many logs a piece of work leaves on average
    pub(super) logs: f64,
    /// which part of all work comes in by the frontend
    pub(super) edge: f64,
}

impl Urn {
    pub(super) fn new() -> Self {
        let mut urn = Urn { balls: Vec::new(), logs: 0.0, edge: 0.0 };
        for (kind, work) in WORK.iter().enumerate() {
            urn.balls.extend(std::iter::repeat_n(kind as u8, work.weight as usize));
            let logs = |&(service, _): &(usize, usize)| 1.0 + f64::from(SERVICES[service].debug) / 1000.0;
            let logs = if work.flow == Flow::Heartbeat { 1.0 } else { work.calls.iter().map(logs).sum() };
            urn.logs += f64::from(work.weight) * logs;
            if work.calls[0].0 == FRONTEND {
                urn.edge += f64::from(work.weight);
            }
        }
        let weight = urn.balls.len() as f64;
        urn.logs /= weight;
        urn.edge /= weight;
        urn
    }

    /// What arrives next.
    pub(super) fn pick(&self, rng: &mut Rng) -> &'static Work {
        &WORK[usize::from(self.balls[rng.usize(..self.balls.len())])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_drawn_by_weight() {
        let urn = Urn::new();
        let mut rng = Rng::with_seed(1);
        let pages = (0..100_000).filter(|_| std::ptr::eq(urn.pick(&mut rng), &raw const WORK[0])).count() as f64;
        let share = f64::from(WORK[0].weight) / WORK.iter().map(|work| f64::from(work.weight)).sum::<f64>();
        assert!((pages / 100_000.0 - share).abs() < 0.01);
    }
}
