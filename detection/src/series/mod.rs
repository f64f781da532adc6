//! One value at a time: how surprising is the next value of a stream of numbers?
//!
//! Four methods look at each value, each against a memory of its own, and say how rare what they see is in decades (3 is
//! once in a thousand rows):
//!
//! | method | asks | file |
//! |---|---|---|
//! | level | how far is the value from what is expected at this time? | `expectation` |
//! | jump | how far is it from the last rows? | `detector` |
//! | shape | have the last rows looked like this before? | `novelty` |
//! | drift | has the distance from what is expected gone this way before? | `novelty` |
//!
//! Rareness is always judged by the method's own past (`tail`): a series that spikes every day raises its own bar.
//! The greatest counts whole, the second half, the third a quarter. A series that is new is believed less (`youth`), what is
//! strange for some rows adds up (`evidence`), what goes on or comes again counts less (`event`), and after an alarm only
//! what is worse is told (`alarm`).

mod alarm;
mod config;
mod detector;
mod event;
mod evidence;
mod expectation;
mod novelty;
mod season;
mod tail;
mod verdict;
mod window;
mod youth;

pub use config::Config;
pub use detector::Detector;
pub use verdict::{Kind, Surprises, Verdict, rows_per_alarm};
