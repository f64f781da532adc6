//! What is restored is what was backed up, from either kind into either, and damage restores nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use common::{file, rows, user};
use highwater_metadata::{
    AuditBounds, AuditLog, BackupError, Database, DatabaseUrl, Deed, Existing, SavedSearches, Settings, on_each_kind,
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

on_each_kind!(
    what_is_restored_is_what_was_backed_up,
    what_is_damaged_restores_nothing,
    rows_are_replaced_only_where_that_was_said,
    a_backup_is_of_one_instant,
    a_file_is_never_overwritten,
    a_backup_of_a_newer_version_is_refused,
);

/// Texts and numbers that tables are filled with.
type Content = Vec<(String, Option<String>, i64, f64)>;

fn contents(cases: usize) -> Vec<Content> {
    let text = || "[^\\x00-\\x1f\\x7f-\\x9f]{1,40}".prop_filter("a name", |text: &String| !text.trim().is_empty());
    let row = (text(), proptest::option::of("[^\\x00]{0,60}"), any::<i64>(), -1e300..1e300_f64);
    let strategy = vec(row, 0..12);
    let mut runner = TestRunner::new(Config::default());
    (0..cases).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

async fn fill(database: &Database, content: &Content) {
    let owner = user(database, "ada").await;
    let log = AuditLog::new(database.clone(), AuditBounds::default());
    for (name, other, integer, real) in content {
        let value = json!({ "other": other, "integer": integer, "real": real });
        Settings::new(database.clone()).set(name, &value).await.unwrap();
        // a name that comes twice is taken
        let _ = SavedSearches::new(database.clone()).create(&owner, name, &value).await;
        log.record(Deed { actor: other.clone(), target: Some(name.clone()), ..Deed::default() }).await.unwrap();
    }
}

async fn what_is_restored_is_what_was_backed_up(url: DatabaseUrl) {
    let here = Database::open(&url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (case, content) in contents(12).iter().enumerate() {
        let (_folder, there) = file().await;
        fill(&there, content).await;
        let rows_there = rows(&there).await;
        let path = folder.path().join(format!("{case} to"));
        let written = there.backup(&path).await.unwrap();
        assert_eq!(here.restore(&path, Existing::Replace).await.unwrap(), written);
        assert_eq!(rows(&here).await, rows_there, "{content:?}");

        // and back again, into an empty one
        let path = folder.path().join(format!("{case} back"));
        here.backup(&path).await.unwrap();
        let (_folder, again) = file().await;
        again.restore(&path, Existing::Refuse).await.unwrap();
        assert_eq!(rows(&again).await, rows_there, "{content:?}");
        let kept = SavedSearches::new(again);
        for line in &rows_there {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["table"] == "saved_searches" {
                let search = kept.get(line["row"]["id"].as_str().unwrap()).await.unwrap().unwrap();
                assert_eq!(search.query.to_string(), line["row"]["query"].as_str().unwrap());
            }
        }
    }
}

async fn what_is_damaged_restores_nothing(url: DatabaseUrl) {
    let (folder, source) = file().await;
    fill(&source, &contents(1)[0]).await;
    Settings::new(source.clone()).set("at least", &json!("one row")).await.unwrap();
    let whole = folder.path().join("whole");
    source.backup(&whole).await.unwrap();
    let whole = std::fs::read(whole).unwrap();

    let database = Database::open(&url).await.unwrap();
    user(&database, "was here before").await;
    let before = rows(&database).await;
    let path = folder.path().join("damaged");
    let mut runner = TestRunner::new(Config::default());
    let damage = (0..whole.len(), 1..=255_u8, 0..4_u8);
    for _ in 0..150 {
        let (at, mask, how) = damage.new_tree(&mut runner).unwrap().current();
        let mut bytes = whole.clone();
        match how {
            0 => bytes.truncate(at),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, mask),
            _ => bytes[at] ^= mask,
        }
        if bytes == whole {
            continue;
        }
        std::fs::write(&path, &bytes).unwrap();
        let refused = database.restore(&path, Existing::Replace).await;
        assert!(refused.is_err(), "at {at}, mask {mask}, how {how}");
    }
    assert_eq!(rows(&database).await, before);

    // the end of the last line is damaged
    let mut bytes = whole.clone();
    bytes.insert(whole.len() - 1, b'\r');
    std::fs::write(&path, &bytes).unwrap();
    assert!(database.restore(&path, Existing::Replace).await.is_err());

    // lines that are gone, twice there, or follow the end
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let last = lines.len() - 1;
    let arrangements: [Vec<&[u8]>; 5] = [
        [&lines[..1], &lines[2..]].concat(),
        [&lines[..2], &lines[1..]].concat(),
        [&lines[..], &lines[1..2]].concat(),
        [&lines[..], &lines[last..]].concat(),
        lines[..last].to_vec(),
    ];
    for lines in arrangements {
        std::fs::write(&path, lines.concat()).unwrap();
        assert!(database.restore(&path, Existing::Replace).await.is_err());
    }
    assert_eq!(rows(&database).await, before);
    std::fs::write(&path, &whole).unwrap();
    database.restore(&path, Existing::Replace).await.unwrap();
    assert_eq!(rows(&database).await, rows(&source).await);
}

async fn rows_are_replaced_only_where_that_was_said(url: DatabaseUrl) {
    let (folder, source) = file().await;
    user(&source, "ada").await;
    let path = folder.path().join("backup");
    source.backup(&path).await.unwrap();

    let database = Database::open(&url).await.unwrap();
    Settings::new(database.clone()).set("theme", &json!("dark")).await.unwrap();
    let before = rows(&database).await;
    let refused = database.restore(&path, Existing::Refuse).await.unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty { table: "settings", .. }), "{refused}");
    assert_eq!(rows(&database).await, before);
    database.restore(&path, Existing::Replace).await.unwrap();
    assert_eq!(rows(&database).await, rows(&source).await);
    // what was restored is written on
    user(&database, "bob").await;
    database.close().await;
    assert_eq!(rows(&Database::open(&url).await.unwrap()).await.len(), 2);
}

/// Two rows that are always written together are always both in a backup, or neither.
async fn a_backup_is_of_one_instant(url: DatabaseUrl) {
    const PAIRS: i64 = 60;
    let database = Database::open(&url).await.unwrap();
    let writer = database.clone();
    let written = Arc::new(AtomicI64::new(0));
    let count = Arc::clone(&written);
    let writing = tokio::spawn(async move {
        for pair in 0..PAIRS {
            let mut transaction = writer.begin().await.unwrap();
            for statement in [
                "INSERT INTO audit (id, at, method, route, outcome) VALUES ($1, 0, '', '', 0)",
                "INSERT INTO settings (name, value, updated_at) VALUES ($1, '', 0)",
            ] {
                sqlx::query(statement).bind(pair.to_string()).execute(&mut *transaction).await.unwrap();
            }
            transaction.commit().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    while written.load(Ordering::Relaxed) < PAIRS && !writing.is_finished() {
        let rows = rows(&database).await;
        let of = |table: &str, column: &str| -> BTreeSet<String> {
            let rows = rows.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
            rows.filter(|line| line["table"] == table).map(|line| line["row"][column].to_string()).collect()
        };
        assert_eq!(of("audit", "id"), of("settings", "name"));
    }
    writing.await.unwrap();
}

async fn a_file_is_never_overwritten(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    database.backup(&path).await.unwrap();
    let written = std::fs::read(&path).unwrap();
    user(&database, "ada").await;
    assert!(matches!(database.backup(&path).await, Err(BackupError::Io { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), written);
    assert_eq!(files(folder.path()), 1, "what was half written is gone");
    assert!(matches!(database.backup(Path::new("/nowhere/at/all")).await, Err(BackupError::Io { .. })));
    assert!(matches!(database.restore(Path::new("/nowhere"), Existing::Replace).await, Err(BackupError::Io { .. })));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

async fn a_backup_of_a_newer_version_is_refused(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    std::fs::write(&path, "{\"highwater_backup\":1,\"tables\":999,\"made_at\":\"2030-01-01T00:00:00Z\"}\n").unwrap();
    let refused = database.restore(&path, Existing::Refuse).await.unwrap_err();
    assert!(matches!(refused, BackupError::Newer { found: 999, .. }), "{refused}");
}
