//! Incidents of a folder of metrics with dated faults, and how good they are.
//!
//! ```sh
//! cargo run --release -p highwater-detection --example incidents -- FOLDER                # figures and what was missed
//! cargo run --release -p highwater-detection --example incidents -- FOLDER sensitivity    # the same, each setting varied
//! cargo run --release -p highwater-detection --example incidents -- FOLDER alerts         # the alerts as CSV
//! ```
#![allow(clippy::print_stdout)]

#[path = "../tests/boutique/mod.rs"]
mod boutique;

use std::{collections::BTreeSet, path::PathBuf};

use boutique::{Result, Shop};
use highwater_detection::incident::{Change, Incident, Watch, WatchConfig};
use highwater_detection::scoring::incident::{Alert, Known, Score, score};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().ok_or("which folder?")?.into();
    let shop = Shop::read(&folder)?;
    match arguments.next().as_deref() {
        None => report(&shop),
        Some("alerts") => alerts(&shop),
        Some("sensitivity") => sensitivity(&shop),
        Some(other) => return Err(format!("unknown word {other}").into()),
    }
    Ok(())
}

fn opened(shop: &Shop, config: &WatchConfig) -> Vec<Incident> {
    let mut watch = Watch::new(config);
    let step = |row: usize| watch.step(row as i64, shop.row(row), &shop.calls);
    let changes = (0..shop.times.len()).flat_map(step);
    changes.filter_map(|(change, incident)| (change == Change::Opened).then_some(incident)).collect()
}

fn told(shop: &Shop, config: &WatchConfig) -> Vec<Alert> {
    opened(shop, config).iter().map(|incident| shop.alert(incident.opened, first_cause(incident))).collect()
}

fn first_cause(incident: &Incident) -> Option<&str> {
    incident.suspects.first().map(|suspect| suspect.service.as_str())
}

fn alerts(shop: &Shop) {
    println!("time,service");
    for incident in opened(shop, &WatchConfig::default()) {
        println!("{},{}", clock(shop, incident.opened), first_cause(&incident).unwrap_or_default());
    }
}

fn clock(shop: &Shop, row: i64) -> String {
    let at = jiff::Timestamp::from_second(shop.times[row as usize] as i64);
    at.map(|at| at.to_string()).unwrap_or_default()
}

fn report(shop: &Shop) {
    for incident in opened(shop, &WatchConfig::default()) {
        let suspects: Vec<_> =
            incident.suspects.iter().take(3).map(|one| format!("{} {:.0} %", one.service, 100.0 * one.blame)).collect();
        println!("{}  evidence {:4.1}  {}", clock(shop, incident.opened), incident.evidence, suspects.join(", "));
        for member in incident.members.iter().take(3) {
            let sign = &member.sign;
            let (low, high) = (sign.band[0], sign.band[1]);
            println!(
                "    {:22} {:32} {:9.4}, expected {:.4} to {:.4}",
                sign.service, sign.metric, sign.actual, low, high
            );
        }
    }
    let score = score(&told(shop, &WatchConfig::default()), &shop.known, &shop.rules);
    for (known, found) in &score.each {
        let found = found.as_ref().map(|one| format!("{:3.0} s  {}", one.delay, one.service.as_deref().unwrap_or("")));
        println!("{:4} {:24} {:15} {}", known.id, known.service, known.kind, found.as_deref().unwrap_or("missed"));
    }
    println!("\n{:26}{HEADER}\n{:26}{}", "", "default", figures(&score));
    held_out(shop);
}

const HEADER: &str = "   F1  recall  precision  false/day  delay s  blamed";

fn figures(score: &Score) -> String {
    format!(
        "{:5.3}  {:6.3}  {:9.3}  {:9.2}  {:7.0}  {:6.2}",
        score.f1(),
        score.recall(),
        score.precision(),
        score.false_per_day(),
        score.median_delay().unwrap_or(f64::NAN),
        score.blamed().unwrap_or(f64::NAN)
    )
}

/// For each service: the threshold that is best for the faults of the others, used on its own.
fn held_out(shop: &Shop) {
    let runs: Vec<(f64, Vec<Alert>)> = (0..16).map(|at| at_threshold(shop, 0.75 * 1.15f64.powi(at))).collect();
    let services: BTreeSet<&str> = shop.known.iter().map(|known| known.service.as_str()).collect();
    let (mut found, mut most_false, mut chosen) = (0, 0, Vec::new());
    for service in services {
        let (own, others): (Vec<Known>, Vec<Known>) =
            shop.known.iter().cloned().partition(|known| known.service == service);
        // whoever finds the held-out faults is neither right nor wrong while choosing
        let mut rules = shop.rules.clone();
        rules.ignore.extend(own.iter().map(|known| (known.start, known.end + rules.grace)));
        let f1s: Vec<f64> = runs.iter().map(|(_, alerts)| score(alerts, &others, &rules).f1()).collect();
        let best = f1s.iter().copied().fold(0.0, f64::max);
        let as_good: Vec<_> = runs.iter().zip(&f1s).filter(|(_, f1)| **f1 >= best).map(|(run, _)| run).collect();
        let (threshold, alerts) = as_good[as_good.len() / 2];
        let whole = score(alerts, &shop.known, &shop.rules);
        found += whole.each.iter().filter(|(known, alert)| known.service == service && alert.is_some()).count();
        most_false = most_false.max(whole.false_alerts.len());
        chosen.push(*threshold);
    }
    let precision = found as f64 / (found + most_false) as f64;
    let recall = found as f64 / shop.known.len() as f64;
    let f1 = 2.0 * precision * recall / (precision + recall);
    println!("leave one service out: found {found}, false at most {most_false}, F1 {f1:.3}, thresholds {chosen:.2?}");
}

fn at_threshold(shop: &Shop, open_from: f64) -> (f64, Vec<Alert>) {
    let mut config = WatchConfig::default();
    (config.grouping.open_from, config.grouping.join_from) = (open_from, open_from / 2.0);
    (open_from, told(shop, &config))
}

/// A setting, with another value.
type Variation = (&'static str, fn(&mut WatchConfig));

const VARIATIONS: &[Variation] = &[
    ("default", |_| ()),
    ("open from 1.5", |config| config.grouping.open_from = 1.5),
    ("open from 1.75", |config| config.grouping.open_from = 1.75),
    ("open from 2.5", |config| config.grouping.open_from = 2.5),
    ("open from 3", |config| config.grouping.open_from = 3.0),
    ("join from 0.5", |config| config.grouping.join_from = 0.5),
    ("join from 2", |config| config.grouping.join_from = 2.0),
    ("corroborating 1", |config| config.grouping.corroborating = 1),
    ("corroborating 2", |config| config.grouping.corroborating = 2),
    ("corroborating 3", |config| config.grouping.corroborating = 3),
    ("corroborating 5", |config| config.grouping.corroborating = 5),
    ("corroborating 6", |config| config.grouping.corroborating = 6),
    ("in a row 1", |config| config.in_a_row = 1),
    ("in a row 2", |config| config.in_a_row = 2),
    ("in a row 4", |config| config.in_a_row = 4),
    ("grows 2", |config| config.grouping.grows = 2),
    ("grows 3", |config| config.grouping.grows = 3),
    ("grows 8", |config| config.grouping.grows = 8),
    ("quiet 1", |config| config.grouping.quiet = 1),
    ("quiet 4", |config| config.grouping.quiet = 4),
    ("recent 30", |config| config.baseline.recent = 30),
    ("recent 120", |config| config.baseline.recent = 120),
    ("at least 20", |config| config.baseline.at_least = 20),
    ("memory 240", |config| config.baseline.memory = 240),
    ("memory 960", |config| config.baseline.memory = 960),
    ("habit 0.9", |config| config.baseline.habit = 0.9),
    ("habit 0.98", |config| config.baseline.habit = 0.98),
    ("floor 0.01", |config| config.baseline.floor = 0.01),
    ("floor 0.05", |config| config.baseline.floor = 0.05),
    ("absorb after 6", |config| config.baseline.absorb_after = 6),
    ("absorb after 24", |config| config.baseline.absorb_after = 24),
    ("learn everything", |config| config.baseline.absorb_after = 0),
];

fn sensitivity(shop: &Shop) {
    println!("{:26}{HEADER}", "");
    for (name, vary) in VARIATIONS {
        let mut config = WatchConfig::default();
        vary(&mut config);
        println!("{name:26}{}", figures(&score(&told(shop, &config), &shop.known, &shop.rules)));
    }
}
