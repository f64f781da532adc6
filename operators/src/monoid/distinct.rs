//! [`Distinct`]: about how many different things.
//!
//! The sketch is HyperLogLog (P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, 2007) with 4096 registers. It is read by the
//! improved estimator of O. Ertl (*New cardinality estimation algorithms for HyperLogLog sketches*, 2017), which is one
//! formula for small, middling and large counts where the original switches to linear counting and is biased around
//! the switch.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stable_hash;

/// How many different texts were put in, within about 1.6 % (standard error). At most 4 KiB; four bytes a text while
/// there are few. Putting the same in twice changes nothing, so late and repeated logs do no harm.
///
/// Which text is the question's, so it is given to `aggregate` as a closure:
/// `|users: &mut Distinct, log: &Log| users.insert(log.trace_id())`.
///
/// ```
/// use highwater_operators::Distinct;
/// let mut hosts = Distinct::default();
/// ["a", "b", "c", "a"].map(|host| hosts.insert(host));
/// assert_eq!(hosts.estimate(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Distinct(Registers);

/// Which form stands is decided by how many registers are in use, never by the way they came there: equal contents
/// are equal values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
enum Registers {
    /// The registers in use as `number << 8 | value`, ascending; at most [`SPARSE`] of them.
    Sparse(Vec<u32>),
    /// Every register.
    Dense(Box<[u8]>),
}

/// Bits of the hash that choose a register.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// Bits of the hash whose leading zeros are counted.
const REST: u32 = 64 - BITS;
/// So many registers in use take as much room as all of them, densely.
const SPARSE: usize = REGISTERS / size_of::<u32>();

impl Distinct {
    /// Puts one text in.
    pub fn insert(&mut self, text: &str) {
        let hash = stable_hash(text.as_bytes());
        let register = (hash >> REST) as u32;
        let value = (hash << BITS).leading_zeros().min(REST) as u8 + 1;
        self.raise(register, value);
    }

    /// About how many different texts were put in.
    pub fn estimate(&self) -> u64 {
        let mut counts = [0u32; REST as usize + 2];
        let mut count = |value: u8| counts[usize::from(value).min(REST as usize + 1)] += 1;
        match &self.0 {
            Registers::Sparse(entries) => {
                entries.iter().for_each(|entry| count(*entry as u8));
                (entries.len()..REGISTERS).for_each(|_| count(0));
            }
            Registers::Dense(values) => values.iter().for_each(|value| count(*value)),
        }
        estimate(&counts)
    }

    /// Raises one register to at least `value`.
    fn raise(&mut self, register: u32, value: u8) {
        match &mut self.0 {
            Registers::Dense(values) => {
                if let Some(old) = values.get_mut(register as usize) {
                    *old = value.max(*old);
                }
            }
            Registers::Sparse(entries) => {
                let entry = register << 8 | u32::from(value);
                let at = entries.partition_point(|entry| entry >> 8 < register);
                match entries.get_mut(at) {
                    Some(old) if *old >> 8 == register => *old = entry.max(*old),
                    _ => {
                        entries.insert(at, entry);
                        self.spread_out();
                    }
                }
            }
        }
    }

    /// Goes over to the dense form once it is the smaller.
    fn spread_out(&mut self) {
        if let Registers::Sparse(entries) = &self.0
            && entries.len() > SPARSE
        {
            let mut values = vec![0; REGISTERS].into_boxed_slice();
            for entry in entries {
                if let Some(value) = values.get_mut((entry >> 8) as usize) {
                    *value = *entry as u8;
                }
            }
            self.0 = Registers::Dense(values);
        }
    }
}

/// Ertl 2017, algorithm 6: α∞ m² over a sum of 2⁻ᵏ, corrected for registers that are empty (σ) or full (τ).
fn estimate(counts: &[u32; REST as usize + 2]) -> u64 {
    let m = REGISTERS as f64;
    let mut sum = m * tau(1.0 - f64::from(counts[REST as usize + 1]) / m);
    for count in counts[1..=REST as usize].iter().rev() {
        sum = 0.5 * (sum + f64::from(*count));
    }
    sum += m * sigma(f64::from(counts[0]) / m);
    let estimate = m * m / (2.0 * std::f64::consts::LN_2 * sum);
    estimate.round() as u64
}

/// σ(x) = x + Σₖ x^(2ᵏ) 2^(k−1); infinite at 1, where the sketch is empty.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// τ(x) = (1 − x − Σₖ (1 − x^(2⁻ᵏ))² 2⁻ᵏ) / 3; nothing at 0 and 1.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x).powi(2) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct(Registers::Sparse(Vec::new()))
    }
}

impl IsZero for Distinct {
    fn is_zero(&self) -> bool {
        matches!(&self.0, Registers::Sparse(entries) if entries.is_empty())
    }
}

impl Semigroup for Distinct {
    fn plus_equals(&mut self, more: &Self) {
        match &more.0 {
            Registers::Sparse(entries) => entries.iter().for_each(|entry| self.raise(entry >> 8, *entry as u8)),
            Registers::Dense(values) => {
                if let Registers::Sparse(entries) = &self.0 {
                    let few = entries.clone();
                    *self = more.clone();
                    few.iter().for_each(|entry| self.raise(entry >> 8, *entry as u8));
                } else {
                    (0..).zip(values).for_each(|(register, value)| self.raise(register, *value));
                }
            }
        }
    }
}

impl Monoid for Distinct {
    fn zero() -> Self {
        Distinct::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distinct(numbers: impl Iterator<Item = u32>) -> Distinct {
        let mut sketch = Distinct::default();
        numbers.for_each(|number| sketch.insert(&number.to_string()));
        sketch
    }

    #[test]
    fn the_error_stays_below_5_percent_up_to_a_million() {
        assert_eq!(Distinct::default().estimate(), 0);
        let mut sketch = Distinct::default();
        let checks = [1, 10, 100, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 50_000, 100_000, 300_000, 1_000_000];
        for number in 1..=1_000_000u32 {
            sketch.insert(&format!("user-{number}"));
            if checks.contains(&number) {
                let error = sketch.estimate() as f64 / f64::from(number) - 1.0;
                assert!(error.abs() < 0.05, "{number}: {error}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn merging_is_a_union_in_any_order(sizes in (0u32..3_000, 0u32..3_000, 0u32..3_000)) {
            let (a, b, c) = sizes;
            let [x, y, z] = [distinct(0..a), distinct(a / 2..a / 2 + b), distinct(b..b + c)];
            let whole = distinct((0..a).chain(b..b + c).chain(a / 2..a / 2 + b));
            let plus = |left: &Distinct, right: &Distinct| { let mut sum = left.clone(); sum.plus_equals(right); sum };
            prop_assert_eq!(&plus(&plus(&x, &y), &z), &whole);
            prop_assert_eq!(&plus(&z, &plus(&y, &x)), &whole);
            prop_assert_eq!(&plus(&whole, &x), &whole);
        }
    }
}
