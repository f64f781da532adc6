//! What the tests of several files need.
#![allow(dead_code, reason = "no file needs all of it")]

use std::collections::BTreeSet;

use highwater_metadata::{Database, DatabaseUrl, new_id};
use tempfile::TempDir;

/// A new file.
pub(crate) async fn file() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&DatabaseUrl::file(&folder.path().join("other.db"))).await.unwrap();
    (folder, database)
}

/// A user to whom something can belong.
pub(crate) async fn user(database: &Database, name: &str) -> String {
    let id = new_id().unwrap();
    sqlx::query(
        "INSERT INTO users (id, name, email, role, active, password_hash, must_change_password, generation, created_at,
         updated_at, last_login_at) VALUES ($1, $2, NULL, 'user', 1, '', 0, 0, 0, 0, NULL)",
    )
    .bind(&id)
    .bind(name)
    .execute(database.pool())
    .await
    .unwrap();
    id
}

/// All rows of a database, as a backup has them.
pub(crate) async fn rows(database: &Database) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let summary = database.backup(&path).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rows: BTreeSet<String> = lines[1..lines.len() - 1].iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(rows.len() as u64, summary.rows);
    rows
}

/// Text that means something to those who do not expect it.
pub(crate) const HOSTILE: &[&str] = &[
    "'; DROP TABLE users; --",
    "\" OR \"\"=\"",
    "$1",
    "%_\\",
    "Robert'); DELETE FROM settings; --",
    "name\u{202e}eman",
    "🦀 ünïcode ' \"",
    "{\"a\": 1}",
    "/*",
];
