//! The metadata store: what people made and who did what, in SQLite or PostgreSQL by one text of SQL.
//!
//! [`Database::open`] opens it and brings its tables to the version this program knows. The crates above keep their own
//! tables in it, through [`Database::pool`] for single statements and [`Database::begin`] for what must be one.
//!
//! What such SQL keeps to, so that one text serves both:
//! - `$1` for each value that is bound: text, `i64`, `f64`, and absent ones of these;
//! - times are microseconds since 1970 ([`Database::now`], [`time`]), truth is 0 or 1, JSON is text, ids are [`new_id`];
//! - what is read before it is written is read in the transaction that writes.

mod address;
mod audit;
mod backup;
mod clock;
mod database;
mod dump;
mod error;
mod id;
mod migrations;
mod restore;
mod saved_search;
mod sealing;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod vault;

pub use address::{DatabaseUrl, Kind, UrlError};
pub use audit::{AuditBounds, AuditEntry, AuditLog, AuditQuery, Deed};
pub use clock::{Clock, time};
pub use database::{Database, Transaction};
pub use dump::{BackupError, Summary};
pub use error::Error;
pub use id::{hexadecimal, is_id, new_id};
pub use restore::Existing;
pub use saved_search::{MAX_QUERY_BYTES, MAX_SAVED_SEARCHES, SavedSearch, SavedSearches};
pub use sealing::{KeySource, place};
pub use settings::{MAX_SETTING_BYTES, Settings};
pub use text::MAX_NAME_CHARS;
pub use vault::{Vault, VaultError};
