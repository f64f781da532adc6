//! The program as its users meet it: started, talked to, stopped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn highwater(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> (i32, String, String) {
    outcome(&mut highwater(arguments))
}

fn outcome(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A program that runs, whose lines can be waited for; ended where the test ends.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Running { child, lines, seen: Vec::new() }
    }

    /// The first line from now on that contains this.
    fn line(&mut self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {part:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    fn address(&mut self) -> String {
        self.line("listening on ").replace("listening on http://", "")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code, once it has ended.
    fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        // its standard output closes when it ends
        while self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}");
    write!(stream, "{head}\r\nContent-Type: application/json\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    (status, if chunked { unchunked(body) } else { body.to_owned() })
}

fn unchunked(body: &str) -> String {
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    whole
}

/// Asks until the answer is as wanted.
fn wait_for(address: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, body) = request(address, "GET", path, "");
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if status == 200 && wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} still answers {status} {body}");
        // a pause that is no synchronisation: the loop asks again
        let _ = channel::<()>().1.recv_timeout(Duration::from_millis(20));
    }
}

#[test]
fn version_is_told() {
    let version = format!("highwater {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(output(&["version"]), (0, version.clone(), String::new()));
    assert_eq!(output(&["--version"]).1, version);
}

#[test]
fn help_is_worth_reading() {
    for command in [
        vec!["--help"],
        vec!["demo", "--help"],
        vec!["run", "--help"],
        vec!["generate", "--help"],
        vec!["check", "--help"],
    ] {
        let (code, help, _) = output(&command);
        assert_eq!(code, 0);
        assert!(help.contains("Usage: highwater") && help.contains("Examples:\n  highwater"), "{command:?}: {help}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let (code, _, errors) = output(&["chekc"]);
    assert_eq!(code, 2);
    assert!(errors.contains("'check'"), "{errors}");
    assert_eq!(output(&["run"]).0, 2);
    assert_eq!(output(&["generate", "--rate", "fast"]).0, 2);
}

#[test]
fn check_sums_up_what_is_right() {
    for file in ["highwater.example.toml", "docker/highwater.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let (code, told, errors) = output(&["check", "--config", path.to_str().unwrap()]);
        assert_eq!((code, errors.as_str()), (0, ""));
        assert!(told.contains("is right") && told.contains("Kafka topic logs at 127.0.0.1:9092"), "{told}");
        assert!(told.contains("anomalies") && told.contains("service_stats_1m"), "{told}");
    }
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "bad.toml", "[[source]]\ntype = \"http\"\n[time]\ntik = \"1s\"\nlateness = 3\n");
    let (code, told, errors) = output(&["check", "--config", &path]);
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(errors.contains("in 2 places"), "{errors}");
    assert!(errors.contains("bad.toml:4: time.tik: unknown key; did you mean \"tick\"?"), "{errors}");
    assert!(errors.contains("bad.toml:5: time.lateness: 3 is not a duration"), "{errors}");
    let (code, _, errors) = output(&["check", "--config", "/nowhere.toml"]);
    assert_eq!(code, 1);
    assert!(errors.contains("/nowhere.toml"), "{errors}");
}

#[test]
fn a_sink_on_a_view_that_is_not_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[[source]]\ntype = \"http\"\n[[sink]]\ntype = \"jsonl\"\npath = \"-\"\nview = \"anomalys\"\n";
    let (code, _, errors) = output(&["check", "--config", &write(folder.path(), "view.toml", text)]);
    assert_eq!(code, 1);
    assert!(errors.contains("sink[0].view") && errors.contains("did you mean \"anomalies\"?"), "{errors}");
}

#[test]
fn the_environment_overrides_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "h.toml", "[[source]]\ntype = \"kafka\"\nbrokers = \"a:1\"\ntopic = \"a\"\n");
    let mut check = highwater(&["check", "--config", &path]);
    let (code, told, _) = outcome(check.env("HIGHWATER_SOURCE__0__TOPIC", "other").env("HIGHWATER_TIME__TICK", "50ms"));
    assert_eq!(code, 0);
    assert!(told.contains("Kafka topic other at a:1") && told.contains("a tick of 50ms"), "{told}");
    let (code, _, errors) = outcome(highwater(&["check", "--config", &path]).env("HIGHWATER_TIME__TIC", "50ms"));
    assert_eq!(code, 1);
    assert!(errors.contains("HIGHWATER_TIME__TIC") && errors.contains("did you mean \"tick\"?"), "{errors}");
}

#[test]
fn generate_writes_json_lines() {
    let (code, lines, errors) = output(&["generate", "--count", "500", "--fast", "--seed", "7"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let logs: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(logs.len(), 500);
    assert!(logs.iter().all(|log| log["service"].is_string() && log["timestamp"].is_string()));
    // in step with the clock
    let (code, lines, _) = output(&["generate", "--rate", "200", "--duration", "1s", "--no-incidents"]);
    assert_eq!(code, 0);
    assert!((100..400).contains(&lines.lines().count()), "{}", lines.lines().count());
    assert_eq!(output(&["generate", "--fast"]).0, 1);
}

#[test]
fn equal_seeds_and_starts_give_equal_logs() {
    let generate = ["generate", "--count", "200", "--fast", "--seed", "3", "--start", "2026-01-01T00:00:00Z", "--to"];
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.json", "other.json"].map(|name| {
        let path = folder.path().join(name);
        let (code, ..) = output(&[&generate[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(code, 0);
        std::fs::read_to_string(path).unwrap()
    });
    assert_eq!(one, other);
    assert_eq!(one.lines().count(), 200);
}

fn rows(answer: &Value) -> &[Value] {
    answer["rows"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_demo_answers_takes_logs_and_ends_cleanly() {
    let mut demo = Running::start(highwater(&["demo", "--listen", "127.0.0.1:0", "--rate", "100", "--history", "10m"]));
    let address = demo.address();
    demo.line("Ctrl-C ends it");
    let health = wait_for(&address, "/health", |health| health["status"] == "healthy");
    assert!(health["epoch"].as_u64().unwrap() > 0);
    // generated logs, in the views
    let volume = wait_for(&address, "/api/v1/views/log_volume?limit=5", |answer| !rows(answer).is_empty());
    assert!(volume.to_string().contains("window_start"), "{volume}");
    demo.line("in the past 10m: ");
    // a log by HTTP
    let log = r#"{"level":"ERROR","service":"test-of-mine","message":"hello"}"#;
    let (status, answer) = request(&address, "POST", "/api/v1/logs", log);
    assert_eq!(status, 202, "{answer}");
    wait_for(&address, "/api/v1/views/log_volume?key=test-of-mine", |answer| !rows(answer).is_empty());
    demo.signal("INT");
    demo.line("stopping");
    demo.line("ended: ");
    assert_eq!(demo.end(), Some(0));
}

#[test]
fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = output(&["demo", "--listen", &address, "--history", "0s"]);
    assert_eq!(code, 1);
    assert!(errors.contains(&address) && errors.contains("--listen 127.0.0.1:0"), "{errors}");
}

#[test]
fn a_job_over_a_file_ends_by_itself_with_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let lines: String = (0..100)
        .map(|number| {
            let service = if number % 4 == 0 { "cart" } else { "search" };
            format!("{{\"timestamp\":{now},\"level\":\"INFO\",\"service\":\"{service}\",\"message\":\"{number}\"}}\n")
        })
        .collect();
    let logs = write(folder.path(), "logs.json", &format!("{lines}{{broken\n"));
    let [volume, letters] = ["volume.jsonl", "letters.jsonl"].map(|name| folder.path().join(name));
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[[source]]\ntype = \"file\"\npath = {logs:?}\n\
         [[sink]]\ntype = \"jsonl\"\nview = \"log_volume\"\npath = {volume:?}\n\
         [dead_letters]\ntype = \"jsonl\"\npath = {letters:?}\n"
    );
    let path = write(folder.path(), "h.toml", &text);
    let mut run = highwater(&["run", "--config", &path]);
    run.env("HIGHWATER_LIMITS__WORKERS", "2");
    let (code, told, errors) = outcome(&mut run);
    assert_eq!(code, 0, "{told}{errors}");
    assert!(told.contains("ended: 100 logs"), "{told}");
    let lines: Vec<Value> =
        std::fs::read_to_string(volume).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let newest = |service: &str| {
        let last = lines.iter().rfind(|line| line["key"] == service);
        last.map(|line| line["value"].clone()).unwrap_or_default()
    };
    assert_eq!(newest("cart"), 25, "{lines:?}");
    assert_eq!(newest("search"), 75);
    let letters = std::fs::read_to_string(letters).unwrap();
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(letters.contains("invalid_json"), "{letters}");
}

#[test]
fn a_job_that_cannot_read_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[http]\nlisten = \"none\"\n[[source]]\ntype = \"file\"\npath = \"/nowhere.json\"\n";
    let (code, _, errors) = output(&["run", "--config", &write(folder.path(), "h.toml", text)]);
    assert_eq!(code, 1);
    assert!(errors.contains("/nowhere.json"), "{errors}");
}

#[test]
fn standard_output_is_left_to_a_sink_that_writes_there() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write(folder.path(), "logs.txt", "a first line\na second\n");
    let text = format!(
        "[http]\nlisten = \"none\"\n[[source]]\ntype = \"file\"\npath = {logs:?}\n\
         [[sink]]\ntype = \"jsonl\"\nview = \"log_volume\"\npath = \"-\"\n"
    );
    let (code, told, errors) = output(&["run", "--config", &write(folder.path(), "h.toml", &text)]);
    assert_eq!(code, 0, "{errors}");
    assert!(!told.is_empty() && told.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{told}");
    assert!(errors.contains("ended: 2 logs"), "{errors}");
}
