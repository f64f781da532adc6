//! Each way to judge a series, alone and together, by the rules of the benchmark for labelled series:
//! `cargo run -p highwater-operators --example methods -- FOLDER`, one threshold for all files, the best there is.
#![allow(clippy::print_stdout)]

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use highwater_detection::{
    scoring::nab::{Outcome, PROFILES, Truth, best_threshold, outcome},
    series::{Config, Detector, Verdict},
};
use highwater_engine::format::timestamp;
use highwater_operators::{
    Detection, Model, Training, assess, features, moving_average, surprise, surprise_score, z_score,
};

type Method = (&'static str, fn(&Verdict) -> f64);

/// What the detector of series says of a row, and what each of its methods would say without the others.
const METHODS: [Method; 5] = [
    ("series: all together", |verdict| verdict.score),
    ("level", |verdict| verdict.methods.level),
    ("jump", |verdict| verdict.methods.jump),
    ("shape", |verdict| verdict.methods.shape),
    ("drift", |verdict| verdict.methods.drift),
];
/// What the dataflow of logs judges windows by.
const PLAIN: [&str; 4] = ["logs: z-score and forest", "z-score", "moving average", "isolation forest"];

/// A forest is grown anew after so many rows, from so many.
const GROWN: (usize, usize) = (500, 2_000);
/// The forest knows counts: the usual value of a series is taken for so many.
const USUAL: f64 = 1_000.0;

struct File {
    truth: Truth,
    scores: Vec<Vec<f64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let folder = Path::new(&folder);
    let labels: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_slice(&fs::read(folder.join("combined_windows.json"))?)?;
    let files: Vec<File> =
        labels.iter().map(|(key, windows)| judged(&folder.join(key), windows)).collect::<Result<_, _>>()?;
    for (which, name) in METHODS.map(|(name, _)| name).into_iter().chain(PLAIN).enumerate() {
        let scored: Vec<(&Truth, &[f64])> =
            files.iter().map(|file| (&file.truth, file.scores[which].as_slice())).collect();
        print!("{name:<26}");
        for (_, profile) in PROFILES {
            let threshold = best_threshold(&scored, profile);
            let all = scored.iter().map(|(truth, scores)| outcome(truth, scores, profile, threshold));
            print!(" {:>6.1}", all.fold(Outcome::default(), Outcome::and).score(profile));
        }
        println!();
    }
    Ok(())
}

fn judged(file: &Path, windows: &[(String, String)]) -> Result<File, Box<dyn Error>> {
    let mut rows: Vec<(i64, f64)> = Vec::new();
    for record in csv::Reader::from_path(file)?.records() {
        let record = record?;
        rows.push((millis(&record[0])?, record[1].trim().parse()?));
    }
    let windows = windows.iter().map(|(from, to)| Ok((millis(from)?, millis(to)?)));
    let times: Vec<i64> = rows.iter().map(|(at, _)| *at).collect();
    let truth = Truth::new(&times, &windows.collect::<Result<Vec<_>, Box<dyn Error>>>()?);
    let mut detector = Detector::new(&Config::default());
    let verdicts: Vec<Verdict> = rows.iter().map(|(at, value)| detector.push(Some(*at), *value)).collect();
    let values: Vec<f64> = rows.iter().map(|(_, value)| *value).collect();
    let scores = METHODS.iter().map(|(_, of)| verdicts.iter().map(of).collect()).chain(plain(&values)?).collect();
    Ok(File { truth, scores })
}

fn millis(text: &str) -> Result<i64, Box<dyn Error>> {
    Ok(timestamp::parse(text).ok_or("no timestamp")?.as_micros() / 1_000)
}

/// A score a row by each of the plain methods.
fn plain(values: &[f64]) -> Result<[Vec<f64>; 4], Box<dyn Error>> {
    let config = Detection::default();
    let oddness = oddness(values)?;
    let mut scores: [Vec<f64>; 4] = Default::default();
    for (row, value) in values.iter().enumerate() {
        let past = &values[..row];
        let together = assess(past, *value, oddness[row], &config).map_or(0.0, |assessment| *assessment.score);
        let z = z_score(past, *value, &config.z_score).unwrap_or(0.0);
        let average = moving_average(past, *value, &config.moving_average, config.band);
        let deviation = average.filter(|average| average.is_outside).map_or(0.0, |average| average.deviation_percent);
        let own = [
            together,
            surprise_score(surprise(z, config.z_score.windows)),
            deviation.abs(),
            oddness[row].unwrap_or(0.0),
        ];
        scores.iter_mut().zip(own).for_each(|(scores, own)| scores.push(own));
    }
    Ok(scores)
}

/// Each row by a forest grown from those before it.
fn oddness(values: &[f64]) -> Result<Vec<Option<f64>>, Box<dyn Error>> {
    let first = &values[..values.len().min(GROWN.0)];
    let usual = first.iter().map(|value| value.abs()).sum::<f64>() / first.len().max(1) as f64;
    let count = |value: f64| (value / usual.max(1e-9) * USUAL).clamp(0.0, 1e15) as u64;
    let rows: Vec<_> =
        (0..values.len()).map(|row| features(count(values[row]), 0.0, None, count(values[row.max(1) - 1]))).collect();
    let mut model: Option<Model> = None;
    let mut oddness = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 && at % GROWN.0 == 0 {
            model = Some(Model::train(&rows[at.saturating_sub(GROWN.1)..at], &Training::default())?);
        }
        oddness.push(model.as_ref().map(|model| model.score(row)));
    }
    Ok(oddness)
}
