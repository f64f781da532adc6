//! What is asked for: a [`Query`], from its text to what it says of a log.
//!
//! A query means the same to the index and to [`Query::matches`]: the live tail judges logs by the latter, and the tests
//! hold the two together. How it is written is told in `docs/searching.md`.

mod fields;
mod matches;
mod parse;
mod ranges;
mod scan;
mod show;
#[cfg(test)]
mod tests;
mod values;

use std::ops::Bound;

use highwater_engine::{Level, Timestamp};

pub use parse::{MAX_CLAUSES, MAX_DEPTH, MAX_TEXT_BYTES};

/// A condition on logs.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Every log.
    All,
    /// Logs of which one field says something.
    Clause(Clause),
    /// All but these.
    Not(Box<Query>),
    /// Logs that meet all of these; of none, every log.
    And(Vec<Query>),
    /// Logs that meet any of these; of none, no log.
    Or(Vec<Query>),
}

/// What one field has to say. What cannot be said of it (a prefix of a level, a number of a message) no log says.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Which field.
    pub field: Field,
    /// What of it.
    pub predicate: Predicate,
}

/// A field of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its message: full text, cut into [words](crate::words()).
    Message,
    /// Its level: equality and ranges, by gravity.
    Level,
    /// Its service: as a whole, whatever the case of its letters; by prefix.
    Service,
    /// Its host, likewise.
    Host,
    /// Its id, as a whole.
    Id,
    /// Its trace id, as a whole, whatever the case; no prefixes. (A record with a correlation or request id alone has
    /// that here.)
    TraceId,
    /// Its span id, likewise.
    SpanId,
    /// Its correlation id, likewise.
    CorrelationId,
    /// Its template id, likewise.
    TemplateId,
    /// Its latency in whole microseconds: equality and ranges.
    Latency,
    /// When it happened: equality and ranges, in whole milliseconds; what is finer is cut off, of logs and queries alike.
    Timestamp,
    /// Any other field by its name: text as full text, numbers (as `f64`) and truth values as what they are.
    ///
    /// The name of a value is the keys on the way to it, joined by dots; so `{"a": {"b": 1}}` and `{"a.b": 1}` are the
    /// same. Arrays on the way add nothing: any element will do. Null says nothing, and neither does an object or an
    /// array but through what is in it.
    Attribute(String),
}

/// What a field may be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Says something at all; empty text does not.
    Exists,
    /// Equals this.
    Is(Value),
    /// Starts with this text: of full text, one of its words does. In lower case, and at most
    /// [`MAX_WORD_BYTES`](crate::MAX_WORD_BYTES) of it for full text.
    StartsWith(String),
    /// Lies within these bounds, which are of the field's kind (of an attribute: numbers), and one of which is given.
    Within(Bound<Value>, Bound<Value>),
}

/// What a field is compared with. An attribute that is of another type does not equal it: the number 5 is not the text
/// `5`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For full text the words of this follow one another in it, within one value (one word or a phrase; where it has
    /// no word, no log says it). For other text the whole, whatever its case.
    Text(String),
    /// A level.
    Level(Level),
    /// A point in time.
    Time(Timestamp),
    /// A latency in microseconds.
    Micros(u64),
    /// A number of an attribute.
    Number(f64),
    /// A truth value of an attribute.
    Truth(bool),
}

/// Why a text is no query: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {what}")]
pub struct ParseError {
    /// The character at which it goes wrong, counted from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub what: String,
}
