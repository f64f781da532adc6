//! The figures of `docs/detection.md`, where the labelled series are at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use highwater_detection::{
    scoring::nab::{Outcome, PROFILES, Truth, best_threshold, outcome},
    series::{Config, Detector},
};

fn time(text: &str) -> i64 {
    let at: jiff::civil::DateTime = text.parse().unwrap();
    at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond()
}

/// The scores of the three profiles, each at its best threshold; `None` where the folder is not there.
fn scores(folder: &str) -> Option<[f64; 3]> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    let folder = if folder.exists() {
        folder
    } else {
        PathBuf::from(std::env::var_os("HIGHWATER_DATA")?).join(folder.file_name()?)
    };
    let labels = fs::read(folder.join("combined_windows.json")).ok()?;
    let labels: BTreeMap<String, Vec<(String, String)>> = serde_json::from_slice(&labels).unwrap();
    let files: Vec<(Truth, Vec<f64>)> = labels
        .iter()
        .map(|(key, windows)| {
            let text = fs::read_to_string(folder.join(key)).unwrap();
            let rows: Vec<(i64, f64)> = text
                .lines()
                .skip(1)
                .map(|line| {
                    let (at, rest) = line.split_once(',').unwrap();
                    (time(at), rest.split(',').next().unwrap().trim().parse().unwrap())
                })
                .collect();
            let windows: Vec<(i64, i64)> = windows.iter().map(|(from, to)| (time(from), time(to))).collect();
            let times: Vec<i64> = rows.iter().map(|(at, _)| *at).collect();
            let mut detector = Detector::new(&Config::default());
            (
                Truth::new(&times, &windows),
                rows.iter().map(|(at, value)| detector.push(Some(*at), *value).score).collect(),
            )
        })
        .collect();
    let files: Vec<(&Truth, &[f64])> = files.iter().map(|(truth, scores)| (truth, scores.as_slice())).collect();
    Some(PROFILES.map(|(_, profile)| {
        let threshold = best_threshold(&files, profile);
        let all = files.iter().map(|(truth, scores)| outcome(truth, scores, profile, threshold));
        all.fold(Outcome::default(), Outcome::and).score(profile)
    }))
}

#[test]
fn above_every_published_detector_on_the_numenta_files() {
    match scores("nab") {
        Some(scores) => assert!(scores[0] > 76.0 && scores[1] > 67.0 && scores[2] > 81.6, "{scores:?}"),
        None => println!("SKIPPED: above_every_published_detector_on_the_numenta_files: no labelled series here"),
    }
}

#[test]
fn above_the_z_scores_on_cloud_telemetry() {
    match scores("cloud-monitoring") {
        Some(scores) => assert!(scores[0] > 59.0, "{scores:?}"),
        None => println!("SKIPPED: above_the_z_scores_on_cloud_telemetry: no labelled series here"),
    }
}
