//! [`Curve`]: a series of any length as so many stretches as a plot can show.

/// Stretches of a curve, at most. When there are more, each two become one.
const MOST: usize = 2_000;

/// A series as it is drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    stretches: Vec<Stretch>,
    /// points in a whole stretch, a power of two; 0 before the first
    width: u64,
}

/// Points that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Where the first stands.
    pub(super) x: f64,
    pub(super) points: u64,
    /// The least and the greatest value; none where there is no number.
    pub(super) values: Option<[f64; 2]>,
    /// The widest band.
    pub(super) band: Option<[f64; 2]>,
    /// The first flagged point.
    pub(super) flagged: Option<(f64, f64)>,
}

impl Curve {
    /// Adds a point. What is no finite number leaves a gap.
    pub(super) fn push(&mut self, x: f64, value: f64, band: [f64; 2], flagged: bool) {
        let is_number = value.is_finite();
        let next = Stretch {
            x,
            points: 1,
            values: is_number.then_some([value; 2]),
            band: band.iter().all(|bound| bound.is_finite()).then_some(band),
            flagged: (flagged && is_number).then_some((x, value)),
        };
        self.width = self.width.max(1);
        match self.stretches.last_mut().filter(|last| last.points < self.width) {
            Some(last) => last.join(&next),
            None => self.stretches.push(next),
        }
        if self.stretches.len() > MOST {
            self.width *= 2;
            let halves = std::mem::take(&mut self.stretches);
            for pair in halves.chunks(2) {
                let mut whole = pair[0].clone();
                pair[1..].iter().for_each(|other| whole.join(other));
                self.stretches.push(whole);
            }
        }
    }

    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

impl Stretch {
    fn join(&mut self, other: &Stretch) {
        let both = |a: Option<[f64; 2]>, b: Option<[f64; 2]>| match (a, b) {
            (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].max(b[1])]),
            (a, b) => a.or(b),
        };
        self.points += other.points;
        self.values = both(self.values, other.values);
        self.band = both(self.band, other.band);
        self.flagged = self.flagged.or(other.flagged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_any_length_keeps_its_extremes_and_its_size() {
        let mut curve = Curve::default();
        for n in 0..100_000_u32 {
            let value = if n == 77_777 { 1e6 } else { f64::from(n % 10) };
            curve.push(f64::from(n), value, [-1.0, 11.0], n == 77_777);
        }
        assert!((MOST / 2..=MOST).contains(&curve.stretches.len()));
        assert_eq!(curve.stretches.iter().map(|stretch| stretch.points).sum::<u64>(), 100_000);
        let odd: Vec<_> = curve.stretches.iter().filter_map(|stretch| stretch.flagged).collect();
        assert_eq!(odd, [(77_777.0, 1e6)]);
        let top =
            curve.stretches.iter().filter_map(|stretch| stretch.values).map(|values| values[1]).fold(0.0, f64::max);
        assert_eq!(top, 1e6);
    }

    #[test]
    fn what_is_no_number_is_a_gap() {
        let mut curve = Curve::default();
        curve.push(1.0, f64::NAN, [f64::NAN; 2], true);
        curve.push(2.0, 5.0, [f64::NEG_INFINITY, 9.0], false);
        let gaps: Vec<_> =
            curve.stretches().iter().map(|stretch| (stretch.values, stretch.band, stretch.flagged)).collect();
        assert_eq!(gaps, [(None, None, None), (Some([5.0; 2]), None, None)]);
    }
}
