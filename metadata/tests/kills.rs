//! A process that is killed while it writes leaves the file sound, and all that it had committed in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use highwater_metadata::{Database, DatabaseUrl};

const FILE: &str = "HIGHWATER_TEST_KILLED_DATABASE";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn open(file: &Path) -> Database {
    Database::open(&DatabaseUrl::file(file)).await.unwrap()
}

async fn count(database: &Database, statement: &'static str) -> i64 {
    let (count,): (i64,) = sqlx::query_as(statement).fetch_one(database.pool()).await.unwrap();
    count
}

/// What is killed. By itself, without a file, it is no test: it has nothing to do.
#[test]
fn child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    runtime().block_on(async {
        let database = open(Path::new(&file)).await;
        let mut out = std::io::stdout();
        for n in count(&database, "SELECT COUNT(*) FROM settings").await.. {
            let mut transaction = database.begin().await.unwrap();
            for statement in [
                "INSERT INTO settings (name, value, updated_at) VALUES ($1, 'x', 0)",
                "INSERT INTO audit (id, at, method, route, outcome) VALUES ($1, 0, '', '', 0)",
            ] {
                sqlx::query(statement).bind(n.to_string()).execute(&mut *transaction).await.unwrap();
            }
            transaction.commit().await.unwrap();
            writeln!(out, "committed {n}").unwrap();
            out.flush().unwrap();
        }
    });
}

#[test]
fn what_was_committed_outlives_each_kill_and_the_file_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.db");
    for round in 1..=20_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(FILE, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut committed = lines.filter_map(|line| line.strip_prefix("committed ")?.parse::<i64>().ok());
        let last = committed.nth(round % 7).expect("the child writes");
        child.kill().unwrap();
        child.wait().unwrap();
        let last = committed.last().unwrap_or(last);
        runtime().block_on(async {
            let database = open(&file).await;
            let (sound,): (String,) =
                sqlx::query_as("PRAGMA integrity_check").fetch_one(database.pool()).await.unwrap();
            assert_eq!(sound, "ok");
            let settings = count(&database, "SELECT COUNT(*) FROM settings").await;
            assert!(settings > last, "{settings} of {last}");
            assert_eq!(settings, count(&database, "SELECT COUNT(*) FROM audit").await);
            database.close().await;
        });
    }
}
