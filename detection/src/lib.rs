//! What is strange about a series, a table, a set of series?
//!
//! | module | the question |
//! |---|---|
//! | [`series`] | how surprising is the next value of a stream of numbers? |
//! | [`forest`] | how unlike the others is a row of a table? |
//! | [`incident`] | which anomalies of many series are one incident, and what came first? |
//! | [`scoring`] | how good is a detector, by the rules of public benchmarks? |
//!
//! It knows no log, no dataflow and no file: numbers in, verdicts out, and what it remembers can be written down with `serde`.

pub mod forest;
pub mod incident;
pub mod scoring;
pub mod series;
