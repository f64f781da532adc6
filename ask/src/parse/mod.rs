//! [`parse`]: from a question to what to look for, without a model.
//!
//! A question is read from left to right; at each place the longest reading wins, in this order: quoted text, fields,
//! latencies, times, negations, services by name, levels, services by part of a name, with other words or a typo. What
//! says nothing is dropped, and what is left is looked for as text.

mod clock;
mod explain;
mod fields;
mod latency;
mod levels;
mod numbers;
mod reading;
mod services;
mod syntax;
mod terms;
mod times;
mod tokens;
mod understood;
mod words;

use crate::{
    answer::{Answer, Filters},
    scene::Scene,
};

use self::{reading::Reading, understood::Understood};

/// Longest question that is read, in bytes; of a longer one the beginning is.
pub const MAX_QUESTION_BYTES: usize = 2048;

/// What a question asks for.
///
/// ```
/// use highwater_ask::{Scene, parse};
/// use highwater_engine::{Name, Timestamp};
/// let now: Timestamp = "2025-10-23T14:32:15Z".parse().unwrap();
/// let scene = Scene { services: vec![Name::from("payment-service")], now, moments: Vec::new() };
/// let answer = parse("payment errors in the last hour", &scene);
/// assert_eq!(answer.filters.query, r#"level:(ERROR OR FATAL) service:"payment-service""#);
/// assert_eq!(
///     answer.explanation,
///     "ERROR or FATAL logs of payment-service, from 2025-10-23 13:32:15 to 14:32:15 UTC."
/// );
/// ```
pub fn parse(question: &str, scene: &Scene) -> Answer {
    let read = &question[..question.floor_char_boundary(MAX_QUESTION_BYTES)];
    let tokens = tokens::tokens(read);
    let mut reading = Reading::new(scene, &tokens);
    if read.len() < question.len() {
        reading.note("The question is too long; its beginning alone was read".to_owned());
    }
    reading.read();
    let understood = reading.finish();
    let filters = understood.filters();
    let explanation = explain::explain(&understood, &filters);
    Answer { filters, explanation }
}

/// Filters that somebody else made: bounded, of services that are there, and with a query that says the same.
pub(crate) fn checked(filters: &Filters, scene: &Scene) -> Answer {
    let understood = Understood::from_filters(filters, scene);
    let filters = understood.filters();
    let explanation = explain::explain(&understood, &filters);
    Answer { filters, explanation }
}
