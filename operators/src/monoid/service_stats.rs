//! [`ServiceStats`]: what the metrics of a service are read from.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::{Level, Log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Histogram, Levels};

/// Logs by level and a histogram of latencies: per service and window, everything that volume, error rate, level
/// breakdown and latency percentiles are read from, over any range of windows added up.
///
/// ```
/// use highwater_engine::Level;
/// use highwater_operators::ServiceStats;
/// let mut stats = ServiceStats::default();
/// stats.add(Level::Error, Some(40));
/// stats.add(Level::Info, None);
/// assert_eq!((stats.levels.total(), stats.levels.errors(), stats.latency.quantile(0.5)), (2, 1, Some(40)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStats {
    /// Logs by level.
    pub levels: Levels,
    /// Latencies of the logs that have one.
    pub latency: Histogram,
}

impl ServiceStats {
    /// Takes one log in.
    pub fn observe(&mut self, log: &Log<'_>) {
        self.add(log.level(), log.latency_micros());
    }

    /// Takes one log in, by its level and its latency in microseconds.
    pub fn add(&mut self, level: Level, latency_micros: Option<u64>) {
        self.levels.add(level);
        if let Some(micros) = latency_micros {
            self.latency.add(micros);
        }
    }
}

impl IsZero for ServiceStats {
    fn is_zero(&self) -> bool {
        self.levels.is_zero() && self.latency.is_zero()
    }
}

impl Semigroup for ServiceStats {
    fn plus_equals(&mut self, more: &Self) {
        self.levels.plus_equals(&more.levels);
        self.latency.plus_equals(&more.latency);
    }
}

impl Monoid for ServiceStats {
    fn zero() -> Self {
        ServiceStats::default()
    }
}
