//! Levels, and comparisons with them.

use highwater_engine::Level;

use super::words::{levels, named_level};

/// The levels that the words begin with, and how many words that are.
pub(super) fn find(words: &[&str], is_upper: bool) -> Option<(usize, Vec<Level>)> {
    let from = |level: Level| Level::ALL.into_iter().filter(move |other| *other >= level).collect::<Vec<_>>();
    let up_to = |level: Level| Level::ALL.into_iter().filter(move |other| *other <= level).collect::<Vec<_>>();
    let without = |some: Vec<Level>, level| some.into_iter().filter(|other| *other != level).collect::<Vec<_>>();
    match words {
        ["at", "least", word, ..] => return Some((3, from(named_level(word)?))),
        ["at", "most", word, ..] => return Some((3, up_to(named_level(word)?))),
        ["above" | "over", word, ..] => {
            let level = named_level(word)?;
            return Some((2, without(from(level), level)));
        }
        ["worse" | "higher" | "graver", "than", word, ..] => {
            let level = named_level(word)?;
            return Some((3, without(from(level), level)));
        }
        ["below", word, ..] => {
            let level = named_level(word)?;
            return Some((2, without(up_to(level), level)));
        }
        _ => {}
    }
    let first = words.first()?;
    let level = named_level(first.trim_end_matches('+'));
    if let (Some(level), true) = (level, first.ends_with('+')) {
        return Some((1, from(level)));
    }
    match (level, words.get(1..)?) {
        (Some(level), ["and" | "or", "above" | "worse" | "higher" | "up" | "greater" | "graver", ..]) => {
            return Some((3, from(level)));
        }
        (Some(level), ["and" | "or", "below" | "lower" | "less", ..]) => return Some((3, up_to(level))),
        // `info about ..` is no level, and a trace is one only where it is written like one
        (Some(Level::Info), ["about" | "on" | "for" | "regarding", ..]) if !is_upper => return None,
        (Some(Level::Trace), rest) => {
            let is_level = is_upper || matches!(rest, ["level" | "logs" | "messages" | "entries", ..]);
            return is_level.then(|| (1, vec![Level::Trace]));
        }
        _ => {}
    }
    let found = levels(first)?;
    // an error rate is about errors
    let rate = usize::from(matches!(words.get(1), Some(&("rate" | "rates" | "count" | "counts"))));
    Some((1 + rate, found.to_vec()))
}
