//! Labelled series as the Numenta Anomaly Benchmark has them: `combined_windows.json` with each file's windows, and files with
//! the columns `timestamp` and `value`.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use anyhow::Context;
use highwater_detection::{
    scoring::nab::{Outcome, PROFILES, Profile, Truth, best_threshold, outcome},
    series::{Config, Detector, Surprises},
};
use highwater_engine::format::timestamp;

use crate::table::csv_file;

const LABELS: &str = "combined_windows.json";

/// What is scored: all methods together, then each as if it were alone.
type Method = (&'static str, fn(&Surprises) -> f64);
const METHODS: [Method; 4] =
    [("level", |own| own.level), ("jump", |own| own.jump), ("shape", |own| own.shape), ("drift", |own| own.drift)];

pub(super) fn is(folder: &Path) -> bool {
    folder.join(LABELS).is_file()
}

/// A file's truth, and a score a row by all together and each method.
struct Judged {
    truth: Truth,
    scores: [Vec<f64>; METHODS.len() + 1],
}

/// The scores of all methods together and of each, by the profiles of the benchmark, one threshold for all files.
pub(super) fn table(folder: &Path) -> anyhow::Result<String> {
    let labels = fs::read(folder.join(LABELS)).with_context(|| format!("cannot read {LABELS}"))?;
    let labels: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_slice(&labels).with_context(|| format!("{LABELS} is not as expected"))?;
    let files =
        labels.iter().map(|(file, windows)| judged(&folder.join(file), windows)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut text = format!("{:<14}", "method");
    PROFILES.iter().for_each(|(name, _)| text += &format!(" {name:>20}"));
    text += &format!(" {:>10} {:>8} {:>8}\n", "threshold", "windows", "false");
    let names = ["all together"].into_iter().chain(METHODS.map(|(name, _)| name));
    for (method, name) in names.enumerate() {
        // writing to a string does not fail
        let _ = write!(text, "{name:<14}");
        for (_, profile) in PROFILES {
            let _ = write!(text, " {:>20.2}", best(&files, method, profile).0.score(profile));
        }
        let (standard, threshold) = best(&files, method, PROFILES[0].1);
        let _ = writeln!(
            text,
            " {threshold:>10.4} {:>4}/{:<3} {:>8}",
            standard.hit, standard.windows, standard.false_alarms
        );
    }
    let (standard, threshold) = (PROFILES[0].1, Config::default().threshold);
    let fixed = total(&files, 0, standard, threshold);
    let _ = writeln!(
        text,
        "at the default threshold {threshold}: {:.2}, {}/{} windows, {} false",
        fixed.score(standard),
        fixed.hit,
        fixed.windows,
        fixed.false_alarms
    );
    Ok(text)
}

fn judged(file: &Path, windows: &[(String, String)]) -> anyhow::Result<Judged> {
    let mut table = csv_file(file)?;
    let (time, value) = (table.column("timestamp")?, table.column("value")?);
    let (mut times, mut scores) = (Vec::new(), <[Vec<f64>; METHODS.len() + 1]>::default());
    let mut detector = Detector::new(&Config::default());
    while table.advance()? {
        let at = millis(&table.text(time)).with_context(|| format!("cannot read {}", file.display()))?;
        times.push(at);
        let verdict = detector.push(Some(at), table.number(value));
        scores[0].push(verdict.score);
        scores[1..].iter_mut().zip(METHODS).for_each(|(scores, (_, of))| scores.push(of(&verdict.methods)));
    }
    let windows =
        windows.iter().map(|(from, to)| Ok((millis(from)?, millis(to)?))).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Judged { truth: Truth::new(&times, &windows), scores })
}

fn millis(text: &str) -> anyhow::Result<i64> {
    timestamp::parse(text).map(|at| at.as_micros() / 1_000).with_context(|| format!("{text:?} is no timestamp"))
}

fn best(files: &[Judged], method: usize, profile: Profile) -> (Outcome, f64) {
    let scored: Vec<(&Truth, &[f64])> =
        files.iter().map(|file| (&file.truth, file.scores[method].as_slice())).collect();
    let threshold = best_threshold(&scored, profile);
    (total(files, method, profile, threshold), threshold)
}

fn total(files: &[Judged], method: usize, profile: Profile, threshold: f64) -> Outcome {
    let outcomes = files.iter().map(|file| outcome(&file.truth, &file.scores[method], profile, threshold));
    outcomes.fold(Outcome::default(), Outcome::and)
}
