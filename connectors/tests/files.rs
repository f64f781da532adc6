//! Files, inboxes and generated traffic as the sources of a job.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{counts, job, stop, total, until};
use highwater_connectors::{FileSource, GeneratorSource, Inbox, InboxBounds, generator::Traffic};
use highwater_engine::{Intake, Name, Positions, Progress, Reader, Source, SourceError, Timestamp, format::Reason};

fn line(message: &str) -> String {
    format!("{{\"message\":\"{message}\"}}\n")
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn pack(path: &Path, text: &str) {
    let mut gzip = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap();
}

/// Where reading ended, kept from one job to the next as a job's durable state keeps it.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Positions>>);

struct Remembered<T> {
    inner: T,
    resume: Positions,
    memory: Memory,
}

impl Memory {
    fn of(&self, source: FileSource) -> Remembered<FileSource> {
        Remembered { inner: source, resume: self.0.lock().unwrap().clone(), memory: self.clone() }
    }
}

impl Source for Remembered<FileSource> {
    fn name(&self) -> Name {
        self.inner.name()
    }
    fn open(&self, worker: usize, workers: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        let inner = self.inner.open(worker, workers, &self.resume)?;
        Ok(Box::new(Remembered { inner, resume: Positions::new(), memory: self.memory.clone() }))
    }
}

impl Reader for Remembered<Box<dyn Reader>> {
    fn read(&mut self, intake: &mut Intake, patience: Duration) -> Result<Progress, SourceError> {
        self.inner.read(intake, patience)
    }
    fn commit(&mut self, positions: &Positions) -> Result<(), SourceError> {
        self.memory.0.lock().unwrap().extend(positions);
        self.inner.commit(positions)
    }
}

/// Reads what is there, from where `memory` ends.
fn read_on(memory: &Memory, workers: usize, pattern: &Path) -> BTreeMap<String, u64> {
    let (job, letters) = job(workers, memory.of(FileSource::new(pattern.to_str().unwrap()).max_record_bytes(1000)));
    let running = job.start().unwrap();
    let views = running.views();
    running.join().unwrap();
    assert!(letters.0.lock().unwrap().is_empty());
    counts(&views)
}

fn once<const N: usize>(messages: [&str; N]) -> BTreeMap<String, u64> {
    messages.iter().map(|message| ((*message).to_owned(), 1)).collect()
}

#[test]
fn after_a_restart_each_line_has_been_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    append(&path("a.log"), &(line("a1") + &line("a2") + "{\"message\":"));
    append(&path("b.log"), &(line("b1") + &line("b2")));
    pack(&path("c.log.gz"), &(line("c1") + &line("c2")));
    append(&path("empty.log"), "");
    let (memory, pattern) = (Memory::default(), path("*.log*"));

    let (job, _) = job(2, memory.of(FileSource::new(pattern.to_str().unwrap()).follow(true)));
    let running = job.start().unwrap();
    let views = running.views();
    until("the first lines", || total(&views) == 6);
    append(&path("b.log"), &line("b3"));
    until("an appended line", || total(&views) == 7);
    stop(running);
    assert!(counts(&views).values().all(|count| *count == 1));

    // in between: a line is ended, one file is rotated, one packed, one comes between the others
    append(&path("a.log"), &("\"a3\"}\n".to_owned() + &line("a4")));
    fs::rename(path("a.log"), path("a.log.1")).unwrap();
    append(&path("a.log"), &line("A1"));
    pack(&path("b.log.1.gz"), &(fs::read_to_string(path("b.log")).unwrap() + &line("b4")));
    fs::remove_file(path("b.log")).unwrap();
    append(&path("aa.log"), &line("aa1"));
    append(&path("empty.log"), &line("e1"));
    assert_eq!(read_on(&memory, 1, &pattern), once(["a3", "a4", "A1", "b4", "aa1", "e1"]));

    assert_eq!(read_on(&memory, 2, &pattern), once([]));
}

#[test]
fn a_file_that_was_cut_between_two_runs_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("a.log"), dir.path().join("b.log.gz"));
    append(&plain, &(line("a") + &line("old")));
    pack(&packed, &(line("b") + &line("older")));
    let (memory, pattern) = (Memory::default(), dir.path().join("*.log*"));
    assert_eq!(read_on(&memory, 2, &pattern), once(["a", "old", "b", "older"]));
    fs::write(&plain, line("a")).unwrap();
    pack(&packed, &line("b"));
    assert_eq!(read_on(&memory, 2, &pattern), once(["a", "b"]));
    append(&plain, &line("new"));
    assert_eq!(read_on(&memory, 2, &pattern), once(["new"]));
}

#[test]
fn a_pipe_has_no_past_to_go_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let memory = Memory::default();
    for message in ["one", "two"] {
        let pipe = path.clone();
        let writer = std::thread::spawn(move || fs::write(pipe, line(message)).unwrap());
        assert_eq!(read_on(&memory, 2, &path), once([message]));
        writer.join().unwrap();
    }
}

#[test]
fn reading_that_stopped_within_a_long_line_goes_on_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, &(line("first") + &"x".repeat(300_000)));
    let memory = Memory::default();
    let following = || memory.of(FileSource::new(path.to_str().unwrap()).max_record_bytes(1000).follow(true));
    let (before, letters) = job(1, following());
    let running = before.start().unwrap();
    let views = running.views();
    until("the first line", || total(&views) == 1);
    stop(running);
    assert!(letters.0.lock().unwrap().is_empty());
    append(&path, &("x".to_owned() + "\n" + &line("last")));
    let (after, letters) = job(1, following());
    let running = after.start().unwrap();
    let views = running.views();
    until("the last line", || total(&views) == 1);
    stop(running);
    assert_eq!(letters.0.lock().unwrap().iter().map(|letter| letter.length).collect::<Vec<_>>(), [300_001]);
}

#[test]
fn files_are_read_once_by_any_number_of_workers() {
    let dir = tempfile::tempdir().unwrap();
    for file in 0..5 {
        // all begin with the same line
        let text: String = (0..3000).map(|n| line(&format!("m{}", n % 10))).collect();
        append(&dir.path().join(format!("{file}.log")), &text);
    }
    append(&dir.path().join("0.log"), "{\"message\":\"no newline\"}");
    append(&dir.path().join("1.log"), &format!("{}\n{}", "x".repeat(300_000), line("after")));
    pack(&dir.path().join("5.log.gz"), &line("packed").repeat(7));
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
            letters.iter().map(|l| (l.reason, l.length, l.bytes.len())).collect::<Vec<_>>(),
            [(Reason::TooLong, 300_000, 1000)]
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
    fs::write(&log, line("six")).unwrap();
    until("a cut file", || total(&views) == 6);
    // the rotated file is not taken for a new one, whether it is still open or not
    append(&dir.path().join("a.log.1"), &line("seven"));
    until("a line in the rotated file", || total(&views) == 7);
    append(&dir.path().join("z.log"), &line("eight"));
    until("another look at the folder", || total(&views) == 8);
    assert!(counts(&views).values().all(|count| *count == 1), "{:?}", counts(&views));
    stop(running);
}

#[test]
fn what_is_handed_in_is_read() {
    let inbox = Inbox::in_memory(InboxBounds { records: 1000, bytes: 1 << 20 });
    let (job, letters) = job(2, inbox.source("http".into(), 0));
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
fn what_is_handed_in_outlasts_the_job_that_did_not_commit_it() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Inbox::on_disk(&dir.path().join("http.redb"), InboxBounds { records: 1000, bytes: 1 << 20 }).unwrap();
    let hand_in = |inbox: &Inbox, messages: &[&str]| {
        inbox.offer(messages.iter().map(|message| line(message).into_bytes()).collect()).unwrap();
    };
    let job_of = |inbox: &Inbox| {
        let (mut job, _) = job(2, inbox.source("http".into(), 0));
        job.state = Some(dir.path().join("state"));
        job
    };
    let inbox = open();
    let committed = job_of(&inbox).start().unwrap();
    hand_in(&inbox, &["a", "b"]);
    let views = committed.views();
    until("both logs", || total(&views) == 2);
    stop(committed);
    // nobody reads it any longer, and the process ends
    hand_in(&inbox, &["c"]);
    drop(inbox);

    let inbox = open();
    let again = job_of(&inbox).start().unwrap();
    hand_in(&inbox, &["d"]);
    let views = again.views();
    until("all logs", || total(&views) == 4);
    assert!(counts(&views).values().all(|count| *count == 1), "{:?}", counts(&views));
    stop(again);
}

#[test]
fn generated_history_comes_at_once_and_all_of_it_is_logs() {
    let traffic = Traffic { logs_per_second: 500.0, seasons: false, incidents: false, ..Traffic::default() };
    let now = Timestamp::now();
    let source = GeneratorSource::new(traffic, now.minus(Duration::from_secs(60))).until(now);
    let (job, letters) = job(2, source);
    let running = job.start().unwrap();
    let metrics = running.metrics();
    running.join().unwrap();
    let logs = metrics.logs.get();
    assert!((25_000..35_000).contains(&logs), "{logs}");
    assert!(letters.0.lock().unwrap().is_empty());
}
