//! Opening, migrating, writing at once: the same on both kinds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{HOSTILE, rows, user};
use highwater_metadata::{Database, DatabaseUrl, Error, SavedSearches, Settings, on_each_kind, testing::SERVER};
use serde_json::json;

on_each_kind!(
    what_is_kept_is_there_after_a_restart,
    tables_of_a_newer_version_are_refused,
    two_that_open_a_new_database_at_once_both_can,
    concurrent_writers_lose_nothing,
    a_transaction_that_is_dropped_never_was,
    searches_are_also_of_who_is_no_user,
    names_are_data,
    a_name_is_taken_once,
    saved_searches_are_listed_by_page,
    names_that_cannot_be_kept_are_refused,
);

async fn what_is_kept_is_there_after_a_restart(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    Settings::new(database.clone()).set("theme", &json!("dark")).await.unwrap();
    let before = rows(&database).await;
    database.close().await;
    let database = Database::open(&url).await.unwrap();
    assert_eq!(rows(&database).await, before);
    assert_eq!(Settings::new(database).all().await.unwrap(), [("theme".to_owned(), json!("dark"))].into());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ada:s3cret@127.0.0.1:{port}/x").parse().unwrap();
    let error = Database::open(&url).await.unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
    assert!(error.to_string().contains("refused") && error.to_string().contains("ada@127.0.0.1"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_told() {
    let Ok(server) = std::env::var(SERVER) else {
        println!("SKIPPED: a_wrong_password_is_refused_and_not_told: no PostgreSQL at {SERVER}");
        return;
    };
    let (_, place) = server.split_once('@').unwrap();
    let error = Database::open(&format!("postgres://highwater:s3cret@{place}").parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, database) = common::file().await;
    user(&database, "ada").await;
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
    let anew = folder.path().join("a new folder").join("x.db");
    Database::open(&DatabaseUrl::file(&anew)).await.unwrap().close().await;
    let in_a_file = DatabaseUrl::file(&anew.join("x.db"));
    assert!(matches!(Database::open(&in_a_file).await, Err(Error::File { .. })));
}

async fn tables_of_a_newer_version_are_refused(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'later', TRUE, $1, 0)",
    )
    .bind(vec![0_u8; 48])
    .execute(database.pool())
    .await
    .unwrap();
    database.close().await;
    let error = Database::open(&url).await.unwrap_err();
    assert!(matches!(error, Error::Newer { found: 999, .. }), "{error}");
    assert!(error.to_string().contains("run the version that wrote it"), "{error}");
}

async fn two_that_open_a_new_database_at_once_both_can(url: DatabaseUrl) {
    let opened = futures_util::future::join_all((0..4).map(|_| Database::open(&url))).await;
    for database in opened {
        rows(&database.unwrap()).await;
    }
}

async fn concurrent_writers_lose_nothing(url: DatabaseUrl) {
    const WRITERS: i64 = 6;
    const EACH: i64 = 25;
    let writers = (0..WRITERS).map(|_| {
        let url = url.clone();
        tokio::spawn(async move {
            // a pool of its own: as if it were another process
            let database = Database::open(&url).await.unwrap();
            for _ in 0..EACH {
                add_one(&database).await.unwrap();
            }
            database.close().await;
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let settings = Settings::new(Database::open(&url).await.unwrap());
    assert_eq!(settings.get("counter").await.unwrap(), Some(json!(WRITERS * EACH)));
}

async fn add_one(database: &Database) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    let counter: Option<(String,)> =
        sqlx::query_as("SELECT value FROM settings WHERE name = 'counter'").fetch_optional(&mut *transaction).await?;
    let next = counter.map_or(0, |(text,)| text.parse::<i64>().unwrap()) + 1;
    sqlx::query(
        "INSERT INTO settings (name, value, updated_at) VALUES ('counter', $1, 0)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(next.to_string())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

async fn a_transaction_that_is_dropped_never_was(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let before = rows(&database).await;
    let mut transaction = database.begin().await.unwrap();
    sqlx::query("INSERT INTO settings (name, value, updated_at) VALUES ('a', '1', 0)")
        .execute(&mut *transaction)
        .await
        .unwrap();
    drop(transaction);
    add_one(&database).await.unwrap();
    let after = rows(&database).await;
    assert_eq!(after.difference(&before).count(), 1, "{after:?}");
}

async fn searches_are_also_of_who_is_no_user(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let searches = SavedSearches::new(database.clone());
    let nobodys = searches.create("local", "errors", &json!({})).await.unwrap();
    let owner = user(&database, "ada").await;
    let search = searches.create(&owner, "errors", &json!({})).await.unwrap();
    assert_eq!(searches.list("local", None, 9).await.unwrap(), [nobodys]);
    assert_eq!(searches.list(&owner, None, 9).await.unwrap(), [search]);
}

async fn names_are_data(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let owner = user(&database, "ada").await;
    let (settings, searches) = (Settings::new(database.clone()), SavedSearches::new(database.clone()));
    for name in HOSTILE {
        let query = json!({ *name: [*name, 1, -0.5, null, true] });
        settings.set(name, &query).await.unwrap();
        let search = searches.create(&owner, name, &query).await.unwrap();
        assert_eq!((search.name.as_str(), &search.query), (*name, &query));
        assert_eq!(searches.get(&search.id).await.unwrap(), Some(search));
        assert_eq!(searches.get(name).await.unwrap(), None);
        assert_eq!(searches.list(name, None, 100).await.unwrap(), []);
        assert!(!searches.delete(name).await.unwrap());
    }
    let kept = settings.all().await.unwrap();
    assert_eq!(kept.len(), HOSTILE.len());
    for name in HOSTILE {
        assert_eq!(settings.get(name).await.unwrap().as_ref(), Some(&kept[*name]));
        assert!(settings.remove(name).await.unwrap());
        assert!(!settings.remove(name).await.unwrap());
    }
    assert_eq!(searches.list(&owner, None, 100).await.unwrap().len(), HOSTILE.len());
}

async fn a_name_is_taken_once(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let (ada, bob) = (user(&database, "ada").await, user(&database, "bob").await);
    let searches = SavedSearches::new(database);
    let errors = searches.create(&ada, "errors", &json!(1)).await.unwrap();
    let slow = searches.create(&ada, "slow", &json!(2)).await.unwrap();
    searches.create(&bob, "errors", &json!(3)).await.unwrap();
    assert!(matches!(searches.create(&ada, "errors", &json!(4)).await, Err(Error::Taken(_))));
    assert!(matches!(searches.replace(&slow.id, "errors", &json!(4)).await, Err(Error::Taken(_))));
    let renamed = searches.replace(&errors.id, "failures", &json!(5)).await.unwrap().unwrap();
    assert_eq!((renamed.name.as_str(), renamed.query, renamed.owner), ("failures", json!(5), ada));
    assert_eq!(searches.replace("none", "failures", &json!(5)).await.unwrap(), None);
    assert!(searches.delete(&renamed.id).await.unwrap());
    assert!(!searches.delete(&renamed.id).await.unwrap());
}

async fn saved_searches_are_listed_by_page(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let owner = user(&database, "ada").await;
    let searches = SavedSearches::new(database);
    for n in 0..25 {
        searches.create(&owner, &format!("search {n:02}"), &json!({ "n": n })).await.unwrap();
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = searches.list(&owner, after.as_deref(), 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        found.extend(page.into_iter().map(|search| search.query["n"].as_u64().unwrap()));
    }
    assert_eq!(found, (0..25).collect::<Vec<_>>());
}

async fn names_that_cannot_be_kept_are_refused(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let owner = user(&database, "ada").await;
    let (settings, searches) = (Settings::new(database.clone()), SavedSearches::new(database));
    for name in ["", "  ", "a\0b", "two\nlines", &"x".repeat(201)] {
        assert!(matches!(settings.set(name, &json!(1)).await, Err(Error::Invalid { field: "name", .. })), "{name:?}");
        let error = searches.create(&owner, name, &json!(1)).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { field: "name", .. }), "{error}");
    }
    let long = json!("x".repeat(65 << 10));
    assert!(matches!(settings.set("a", &long).await, Err(Error::Invalid { field: "value", .. })));
    assert!(matches!(searches.create(&owner, "a", &long).await, Err(Error::Invalid { field: "query", .. })));
    let kept = json!("a NUL in a value: \0");
    settings.set("a", &kept).await.unwrap();
    assert_eq!(settings.get("a").await.unwrap(), Some(kept));
}
