//! The built-in queries over the generator's logs: equal to a plain batch computation, on any number of workers, and
//! the scripted incidents are found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use highwater_connectors::generator::{Generator, Traffic};
use highwater_engine::{
    Level, Name, Plain, Settings, Snapshot, Timestamp, Window, Windowed, minutes, seconds, testing::replay,
};
use highwater_operators::{Alert, Anomaly, IncidentRecord, Levels, Messages, Percentiles, Ratio, catalog, template};
use highwater_queries::{ALL, Standard};
use serde_json::Value;

/// Twenty minutes of logs in four partitions; the error burst of payment-service comes after fifteen.
fn script() -> (Vec<Vec<(u32, String)>>, Timestamp) {
    let anchor: Timestamp = "2025-10-23T14:20:00Z".parse().unwrap();
    let traffic = Traffic { logs_per_second: 60.0, anchor, seasons: false, ..Traffic::default() };
    let mut generator = Generator::new(traffic, anchor.minus(minutes(15)));
    let until = anchor.plus(minutes(5));
    let mut epochs = vec![Vec::new()];
    loop {
        let mut line = Vec::new();
        let at = generator.next(&mut line);
        if at > until {
            return (epochs, anchor);
        }
        if epochs.last().is_some_and(|epoch| epoch.len() == 5_000) {
            epochs.push(Vec::new());
        }
        let partition = u32::from(line[line.len() / 2]) % 4;
        epochs.last_mut().unwrap().push((partition, String::from_utf8(line).unwrap()));
    }
}

#[derive(Default)]
struct Expected {
    levels: BTreeMap<(String, Timestamp), Levels>,
    latencies: BTreeMap<(String, Timestamp), Vec<u64>>,
    /// service and minute → template → errors
    errors: BTreeMap<(String, Timestamp), BTreeMap<String, u64>>,
}

/// The same answers by reading each log with another JSON parser into plain maps.
fn batch(script: &[Vec<(u32, String)>]) -> Expected {
    let mut expected = Expected::default();
    for (_, line) in script.iter().flatten() {
        let log: Value = serde_json::from_str(line).unwrap();
        let at: Timestamp = log["timestamp"].as_str().unwrap().parse().unwrap();
        let level = Level::ALL.into_iter().find(|level| level.as_str() == log["level"]).unwrap();
        let service = log["service"].as_str().unwrap();
        let start = |size| Window::containing(at, size).start;
        for key in [service, ALL] {
            let at = (key.to_owned(), start(seconds(10)));
            expected.levels.entry(at.clone()).or_default().add(level);
            if let Some(ms) = log["latency_ms"].as_f64() {
                expected.latencies.entry(at).or_default().push((ms * 1000.0).round() as u64);
            }
        }
        if level.is_error() {
            let templates = expected.errors.entry((service.to_owned(), start(minutes(1)))).or_default();
            *templates.entry(template(log["message"].as_str().unwrap()).into_owned()).or_default() += 1;
        }
    }
    expected
}

fn series<V: highwater_engine::Value>(snapshot: &Snapshot, view: &str) -> BTreeMap<(String, Timestamp), V> {
    let rows = snapshot.rows::<Windowed<Name>, V>(view).unwrap_or_else(|| panic!("no view {view} of this type"));
    rows.iter().map(|(row, value)| ((row.key.to_string(), row.window.start), value.clone())).collect()
}

fn check(end: &Snapshot, expected: &Expected) {
    assert_eq!(series::<Levels>(end, "level_breakdown"), expected.levels);
    let volume = expected.levels.iter().map(|(at, levels)| (at.clone(), levels.total())).collect();
    assert_eq!(series::<u64>(end, "log_volume"), volume);
    let rates = expected.levels.iter().map(|(at, levels)| (at.clone(), Ratio::new(levels.errors(), levels.total())));
    assert_eq!(series::<Ratio>(end, "error_rate"), rates.collect());
    let percentiles = series::<Percentiles>(end, "latency");
    assert_eq!(percentiles.keys().collect::<Vec<_>>(), expected.latencies.keys().collect::<Vec<_>>());
    for (at, found) in &percentiles {
        let mut exact = expected.latencies[at].clone();
        exact.sort_unstable();
        let rank = (0.95 * exact.len() as f64).ceil() as usize;
        let p95 = exact[rank.max(1) - 1] as f64;
        assert_eq!(found.count, exact.len() as u64, "{at:?}");
        assert!((found.p95_micros as f64 - p95).abs() <= p95 / 32.0 + 1.0, "{at:?}: {} for {p95}", found.p95_micros);
    }
    let rows = end.rows::<Windowed<(Name, Name)>, Messages>(catalog::TOP_ERRORS).unwrap();
    let mut errors: BTreeMap<(String, Timestamp), u64> = BTreeMap::new();
    for (row, messages) in rows.iter() {
        *errors.entry((row.key.0.to_string(), row.window.start)).or_default() += messages.count;
    }
    let most_frequent = |templates: &BTreeMap<String, u64>| {
        let mut counts: Vec<u64> = templates.values().copied().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts.iter().take(20).sum()
    };
    let shown = expected.errors.iter().map(|(at, templates)| (at.clone(), most_frequent(templates)));
    assert_eq!(errors, shown.collect());
}

#[test]
fn views_equal_the_batch_and_incidents_are_found() {
    let (script, anchor) = script();
    let expected = batch(&script);
    let mut alerts_of_one = None;
    for workers in [1, 2] {
        let settings = Settings { workers, ..Settings::default() };
        let snapshots = replay(Standard::default(), &settings, &script).unwrap();
        let end = snapshots.last().unwrap();
        check(end, &expected);

        let burst = anchor.plus(seconds(15))..anchor.plus(seconds(70));
        let anomalies = end.rows::<Plain<Name>, Anomaly>(catalog::ANOMALIES).unwrap();
        let found = anomalies.values().find(|anomaly| {
            &*anomaly.metric_name == "error_rate"
                && anomaly.service.as_deref() == Some("payment-service")
                && anomaly.window_start < burst.end
                && anomaly.window_end > burst.start
        });
        let found =
            found.unwrap_or_else(|| panic!("no anomaly in the burst: {:?}", anomalies.keys().collect::<Vec<_>>()));
        assert!(found.shifts.iter().any(|shift| shift.share > shift.share_before), "{found:?}");

        let incidents = end.rows::<Plain<Name>, IncidentRecord>(catalog::INCIDENTS).unwrap();
        let incident = incidents.values().find(|incident| incident.anomalies.contains(&found.id));
        let suspect = incident.and_then(|incident| incident.suspects.first()).map(|suspect| &*suspect.service);
        assert_eq!(suspect, Some("payment-service"), "{incident:?}");

        // the incident of a new message, in the cycle before the anchor, and little else
        let incident = anchor.minus(seconds(90))..anchor.minus(seconds(60));
        let (expected, others): (Vec<&Anomaly>, Vec<&Anomaly>) = anomalies
            .values()
            .filter(|anomaly| &*anomaly.metric_name == "new_template")
            .partition(|anomaly| incident.contains(&anomaly.detected_at));
        assert!(expected.iter().any(|anomaly| anomaly.service.as_deref() == Some("auth-service")), "{others:?}");
        assert!(others.len() <= 2, "{others:?}");

        let alerts = end.rows::<Plain<Name>, Alert>(catalog::ALERTS).unwrap();
        let told: BTreeSet<Alert> = alerts.values().cloned().collect();
        let burst_alert = told.iter().any(|alert| {
            (&*alert.rule, &*alert.key) == ("high_error_rate", "payment-service") && burst.contains(&alert.firing_from)
        });
        assert!(burst_alert, "no alert for the burst: {told:?}");
        // alert rules do not draw at random: the same alerts whatever the number of workers
        assert_eq!(*alerts_of_one.get_or_insert_with(|| told.clone()), told);
    }
}
