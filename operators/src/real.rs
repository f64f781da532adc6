//! [`Real`]: floats as data.

/// A floating-point number that differential dataflow can sort, hash and compare: NaN equals itself and comes last.
/// Nothing in this crate makes a NaN or an infinity of finite input.
pub type Real = ordered_float::OrderedFloat<f64>;
