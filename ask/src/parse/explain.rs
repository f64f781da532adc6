//! What was understood, in plain words.

use std::fmt::Write;

use highwater_engine::Timestamp;

use super::understood::Understood;
use crate::answer::{Filters, Latency, TimeRange};

pub(super) fn explain(understood: &Understood, filters: &Filters) -> String {
    let mut text = sentence(filters);
    for note in &understood.notes {
        let _ = write!(text, " {note}.");
    }
    text
}

fn sentence(filters: &Filters) -> String {
    if *filters == Filters::default() {
        return "Nothing in the question narrows the search: all logs.".to_owned();
    }
    let mut text = match list(&filters.severity, "or") {
        levels if levels.is_empty() => "Logs".to_owned(),
        levels => format!("{levels} logs"),
    };
    if !filters.source.is_empty() {
        let _ = write!(text, " of {}", list(&filters.source, "or"));
    }
    for (name, value) in &filters.fields {
        let _ = write!(text, " with {name} {value}");
    }
    if let Some(said) = &filters.text {
        let _ = write!(text, " that say {said}");
    }
    if let Some(latency) = &filters.latency {
        let _ = write!(text, ", {}", of_latency(latency));
    }
    if let Some(range) = &filters.time_range {
        let _ = write!(text, ", {}", of_range(range));
    }
    let excluded = &filters.exclude;
    let said: Vec<String> = excluded.text.iter().map(|said| format!("“{said}”")).collect();
    let levels = list(&excluded.severity, "or");
    let parts = [("of level ", levels), ("of ", list(&excluded.source, "or")), ("with ", list(&said, "or"))];
    for (what, of) in parts.iter().filter(|(_, of)| !of.is_empty()) {
        let _ = write!(text, ", none {what}{of}");
    }
    text.push('.');
    text
}

fn list<T: ToString>(items: &[T], joiner: &str) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    match texts.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} {joiner} {last}", others.join(", ")),
    }
}

fn of_latency(latency: &Latency) -> String {
    let or_equal = |words: &'static str, other: &'static str| if latency.inclusive { other } else { words };
    match (latency.min_ms, latency.max_ms) {
        (Some(min), Some(max)) => format!("that took {} to {}", duration(min), duration(max)),
        (Some(min), None) => format!("{} {}", or_equal("slower than", "that took at least"), duration(min)),
        (None, Some(max)) => format!("{} {}", or_equal("faster than", "that took at most"), duration(max)),
        (None, None) => "of any latency".to_owned(),
    }
}

fn duration(ms: f64) -> String {
    if ms >= 1000.0 { format!("{} s", ms / 1000.0) } else { format!("{ms} ms") }
}

/// The date is said once where both ends have the same.
fn of_range(range: &TimeRange) -> String {
    match (range.from, range.to) {
        (Some(from), Some(to)) => {
            let ((from_date, from), (to_date, to)) = (moment(from), moment(to));
            let to_date = if from_date == to_date { String::new() } else { format!("{to_date} ") };
            format!("from {from_date} {from} to {to_date}{to} UTC")
        }
        (Some(from), None) => {
            let (date, time) = moment(from);
            format!("since {date} {time} UTC")
        }
        (None, Some(to)) => {
            let (date, time) = moment(to);
            format!("before {date} {time} UTC")
        }
        (None, None) => "at any time".to_owned(),
    }
}

/// Date, and time of day without the seconds where there are none.
fn moment(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let time = time.trim_end_matches('Z');
    let time = time.strip_suffix(".000").unwrap_or(time);
    let time = time.strip_suffix(":00").unwrap_or(time);
    (date.to_owned(), time.to_owned())
}
