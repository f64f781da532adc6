//! The log store: every log found again, by what it says, when it was and whose it is.
//!
//! It reads the sources by itself, beside the dataflow: what it costs and how far it is behind is nothing to the views.
//!
//! ```text
//!  sources ──Follower──► Indexer ──► slices 0 1 2 … ──► LogStore: search, get, trace, export
//!                           └──────── Tail ───────────► LogStore: tail
//! ```
//!
//! The [`Indexer`] is one thread that writes; a [`LogStore`] is a handle that anybody reads by. A slice is an index of
//! some millions of logs in a folder of its own; each commit says how far the sources were read, so that a start goes
//! on exactly there. What is too old goes a slice at a time.

mod collect;
mod columns;
mod entry;
mod error;
mod fetch;
#[cfg(test)]
mod full_disk;
mod indexer;
mod log;
mod metrics;
mod others;
pub mod query;
mod replay;
mod rest;
mod room;
mod schema;
mod search;
mod settings;
mod slice;
mod slices;
mod status;
mod store;
mod stored;
mod tail;
pub mod trace;
mod translate;
mod words;

pub use error::StoreError;
pub use indexer::Indexer;
pub use query::{Clause, Field, MAX_CLAUSES, MAX_DEPTH, MAX_TEXT_BYTES, ParseError, Predicate, Query, Value};
pub use replay::Replay;
pub use search::{Cursor, Found, MAX_BUCKETS, MAX_LIMIT, Order, Search, Services};
pub use settings::{Keep, StoreSettings};
pub use status::Status;
pub use store::LogStore;
pub use stored::{LogId, ParseLogIdError, StoredLog};
pub use tail::{Began, Tail, Tailed};
pub use words::{MAX_WORD_BYTES, words};
