//! The syntax of the log search: how conditions are written in it.

use highwater_engine::Level;

use super::understood::Understood;
use crate::answer::{Excluded, Filters, Latency};

impl Understood {
    /// The conditions, and the same as a query.
    pub(super) fn filters(&self) -> Filters {
        let text: Vec<String> = self.text.iter().map(|group| join(group, |term| shown(&term.plain()))).collect();
        Filters {
            severity: self.severity.clone(),
            source: self.source.clone(),
            text: (!text.is_empty()).then(|| text.join(" ")),
            time_range: self.time_range,
            latency: self.latency,
            fields: self.fields.iter().cloned().collect(),
            exclude: Excluded {
                severity: self.not_severity.clone(),
                source: self.not_source.clone(),
                text: self.not_text.iter().map(super::terms::Term::plain).collect(),
            },
            query: self.query(),
        }
    }

    /// All conditions but the time range.
    pub(super) fn query(&self) -> String {
        let mut clauses = Vec::new();
        clauses.extend(level_clause(&self.severity));
        clauses.extend(any_of("service", &self.source));
        clauses.extend(self.fields.iter().map(|(name, value)| format!("{name}:{}", phrase(value))));
        clauses.extend(self.latency.iter().flat_map(latency_clauses));
        clauses.extend(self.text.iter().map(|group| match group.len() {
            1 => join(group, super::terms::Term::query),
            _ => format!("({})", join(group, super::terms::Term::query)),
        }));
        clauses.extend(level_clause(&self.not_severity).map(not));
        clauses.extend(any_of("service", &self.not_source).map(not));
        clauses.extend(self.not_text.iter().map(|term| not(term.query())));
        clauses.join(" ")
    }
}

fn join<T>(group: &[T], write: impl Fn(&T) -> String) -> String {
    group.iter().map(write).collect::<Vec<_>>().join(" OR ")
}

fn not(clause: String) -> String {
    format!("NOT {clause}")
}

fn shown(text: &str) -> String {
    if text.contains(char::is_whitespace) { phrase(text) } else { text.to_owned() }
}

/// Any of these levels; none where all are asked for alike.
pub(crate) fn level_clause(levels: &[Level]) -> Option<String> {
    let least = *levels.iter().min()?;
    let is_all_above = Level::ALL.iter().filter(|level| **level >= least).all(|level| levels.contains(level));
    Some(match levels {
        [level] => format!("level:{level}"),
        [_, _, _, ..] if is_all_above => format!("level:>={least}"),
        levels => format!("level:({})", join(levels, Level::to_string)),
    })
}

fn any_of(field: &str, values: &[String]) -> Option<String> {
    match values {
        [] => None,
        [value] => Some(format!("{field}:{}", phrase(value))),
        values => Some(format!("{field}:({})", join(values, |value| phrase(value)))),
    }
}

fn latency_clauses(latency: &Latency) -> Vec<String> {
    let equal = if latency.inclusive { "=" } else { "" };
    let bound = |sign: &str, ms: f64| format!("latency_ms:{sign}{equal}{ms}");
    let (min, max) = (latency.min_ms.map(|ms| bound(">", ms)), latency.max_ms.map(|ms| bound("<", ms)));
    min.into_iter().chain(max).collect()
}

/// Text in quotes; what quotes mean within is taken away from them.
pub(crate) fn phrase(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(if c.is_control() { ' ' } else { c });
    }
    quoted.push('"');
    quoted
}

/// Whether a text may stand without quotes: one word that is no operator.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(char::is_alphanumeric) && !matches!(text, "AND" | "OR" | "NOT" | "TO")
}
