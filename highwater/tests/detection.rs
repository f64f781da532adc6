//! `detect`, `evaluate` and `templates`, as their users meet them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{fmt::Write, fs};

use serde_json::Value;

use common::{output, write};

/// A value a minute, quiet but for one; a second column that follows the first.
fn table(rows: usize) -> String {
    let mut text = "time,requests,cpu\n".to_owned();
    for n in 0..rows {
        let requests = if n == 300 { 9_000 } else { 1_000 + n * 37 % 41 };
        writeln!(text, "2026-11-21 {:02}:{:02}:00,{requests},0.{}", n / 60, n % 60, 30 + n * 53 % 17).unwrap();
    }
    text
}

#[test]
fn detect_judges_each_row_and_draws_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "requests.csv", &table(400));
    let plot = folder.path().join("requests.svg");
    let arguments = ["detect", &file, "--timestamp", "time", "--value", "requests", "--format", "json", "--plot"];
    let (code, told, errors) = output(&[&arguments[..], &[plot.to_str().unwrap()]].concat());
    assert_eq!((code, errors.as_str()), (0, ""));
    let rows: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 400);
    assert_eq!((&rows[300]["at"], &rows[300]["flagged"]), (&"2026-11-21 05:00:00".into(), &true.into()));
    assert_eq!(rows[300]["requests.kind"], "spike");
    assert!(rows[300]["requests.high"].as_f64().unwrap() < 9_000.0);
    assert!(rows[..300].iter().all(|row| row["flagged"] == false), "false alarms");
    let drawn = fs::read_to_string(plot).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("requests") && drawn.contains("<circle"), "{drawn}");
}

#[test]
fn detect_judges_several_values_together_as_csv() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "requests.csv", &table(400));
    let (code, told, _) = output(&["detect", &file, "--value", "requests,cpu"]);
    assert_eq!(code, 0);
    let mut reader = csv::Reader::from_reader(told.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| rows[row][headers.iter().position(|header| header == name).unwrap()].to_owned();
    assert_eq!(rows.len(), 400);
    assert_eq!(
        (cell(300, "at"), cell(300, "flagged"), cell(300, "forest.because")),
        ("301".into(), "true".into(), "requests".into())
    );
    assert!(cell(300, "forest").parse::<f64>().unwrap() > 0.6);
    assert_eq!(cell(0, "forest"), "");
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "odd.csv", "time,value\nyesterday,1\n");
    let told = |arguments: &[&str]| {
        let (code, _, errors) = output(arguments);
        assert_eq!(code, 1, "{errors}");
        errors
    };
    assert!(told(&["detect", &file, "--value", "cpu"]).contains("no column \"cpu\"; it has: time, value"));
    assert!(
        told(&["detect", &file, "--value", "value", "--timestamp", "time"]).contains("\"yesterday\" is no timestamp")
    );
    assert!(told(&["templates", "nowhere.log"]).contains("cannot open nowhere.log"));
    assert!(told(&["evaluate", folder.path().to_str().unwrap()]).contains("no labelled data"));
}

#[test]
fn templates_are_counted_and_assigned() {
    let folder = tempfile::tempdir().unwrap();
    let mut logs = String::new();
    for n in 0..20 {
        writeln!(logs, "2026-11-21 10:00:{n:02} INFO [cart] cart {n} has {} items", n * 3).unwrap();
    }
    logs.push_str("{\"level\":\"ERROR\",\"service\":\"cart\",\"message\":\"no such cart\"}\n");
    let file = write(folder.path(), "shop.log", &logs);
    let (code, told, errors) = output(&["templates", &file]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(told, "20\tcart <num> has <num> items\n1\tno such cart\n");
    let (_, told, _) = output(&["templates", &file, "--assign", "--format", "csv"]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!((lines[0], lines.len()), ("LineId,cluster,template", 22));
    assert!(lines[21].starts_with("21,") && lines[21].ends_with(",no such cart"), "{told}");
}

#[test]
fn evaluate_finds_the_labelled_folders_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [tables, logs] = ["tables", "logs/Shop"].map(|name| folder.path().join(name));
    fs::create_dir_all(&tables).unwrap();
    fs::create_dir_all(&logs).unwrap();
    let mut text = "a,b,label\n".to_owned();
    (0..200).for_each(|n| writeln!(text, "{},{},0", n * 7 % 13, n * 5 % 17).unwrap());
    write(&tables, "clear.csv", &(text + "90,90,1\n"));
    let mut text = "LineId,Content,EventId\n".to_owned();
    (0..9).for_each(|n| writeln!(text, "{n},cart {n} is full,E1").unwrap());
    write(&logs, "Shop_2k.log_structured.csv", &(text + "10,shop is closed,E2\n"));
    let (code, told, errors) = output(&["evaluate", folder.path().to_str().unwrap()]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(told.contains("clear") && told.contains("1.000 ± 0.000"), "{told}");
    assert!(told.contains("Shop") && told.contains("1.0000"), "{told}");
}
