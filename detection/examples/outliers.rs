//! Isolation forests on labelled tables: `cargo run --release -p highwater-detection --example outliers -- DIR [SEEDS]`.
//!
//! DIR has tables of numbers as CSV with a header and a last column `label`, 1 for an outlier. For each table and for all: the
//! area under the ROC curve and the average precision, the mean over ten seeds, and their standard deviation.

#![allow(clippy::print_stdout)]

use std::{error::Error, fs, path::Path};

use highwater_detection::{
    forest::{Forest, Training},
    scoring::outlier::{Ranking, rank},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("DIR [SEEDS]")?;
    let seeds: u64 = arguments.get(1).map_or(Ok(10), |seeds| seeds.parse())?;
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    let mut all: Vec<Vec<Ranking>> = vec![Vec::new(); seeds as usize];
    for file in &files {
        let (rows, labels) = table(file)?;
        let mut own = Vec::new();
        for (seed, all) in (0..seeds).zip(&mut all) {
            let forest = Forest::train(&rows, &Training { seed, ..Training::default() })?;
            let scores: Vec<f64> = rows.iter().map(|row| forest.score(row)).collect();
            let ranking = rank(&labels, &scores).ok_or("the labels are all alike")?;
            own.push(ranking);
            all.push(ranking);
        }
        println!("{:<14} {}", file.file_stem().unwrap_or_default().to_string_lossy(), shown(&own));
    }
    let means: Vec<Ranking> = all.iter().map(|rankings| mean(rankings)).collect();
    println!("{:<14} {}", "mean", shown(&means));
    Ok(())
}

/// Rows and labels.
type Table = (Vec<Vec<f64>>, Vec<bool>);

fn table(file: &Path) -> Result<Table, Box<dyn Error>> {
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(file)?.lines().skip(1) {
        let mut row = line.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        labels.push(row.pop().is_some_and(|label| label > 0.0));
        rows.push(row);
    }
    Ok((rows, labels))
}

fn mean(rankings: &[Ranking]) -> Ranking {
    let mean = |of: fn(&Ranking) -> f64| rankings.iter().map(of).sum::<f64>() / rankings.len() as f64;
    Ranking { roc_auc: mean(|ranking| ranking.roc_auc), average_precision: mean(|ranking| ranking.average_precision) }
}

fn shown(rankings: &[Ranking]) -> String {
    let mean = mean(rankings);
    let spread = |of: fn(&Ranking) -> f64| {
        let squares: f64 = rankings.iter().map(|ranking| (of(ranking) - of(&mean)).powi(2)).sum();
        (squares / (rankings.len().max(2) - 1) as f64).sqrt()
    };
    let (area, precision) = (spread(|ranking| ranking.roc_auc), spread(|ranking| ranking.average_precision));
    format!("{:.3} ± {area:.3}   {:.3} ± {precision:.3}", mean.roc_auc, mean.average_precision)
}
