//! A hash that is the same in every process, on every machine, in every release.

/// A 64-bit hash of bytes for what is stored or sent: eight bytes at a time through a folded 128-bit multiplication (as
/// in Wang Yi's wyhash), finished by the mixer of S. Vigna's SplitMix64. Not keyed: it spreads well, it does not resist
/// an adversary.
///
/// Stored sketches and identifiers depend on it, so it must never change.
///
/// ```
/// use highwater_operators::stable_hash;
/// assert_eq!(stable_hash(b"payment-service"), stable_hash(b"payment-service"));
/// assert_ne!(stable_hash(b"a"), stable_hash(b"a\0"));
/// ```
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(ODD);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), ODD);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    finish(fold(hash ^ u64::from_le_bytes(last), SEED | 1))
}

// The fractional bits of the golden ratio and of the square root of three.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const ODD: u64 = 0xbb67_ae85_84ca_a73b;

/// Both halves of the product of two numbers, folded into one.
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_changes() {
        let hashes = [&b""[..], b"a", b"payment-service", &[0; 8], &[0; 16]].map(stable_hash);
        let known =
            [2686366117471719764, 8085791538390475503, 2735848159977944336, 15192710481936381792, 322690658938401108];
        assert_eq!(hashes, known);
    }

    #[test]
    fn every_bit_of_the_result_depends_on_every_bit_of_the_input() {
        let base = *b"0123456789abc";
        for bit in 0..base.len() * 8 {
            let mut other = base;
            other[bit / 8] ^= 1 << (bit % 8);
            let differing = (stable_hash(&base) ^ stable_hash(&other)).count_ones();
            assert!((14..=50).contains(&differing), "{differing} bits for bit {bit}");
        }
    }
}
