//! A shop's metrics with dated faults: a CSV file a service, `dependency.csv`, `incidents.csv`, `ignore.csv`.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use highwater_detection::{
    incident::{Calls, Change, Incident, Watch, WatchConfig},
    scoring::incident::{Alert, Known, Rules, Score, score},
};
use highwater_engine::format::timestamp;

use super::{entries, stem};
use crate::table::csv_file;

/// Files that are no service's.
const OTHERS: [&str; 3] = ["dependency", "incidents", "ignore"];
/// What users see is measured at the front end.
const SEEN_BY_USERS: (&str, &str) = ("front_service", "frontend");
/// A fault may be told so many seconds after its end; alerts nearer to each other than this are one.
const GRACE: f64 = 120.0;

pub(super) fn is(folder: &Path) -> bool {
    OTHERS.iter().all(|name| folder.join(name).with_extension("csv").is_file())
}

/// Each fault with its alert, then what all of it comes to.
pub(super) fn table(folder: &Path) -> anyhow::Result<String> {
    let (times, columns) = metrics(folder)?;
    let pairs = records(folder, "dependency", ["Source", "Target"])?;
    let calls = Calls::of(pairs.into_iter().map(|[caller, callee]| (caller, callee)));
    let mut watch = Watch::new(&WatchConfig::default());
    let mut alerts = Vec::new();
    for (row, at) in times.iter().enumerate() {
        let values = columns.iter().map(|column| (column.service.as_str(), column.metric.as_str(), column.values[row]));
        let changes = watch.step(row as i64, values, &calls);
        let opened = changes.into_iter().filter(|(change, _)| *change == Change::Opened);
        alerts.extend(opened.map(|(_, incident)| Alert { at: *at, service: first_cause(incident) }));
    }
    let ignore = records(folder, "ignore", ["start", "end"])?;
    let ignore = ignore.iter().map(|[from, to]| Ok((seconds(from)?, seconds(to)?))).collect::<anyhow::Result<_>>()?;
    let span = times.first().copied().zip(times.last().copied());
    Ok(shown(&score(&alerts, &known(folder)?, &Rules { grace: GRACE, merge: GRACE, span, ignore })))
}

fn first_cause(incident: Incident) -> Option<String> {
    incident.suspects.into_iter().next().map(|suspect| suspect.service)
}

/// A metric of a service.
struct Column {
    service: String,
    metric: String,
    values: Vec<f64>,
}

/// When each row was measured, and what. Row n of every file is the same minute; where clocks differ, most are right.
fn metrics(folder: &Path) -> anyhow::Result<(Vec<f64>, Vec<Column>)> {
    let mut files: Vec<PathBuf> = entries(folder)?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "csv") && !OTHERS.contains(&stem(file).as_str()));
    let (mut clocks, mut columns): (Vec<Vec<f64>>, Vec<Column>) = (Vec::new(), Vec::new());
    for file in files {
        let mut table = csv_file(&file)?;
        let name = stem(&file);
        let of_users = name == SEEN_BY_USERS.0;
        let service = if of_users { SEEN_BY_USERS.1.to_owned() } else { name };
        let metric = |metric: &String| if of_users { format!("seen by users: {metric}") } else { metric.clone() };
        let names = table.names();
        let mut own: Vec<Column> = names
            .iter()
            .skip(1)
            .map(|name| Column { service: service.clone(), metric: metric(name), values: Vec::new() })
            .collect();
        let mut clock = Vec::new();
        while table.advance()? {
            clock.push(seconds(&table.text(0)).with_context(|| format!("cannot read {}", file.display()))?);
            own.iter_mut().zip(1..).for_each(|(column, at)| column.values.push(table.number(at)));
        }
        clocks.push(clock);
        columns.extend(own);
    }
    let rows = clocks.iter().map(Vec::len).min().unwrap_or_default();
    ensure!(rows > 0, "no metrics");
    let middle = |row: usize| {
        let mut times: Vec<f64> = clocks.iter().map(|clock| clock[row]).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(((0..rows).map(middle).collect(), columns))
}

fn known(folder: &Path) -> anyhow::Result<Vec<Known>> {
    let rows = records(folder, "incidents", ["id", "start", "end", "service", "kind"])?;
    let of = |[id, start, end, service, kind]: [String; 5]| {
        Ok(Known { id, start: seconds(&start)?, end: seconds(&end)?, service, kind })
    };
    rows.into_iter().map(of).collect()
}

/// Some columns of a file.
fn records<const N: usize>(folder: &Path, name: &str, columns: [&str; N]) -> anyhow::Result<Vec<[String; N]>> {
    let mut table = csv_file(&folder.join(name).with_extension("csv"))?;
    let places = columns.iter().map(|column| table.column(column)).collect::<anyhow::Result<Vec<usize>>>()?;
    let mut rows = Vec::new();
    while table.advance()? {
        rows.push(std::array::from_fn(|at| table.text(places[at])));
    }
    Ok(rows)
}

fn seconds(text: &str) -> anyhow::Result<f64> {
    let at = timestamp::parse(text).with_context(|| format!("{text:?} is no timestamp"))?;
    Ok(at.as_micros() as f64 / 1e6)
}

fn shown(score: &Score) -> String {
    let mut text = format!("{:<5} {:<24} {:<16} {:>7}  {}\n", "fault", "service", "kind", "after", "blamed first");
    for (known, alert) in &score.each {
        let (after, who) = match alert {
            Some(found) => (format!("{:.0} s", found.delay), found.service.as_deref().unwrap_or_default()),
            None => ("missed".to_owned(), ""),
        };
        // writing to a string does not fail
        let _ = writeln!(text, "{:<5} {:<24} {:<16} {after:>7}  {who}", known.id, known.service, known.kind);
    }
    let or_none = |number: Option<f64>| number.map_or("-".to_owned(), |number| format!("{number:.2}"));
    let _ = writeln!(
        text,
        "F1 {:.3}, recall {:.3}, precision {:.3}, {:.2} false alerts a day, median delay {} s, guilty service blamed first {}",
        score.f1(),
        score.recall(),
        score.precision(),
        score.false_per_day(),
        or_none(score.median_delay()),
        or_none(score.blamed())
    );
    text
}
