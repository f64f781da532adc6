//! Whatever ends the process, each log is there once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Records, settings, start, wait_for_all};
use highwater_logstore::{Query, Search, StoreSettings};
use highwater_operators::stable_hash;
use tempfile::tempdir;

const LOGS: u64 = 3_000;
const FOLDER: &str = "HIGHWATER_STORE_KILL_TEST";

/// The same logs each time, cut into batches of another size each time.
fn records(at_once: usize) -> Records {
    let record = |partition: u64, n: u64| {
        // nearly in order
        let second = n / 60 + stable_hash(&n.to_le_bytes()) % 3;
        format!(
            r#"{{"timestamp":"2025-10-23T14:{:02}:{:02}Z","message":"log {n} of {partition}"}}"#,
            second / 60 % 60,
            second % 60
        )
    };
    let partition = |partition: u64| (0..LOGS / 2).map(|n| record(partition, n)).collect();
    Records { at_once, ..Records::new(vec![partition(0), partition(1)]) }
}

fn bounds(folder: &Path) -> StoreSettings {
    StoreSettings { slice_logs: 400, commit_interval: Duration::ZERO, ..settings(folder) }
}

/// What is killed. By itself, without a folder, it is no test: it has nothing to do.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let at_once = std::process::id() as usize % 40 + 10;
    let (_indexer, store) = start(&records(at_once), &bounds(Path::new(&folder)));
    wait_for_all(&store);
}

#[test]
fn each_log_is_there_once_however_often_the_process_is_killed() {
    let folder = tempdir().unwrap();
    let mut kills = 0;
    for round in 0..60_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // long enough to begin, mostly
        let life = Duration::from_millis(20 + stable_hash(&round.to_le_bytes()) % 300);
        let _ = crossbeam_channel::after(life).recv();
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{status}");
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    let (_indexer, store) = start(&records(100), &bounds(folder.path()));
    let status = wait_for_all(&store);
    println!("{kills} kills, {} slices", status.slices);
    assert!(kills > 2);
    let all: Vec<_> = store.export(Search::new(Query::All)).map(|log| log.unwrap().id).collect();
    assert_eq!(all.len() as u64, LOGS);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len() as u64, LOGS);
    assert_eq!(status.logs, LOGS);
}
