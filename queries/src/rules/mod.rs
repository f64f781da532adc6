//! Alert rules that people write: views `alerts` and `pending_alerts`.
//!
//! ```text
//!  facts ──per origin──► measuring ──parts──per measure and group──► judging ──± alerts──► views
//!  rules ──to all────────────┴────────────────────────────────────────┘└─ settled (a base collection)
//! ```
//!
//! Logs are folded no further than the other queries do: rules read their base collections. A rule asks for a
//! [`Measure`]; what nobody asks for is not measured, and what many ask for is measured once. A rule is looked at when a
//! group of its measure has a new window, or a corrected one. A window of which the watermark has not passed the end
//! is nothing but stored, unless a provisional rule asks for it.
//!
//! A rule is judged over the past that is kept, from its first day on: what holds now fires with its true beginning.
//! When a rule is deleted, switched off or edited so that it holds no longer, its alerts are retracted; who told somebody
//! that they fire tells that they are over. Late logs correct alerts. What is older than rows allow to correct is
//! settled: it is remembered by a base collection, so that an alert may fire for longer than logs are kept, and through
//! restarts. An alert whose group has had no log for a day is forgotten.

mod by_service;
mod facts;
mod group;
mod judging;
mod measuring;
mod sliding;
mod track;
mod windows;

use std::time::Duration;

use highwater_engine::{Flow, Host, Input, Name, Series, Service, hours, minutes, seconds};
use highwater_operators::{
    AlertStatus, Dimension, Measure, Occurrences, RuleMetric, RuleSpec, ServiceStats, TemplateId, catalog,
};
use serde::{Deserialize, Serialize};

use crate::{Stats, anomalies::Found, patterns::COUNTS_KEPT};
use judging::{Evidence, Judging, Verdict};
use measuring::Measuring;

/// What people alert on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Whether logs are folded per host, too, so that rules can be grouped by it. Costs a fold per log, and memory by the
    /// number of hosts.
    pub by_host: bool,
    /// The rules by their id.
    #[serde(skip)]
    pub input: Input<Name, RuleSpec>,
}

/// As configured; rules are data.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.by_host == other.by_host
    }
}

/// Statistics per service and host.
pub type Hosts<'s> = Series<'s, (Name, Name), ServiceStats>;

/// What rules are measured on. Rules that ask for what is missing never fire.
pub struct Sources<'s> {
    /// Levels and latencies.
    pub stats: Stats<'s>,
    /// Messages per template and minute.
    pub templates: Option<Series<'s, (Name, TemplateId), Occurrences>>,
    /// Anomalies, for the retention after their end.
    pub anomalies: Option<Found<'s>>,
    /// Levels and latencies per host: see [`hosts`].
    pub hosts: Option<Hosts<'s>>,
}

/// So much longer than the longest window of a kind are its rows kept, at least.
const MARGIN: Duration = minutes(30);

/// Folds logs per host.
pub fn hosts<'s>(flow: &Flow<'s>) -> Hosts<'s> {
    let kept = hours(1) + MARGIN;
    flow.logs().tumbling(seconds(10)).keep(kept).aggregate((Service, Host), ServiceStats::observe)
}

/// Publishes the alerts of the rules. Those that are over are shown for as long as the job retains.
pub fn build<'s>(flow: &mut Flow<'s>, rules: &Rules, sources: &Sources<'s>) {
    let retention = flow.settings().retention;
    build_for(flow, rules, sources, retention);
}

/// As [`build`] does; those that are over are shown for `keep`.
pub(crate) fn build_for<'s>(flow: &mut Flow<'s>, rules: &Rules, sources: &Sources<'s>, keep: Duration) {
    let retention = flow.settings().retention;
    let specs = flow.input("rules", &rules.input).map(|(id, spec)| RuleSpec { id, ..spec });
    let specs = specs.filter(|spec| spec.problems().is_empty());
    let facts = facts::of(sources);

    let mut measuring = Measuring::new(retention);
    let parts = flow.operator("Measure", facts, facts::place, specs.clone(), move |closed| measuring.close(closed));
    let base = flow.base("settled alerts");
    let restored = base.restored_rows().map(|settled| Evidence::Settled(Box::new(settled)));
    let evidence = parts.map(Evidence::Part).concat(restored);
    let mut judging = Judging::new(Kept { retention, finest: sources.stats.kept }, keep);
    let judged = flow.operator("Judge", evidence, judging::place, specs, move |closed| judging.close(closed));
    base.keep(&judged.clone().flat_map(Verdict::settled));

    let alerts = judged.flat_map(Verdict::alert).map(|alert| (alert.id.clone(), alert));
    let is_pending = |status| status == AlertStatus::Pending;
    flow.table(catalog::ALERTS, alerts.clone().filter(move |(_, alert)| !is_pending(alert.status)));
    flow.table(catalog::PENDING_ALERTS, alerts.filter(move |(_, alert)| is_pending(alert.status)));
}

/// How long what rules are measured on is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    retention: Duration,
    /// Of windows of ten seconds, and of a minute.
    finest: [Duration; 2],
}

impl Kept {
    /// The rows that a measure is made of.
    fn of(self, measure: &Measure) -> Duration {
        let [ten_seconds, minute] = self.finest;
        match (measure.group_by(), measure.metric()) {
            (Some(Dimension::Host), _) => (hours(1) + MARGIN).max(self.retention),
            (Some(Dimension::Template), _) => COUNTS_KEPT.max(self.retention),
            (_, RuleMetric::AnomalyScore) => self.retention,
            _ if measure.step() == minutes(1) => minute,
            _ => ten_seconds,
        }
    }
}
