//! How good is a detector, by the rules of public benchmarks?

pub mod grouping;
pub mod incident;
pub mod nab;
pub mod outlier;
