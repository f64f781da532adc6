//! [`EdgeStats`]: what is told of the calls between two services.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Histogram, Ratio};

/// Calls of one service by another: how many, how many of them failed, how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct EdgeStats {
    /// Calls.
    pub calls: u64,
    /// Calls in which the callee logged an ERROR or FATAL.
    pub errors: u64,
    /// Latencies of the calls that have one.
    pub latency: Histogram,
}

impl EdgeStats {
    /// Takes so many calls in that are alike.
    pub fn add(&mut self, is_error: bool, latency_micros: Option<u64>, calls: u64) {
        self.calls = self.calls.saturating_add(calls);
        self.errors = self.errors.saturating_add(if is_error { calls } else { 0 });
        if let Some(micros) = latency_micros {
            self.latency.add_many(micros, calls);
        }
    }

    /// Errors over calls.
    pub const fn error_rate(&self) -> Ratio {
        Ratio::new(self.errors, self.calls)
    }
}

impl IsZero for EdgeStats {
    fn is_zero(&self) -> bool {
        self.calls == 0
    }
}

impl Semigroup for EdgeStats {
    fn plus_equals(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.errors = self.errors.saturating_add(more.errors);
        self.latency.plus_equals(&more.latency);
    }
}

impl Monoid for EdgeStats {
    fn zero() -> Self {
        EdgeStats::default()
    }
}
