//! Files, inboxes and generated traffic as the sources of a job.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::Duration,
};

use common::{counts, job, stop, total, until};
use highwater_connectors::{FileSource, GeneratorSource, Inbox, generator::Traffic};
use highwater_engine::{Timestamp, format::Reason};

fn line(message: &str) -> String {
    format!("{{\"message\":\"{message}\"}}\n")
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn files_are_read_once_by_any_number_of_workers() {
    let dir = tempfile::tempdir().unwrap();
    for file in 0..5 {
        let text: String = (0..3000).map(|n| line(&format!("m{}", n % 10))).collect();
        append(&dir.path().join(format!("{file}.log")), &text);
    }
    append(&dir.path().join("0.log"), "{\"message\":\"no newline\"}");
    append(&dir.path().join("1.log"), &format!("{}\n{}", "x".repeat(300_000), line("after")));
    let file = fs::File::create(dir.path().join("5.log.gz")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(line("packed").repeat(7).as_bytes()).unwrap();
    gzip.finish().unwrap();
    for workers in [1, 2] {
        let pattern = dir.path().join("*.log*");
        let source = FileSource::new(pattern.to_str().unwrap()).max_record_bytes(1000);
        let (job, letters) = job(workers, source);
        let running = job.start().unwrap();
        let views = running.views();
        running.join().unwrap();
        let counts = counts(&views);
        assert_eq!(counts["m3"], 1500, "{workers} workers");
        assert_eq!((counts["no newline"], counts["after"], counts["packed"]), (1, 1, 7));
        assert_eq!(total(&views), 15_009);
        let letters = letters.0.lock().unwrap();
        assert_eq!(
            letters.iter().map(|l| (l.reason, l.partition, l.length)).collect::<Vec<_>>(),
            [(Reason::TooLong, 1, 1001)]
        );
    }
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let (job, _) = job(1, FileSource::new("/no/such/*.log"));
    assert!(job.start().unwrap().join().unwrap_err().to_string().contains("/no/such/*.log"));
}

#[test]
fn rotation_truncation_and_new_files_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    append(&log, &line("one"));
    let (job, _) = job(2, FileSource::new(dir.path().join("*.log*").to_str().unwrap()).follow(true));
    let running = job.start().unwrap();
    let views = running.views();
    until("the first line", || total(&views) == 1);
    append(&log, "{\"message\":");
    append(&log, "\"two\"}\n");
    until("an appended line", || total(&views) == 2);
    fs::rename(&log, dir.path().join("a.log.1")).unwrap();
    append(&dir.path().join("a.log.1"), &line("three"));
    append(&log, &line("four"));
    until("lines on both sides of a rotation", || total(&views) == 4);
    append(&dir.path().join("b.log"), &line("five"));
    until("a new file", || total(&views) == 5);
    fs::write(&log, "").unwrap();
    std::thread::park_timeout(Duration::from_millis(600));
    append(&log, &line("six"));
    until("a cut file", || total(&views) == 6);
    // the rotated file is not taken for a new one
    std::thread::park_timeout(Duration::from_millis(1500));
    assert!(counts(&views).values().all(|count| *count == 1), "{:?}", counts(&views));
    stop(running);
}

#[test]
fn what_is_handed_in_is_read() {
    let (inbox, source) = Inbox::new("http".into(), 1000, 1 << 20);
    let (job, letters) = job(2, source);
    let running = job.start().unwrap();
    let views = running.views();
    for n in 0..50 {
        let records = (0..20).map(|_| line(&format!("m{}", n % 5)).into_bytes()).collect::<Vec<_>>();
        until("room", || inbox.offer(records.clone()).is_ok());
    }
    until("room", || inbox.offer(vec![b"{".to_vec()]).is_ok());
    drop(inbox);
    running.join().unwrap();
    assert_eq!(total(&views), 1000);
    assert_eq!(letters.0.lock().unwrap().len(), 1);
}

#[test]
fn generated_history_comes_at_once_and_all_of_it_is_logs() {
    let traffic = Traffic { logs_per_second: 500.0, seasons: false, incidents: false, ..Traffic::default() };
    let source = GeneratorSource::new(traffic, Duration::from_secs(60)).until(Timestamp::now());
    let (job, letters) = job(2, source);
    let running = job.start().unwrap();
    let metrics = running.metrics();
    running.join().unwrap();
    let logs = metrics.logs.get();
    assert!((25_000..35_000).contains(&logs), "{logs}");
    assert!(letters.0.lock().unwrap().is_empty());
}
