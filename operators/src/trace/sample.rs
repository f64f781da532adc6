//! [`TraceSample`]: which traces are looked at.

use crate::stable_hash;

/// A share of all traces: the same ones on every worker, in every run.
///
/// ```
/// use highwater_operators::TraceSample;
/// assert!(TraceSample::of(1.0).takes("4bf92f3577b34da6a3ce929d0e0e4736"));
/// assert!(!TraceSample::of(1.0).takes(""), "no trace");
/// assert!(!TraceSample::of(0.0).takes("4bf92f3577b34da6a3ce929d0e0e4736"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSample {
    /// the greatest hash that is of the share; none where it is empty
    most: Option<u64>,
}

impl TraceSample {
    /// A share from 0 to 1; what is beyond counts as the bound.
    pub fn of(share: f64) -> Self {
        // 2^64 does not fit; the cast saturates
        TraceSample { most: (share > 0.0).then(|| (share * 2_f64.powi(64)) as u64) }
    }

    /// Whether the trace with this id is of the share; the empty id never is.
    pub fn takes(self, trace_id: &str) -> bool {
        let Some(most) = self.most.filter(|_| !trace_id.is_empty()) else { return false };
        stable_hash(trace_id.as_bytes()) <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_about_that_share_and_part_of_any_greater_one() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("{:032x}", n * 7_919)).collect();
        let taken = |share| ids.iter().filter(|id| TraceSample::of(share).takes(id)).collect::<Vec<_>>();
        let (small, large) = (taken(0.01), taken(0.25));
        assert!((150..=250).contains(&small.len()), "{}", small.len());
        assert!((4_700..=5_300).contains(&large.len()), "{}", large.len());
        assert!(small.iter().all(|id| large.contains(id)));
        assert_eq!((taken(2.0).len(), taken(-1.0).len(), taken(f64::NAN).len()), (20_000, 0, 0));
    }
}
