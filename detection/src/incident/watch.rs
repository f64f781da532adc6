//! [`Watch`]: from the values of many series, a window at a time, to incidents.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Baseline, Calls, Change, Deviation, Grouping, Incident, Sign, WatchConfig};

/// Watches many series of many services. What it remembers is data: it can be written down and gone on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    config: WatchConfig,
    services: BTreeMap<String, BTreeMap<String, Series>>,
    series: usize,
    unwatched: u64,
    grouping: Grouping,
}

/// A series: its past, and how surprising its last windows were; below 0 where the value was too low.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Series {
    baseline: Baseline,
    last: VecDeque<f64>,
}

impl Watch {
    /// Nothing seen yet.
    pub fn new(config: &WatchConfig) -> Self {
        Watch {
            config: *config,
            services: BTreeMap::new(),
            series: 0,
            unwatched: 0,
            grouping: Grouping::new(&config.grouping),
        }
    }

    /// The values of one window, each with its service and metric, and what became of the incidents. Windows come in
    /// ascending order.
    pub fn step<'a>(
        &mut self,
        window: i64,
        values: impl IntoIterator<Item = (&'a str, &'a str, f64)>,
        calls: &Calls,
    ) -> Vec<(Change, Incident)> {
        let mut signs = Vec::new();
        for (service, metric, value) in values {
            let in_a_row = self.config.in_a_row.max(1);
            let Some(series) = self.series(service, metric) else {
                self.unwatched += 1;
                continue;
            };
            if let Some((deviation, surprise)) = series.push(value, in_a_row) {
                signs.push(sign(service, metric, window, &deviation, surprise));
            }
        }
        self.grouping.step(window, signs, calls)
    }

    /// The incidents that are open.
    pub fn open(&self) -> &[Incident] {
        self.grouping.open()
    }

    /// How many values were of series beyond the bound.
    pub fn unwatched(&self) -> u64 {
        self.unwatched
    }

    fn series(&mut self, service: &str, metric: &str) -> Option<&mut Series> {
        let known = self.services.get(service).is_some_and(|metrics| metrics.contains_key(metric));
        if !known {
            if self.series >= self.config.most_series {
                return None;
            }
            self.series += 1;
            let new = Series { baseline: Baseline::new(&self.config.baseline), last: VecDeque::new() };
            self.services.entry(service.to_owned()).or_default().insert(metric.to_owned(), new);
        }
        self.services.get_mut(service)?.get_mut(metric)
    }
}

impl Series {
    /// The deviation, and how surprising the least surprising of the last windows was. A value that is not there is
    /// unremarkable.
    fn push(&mut self, value: f64, in_a_row: usize) -> Option<(Deviation, f64)> {
        let deviation = self.baseline.push(value);
        let surprise = deviation.map_or(0.0, |deviation| deviation.surprise().copysign(deviation.z()));
        self.last.push_back(surprise);
        while self.last.len() > in_a_row {
            self.last.pop_front();
        }
        let all = self.last.len() == in_a_row;
        let same_side = self.last.iter().all(|one| *one > 0.0) || self.last.iter().all(|one| *one < 0.0);
        let least = self.last.iter().map(|one| one.abs()).fold(f64::INFINITY, f64::min);
        deviation.filter(|_| all && same_side).map(|deviation| (deviation, least))
    }
}

fn sign(service: &str, metric: &str, window: i64, deviation: &Deviation, surprise: f64) -> Sign {
    Sign {
        service: service.to_owned(),
        metric: metric.to_owned(),
        until: window,
        surprise,
        actual: deviation.actual,
        expected: deviation.expected,
        band: deviation.band(),
    }
}
