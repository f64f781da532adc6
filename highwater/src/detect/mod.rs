//! `highwater detect`: what is strange about the rows of a table, each judged by those before it.

mod curve;
mod judge;
mod plot;

use std::{io, path::Path};

use anyhow::{Context, bail};
use highwater_engine::{Timestamp, format::timestamp};
use serde_json::{Value, json};

use self::{
    curve::Curve,
    judge::{Judge, Verdict},
};
use crate::{
    cli,
    table::{Row, Rows, Table, open},
};

/// Columns that are judged together, at most.
const MOST_VALUES: usize = 64;

/// Judges the table row by row, as it comes, and writes a verdict per row; the plot at the end.
///
/// # Errors
/// Where the table cannot be read, or what is found not be written.
pub(crate) fn detect(arguments: &cli::Detect) -> anyhow::Result<()> {
    if arguments.value.len() > MOST_VALUES {
        bail!("{} values where {MOST_VALUES} are the most", arguments.value.len());
    }
    let mut table = Table::new(&arguments.file, open(&arguments.file)?)?;
    let time = arguments.timestamp.as_deref().map(|name| table.column(name)).transpose()?;
    let columns = arguments.value.iter().map(|name| table.column(name)).collect::<anyhow::Result<Vec<usize>>>()?;
    let mut judge = Judge::new(columns.len());
    let mut curves = vec![Curve::default(); columns.len()];
    let mut rows = Rows::new(arguments.format, io::BufWriter::new(io::stdout().lock()));
    let mut number: u64 = 0;
    while table.advance()? {
        number += 1;
        let stamp = time.map(|time| table.text(time));
        let at = stamp.as_deref().map(|stamp| read_time(stamp, &arguments.file, number)).transpose()?;
        let values: Vec<f64> = columns.iter().map(|column| table.number(*column)).collect();
        let verdict = judge.push(at, &values);
        if arguments.plot.is_some() {
            let x = at.map_or(number as f64, |at| at.as_micros() as f64);
            for ((curve, value), judged) in curves.iter_mut().zip(&values).zip(&verdict.values) {
                curve.push(x, *value, judged.band, verdict.flagged);
            }
        }
        if !rows.write(shown(stamp.map_or(json!(number), Value::String), &values, &verdict, &arguments.value))? {
            break;
        }
        if arguments.file == "-" && !rows.flush()? {
            break;
        }
    }
    rows.flush()?;
    match &arguments.plot {
        Some(file) => drawn(file, &arguments.value, &curves, time.is_some()),
        None => Ok(()),
    }
}

fn read_time(text: &str, file: &str, row: u64) -> anyhow::Result<Timestamp> {
    timestamp::parse(text.trim())
        .with_context(|| format!("{file}: row {row}: {text:?} is no timestamp; RFC 3339 always is"))
}

/// A row as it is written: where it stands, the verdict, then each value with what is said of it.
fn shown(at: Value, values: &[f64], verdict: &Verdict, names: &[String]) -> Row {
    let mut row: Row = Vec::new();
    let mut add = |name: String, value: Value| row.push((name, value));
    add("at".to_owned(), at);
    add("score".to_owned(), json!(verdict.score));
    add("flagged".to_owned(), json!(verdict.flagged));
    for ((name, value), judged) in names.iter().zip(values).zip(&verdict.values) {
        add(name.clone(), json!(value));
        let of = |field: &str| format!("{name}.{field}");
        add(of("score"), json!(judged.score));
        add(of("flagged"), json!(judged.flagged));
        add(of("kind"), json!(judged.kind));
        add(of("expected"), json!(judged.expected));
        add(of("low"), json!(judged.band[0]));
        add(of("high"), json!(judged.band[1]));
        let methods = judged.methods;
        let each =
            [("level", methods.level), ("jump", methods.jump), ("shape", methods.shape), ("drift", methods.drift)];
        each.into_iter().for_each(|(method, surprise)| add(of(method), json!(surprise)));
    }
    if names.len() > 1 {
        let forest = verdict.forest.as_ref();
        add("forest".to_owned(), json!(forest.map(|forest| forest.oddness.score)));
        add("forest.rarity".to_owned(), json!(forest.and_then(|forest| forest.oddness.rarity)));
        add("forest.because".to_owned(), json!(forest.and_then(|forest| forest.column).map(|column| &names[column])));
    }
    row
}

fn drawn(file: &Path, names: &[String], curves: &[Curve], with_times: bool) -> anyhow::Result<()> {
    plot::draw(file, names, curves, with_times).with_context(|| format!("cannot draw {}", file.display()))
}
