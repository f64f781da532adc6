//! The figures that `docs/detection.md` shows for incidents of a microservice shop, and the scorer beside the one in Python.
//! Both need data that is not part of the repository: a folder `shared` beside one of the folders above.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod boutique;

use std::{fs, path::PathBuf, process::Command};

use boutique::Shop;
use highwater_detection::incident::{Change, Watch, WatchConfig};
use highwater_detection::scoring::incident::{Alert, Rules, score};

fn shared() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|folder| folder.join("shared")).find(|folder| folder.join("data/boutique-incidents").is_dir())
}

#[test]
fn incidents_of_the_shop_are_found_and_blamed() {
    let Some(shared) = shared() else {
        println!("SKIPPED: incidents_of_the_shop_are_found_and_blamed: no folder shared/data/boutique-incidents");
        return;
    };
    let shop = Shop::read(&shared.join("data/boutique-incidents")).unwrap();
    let mut watch = Watch::new(&WatchConfig::default());
    let mut alerts = Vec::new();
    for row in 0..shop.times.len() {
        for (change, incident) in watch.step(row as i64, shop.row(row), &shop.calls) {
            if change == Change::Opened {
                assert_eq!(incident.opened, row as i64);
                alerts.push(shop.alert(incident.opened, Some(&incident.suspects[0].service)));
            }
        }
    }
    let score = score(&alerts, &shop.known, &shop.rules);
    assert!(score.f1() >= 0.85, "F1 {}", score.f1());
    assert!(score.false_per_day() <= 2.0, "{:?}", score.false_alerts);
    assert!(score.blamed().unwrap() >= 0.5, "{:?}", score.each);
}

/// Alerts spread over the day, some close together, some at the right service.
fn some_alerts(shop: &Shop, seed: u64) -> Vec<Alert> {
    let mut state = seed;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let alert = |_| match next(3) {
        0 => shop.alert(next(shop.times.len()) as i64, None),
        _ => shop.alert(next(300) as i64, Some(&shop.known[next(shop.known.len())].service)),
    };
    (0..40).map(alert).collect()
}

#[test]
fn the_scorer_agrees_with_the_one_in_python() {
    let Some(shared) = shared().filter(|_| Command::new("python3").arg("--version").output().is_ok()) else {
        println!("SKIPPED: the_scorer_agrees_with_the_one_in_python: no folder shared, or no python3");
        return;
    };
    let data = shared.join("data/boutique-incidents");
    let shop = Shop::read(&data).unwrap();
    let clock = |at: f64| jiff::Timestamp::from_second(at as i64).unwrap().to_string();
    let (low, high) = shop.rules.span.unwrap();
    for seed in 0..6 {
        let alerts = some_alerts(&shop, seed);
        let merge = if seed % 2 == 0 { 120.0 } else { 0.0 };
        let row = |alert: &Alert| format!("{},{}\n", clock(alert.at), alert.service.as_deref().unwrap_or(""));
        let file = std::env::temp_dir().join(format!("highwater-alerts-{}-{seed}.csv", std::process::id()));
        fs::write(&file, format!("time,service\n{}", alerts.iter().map(row).collect::<String>())).unwrap();
        let mut python = Command::new("python3");
        python.arg(shared.join("tools/incident_score.py")).arg(&file).args(["--json", "--grace", "120"]);
        python.arg("--incidents").arg(data.join("incidents.csv")).arg("--ignore").arg(data.join("ignore.csv"));
        python.args(["--merge", &merge.to_string(), "--from", &clock(low), "--to", &clock(high)]);
        let said = python.output().unwrap();
        fs::remove_file(&file).unwrap();
        let theirs: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();

        let ours = score(&alerts, &shop.known, &Rules { merge, ..shop.rules.clone() });
        let close = |field: &str, value: f64| {
            let other = theirs[field].as_f64().unwrap();
            assert!((value - other).abs() < 1e-9, "{field}: {value} here, {other} there");
        };
        close("detected", ours.found() as f64);
        close("alerts", ours.alerts as f64);
        close("false_alerts", ours.false_alerts.len() as f64);
        close("recall", ours.recall());
        close("precision", ours.precision());
        close("F1", ours.f1());
        close("false_per_day", ours.false_per_day());
        close("median_delay_s", ours.median_delay().unwrap());
        close("blamed", ours.blamed().unwrap());
        for (kind, (found, all)) in ours.by_kind() {
            assert_eq!(theirs["recall_by_kind"][kind], format!("{found}/{all}"), "{kind}");
        }
    }
}
