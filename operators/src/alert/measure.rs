//! [`Measure`]: what a rule measures, step by step. Rules that measure the same share it, however long their windows are.

use std::time::Duration;

use differential_dataflow::difference::Semigroup;
use highwater_engine::{Level, Name, minutes, seconds};
use serde::{Deserialize, Serialize};

use super::spec::selects;
use crate::{
    Dimension, Evaluate, Histogram, Levels, Real, RuleMetric, RuleSpec, ServiceStats, TemplateId, stable_hash,
};

/// The group of all logs together.
pub const TOGETHER: &str = "*";

/// What is measured, of which logs, in which steps: windows slide over those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Measure {
    /// What; absence is a count.
    metric: RuleMetric,
    /// Ascending.
    levels: Vec<Level>,
    /// None where the services are the groups: rules choose among them.
    services: Vec<Name>,
    group_by: Option<Dimension>,
    step: Duration,
    evaluate: Evaluate,
}

/// What logs are known by, before they are grouped as rules ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// Logs of a service, or of all, which is called [`TOGETHER`].
    Service(Name),
    /// Logs of a service on a host.
    Host(Name, Name),
    /// Messages of a service and template.
    Template(Name, TemplateId),
    /// An anomaly by its id: of a service, or of all together.
    Anomaly(Option<Name>, Name),
}

/// What is known of the logs of an origin in a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fact {
    /// Levels and latencies.
    Stats(ServiceStats),
    /// Levels alone.
    Levels(Levels),
    /// The score of an anomaly.
    Score(Real),
}

/// What a fact contributes to a group's measure in a step. Parts of one measure are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// Logs that count.
    Count(u64),
    /// Logs that count, of all.
    Share(u64, u64),
    /// Latencies.
    Latency(Histogram),
    /// The greatest score.
    Score(Real),
}

impl Measure {
    /// What a rule measures in a job of this retention.
    pub fn of(spec: &RuleSpec, retention: Duration) -> Self {
        let mut levels = spec.levels.clone();
        levels.sort_unstable();
        levels.dedup();
        let mut services = if spec.group_by == Some(Dimension::Service) { Vec::new() } else { spec.services.clone() };
        services.sort_unstable();
        services.dedup();
        let metric = if spec.metric == RuleMetric::Absence { RuleMetric::Count } else { spec.metric };
        let step = match spec.group_by {
            Some(Dimension::Template) => minutes(1),
            Some(Dimension::Host) => seconds(10),
            _ if spec.time_window <= retention => seconds(10),
            _ => minutes(1),
        };
        let RuleSpec { group_by, evaluate, .. } = *spec;
        Measure { metric, levels, services, group_by, step, evaluate }
    }

    /// How far apart windows are: 10 s where the rule's are no longer than the job's retention, an hour by default, else
    /// 1 min; by template always 1 min. Windows end at multiples of it and are half-open.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// Steps of a window so long. One that is no multiple of the step is rounded up.
    pub fn steps(&self, time_window: Duration) -> u32 {
        let steps = time_window.as_micros().div_ceil(self.step.as_micros().max(1));
        u32::try_from(steps).unwrap_or(u32::MAX).max(1)
    }

    /// What is measured.
    pub fn metric(&self) -> RuleMetric {
        self.metric
    }

    /// How its groups differ.
    pub fn group_by(&self) -> Option<Dimension> {
        self.group_by
    }

    /// Whether windows under way are measured, too.
    pub fn is_provisional(&self) -> bool {
        self.evaluate == Evaluate::Provisional
    }

    /// Says which measure it is, in every process and across restarts.
    pub fn id(&self) -> u64 {
        stable_hash(format!("{self:?}").as_bytes())
    }

    /// Whether it is measured of what comes from there.
    pub fn takes(&self, origin: &Origin) -> bool {
        let is_score = self.metric == RuleMetric::AnomalyScore;
        match (origin, self.group_by) {
            (Origin::Service(service), None | Some(Dimension::Service | Dimension::Level)) => {
                self.takes_service(service)
            }
            (Origin::Host(service, _), Some(Dimension::Host)) => selects(&self.services, service),
            (Origin::Template(service, _), Some(Dimension::Template)) => selects(&self.services, service),
            (Origin::Anomaly(Some(_), _), Some(Dimension::Service)) => is_score,
            (Origin::Anomaly(Some(service), _), None) => is_score && selects(&self.services, service),
            (Origin::Anomaly(None, _), None) => is_score && self.services.is_empty(),
            _ => false,
        }
    }

    /// What a fact from a place that it [takes](Measure::takes) contributes, to which groups.
    pub fn parts(&self, origin: &Origin, fact: &Fact) -> Vec<(Name, Part)> {
        let group = match (self.group_by, origin) {
            (Some(Dimension::Level), _) => return self.parts_by_level(fact),
            (Some(Dimension::Service), Origin::Service(service) | Origin::Anomaly(Some(service), _)) => service.clone(),
            (Some(Dimension::Host), Origin::Host(_, host)) => host.clone(),
            (Some(Dimension::Template), Origin::Template(_, id)) => Name::from(id.to_string()),
            _ => Name::from(TOGETHER),
        };
        self.part(fact).map(|part| (group, part)).into_iter().collect()
    }

    /// All logs together are folded as one service, so that nothing needs to be added up where no service is named.
    fn takes_service(&self, service: &str) -> bool {
        let is_all = service == TOGETHER;
        match self.group_by {
            Some(Dimension::Service) => !is_all,
            _ if self.services.is_empty() => is_all,
            _ => !is_all && selects(&self.services, service),
        }
    }

    fn part(&self, fact: &Fact) -> Option<Part> {
        let levels = match fact {
            Fact::Stats(stats) => &stats.levels,
            Fact::Levels(levels) => levels,
            Fact::Score(_) => &Levels::default(),
        };
        let part = match (self.metric, fact) {
            (RuleMetric::AnomalyScore, Fact::Score(score)) => Part::Score(*score),
            (_, Fact::Score(_)) | (RuleMetric::LatencyP95, Fact::Levels(_)) => return None,
            (RuleMetric::AnomalyScore, _) => Part::Score(Real::default()),
            (RuleMetric::Count | RuleMetric::Absence, _) => Part::Count(self.chosen(levels, levels.total())),
            (RuleMetric::ErrorRate, _) => Part::Share(self.chosen(levels, levels.errors()), levels.total()),
            (RuleMetric::LatencyP95, Fact::Stats(stats)) => Part::Latency(stats.latency.clone()),
        };
        Some(part)
    }

    fn chosen(&self, levels: &Levels, otherwise: u64) -> u64 {
        if self.levels.is_empty() { otherwise } else { self.levels.iter().map(|level| levels.of(*level)).sum() }
    }

    fn parts_by_level(&self, fact: &Fact) -> Vec<(Name, Part)> {
        let Fact::Stats(ServiceStats { levels, .. }) = fact else { return Vec::new() };
        let chosen = |level: &Level| self.levels.is_empty() || self.levels.contains(level);
        let there = levels.iter().filter(|(level, count)| *count > 0 && chosen(level));
        there.map(|(level, count)| (Name::from(level.as_str()), Part::Count(count))).collect()
    }

    /// What a window comes to that has these parts; none where nothing can be measured.
    pub fn value<'a>(&self, mut parts: impl Iterator<Item = &'a Part>) -> Option<Real> {
        let (first, second) = (parts.next(), parts.next());
        let Some((first, second)) = first.zip(second) else { return self.value_of(first) };
        let mut sum = first.clone();
        std::iter::once(second).chain(parts).for_each(|part| sum.add(part));
        self.value_of(Some(&sum))
    }

    /// What a window comes to whose parts add up to this.
    pub fn value_of(&self, sum: Option<&Part>) -> Option<Real> {
        let value = match sum {
            None => return (self.metric == RuleMetric::Count).then(Real::default),
            Some(Part::Count(count)) => *count as f64,
            Some(Part::Share(_, 0)) => return None,
            Some(Part::Share(some, all)) => 100.0 * *some as f64 / *all as f64,
            Some(Part::Latency(latencies)) => latencies.quantile(0.95)? as f64 / 1000.0,
            Some(Part::Score(score)) => **score,
        };
        Some(Real::from(value))
    }
}

impl Part {
    /// Adds another part of the same measure.
    pub fn add(&mut self, more: &Part) {
        match (self, more) {
            (Part::Count(sum), Part::Count(more)) => *sum = sum.saturating_add(*more),
            (Part::Share(some, all), Part::Share(more, of)) => {
                *some = some.saturating_add(*more);
                *all = all.saturating_add(*of);
            }
            (Part::Latency(sum), Part::Latency(more)) => sum.plus_equals(more),
            (Part::Score(greatest), Part::Score(score)) => *greatest = (*greatest).max(*score),
            _ => {}
        }
    }

    /// Takes a part away that was added before. Gives whether that can be done: a greatest value cannot be taken back.
    #[must_use]
    pub fn take_away(&mut self, less: &Part) -> bool {
        match (self, less) {
            (Part::Count(sum), Part::Count(less)) => *sum = sum.saturating_sub(*less),
            (Part::Share(some, all), Part::Share(less, of)) => {
                *some = some.saturating_sub(*less);
                *all = all.saturating_sub(*of);
            }
            (Part::Latency(sum), Part::Latency(less)) => sum.take_away(less),
            _ => return false,
        }
        true
    }
}
