//! [`Understood`]: what a question asks for, as far as a search can answer it.

use highwater_engine::Level;

use super::{
    fields::is_field,
    terms::Term,
    tokens::{Token, tokens},
};
use crate::{
    answer::{Filters, Latency, TimeRange},
    scene::Scene,
};

/// Most things of a kind: services that are named, things that text is to say, notes that are made.
pub(super) const MOST: usize = 12;
/// Most bytes of a query that the log search takes.
const MAX_QUERY_BYTES: usize = 4096;

/// What a question was understood as.
#[derive(Default)]
pub(super) struct Understood {
    pub(super) severity: Vec<Level>,
    pub(super) source: Vec<String>,
    /// all of these groups, any of each
    pub(super) text: Vec<Vec<Term>>,
    pub(super) time_range: Option<TimeRange>,
    pub(super) latency: Option<Latency>,
    pub(super) fields: Vec<(String, String)>,
    pub(super) not_severity: Vec<Level>,
    pub(super) not_source: Vec<String>,
    pub(super) not_text: Vec<Term>,
    /// what was guessed, and what was not understood
    pub(super) notes: Vec<String>,
}

impl Understood {
    /// What somebody else understood.
    pub(super) fn from_filters(filters: &Filters, scene: &Scene) -> Understood {
        let services = |named: &[String]| {
            let live = |service: &&String| scene.services.iter().any(|live| **live == ***service);
            named.iter().filter(live).take(MOST).cloned().collect()
        };
        let said = filters.text.as_deref().map(tokens).unwrap_or_default();
        let term = |token: &Token| if token.quoted { Term::quoted(&token.text) } else { Term::word(&token.lower) };
        let is_said = |token: &&Token| token.quoted || !matches!(token.lower.as_str(), "and" | "or" | "not" | ",");
        let is_ms = |ms: &f64| ms.is_finite() && *ms >= 0.0;
        let latency = filters.latency.map(|latency| Latency {
            min_ms: latency.min_ms.filter(is_ms),
            max_ms: latency.max_ms.filter(is_ms),
            ..latency
        });
        let is_field = |(name, value): &(&String, &String)| is_field(name, value);
        let mut understood = Understood {
            severity: filters.severity.clone(),
            source: services(&filters.source),
            text: said.iter().filter(is_said).take(MOST).map(|token| vec![term(token)]).collect(),
            time_range: filters.time_range.filter(|range| {
                range.from.zip(range.to).map_or(range.from.or(range.to).is_some(), |(from, to)| from < to)
            }),
            latency: latency.filter(|latency| latency.min_ms.or(latency.max_ms).is_some()),
            fields: filters
                .fields
                .iter()
                .filter(is_field)
                .take(MOST)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            not_severity: filters.exclude.severity.clone(),
            not_source: services(&filters.exclude.source),
            not_text: filters.exclude.text.iter().take(MOST).map(|text| Term::quoted(text)).collect(),
            notes: Vec::new(),
        };
        understood.tidy();
        understood
    }

    /// Leaves out what says nothing, what is excluded besides, and what is too much for one query: whether it did that.
    pub(super) fn tidy(&mut self) -> bool {
        self.text.iter_mut().for_each(|group| group.retain(Term::says_something));
        self.text.retain(|group| !group.is_empty());
        self.not_text.retain(Term::says_something);
        for levels in [&mut self.severity, &mut self.not_severity] {
            levels.sort_unstable();
            levels.dedup();
        }
        self.severity.retain(|level| !self.not_severity.contains(level));
        self.source.retain(|service| !self.not_source.contains(service));
        let mut is_too_much = false;
        while self.query().len() > MAX_QUERY_BYTES && self.shrink() {
            is_too_much = true;
        }
        is_too_much
    }

    /// Leaves one condition out, if there is one that can be long.
    fn shrink(&mut self) -> bool {
        self.text.pop().is_some()
            || self.not_text.pop().is_some()
            || self.source.pop().is_some()
            || self.not_source.pop().is_some()
    }
}
