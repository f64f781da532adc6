//! Patterns against logs whose true templates are known: our own, and those of Loghub where they are at hand.
//!
//! `HIGHWATER_LOGHUB` names a folder with `<System>/<System>_2k.log_structured.csv` of github.com/logpai/loghub, whose licence
//! does not let the files be kept here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;

use highwater_detection::scoring::grouping::grouping;
use highwater_operators::Miner;

/// The share of messages whose pattern holds exactly the messages of their true template.
fn grouping_accuracy(logs: &[(String, String)]) -> f64 {
    let mut miner = Miner::new(10_000);
    let numbers: Vec<usize> = logs.iter().map(|(message, _)| miner.add(message)).collect();
    let mined = miner.mined();
    let known: Vec<&String> = logs.iter().map(|(_, name)| name).collect();
    let mined: Vec<&String> = numbers.iter().map(|number| &mined.pattern(*number).text).collect();
    grouping(&known, &mined).accuracy
}

/// What a mail server, a web server and a shop may log.
fn own_logs() -> Vec<(String, String)> {
    let users = ["ann", "bob", "carla", "dimitri", "eve", "fatima", "guo", "hana"];
    let reasons = ["quota exceeded", "mailbox locked"];
    let mut logs = Vec::new();
    let mut log = |name: &str, message: String| logs.push((message, name.to_owned()));
    for (n, user) in users.iter().enumerate() {
        log("login", format!("Accepted password for {user} from 10.1.{n}.7 port 4{n}11 ssh2"));
        log("refused", format!("Failed password for {user} from 10.1.{n}.7 port 4{n}11 ssh2"));
        log("relay", format!("relay={user}.example.com[192.0.2.{n}]:25, delay={n}.2, status=sent"));
        log("get", format!("GET /shop/{user}/cart?item={n} 200 in {n}7 ms"));
        log("size", format!("stored {n}23 bytes ({n}.1 KB) in /var/spool/{user}"));
        log("saw", format!("user {} seen at Thu Aug {n} 11:15:58 UTC 2024", n * 77));
        log("owner", format!("owner of volume {user} changed to 0x{n}ff3a"));
        for reason in reasons {
            log(reason, format!("delivery to <{user}@example.com> failed: {reason}"));
        }
    }
    for n in 1..9 {
        let list = (0..n).map(|block| format!("blk_-{block}77")).collect::<Vec<_>>().join(" ");
        log("blocks", format!("asked to delete {list}"));
    }
    for state in ["starting", "ready", "stopping", "stopped"] {
        log(state, state.to_owned());
        log(&format!("{state} again"), format!("{state} again"));
    }
    logs
}

#[test]
fn own_logs_are_grouped_as_they_were_written() {
    assert_eq!(grouping_accuracy(&own_logs()), 1.0);
}

#[test]
fn the_systems_of_loghub_are_grouped_by_one_configuration() {
    let Ok(folder) = std::env::var("HIGHWATER_LOGHUB") else {
        println!("SKIPPED: the_systems_of_loghub_are_grouped_by_one_configuration: HIGHWATER_LOGHUB names no folder");
        return;
    };
    let mut accuracies = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let system = entry.file_name().unwrap().to_str().unwrap().to_owned();
        let accuracy = grouping_accuracy(&labelled(&entry.join(format!("{system}_2k.log_structured.csv"))));
        println!("{system}: {accuracy:.4}");
        accuracies.push(accuracy);
    }
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    println!("mean of {}: {mean:.4}", accuracies.len());
    assert!(mean >= 0.95, "{mean}");
}

/// Messages and the ids of their true templates.
fn labelled(file: &Path) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let headers = reader.headers().unwrap().clone();
    let [message, name] = ["Content", "EventId"].map(|name| headers.iter().position(|known| known == name).unwrap());
    reader.records().map(Result::unwrap).map(|row| (row[message].to_owned(), row[name].to_owned())).collect()
}
