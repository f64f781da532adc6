//! Views `patterns` and `templates`: what messages of each service have in common, first seen when; `template_counts_1m`
//! and `template_counts_10m`: how often they came. A pattern that a service logs for the first time once it has been
//! known for a while is an anomaly of metric `new_template`.

use std::time::Duration;

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Flow, Log, Name, OTHER, Series, Service, days, hours, minutes, seconds};
use highwater_operators::{Occurrences, Pattern, Patterns, Sighting, Sightings, TemplateId, catalog};
use serde::{Deserialize, Serialize};

use crate::anomalies::Found;

/// A template that has not come for so long may come as a new one.
const REMEMBERED: Duration = days(30);
/// How long counts per ten seconds are kept.
pub(crate) const RECENT: Duration = minutes(10);
/// How long counts per minute are kept, at least.
pub(crate) const COUNTS_KEPT: Duration = hours(1);
/// How long counts per ten minutes are kept.
const TRENDS_KEPT: Duration = hours(24);

/// How new patterns of messages are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagePatterns {
    /// So long after its first message, in minutes, nothing that a service logs is new.
    pub learning_minutes: u64,
}

impl Default for MessagePatterns {
    fn default() -> Self {
        MessagePatterns { learning_minutes: 10 }
    }
}

impl MessagePatterns {
    fn learning(&self) -> Duration {
        Duration::from_secs(self.learning_minutes.saturating_mul(60))
    }
}

/// Of each template of each service.
pub type ByTemplate<'s, V> = VecCollection<'s, Epoch, ((Name, TemplateId), V), isize>;

/// What is seen of each template of each service.
pub struct Seen<'s> {
    /// How often it came lately, per ten seconds that are over.
    pub recent: Series<'s, (Name, TemplateId), Occurrences>,
    /// How often it came, per minute.
    pub counts: Series<'s, (Name, TemplateId), Occurrences>,
    /// Its text, and when it came first.
    pub templates: ByTemplate<'s, Sighting>,
    /// New patterns.
    pub anomalies: Found<'s>,
}

/// Masks and folds each log once; publishes the views.
pub fn build<'s>(flow: &mut Flow<'s>, config: &MessagePatterns) -> Seen<'s> {
    let retention = flow.settings().retention;
    let observe = |(occurrences, sightings): &mut (Occurrences, Sightings), log: &Log<'_>| {
        occurrences.observe(log);
        sightings.observe(log);
    };
    let folded = flow.logs().tumbling(seconds(10)).keep(COUNTS_KEPT).fold((Service, TemplateId::of_log()), observe);
    let occurrences = folded.part(|(occurrences, _)| *occurrences);
    let recent = occurrences.recent(RECENT).ended();
    let counts = occurrences.rollup(minutes(1), COUNTS_KEPT);
    flow.view(catalog::TEMPLATE_COUNTS_1M, &counts);
    flow.view(catalog::TEMPLATE_COUNTS_10M, &occurrences.rollup(minutes(10), TRENDS_KEPT));

    let daily = folded.part(|(_, sightings)| sightings.clone()).rollup(days(1), REMEMBERED);
    let templates = seen(daily.rows().map(|((key, _), sightings)| (key, sightings)));
    let patterns = templates.clone().map(|(key, sighting)| (key, sighting.template)).patterns();
    flow.table(catalog::TEMPLATES, patterns.clone().map(|(key, text)| (key, TemplateId::of_text(&text))));
    let patterns = judged(&templates, patterns, config.learning());
    flow.table(catalog::PATTERNS, patterns.clone());

    let found = patterns.flat_map(|((service, _), pattern)| pattern.anomaly(&service));
    let kept = flow.expire(found, retention, |anomaly| anomaly.window_start);
    flow.table(catalog::ANOMALIES, kept.clone().map(|anomaly| (Name::from(anomaly.id.as_str()), anomaly)));
    Seen { recent, counts, templates, anomalies: kept }
}

/// What is known of each template, from its days.
fn seen<'s>(days: ByTemplate<'s, Sightings>) -> ByTemplate<'s, Sighting> {
    days.reduce(|(_, id): &(Name, TemplateId), days, seen| {
        let mut days = days.iter().filter_map(|(sightings, _)| sightings.0.as_ref());
        let Some(mut sum) = days.next().cloned() else { return };
        days.for_each(|day| sum.join(day));
        if *id == TemplateId::OTHER {
            sum.template = Name::from(OTHER);
        }
        seen.push((sum, 1));
    })
}

/// The patterns by their id, and whether they are new to their service.
fn judged<'s>(
    seen: &ByTemplate<'s, Sighting>,
    patterns: ByTemplate<'s, Name>,
    learning: Duration,
) -> ByTemplate<'s, Pattern> {
    let since = seen.clone().map(|((service, _), sighting)| (service, sighting.first_seen));
    let since = since.reduce(|_, times, first| first.extend(times.first().map(|(time, _)| (**time, 1_isize))));
    let by_pattern = seen
        .clone()
        .join_map(patterns, |(service, id), sighting, text| ((service.clone(), text.clone()), (*id, sighting.clone())));
    let patterns = by_pattern.reduce(|(_, text), templates, patterns| {
        let sightings = templates.iter().map(|((id, sighting), _)| (*id, sighting));
        patterns.extend(Pattern::of(text, sightings).map(|pattern| (pattern, 1)));
    });
    let by_service = patterns.map(|((service, _), pattern)| (service, pattern));
    by_service.join_map(since, move |service, pattern, since| {
        let id = TemplateId::of_text(&pattern.pattern);
        // what was folded together is no pattern, and never new
        let learning = if *pattern.pattern == *OTHER { Duration::MAX } else { learning };
        ((service.clone(), id), pattern.clone().judged(*since, learning))
    })
}
