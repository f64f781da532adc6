//! What grows: a straight line through all samples after the warm-up.

use std::time::Duration;

use super::Moment;

/// Of all the time, so much is warm-up: windows of most lengths fill, buffers find their size.
const WARM_UP: f64 = 0.4;
/// With less of it, what fills is not told from what grows.
const LEAST_WARM_UP: Duration = Duration::from_secs(70);
/// Memory may end up so much higher than it began, by the line: what the allocator and merging arrangements sway by.
const MEMORY_NOISE: f64 = 0.1;
/// So many descriptors, such as connections that come and go.
const DESCRIPTOR_NOISE: f64 = 4.0;

/// An arrangement may come to hold so much more: it holds up to twice its rows until they are merged.
const ARRANGEMENT_NOISE: f64 = 0.5;
/// Arrangements of fewer records sway by more than that.
const FEW_RECORDS: f64 = 10_000.0;

/// Whether a run of this length has warmed up.
pub fn is_long_enough(time: Duration) -> bool {
    time.mul_f64(WARM_UP) >= LEAST_WARM_UP
}

/// What grew beyond noise in a run that [was long enough](is_long_enough).
pub fn check(moments: &[Moment]) -> Vec<String> {
    let end = moments.last().map_or(Duration::ZERO, |moment| moment.at);
    let warm_up = end.mul_f64(WARM_UP);
    let warm: Vec<&Moment> = moments.iter().filter(|moment| moment.at >= warm_up).collect();
    let line = |value: &dyn Fn(&Moment) -> f64| {
        let points: Vec<_> = warm.iter().map(|moment| (moment.at.as_secs_f64(), value(moment))).collect();
        fit(&points)
    };
    let mut problems = Vec::new();
    if let Some(memory) = line(&|moment| moment.sample.resident as f64).filter(|line| line.grew() > MEMORY_NOISE) {
        problems.push(format!("memory grew by {:.0} % after the warm-up", memory.grew() * 100.0));
    }
    let descriptors = line(&|moment| moment.sample.descriptors as f64);
    if let Some(line) = descriptors.filter(|line| line.to - line.from > DESCRIPTOR_NOISE) {
        problems.push(format!("descriptors grew from {:.0} to {:.0} after the warm-up", line.from, line.to));
    }
    for operator in warm.last().into_iter().flat_map(|moment| moment.sample.arrangements.keys()) {
        let records = line(&|moment| moment.sample.arrangements.get(operator).copied().unwrap_or(0) as f64);
        let is_more = |line: &Line| line.to > FEW_RECORDS && line.grew() > ARRANGEMENT_NOISE;
        if let Some(line) = records.filter(is_more) {
            problems.push(format!("arrangement {operator} grew from {:.0} to {:.0} records", line.from, line.to));
        }
    }
    problems
}

/// A line through points, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    from: f64,
    to: f64,
}

impl Line {
    /// As a part of where it began.
    fn grew(&self) -> f64 {
        self.to / self.from - 1.0
    }
}

/// The least squares; none through fewer than two instants.
fn fit(points: &[(f64, f64)]) -> Option<Line> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
    let at = |time: f64| y + slope * (time - x);
    let (first, last) = (points.first()?, points.last()?);
    (spread > 0.0).then(|| Line { from: at(first.0), to: at(last.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::sample::Sample;

    fn moments(resident: impl Fn(u64) -> u64, descriptors: impl Fn(u64) -> u64) -> Vec<Moment> {
        let sample = |at| Sample { resident: resident(at), descriptors: descriptors(at), ..Sample::default() };
        (1..=600).map(|at| Moment { at: Duration::from_secs(at), sample: sample(at) }).collect()
    }

    #[test]
    fn what_sways_does_not_grow() {
        let swaying = moments(|at| 1000 + at * 7919 % 200, |at| 50 + at % 3);
        assert_eq!(check(&swaying), Vec::<String>::new());
        assert_eq!(check(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_warm_up_is_no_leak() {
        assert_eq!(check(&moments(|at| at.min(200) * 1000, |at| at.min(100))), Vec::<String>::new());
    }

    #[test]
    fn a_leak_is_seen_through_the_noise() {
        let leaking = moments(|at| 1000 + at + at * 7919 % 200, |at| 50 + at / 20);
        assert_eq!(check(&leaking).len(), 2, "{:?}", check(&leaking));
    }

    #[test]
    fn an_arrangement_that_keeps_the_past_is_seen() {
        let arranged = |records: fn(u64) -> u64| {
            let mut moments = moments(|_| 1000, |_| 50);
            for moment in &mut moments {
                moment.sample.arrangements = [("7 Reduce".to_owned(), records(moment.at.as_secs()))].into();
            }
            check(&moments)
        };
        assert_eq!(arranged(|at| 100_000 * (1 + at % 2)), Vec::<String>::new());
        assert_eq!(arranged(|at| 1000 * at).len(), 1);
    }
}
