//! Logs with their true templates, as Loghub has them: `<System>/<System>_2k.log_structured.csv`.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use highwater_detection::scoring::grouping::{Grouping, grouping};
use highwater_operators::Miner;

use super::entries;
use crate::table::csv_file;

/// More than there are lines.
const MOST: usize = 1 << 16;

pub(super) fn is(folder: &Path) -> bool {
    !systems(folder).is_empty()
}

/// Names of systems with their files.
fn systems(folder: &Path) -> Vec<(String, PathBuf)> {
    let labelled = |system: PathBuf| {
        let name = system.file_name()?.to_str()?.to_owned();
        let file = system.join(format!("{name}_2k.log_structured.csv"));
        file.is_file().then_some((name, file))
    };
    entries(folder).unwrap_or_default().into_iter().filter_map(labelled).collect()
}

/// Grouping accuracy and the F1 of groups by system and on average, one configuration for all.
pub(super) fn table(folder: &Path) -> anyhow::Result<String> {
    let mut text =
        format!("{:<14} {:>6} {:>6} {:>6} {:>9} {:>9}\n", "system", "true", "mined", "right", "accuracy", "F1");
    let mut all = Vec::new();
    for (name, file) in systems(folder) {
        let own = judged(&file)?;
        // writing to a string does not fail
        let _ = writeln!(
            text,
            "{name:<14} {:>6} {:>6} {:>6} {:>9.4} {:>9.4}",
            own.known, own.mined, own.right, own.accuracy, own.f1
        );
        all.push(own);
    }
    let mean = |of: fn(&Grouping) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let (accuracy, f1) = (mean(|own| own.accuracy), mean(|own| own.f1));
    let _ = writeln!(text, "{:<14} {:>6} {:>6} {:>6} {accuracy:>9.4} {f1:>9.4}", "mean", "", "", "");
    Ok(text)
}

fn judged(file: &Path) -> anyhow::Result<Grouping> {
    let mut table = csv_file(file)?;
    let (message, label) = (table.column("Content")?, table.column("EventId")?);
    let mut miner = Miner::new(MOST);
    let (mut templates, mut labels) = (Vec::new(), Vec::new());
    while table.advance()? {
        templates.push(miner.add(&table.text(message)));
        labels.push(table.text(label));
    }
    let mined = miner.mined();
    let patterns: Vec<&str> = templates.iter().map(|template| mined.pattern(*template).text.as_str()).collect();
    Ok(grouping(&labels, &patterns))
}
