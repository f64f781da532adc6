//! What is asked for: a [`Query`], from its text to what it says of a log.
//!
//! A query means the same to the index and to [`Query::matches`]: the live tail judges logs by the latter, and the tests
//! hold the two together.

use std::ops::Bound;

use highwater_engine::{Level, Timestamp};

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

/// What one field has to say.
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
    /// Its trace id, as a whole, whatever the case. (A record with a correlation or request id alone has that here.)
    TraceId,
    /// Its span id, likewise.
    SpanId,
    /// Its correlation id, likewise.
    CorrelationId,
    /// Its template id, likewise.
    TemplateId,
    /// Its latency: equality and ranges.
    Latency,
    /// When it happened: equality and ranges.
    Timestamp,
    /// Any other field by its name, dots stepping into nested objects: text as full text, numbers and truth values as
    /// what they are. Of an array, any element.
    Attribute(String),
}

/// What a field may be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Says something at all.
    Exists,
    /// Equals this.
    Is(Value),
    /// Starts with this text: of full text, one of its words does; in lower case.
    StartsWith(String),
    /// Lies within these bounds.
    Within(Bound<Value>, Bound<Value>),
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For full text the words of this follow one another in it (one word or a phrase); for other text the whole,
    /// whatever its case.
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
