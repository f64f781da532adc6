//! [`Pattern`]: templates that are one, what is known of them, and whether they are news.

use std::{collections::BTreeSet, time::Duration};

use highwater_engine::{Level, Name, Timestamp, Window, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Anomaly, AnomalyType, Evidence, Method, Real, Severity, Sighting, TemplateId};

/// A pattern of a service's messages, which may cover several templates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pattern {
    /// Its text: a template with `<*>` for words that are variables too.
    pub pattern: Name,
    /// When its first message came.
    pub first_seen: Timestamp,
    /// Its first message.
    pub example: Name,
    /// The gravest level of its messages.
    pub level: Level,
    /// Whether it was first seen after its service had been known for a while.
    pub new: bool,
    /// How many templates it covers.
    pub templates: u32,
    /// The first of them by id, [`Pattern::TEMPLATE_IDS`] at most.
    pub template_ids: Vec<TemplateId>,
    /// How many messages, counted up to [`Sighting::MOST`].
    pub count: u32,
}

/// The metric of the anomalies that new patterns are.
const METRIC: &str = "new_template";
/// The windows that these anomalies are told by.
const WINDOW: Duration = seconds(10);

impl Pattern {
    /// Template ids that are listed.
    pub const TEMPLATE_IDS: usize = 100;

    /// What the sightings of its templates amount to; `None` where there are none.
    pub fn of<'a>(pattern: &Name, sightings: impl IntoIterator<Item = (TemplateId, &'a Sighting)>) -> Option<Self> {
        let mut sum: Option<Sighting> = None;
        let mut ids = BTreeSet::new();
        for (id, sighting) in sightings {
            ids.insert(id);
            match &mut sum {
                Some(sum) => sum.join(sighting),
                None => sum = Some(sighting.clone()),
            }
        }
        let Sighting { first_seen, example, level, count, .. } = sum?;
        let templates = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let template_ids = ids.into_iter().take(Self::TEMPLATE_IDS).collect();
        Some(Pattern {
            pattern: pattern.clone(),
            first_seen,
            example,
            level,
            new: false,
            templates,
            template_ids,
            count,
        })
    }

    /// Whether it is new, told by when its service's first message came and how long its patterns are learned from then.
    #[must_use]
    pub fn judged(mut self, service_since: Timestamp, learning: Duration) -> Self {
        self.new = self.first_seen >= service_since.plus(learning);
        self
    }

    /// The anomaly that a new pattern is; `None` for one that is not. The graver its level and the more often it came, the
    /// graver it is.
    pub fn anomaly(&self, service: &Name) -> Option<Anomaly> {
        let often = self.count >= Sighting::MOST;
        let severity = match (self.level, often) {
            (Level::Fatal, true) => Severity::Critical,
            (Level::Fatal, false) | (Level::Error, true) => Severity::High,
            (Level::Error, false) | (Level::Warn, true) => Severity::Medium,
            _ => Severity::Low,
        };
        let window = Window::containing(self.first_seen, WINDOW);
        let id = Anomaly::id_of(METRIC, Some(service), window.start, AnomalyType::PatternChange);
        let count = Real::from(f64::from(self.count));
        let zero = Real::from(0.0);
        self.new.then(|| Anomaly {
            // several patterns may begin in one window
            id: format!("{id}:{}", TemplateId::of_text(&self.pattern)),
            detected_at: self.first_seen,
            window_start: window.start,
            window_end: window.end(WINDOW),
            metric_name: Name::from(METRIC),
            service: Some(service.clone()),
            anomaly_type: AnomalyType::PatternChange,
            methods: vec![Method::FirstSeen],
            score: Real::from(1.0),
            severity,
            actual_value: count,
            expected_value: zero,
            deviation_percent: Real::from(100.0),
            description: format!("{service} logs {} messages as never before: {}", self.level, self.pattern),
            evidence: Evidence {
                z_score: zero,
                moving_average_deviation_percent: None,
                isolation_forest_score: None,
                history_windows: 0,
                band: [zero, zero],
                long_term: None,
            },
            shifts: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use highwater_engine::minutes;

    use super::*;

    fn sighting(minute: u64, level: Level, count: u32) -> Sighting {
        let first_seen = Timestamp::from_millis(0).plus(minutes(minute));
        let example = Name::from(format!("seen in minute {minute}"));
        Sighting { template: Name::from("seen in minute <num>"), first_seen, example, level, count }
    }

    fn anomaly(minute: u64, level: Level, count: u32) -> Option<Anomaly> {
        let seen = sighting(minute, level, count);
        let pattern = Pattern::of(&seen.template, [(TemplateId::OTHER, &seen)]).unwrap();
        pattern.judged(Timestamp::from_millis(0), minutes(10)).anomaly(&Name::from("cart"))
    }

    #[test]
    fn the_first_message_of_any_template_is_that_of_the_pattern() {
        let (late, early) = (sighting(7, Level::Error, 60), sighting(3, Level::Info, 70));
        let ids = ["a", "b"].map(TemplateId::of_text);
        let pattern = Pattern::of(&Name::from("seen in <*>"), [(ids[0], &late), (ids[1], &early)]).unwrap();
        assert_eq!((&*pattern.example, pattern.first_seen), ("seen in minute 3", early.first_seen));
        assert_eq!((pattern.level, pattern.count, pattern.templates), (Level::Error, 100, 2));
        assert_eq!(BTreeSet::from_iter(pattern.template_ids), BTreeSet::from(ids));
        assert_eq!(Pattern::of(&Name::from("seen"), []), None);
    }

    #[test]
    fn only_what_comes_after_the_learning_is_an_anomaly_and_as_grave_as_its_level() {
        assert_eq!(anomaly(9, Level::Fatal, 1), None);
        let severity = |level, count| anomaly(10, level, count).unwrap().severity;
        assert_eq!((severity(Level::Fatal, 99), severity(Level::Fatal, 100)), (Severity::High, Severity::Critical));
        assert_eq!((severity(Level::Error, 1), severity(Level::Error, 100)), (Severity::Medium, Severity::High));
        assert_eq!((severity(Level::Warn, 99), severity(Level::Warn, 100)), (Severity::Low, Severity::Medium));
        assert_eq!(severity(Level::Info, 100), Severity::Low);
    }
}
