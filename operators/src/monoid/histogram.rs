//! [`Histogram`]: a mergeable sketch of latencies that answers quantiles within 1/64.
//!
//! Buckets are log-linear, as in HdrHistogram (G. Tene) and, with logarithms for the linear part, DDSketch (C. Masson,
//! J. E. Rim, H. K. Lee: *DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees*, VLDB
//! 2019): each octave is cut into 32 buckets of equal width, and every number below 64 has a bucket of its own. The
//! bucket of a number is a shift and a few adds.
//!
//! It is not a crate's sketch because a sketch that differential dataflow can carry must be a plain value: ordered,
//! hashable, its equality independent of the order of insertion. Those at hand keep a floating-point sum (whose value
//! depends on the order), a dense table of some kilobytes, or a hash map.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::Log;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Latencies in microseconds (or any other whole numbers), as counts in buckets whose middle is within 1/64 of
/// everything in them. Eight bytes a bucket in use; merging is linear, exact and commutative.
///
/// ```
/// use differential_dataflow::difference::Semigroup;
/// use highwater_operators::Histogram;
/// let (mut left, mut right) = (Histogram::default(), Histogram::default());
/// (1..=900).for_each(|micros| left.add(micros));
/// (901..=1_000).for_each(|micros| right.add(micros));
/// left.plus_equals(&right);
/// assert_eq!(left.count(), 1_000);
/// let p95 = left.quantile(0.95).unwrap();
/// assert!(p95.abs_diff(950) <= 950 / 64);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Histogram {
    bins: Vec<Bin>,
}

/// The quantiles that dashboards show, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many values they are taken over.
    pub count: u64,
    /// The median.
    pub p50_micros: u64,
    /// 95 of 100 values are at most this.
    pub p95_micros: u64,
    /// 99 of 100 values are at most this.
    pub p99_micros: u64,
}

impl Histogram {
    /// Takes the log's latency in, if it has one.
    pub fn observe(&mut self, log: &Log<'_>) {
        if let Some(micros) = log.latency_micros() {
            self.add(micros);
        }
    }

    /// Takes one value in.
    pub fn add(&mut self, micros: u64) {
        self.add_many(micros, 1);
    }

    /// Takes a value in so many times.
    pub fn add_many(&mut self, micros: u64, times: u64) {
        let index = index_of(micros);
        let at = self.place(index);
        match self.bins.get_mut(at) {
            Some(bin) if bin.index() == index => bin.grow(times),
            _ if times == 0 => {}
            _ => self.bins.insert(at, Bin::new(index, times)),
        }
    }

    /// Takes values away that were merged into this one.
    pub fn take_away(&mut self, less: &Self) {
        for bin in &less.bins {
            let at = self.place(bin.index());
            if let Some(mine) = self.bins.get_mut(at).filter(|mine| mine.index() == bin.index()) {
                *mine = Bin::new(bin.index(), mine.count().saturating_sub(bin.count()));
            }
        }
        self.bins.retain(|bin| bin.count() > 0);
    }

    /// The value that stands for all that cannot be told from this one once they are taken in.
    pub fn rounded(micros: u64) -> u64 {
        Bin::new(index_of(micros), 1).middle()
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count()).sum()
    }

    /// The `q`-quantile by nearest rank: of n values, the one with rank ⌈q n⌉ (at least 1) from below, off by at most a
    /// 64th of itself. `q` is taken to nine decimals and clamped to 0..1. `None` where there is no value, or `q` is NaN.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = rank(q, self.count())?;
        let mut below = 0;
        self.bins.iter().find_map(|bin| {
            below += bin.count();
            (below >= rank).then(|| bin.middle())
        })
    }

    /// Median, 95th and 99th percentile; `None` where there is no value.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Some(Percentiles {
            count: self.count(),
            p50_micros: self.quantile(0.50)?,
            p95_micros: self.quantile(0.95)?,
            p99_micros: self.quantile(0.99)?,
        })
    }

    /// Where the bucket with this index is or belongs. A bucket stands at most so many places behind the first as its
    /// index is above the first's, and likewise before the last: where few buckets between are unused, that is nearly
    /// all there is to search.
    fn place(&self, index: u16) -> usize {
        let [first, .., last] = self.bins.as_slice() else {
            return self.bins.partition_point(|bin| bin.index() < index);
        };
        let end = self.bins.len().min((index + 1).saturating_sub(first.index()).into());
        let start = (self.bins.len() - 1).saturating_sub(last.index().saturating_sub(index).into()).min(end);
        start + self.bins[start..end].partition_point(|bin| bin.index() < index)
    }

    /// How many of the other's buckets are not in use here.
    fn missing(&self, other: &Self) -> usize {
        let mut mine = self.bins.iter().peekable();
        let is_new = |theirs: &&Bin| {
            while mine.next_if(|bin| bin.index() < theirs.index()).is_some() {}
            mine.peek().is_none_or(|bin| bin.index() != theirs.index())
        };
        other.bins.iter().filter(is_new).count()
    }
}

/// ⌈q n⌉ in integers, so that 0.07 of 100 is 7 and not 8.
fn rank(q: f64, count: u64) -> Option<u64> {
    const DECIMALS: u128 = 1_000_000_000;
    if q.is_nan() || count == 0 {
        return None;
    }
    let q = (q.clamp(0.0, 1.0) * DECIMALS as f64).round() as u128;
    Some((q * u128::from(count)).div_ceil(DECIMALS).max(1) as u64)
}

impl IsZero for Histogram {
    fn is_zero(&self) -> bool {
        self.bins.is_empty()
    }
}

impl Semigroup for Histogram {
    /// Merges from the greatest bucket down, into the room made at the end.
    fn plus_equals(&mut self, more: &Self) {
        let mut mine = self.bins.len();
        let mut theirs = more.bins.len();
        let mut to = mine + self.missing(more);
        self.bins.resize(to, Bin(0));
        while theirs > 0 {
            let bin = more.bins[theirs - 1];
            to -= 1;
            if mine > 0 && self.bins[mine - 1].index() >= bin.index() {
                mine -= 1;
                self.bins[to] = self.bins[mine];
                if self.bins[to].index() == bin.index() {
                    self.bins[to].grow(bin.count());
                    theirs -= 1;
                }
            } else {
                self.bins[to] = bin;
                theirs -= 1;
            }
        }
    }
}

impl Monoid for Histogram {
    fn zero() -> Self {
        Histogram::default()
    }
}

/// A bucket in use: its index in the upper 16 bits, its count, saturating, in the lower 48. So they sort by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(from = "(u16, u64)", into = "(u16, u64)")]
#[schemars(with = "(u16, u64)")]
struct Bin(u64);

const COUNT_BITS: u32 = 48;
const MOST: u64 = (1 << COUNT_BITS) - 1;
/// Cuts of an octave, as a power of two.
const CUTS: u32 = 5;
/// The index of `u64::MAX`.
const LAST: u16 = ((63 - CUTS) << CUTS) as u16 + ((1 << (CUTS + 1)) - 1);

impl Bin {
    fn new(index: u16, count: u64) -> Self {
        Bin(u64::from(index) << COUNT_BITS | count.min(MOST))
    }

    fn index(self) -> u16 {
        (self.0 >> COUNT_BITS) as u16
    }

    fn count(self) -> u64 {
        self.0 & MOST
    }

    fn grow(&mut self, by: u64) {
        *self = Bin::new(self.index(), self.count().saturating_add(by));
    }

    /// The middle of the numbers that fall into this bucket.
    fn middle(self) -> u64 {
        let index = u64::from(self.index());
        let shift = (index >> CUTS).saturating_sub(1);
        if shift == 0 {
            return index;
        }
        let least = ((index & ((1 << CUTS) - 1)) + (1 << CUTS)) << shift;
        least + (1 << (shift - 1))
    }
}

impl From<(u16, u64)> for Bin {
    fn from((index, count): (u16, u64)) -> Self {
        Bin::new(index.min(LAST), count)
    }
}

impl From<Bin> for (u16, u64) {
    fn from(bin: Bin) -> Self {
        (bin.index(), bin.count())
    }
}

/// The bucket of a number: below 64 itself, else the octave and its five bits after the leading one.
const fn index_of(value: u64) -> u16 {
    let shift = (63 - CUTS).saturating_sub((value | 1).leading_zeros());
    ((shift << CUTS) as u64 + (value >> shift)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.add(value));
        histogram
    }

    #[test]
    fn buckets_are_contiguous_and_by_hand() {
        for (value, index) in [(0, 0), (63, 63), (64, 64), (65, 64), (66, 65), (127, 95), (128, 96), (u64::MAX, LAST)] {
            assert_eq!(index_of(value), index, "{value}");
        }
        assert_eq!(Bin::new(64, 1).middle(), 65);
        assert_eq!(Bin::new(96, 1).middle(), 130);
    }

    #[test]
    fn small_numbers_are_exact_and_ranks_are_nearest() {
        let histogram = histogram(&[5, 1, 4, 2, 3]);
        let quantiles = [0.0, 0.2, 0.21, 0.5, 0.8, 0.99, 1.0, 7.0].map(|q| histogram.quantile(q).unwrap());
        assert_eq!(quantiles, [1, 1, 2, 3, 4, 5, 5, 5]);
        assert_eq!((histogram.quantile(f64::NAN), Histogram::default().quantile(0.5)), (None, None));
        assert_eq!(rank(0.07, 100), Some(7));
    }

    #[test]
    fn a_broken_bucket_from_outside_is_harmless() {
        let histogram: Histogram = serde_json::from_str("[[65535, 18446744073709551615], [3, 1]]").unwrap();
        assert!(histogram.quantile(0.5).is_some());
    }

    proptest! {
        #[test]
        fn the_middle_is_within_a_64th(value in any::<u64>(), shift in 0u32..64) {
            let value = value >> shift;
            let middle = Bin::new(index_of(value), 1).middle();
            prop_assert!(middle.abs_diff(value) <= value / 64, "{} for {}", middle, value);
            prop_assert_eq!(index_of(middle), index_of(value));
        }

        #[test]
        fn quantiles_are_within_the_bound_of_the_exact(mut values in prop::collection::vec(0u64..10_000_000, 1..300), q in 0.0f64..=1.0) {
            let sketch = histogram(&values);
            values.sort_unstable();
            let exact = values[rank(q, values.len() as u64).unwrap() as usize - 1];
            prop_assert!(sketch.quantile(q).unwrap().abs_diff(exact) <= exact / 64);
        }

        #[test]
        fn merging_is_exact_in_any_order(mut values in prop::collection::vec(any::<u64>().prop_map(|v| v >> (v % 64)), 0..200), cuts in (0usize..200, 0usize..200)) {
            let whole = histogram(&values);
            let (a, b) = (cuts.0.min(cuts.1).min(values.len()), cuts.0.max(cuts.1).min(values.len()));
            let [x, y, z] = [&values[..a], &values[a..b], &values[b..]].map(histogram);
            let plus = |left: &Histogram, right: &Histogram| { let mut sum = left.clone(); sum.plus_equals(right); sum };
            prop_assert_eq!(&plus(&plus(&x, &y), &z), &whole);
            prop_assert_eq!(&plus(&x, &plus(&z, &y)), &whole);
            let mut rest = whole.clone();
            rest.take_away(&y);
            prop_assert_eq!(&rest, &plus(&x, &z));
            values.reverse();
            prop_assert_eq!(histogram(&values), whole);
        }
    }
}
