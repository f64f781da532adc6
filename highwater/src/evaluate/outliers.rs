//! Tables with a last column `label`, 1 for an outlier: how well an isolation forest ranks them.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use highwater_detection::{
    forest::{Forest, Training},
    scoring::outlier::{Ranking, rank},
};

use super::{entries, mean_and_spread, stem};
use crate::table::csv_file;

/// The field's custom.
const SEEDS: u64 = 10;

pub(super) fn is(folder: &Path) -> bool {
    !tables(folder).is_empty()
}

/// Files whose last column is the label.
fn tables(folder: &Path) -> Vec<PathBuf> {
    let mut files = entries(folder).unwrap_or_default();
    let is_labelled = |file: &PathBuf| {
        csv_file(file).is_ok_and(|table| {
            let names = table.names();
            // a series with a label has a timestamp
            names.len() > 1
                && names.last().is_some_and(|name| name == "label")
                && !names.contains(&"timestamp".to_owned())
        })
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "csv") && is_labelled(file));
    files
}

/// ROC-AUC and average precision by table and altogether: the mean over seeds, and the standard deviation.
pub(super) fn table(folder: &Path) -> anyhow::Result<String> {
    let mut text =
        format!("{:<14} {:>7} {:>8}   {:<15} {:<15}\n", "table", "rows", "outliers", "ROC-AUC", "avg. precision");
    let mut by_seed = vec![Vec::new(); SEEDS as usize];
    for file in tables(folder) {
        let (rows, labels) = read(&file)?;
        let mut own = Vec::new();
        for (seed, all) in (0..SEEDS).zip(&mut by_seed) {
            let forest = Forest::train(&rows, &Training { seed, ..Training::default() })?;
            let scores: Vec<f64> = rows.iter().map(|row| forest.score(row)).collect();
            let ranking =
                rank(&labels, &scores).with_context(|| format!("{}: all labels are alike", file.display()))?;
            own.push(ranking);
            all.push(ranking);
        }
        let outliers = labels.iter().filter(|label| **label).count();
        // writing to a string does not fail
        let _ = writeln!(text, "{:<14} {:>7} {outliers:>8}   {}", stem(&file), rows.len(), shown(&own));
    }
    let means: Vec<Ranking> = by_seed.iter().map(|rankings| mean(rankings)).collect();
    let _ = writeln!(text, "{:<14} {:>7} {:>8}   {}", "mean", "", "", shown(&means));
    Ok(text)
}

fn read(file: &Path) -> anyhow::Result<(Vec<Vec<f64>>, Vec<bool>)> {
    let mut table = csv_file(file)?;
    let label = table.column("label")?;
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    while table.advance()? {
        rows.push((0..label).map(|column| table.number(column)).collect());
        labels.push(table.number(label) > 0.0);
    }
    Ok((rows, labels))
}

fn columns(rankings: &[Ranking]) -> [Vec<f64>; 2] {
    let (areas, precisions) = rankings.iter().map(|ranking| (ranking.roc_auc, ranking.average_precision)).unzip();
    [areas, precisions]
}

fn mean(rankings: &[Ranking]) -> Ranking {
    let [roc_auc, average_precision] = columns(rankings).map(|numbers| mean_and_spread(&numbers)[0]);
    Ranking { roc_auc, average_precision }
}

fn shown(rankings: &[Ranking]) -> String {
    let [area, precision] = columns(rankings).map(|numbers| {
        let [mean, spread] = mean_and_spread(&numbers);
        format!("{mean:.3} ± {spread:.3}")
    });
    format!("{area:<15} {precision:<15}")
}
