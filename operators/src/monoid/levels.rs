//! [`Levels`]: how many logs of each level.

use differential_dataflow::difference::{IsZero, Monoid, Semigroup};
use highwater_engine::{Level, Log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Ratio;

/// How many logs of each level; in JSON an object keyed by the level's name.
///
/// ```
/// use highwater_engine::Level;
/// use highwater_operators::Levels;
/// let mut levels = Levels::default();
/// [Level::Info, Level::Info, Level::Warn, Level::Fatal].map(|level| levels.add(level));
/// assert_eq!((levels.of(Level::Info), levels.total(), levels.errors()), (2, 4, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Levels {
    /// TRACE.
    pub trace: u64,
    /// DEBUG.
    pub debug: u64,
    /// INFO.
    pub info: u64,
    /// WARN.
    pub warn: u64,
    /// ERROR.
    pub error: u64,
    /// FATAL and CRITICAL.
    pub fatal: u64,
}

impl Levels {
    /// Counts one log.
    pub fn observe(&mut self, log: &Log<'_>) {
        self.add(log.level());
    }

    /// Counts one log of this level.
    pub fn add(&mut self, level: Level) {
        let slot = self.slot(level);
        *slot = slot.saturating_add(1);
    }

    /// How many logs of this level.
    pub const fn of(&self, level: Level) -> u64 {
        match level {
            Level::Trace => self.trace,
            Level::Debug => self.debug,
            Level::Info => self.info,
            Level::Warn => self.warn,
            Level::Error => self.error,
            Level::Fatal => self.fatal,
        }
    }

    /// Every level with its count, least grave first.
    pub fn iter(&self) -> impl Iterator<Item = (Level, u64)> + '_ {
        Level::ALL.into_iter().map(|level| (level, self.of(level)))
    }

    /// Logs of any level.
    pub fn total(&self) -> u64 {
        self.iter().fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Logs of level ERROR or FATAL.
    pub const fn errors(&self) -> u64 {
        self.error.saturating_add(self.fatal)
    }

    /// Errors over logs.
    pub fn error_rate(&self) -> Ratio {
        Ratio::new(self.errors(), self.total())
    }

    fn slot(&mut self, level: Level) -> &mut u64 {
        match level {
            Level::Trace => &mut self.trace,
            Level::Debug => &mut self.debug,
            Level::Info => &mut self.info,
            Level::Warn => &mut self.warn,
            Level::Error => &mut self.error,
            Level::Fatal => &mut self.fatal,
        }
    }
}

impl IsZero for Levels {
    fn is_zero(&self) -> bool {
        *self == Levels::default()
    }
}

impl Semigroup for Levels {
    fn plus_equals(&mut self, more: &Self) {
        for (level, count) in more.iter() {
            let slot = self.slot(level);
            *slot = slot.saturating_add(count);
        }
    }
}

impl Monoid for Levels {
    fn zero() -> Self {
        Levels::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_the_levels_as_logs_do() {
        let mut levels = Levels::default();
        Level::ALL.iter().for_each(|level| levels.add(*level));
        let json = serde_json::to_value(levels).unwrap();
        assert!(Level::ALL.iter().all(|level| json[level.as_str()] == 1));
        let mut twice = levels;
        twice.plus_equals(&levels);
        assert_eq!((twice.total(), twice.errors(), twice.of(Level::Warn)), (12, 4, 2));
    }
}
