//! The real binary on a disk that is full, and by a clock that jumps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use common::{Running, highwater, outcome, request, wait_for, write};

/// A disk of its own, of a few megabytes; gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn millis_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// What a changelog in JSON lines comes to: the newest value by key and window.
fn folded(file: &Path) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    for line in fs::read_to_string(file).unwrap_or_default().lines() {
        let change: Value = serde_json::from_str(line).unwrap();
        let place = format!("{} {}", change["key"], change["window_start"]);
        match &change["value"] {
            Value::Null => rows.remove(&place),
            value => rows.insert(place, value.clone()),
        };
    }
    rows
}

#[test]
fn a_full_disk_ends_the_job_and_with_room_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let Some(_mounted) = SmallDisk::mount(&disk) else {
        println!("SKIPPED: a_full_disk_ends_the_job_and_with_room_it_goes_on: only root may mount a small disk");
        return;
    };
    let now = millis_now();
    let line = |n: usize| format!("{{\"timestamp\":{now},\"service\":\"s{}\",\"message\":\"m\"}}\n", n % 5_000);
    let logs = write(folder.path(), "logs.json", &(0..20_000).map(line).collect::<String>());
    let volume = folder.path().join("volume.jsonl");
    let text = format!(
        "[state]\npath = {:?}\n[[source]]\ntype = \"file\"\npath = {logs:?}\n\
         [[sink]]\ntype = \"jsonl\"\nview = \"log_volume\"\npath = {volume:?}\n",
        disk.join("state")
    );
    let config = write(folder.path(), "h.toml", &text);
    let run = || {
        let mut command = highwater(&["run", "--config", &config, "--listen", "none"]);
        outcome(command.env_remove("HIGHWATER_STATE__PATH"))
    };
    fs::write(disk.join("ballast"), vec![0; 6 << 20]).unwrap();
    let (code, _, errors) = run();
    assert_eq!(code, 1);
    assert!(errors.contains("state.redb") && errors.contains("Make room"), "{errors}");

    fs::remove_file(disk.join("ballast")).unwrap();
    let (code, _, errors) = run();
    assert_eq!(code, 0, "{errors}");
    let rows = folded(&volume);
    assert_eq!(rows.len(), 5_001, "5000 services, and all of them together");
    assert!(rows.iter().all(|(place, value)| place.starts_with("\"*\"") || *value == 4), "{rows:?}");
}

#[test]
fn on_a_full_disk_search_is_behind_while_views_go_on_and_with_room_it_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let Some(_mounted) = SmallDisk::mount(&disk) else {
        println!(
            "SKIPPED: on_a_full_disk_search_is_behind_while_views_go_on_and_with_room_it_catches_up: only root may mount a small disk"
        );
        return;
    };
    let now = millis_now();
    let logs = write(folder.path(), "logs.json", "");
    let append = |lines: std::ops::Range<usize>| {
        let line = |n: usize| format!("{{\"timestamp\":{now},\"service\":\"mine\",\"message\":\"order {n} came\"}}\n");
        let mut file = fs::OpenOptions::new().append(true).open(&logs).unwrap();
        file.write_all(lines.map(line).collect::<String>().as_bytes()).unwrap();
    };
    let text = format!(
        "[search]\npath = {:?}\n[[source]]\ntype = \"file\"\npath = {logs:?}\nfollow = true\n",
        disk.join("logs")
    );
    let config = write(folder.path(), "h.toml", &text);
    let mut job = Running::start(highwater(&["run", "--config", &config, "--listen", "127.0.0.1:0"]));
    let address = job.address();
    let found = |count: u64| {
        wait_for(&address, "/api/v1/logs/search?limit=1", |answer| answer["total"] == count);
    };
    append(0..100);
    found(100);

    let mut ballast = fs::File::create(disk.join("ballast")).unwrap();
    while ballast.write_all(&[0; 4096]).is_ok() {}
    append(100..30_000);
    wait_for(&address, "/api/v1/views/log_volume?key=mine", |view| view["rows"][0]["value"] == 30_000);
    let health = wait_for(&address, "/health", |health| health["components"]["search"]["status"] == "degraded");
    assert_eq!(health["components"]["dataflow"]["status"], "healthy", "{health}");
    fs::remove_file(disk.join("ballast")).unwrap();
    drop(ballast);
    found(30_000);
    wait_for(&address, "/health", |health| health["components"]["search"]["status"] == "healthy");
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[test]
fn a_clock_that_jumps_loses_nothing() {
    if !Path::new(FAKETIME).exists() {
        println!("SKIPPED: a_clock_that_jumps_loses_nothing: no libfaketime (Debian: apt-get install faketime)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "h.toml", "[[source]]\ntype = \"http\"\n");
    let clock = folder.path().join("clock");
    let set = |offset: &str| fs::write(&clock, offset).unwrap();
    let start = || {
        let mut command = highwater(&["run", "--config", &config, "--listen", "127.0.0.1:0"]);
        command.env("HIGHWATER_STATE__PATH", folder.path().join("state"));
        command.env("LD_PRELOAD", FAKETIME).env("FAKETIME_TIMESTAMP_FILE", &clock);
        // the clock that only ever goes on is not set by anybody
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Running::start(command)
    };
    let at = millis_now();
    let mut sent = 0;
    let mut send = |address: &str| {
        let log = format!("{{\"timestamp\":{at},\"service\":\"mine\",\"message\":\"m\"}}");
        let (status, answer) = request(address, "POST", "/api/v1/logs", &log);
        assert_eq!(status, 202, "{answer}");
        sent += 1;
        let total = |answer: &Value| {
            let rows = answer["rows"].as_array().into_iter().flatten();
            rows.map(|row| row["value"].as_u64().unwrap()).sum::<u64>()
        };
        wait_for(address, "/api/v1/views/log_volume?key=mine", |answer| total(answer) == sent);
    };
    set("+0");
    let mut job = start();
    let address = job.address();
    send(&address);
    let mut epoch = wait_for(&address, "/health", |health| health["epoch"].as_u64() > Some(0))["epoch"].clone();
    let mut later = |address: &str| {
        let health = wait_for(address, "/health", |health| health["epoch"].as_u64() > epoch.as_u64());
        epoch = health["epoch"].clone();
    };
    for jump in ["+5m", "-3d", "+0"] {
        set(jump);
        // a log from further ahead than clocks differ would be a dead letter
        if !jump.starts_with('-') {
            send(&address);
        }
        later(&address);
    }
    // killed by a clock that is ahead, started by one that was set back
    set("+5m");
    send(&address);
    job.signal("KILL");
    job.end();
    set("-5m");
    let mut job = start();
    let address = job.address();
    send(&address);
    later(&address);
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}
