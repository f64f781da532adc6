//! The metadata store: what people made and who did what, in SQLite or PostgreSQL by one text of SQL.
//!
//! [`Database::open`] opens it and brings its tables to the version this program knows. The crates above keep their own
//! tables in it, through [`Database::pool`] for single statements and [`Database::begin`] for what must be one.

mod address;
mod database;
mod error;
mod migrations;

pub use address::{DatabaseUrl, Kind, UrlError};
pub use database::{Database, Transaction};
pub use error::Error;
