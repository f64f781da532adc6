//! [`Count`]: how many logs.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::Log;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many logs. The sum saturates.
///
/// ```
/// use differential_dataflow::difference::Semigroup;
/// use highwater_operators::Count;
/// let mut logs = Count(2);
/// logs.plus_equals(&Count(3));
/// assert_eq!(logs.get(), 5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Count(pub u64);

impl Count {
    /// Counts one log.
    pub fn observe(&mut self, _: &Log<'_>) {
        self.0 = self.0.saturating_add(1);
    }

    /// The number.
    pub const fn get(&self) -> u64 {
        self.0
    }
}

impl IsZero for Count {
    fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl Semigroup for Count {
    fn plus_equals(&mut self, more: &Self) {
        self.0 = self.0.saturating_add(more.0);
    }
}

impl Monoid for Count {
    fn zero() -> Self {
        Count(0)
    }
}
