//! What can be configured of watching many series. Lengths are numbers of windows, so they suit windows of any length.

use serde::{Deserialize, Serialize};

/// How many series become incidents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchConfig {
    /// What is normal for a series.
    pub baseline: BaselineConfig,
    /// So many windows in a row a series has to be out of line, to the same side: the least surprising of them counts.
    pub in_a_row: usize,
    /// What belongs together.
    pub grouping: GroupingConfig,
    /// Series beyond this number are not watched, but counted.
    pub most_series: usize,
}

/// What is normal for a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineConfig {
    /// The expected value is the median of so many values before.
    pub recent: usize,
    /// No verdict before so many values.
    pub at_least: usize,
    /// So many past residuals say how far the series strays.
    pub memory: usize,
    /// The quantile of past residuals that counts as two standard deviations: straying as rare as that is the series' habit.
    pub habit: f64,
    /// The least standard deviation, as a share of the expected value.
    pub floor: f64,
    /// A series out of line for longer than this has found a new normal, and it is learned.
    pub absorb_after: usize,
}

/// Which signs make an incident, and which join it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupingConfig {
    /// A service's evidence is the mean surprise of so many of its series, the most surprising ones.
    pub corroborating: usize,
    /// The evidence from which an incident is opened.
    pub open_from: f64,
    /// The surprise from which a series joins an incident nearby.
    pub join_from: f64,
    /// So many windows after the one that opened it an incident still grows.
    pub grows: u32,
    /// A series that was quiet for more windows than this has left its incident.
    pub quiet: u32,
    /// So many incidents are open at once; the oldest gives way.
    pub most_open: usize,
}

impl Default for WatchConfig {
    fn default() -> Self {
        WatchConfig {
            baseline: BaselineConfig::default(),
            in_a_row: 3,
            grouping: GroupingConfig::default(),
            most_series: 100_000,
        }
    }
}

impl Default for BaselineConfig {
    fn default() -> Self {
        BaselineConfig { recent: 60, at_least: 10, memory: 480, habit: 0.95, floor: 0.02, absorb_after: 12 }
    }
}

impl Default for GroupingConfig {
    fn default() -> Self {
        GroupingConfig { corroborating: 4, open_from: 2.0, join_from: 1.0, grows: 5, quiet: 2, most_open: 64 }
    }
}

impl GroupingConfig {
    /// For anomalies that were judged before: each of them is worth an incident.
    pub fn of_anomalies() -> Self {
        GroupingConfig { corroborating: 1, open_from: 0.0, join_from: 0.0, ..GroupingConfig::default() }
    }

    /// A series that is enough to open an incident is enough to join one.
    pub(super) fn joins_from(&self) -> f64 {
        self.join_from.min(self.open_from)
    }
}
