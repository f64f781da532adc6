//! [`Shapes`]: each shape of messages masked once.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::stable_hash::fold;

/// Shapes that are remembered; when there are more, all are forgotten.
const MOST: usize = 1 << 14;

/// What is known of the template of messages, by their shape: the text with each digit a zero. Messages of one shape have
/// one template, so that what is remembered never shows in an answer; to look a shape up costs a fraction of masking.
///
/// A shape is known by a hash as wide as the id of a template, with a random key.
pub(super) struct Shapes<T> {
    known: HashTable<(u64, T)>,
    key: u64,
}

impl<T> Default for Shapes<T> {
    fn default() -> Self {
        Shapes { known: HashTable::default(), key: RandomState::default().hash_one(()) }
    }
}

impl<T: Copy> Shapes<T> {
    /// What `of` says of the text, or said of another one of its shape.
    pub(super) fn of(&mut self, text: &str, of: impl FnOnce(&str) -> T) -> T {
        let shape = self.shape(text.as_bytes());
        if let Some((_, found)) = self.known.find(shape, |(known, _)| *known == shape) {
            return *found;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let found = of(text);
        self.known.insert_unique(shape, (shape, found), |(known, _)| *known);
        found
    }

    /// The hash of a text without its digits, 32 bytes at a time in two strands, so that one multiplication need not wait
    /// for the other. What is left at the end is read together with bytes before it; the length tells such texts apart.
    fn shape(&self, text: &[u8]) -> u64 {
        let mut strands = [self.key ^ text.len() as u64, self.key];
        let mut take = |block: &[u8; 32]| {
            let [a, b, c, d] = words(block).map(zeroed);
            strands = [fold(a ^ self.key, b ^ strands[0]), fold(c ^ self.key, d ^ strands[1])];
        };
        match text.last_chunk() {
            Some(last) => {
                text.as_chunks().0.iter().for_each(&mut take);
                take(last);
            }
            None => {
                let mut padded = [0; 32];
                padded[..text.len()].copy_from_slice(text);
                take(&padded);
            }
        }
        fold(strands[0] ^ self.key, strands[1] ^ ODD)
    }
}

// the fractional bits of the golden ratio
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

fn words(block: &[u8; 32]) -> [u64; 4] {
    let (words, _) = block.as_chunks::<8>();
    std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
}

/// Eight bytes with each digit a zero: a digit is what `0` turns into something below ten, and loses its lower half.
fn zeroed(bytes: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let from_zero = bytes ^ (EACH * 0x30);
    let others = ((from_zero & (EACH * 0x7f)) + EACH * 0x76) | from_zero;
    let digits = (!others & (EACH * 0x80)) >> 7;
    bytes & !(digits * 0x0f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TemplateId;

    proptest! {
        #[test]
        fn each_digit_and_nothing_else_is_a_zero(bytes in any::<[u8; 8]>()) {
            let expected = bytes.map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
            prop_assert_eq!(zeroed(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
        }

        #[test]
        fn what_is_remembered_never_shows(texts in prop::collection::vec("(user|[0-9]{1,2}|[a-f0-9]{7}| ){0,6}", 0..40)) {
            let mut shapes = Shapes::default();
            for text in texts.iter().chain(&texts) {
                prop_assert_eq!(shapes.of(text, TemplateId::of_message), TemplateId::of_message(text));
            }
        }
    }
}
