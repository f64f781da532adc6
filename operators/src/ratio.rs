//! [`Ratio`]: an exact fraction.

use std::cmp::Ordering;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

/// A part of a whole, exactly: errors of logs, hits of requests. Ordered by value, then by the whole, so that the same
/// rate over more logs comes later; equal only when both numbers are.
///
/// In JSON `{"numerator": 3, "denominator": 4, "value": 0.75}`: whoever reads the value can judge its weight.
///
/// ```
/// use highwater_operators::Ratio;
/// assert_eq!(Ratio::new(3, 4).value(), 0.75);
/// assert_eq!(Ratio::new(0, 0).value(), 0.0);
/// assert!(Ratio::new(1, 3) < Ratio::new(1, 2));
/// assert!(Ratio::new(1, 2) < Ratio::new(50, 100));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub struct Ratio {
    /// The part.
    pub numerator: u64,
    /// The whole.
    pub denominator: u64,
}

impl Ratio {
    /// So much of so much.
    pub const fn new(numerator: u64, denominator: u64) -> Self {
        Ratio { numerator, denominator }
    }

    /// The part over the whole; 0 where the whole is 0. Never NaN, never infinite.
    pub fn value(&self) -> f64 {
        if self.denominator == 0 { 0.0 } else { self.numerator as f64 / self.denominator as f64 }
    }

    /// The value times 100.
    pub fn percent(&self) -> f64 {
        self.value() * 100.0
    }

    /// As a fraction of a whole that is not 0.
    const fn proper(self) -> (u128, u128) {
        if self.denominator == 0 { (0, 1) } else { (self.numerator as u128, self.denominator as u128) }
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((a, b), (c, d)) = (self.proper(), other.proper());
        (a * d)
            .cmp(&(c * b))
            .then_with(|| self.denominator.cmp(&other.denominator))
            .then_with(|| self.numerator.cmp(&other.numerator))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let readable = serializer.is_human_readable();
        let mut ratio = serializer.serialize_struct("Ratio", if readable { 3 } else { 2 })?;
        ratio.serialize_field("numerator", &self.numerator)?;
        ratio.serialize_field("denominator", &self.denominator)?;
        if readable {
            ratio.serialize_field("value", &self.value())?;
        }
        ratio.end()
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["numerator", "denominator", "value"],
            "properties": {
                "numerator": { "type": "integer", "minimum": 0 },
                "denominator": { "type": "integer", "minimum": 0 },
                "value": { "type": "number", "description": "numerator / denominator; 0 where the denominator is 0" },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_says_the_value_and_reads_back() {
        let json = serde_json::to_string(&Ratio::new(3, 4)).unwrap();
        assert_eq!(json, r#"{"numerator":3,"denominator":4,"value":0.75}"#);
        assert_eq!(serde_json::from_str::<Ratio>(&json).unwrap(), Ratio::new(3, 4));
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_values(a in any::<u64>(), b in any::<u64>(), c in any::<u64>(), d in any::<u64>()) {
            let (left, right) = (Ratio::new(a, b % 50), Ratio::new(c, d % 50));
            prop_assert_eq!(left == right, left.cmp(&right) == Ordering::Equal);
            if left.value() < right.value() {
                prop_assert!(left < right);
            }
        }
    }
}
