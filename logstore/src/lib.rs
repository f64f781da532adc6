//! The log store: every log found again, by what it says, when it was and whose it is.
//!
//! It reads the sources by itself, beside the dataflow: what it costs and how far it is behind is nothing to the views.

pub mod query;
mod stored;
pub mod trace;
mod words;

pub use query::{Clause, Field, MAX_CLAUSES, MAX_DEPTH, MAX_TEXT_BYTES, ParseError, Predicate, Query, Value};
pub use stored::{LogId, ParseLogIdError, StoredLog};
pub use words::{MAX_WORD_BYTES, words};
