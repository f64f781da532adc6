//! The wall clock, in the milliseconds that are written down: what is read again is what was written.

use highwater_engine::Timestamp;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(Timestamp::now().as_micros().div_euclid(1_000))
}
