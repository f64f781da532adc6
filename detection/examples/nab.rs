//! Runs the detector over a folder of labelled series and prints its scores by the rules of the benchmark:
//! `cargo run --release -p highwater-detection --example nab -- FOLDER [RESULTS]`. With RESULTS, scores are written
//! there for any other scorer.
#![allow(clippy::print_stdout)]

mod labelled;

use std::{error::Error, fs, path::Path, time::Instant};

use highwater_detection::{
    scoring::nab::{Outcome, PROFILES, Profile, Truth, best_threshold, outcome},
    series::{Config, Detector, rows_per_alarm},
};

struct File {
    key: String,
    group: String,
    truth: Truth,
    scores: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let results = arguments.next();
    let (mut files, mut rows, mut spent) = (Vec::new(), 0, 0.0);
    for series in labelled::read(Path::new(&folder))? {
        let start = Instant::now();
        let mut detector = Detector::new(&Config::default());
        let scores: Vec<f64> = series.rows.iter().map(|(at, value)| detector.push(Some(*at), *value).score).collect();
        spent += start.elapsed().as_secs_f64();
        rows += series.rows.len();
        if let Some(results) = &results {
            let text = fs::read_to_string(Path::new(&folder).join(&series.key))?;
            write(&Path::new(results).join(&series.key), &text, &scores)?;
        }
        let times: Vec<i64> = series.rows.iter().map(|(at, _)| *at).collect();
        let group = series.key.split('/').next().unwrap_or_default().to_owned();
        files.push(File { truth: Truth::new(&times, &series.windows), key: series.key, group, scores });
    }
    println!("{} files, {rows} rows, {:.0} rows/s", files.len(), rows as f64 / spent);
    report(&files);
    meaning(&files);
    Ok(())
}

fn write(path: &Path, text: &str, scores: &[f64]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    let rows = text.lines().skip(1).zip(scores).map(|(line, score)| {
        let mut fields = line.split(',');
        format!("{},{},{score}\n", fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
    });
    Ok(fs::write(path, format!("timestamp,value,anomaly_score\n{}", rows.collect::<String>()))?)
}

fn threshold<'a>(files: impl Iterator<Item = &'a File>, profile: Profile) -> f64 {
    best_threshold(&files.map(|file| (&file.truth, file.scores.as_slice())).collect::<Vec<_>>(), profile)
}

fn total<'a>(files: impl Iterator<Item = &'a File>, profile: Profile, threshold: f64) -> Outcome {
    files.map(|file| outcome(&file.truth, &file.scores, profile, threshold)).fold(Outcome::default(), Outcome::and)
}

/// Each part of the files at the threshold that is best for the others.
fn cross_validated(files: &[File], profile: Profile, part: impl Fn(usize, &File) -> usize) -> f64 {
    let parts: Vec<usize> = files.iter().enumerate().map(|(at, file)| part(at, file)).collect();
    let of = |which: usize, within: bool| {
        files.iter().zip(&parts).filter(move |(_, part)| (**part == which) == within).map(|(file, _)| file)
    };
    let most = parts.iter().max().copied().unwrap_or(0);
    let outcomes = (0..=most).map(|which| total(of(which, true), profile, threshold(of(which, false), profile)));
    outcomes.fold(Outcome::default(), Outcome::and).score(profile)
}

fn report(files: &[File]) {
    let mut groups: Vec<&str> = files.iter().map(|file| file.group.as_str()).collect();
    groups.dedup();
    println!(
        "{:<20} {:>6} {:>9} {:>8} {:>6} {:>12} {:>6}",
        "profile", "score", "threshold", "hit", "false", "group left", "5-fold"
    );
    for (name, profile) in PROFILES {
        let threshold = threshold(files.iter(), profile);
        let all = total(files.iter(), profile, threshold);
        let left = cross_validated(files, profile, |_, file| {
            groups.iter().position(|group| *group == file.group).unwrap_or(0)
        });
        let folds = cross_validated(files, profile, |at, _| at % 5);
        println!(
            "{name:<20} {:>6.2} {threshold:>9.4} {:>4}/{:<3} {:>6} {left:>12.2} {folds:>6.2}",
            all.score(profile),
            all.hit,
            all.windows,
            all.false_alarms
        );
    }
    let standard = PROFILES[0].1;
    let best = threshold(files.iter(), standard);
    for group in groups {
        let of = total(files.iter().filter(|file| file.group == group), standard, best);
        println!("  {group:<40} {:>6.1} {:>4}/{:<3} {:>6}", of.score(standard), of.hit, of.windows, of.false_alarms);
    }
    let fixed = total(files.iter(), standard, Config::default().threshold);
    println!(
        "at the default threshold {:.2}, hit {}/{}, false {}",
        fixed.score(standard),
        fixed.hit,
        fixed.windows,
        fixed.false_alarms
    );
    if std::env::var_os("FILES").is_some() {
        for file in files {
            let of = outcome(&file.truth, &file.scores, standard, best);
            println!("  {:<60} {:>7.3} {:>2}/{:<2} {:>4}", file.key, of.raw, of.hit, of.windows, of.false_alarms);
        }
    }
}

/// What a score promises, and what it comes to on the rows outside of labels.
fn meaning(files: &[File]) {
    let standard = PROFILES[0].1;
    let rows = total(files.iter(), standard, 0.0).false_alarms as f64;
    println!("score, rows for each one outside of labels that reaches it, and what rows_per_alarm says");
    for score in [0.25, 0.4, 0.485, 0.5, 0.6, 0.7] {
        let alarms = total(files.iter(), standard, score).false_alarms as f64;
        println!("  {score:.3} {:>8.0} {:>8.0}", rows / alarms, rows_per_alarm(score));
    }
}
