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
        quick_hash(trace_id.as_bytes()) <= most
    }
}

/// This is asked of every log, so it looks at eight bytes each of the beginning, the middle and the end and multiplies
/// once: whatever kind of id it is, one of them differs from trace to trace. Ids are random mostly, so that will do.
///
/// Like [`stable_hash`], it must never change.
fn quick_hash(id: &[u8]) -> u64 {
    let middle = id.get(id.len() / 2 - id.len().min(8) / 2..).and_then(|half| half.first_chunk());
    let (Some(first), Some(middle), Some(last)) = (id.first_chunk(), middle, id.last_chunk()) else {
        return stable_hash(id);
    };
    let [first, middle, last] = [first, middle, last].map(|bytes| u64::from_le_bytes(*bytes));
    let product = u128::from(first ^ middle.rotate_left(29) ^ SEED) * u128::from(last ^ ODD);
    product as u64 ^ (product >> 64) as u64
}

// the fractional bits of the square roots of five and of seven
const SEED: u64 = 0x3c6e_f372_fe94_f82b;
const ODD: u64 = 0xa54f_f53a_5f1d_36f1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_about_that_share_and_part_of_any_greater_one() {
        let random = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let kinds: [fn(u128, u128) -> String; 6] = [
            |_, random| format!("{random:032x}"),
            |_, random| format!("{:016x}", random >> 64),
            // of a counter, of a time and the same machine, in a row
            |n, _| format!("job-{n:06}"),
            |n, random| format!("{:08x}-{:04x}-11f0-8c2d-0242ac120002", random >> 96, n),
            |n, _| format!("prod-eu-west-{n:08}-frontend-one"),
            |n, _| n.to_string(),
        ];
        for (kind, id) in kinds.iter().enumerate() {
            let ids: Vec<String> = (0..20_000).map(|n| id(n, random(n))).collect();
            let taken = |share| ids.iter().filter(|id| TraceSample::of(share).takes(id)).collect::<Vec<_>>();
            let (small, large) = (taken(0.01), taken(0.25));
            assert!((100..=330).contains(&small.len()), "kind {kind}: {}", small.len());
            assert!((4_500..=5_500).contains(&large.len()), "kind {kind}: {}", large.len());
            assert!(small.iter().all(|id| large.contains(id)));
            assert_eq!((taken(2.0).len(), taken(-1.0).len(), taken(f64::NAN).len()), (20_000, 0, 0));
        }
    }

    #[test]
    fn it_never_changes() {
        let hashes = [&b"4bf92f3577b34da6a3ce929d0e0e4736"[..], b"trace-12", b"short"].map(quick_hash);
        assert_eq!(hashes, [530244210722304128, 7981896378078731694, 17819436739467630592]);
    }
}
