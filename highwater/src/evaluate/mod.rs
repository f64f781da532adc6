//! `highwater evaluate`: how good the detectors are on labelled data, by the rules of public benchmarks.

mod incidents;
mod outliers;
mod series;
mod templates;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::{cli, status};

/// A labelled folder of some kind: whether it is one, and what is said of it.
struct Kind {
    is: fn(&Path) -> bool,
    table: fn(&Path) -> anyhow::Result<String>,
}

/// In the order in which they are tried.
static KINDS: [Kind; 4] = [
    Kind { is: series::is, table: series::table },
    Kind { is: incidents::is, table: incidents::table },
    Kind { is: outliers::is, table: outliers::table },
    Kind { is: templates::is, table: templates::table },
];

/// Writes the table of the folder, or those of the folders in it.
///
/// # Errors
/// Where none of them is labelled data of a known kind, or one cannot be read.
pub(crate) fn evaluate(arguments: &cli::Evaluate) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let mut known = of_known_kind(vec![folder.clone()]);
    if known.is_empty() {
        known = of_known_kind(entries(folder)?);
    }
    if known.is_empty() {
        bail!("{}: no labelled data of a known kind; `highwater evaluate --help` lists them", folder.display());
    }
    for (folder, kind) in known {
        let table = (kind.table)(&folder).with_context(|| format!("cannot evaluate {}", folder.display()))?;
        status::say(&format!("{}\n\n{table}", folder.display()));
    }
    Ok(())
}

fn of_known_kind(folders: Vec<PathBuf>) -> Vec<(PathBuf, &'static Kind)> {
    let kind = |folder: &PathBuf| KINDS.iter().find(|kind| (kind.is)(folder));
    folders.into_iter().filter_map(|folder| kind(&folder).map(|kind| (folder, kind))).collect()
}

/// What a folder holds, by name.
fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        entries.push(entry.with_context(cannot)?.path());
    }
    entries.sort();
    Ok(entries)
}

/// The name of a file without its ending, for a table's first column.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Mean and sample standard deviation.
fn mean_and_spread(numbers: &[f64]) -> [f64; 2] {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    [mean, (squares / (count - 1.0).max(1.0)).sqrt()]
}
