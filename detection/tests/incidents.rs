//! What holds of incidents whatever the series.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;

use highwater_detection::incident::{
    Baseline, BaselineConfig, Calls, Change, Grouping, GroupingConfig, Incident, Sign, Stretch, Watch, WatchConfig,
    group, suspects,
};
use proptest::prelude::*;

const SERVICES: [&str; 4] = ["web", "cart", "store", "mail"];
const METRICS: [&str; 5] = ["p50", "p90", "p99", "cpu", "memory"];

/// Web calls cart and mail, cart calls the store.
fn calls() -> Calls {
    Calls::of([("web", "cart"), ("web", "mail"), ("cart", "store")])
}

/// Between 95 and 105, the same for the same place.
fn steady(window: i64, service: usize, metric: usize) -> f64 {
    let mixed = (window as u64 * 40 + service as u64 * 8 + metric as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    95.0 + (mixed >> 40) as f64 / (1u64 << 24) as f64 * 10.0
}

type Row = Vec<(&'static str, &'static str, f64)>;

fn row(window: i64, value: impl Fn(&str, f64) -> f64) -> Row {
    let mut row = Row::new();
    for (s, service) in SERVICES.into_iter().enumerate() {
        row.extend(
            METRICS.into_iter().enumerate().map(|(m, metric)| (service, metric, value(service, steady(window, s, m)))),
        );
    }
    row
}

fn opened(rows: &[Row]) -> Vec<Incident> {
    let mut watch = Watch::new(&WatchConfig::default());
    let changes = (0..).zip(rows).flat_map(|(window, row)| watch.step(window, row.iter().copied(), &calls()));
    changes.filter(|(change, _)| *change == Change::Opened).map(|(_, incident)| incident).collect()
}

#[test]
fn steady_series_make_no_incident() {
    let rows: Vec<Row> = (0..2_000).map(|window| row(window, |_, value| value)).collect();
    assert_eq!(opened(&rows), []);
}

#[test]
fn a_slow_store_slows_its_callers_and_is_blamed() {
    let slow = |window: i64| {
        row(window, |service, value| match service {
            "store" => value * 4.0,
            "cart" => value * 3.5,
            "web" => value * 3.0,
            _ => value,
        })
    };
    let rows: Vec<Row> = (0..300)
        .map(|window| if (200..205).contains(&window) { slow(window) } else { row(window, |_, value| value) })
        .collect();
    let [incident] = &opened(&rows)[..] else { panic!("{:?}", opened(&rows)) };
    assert_eq!((incident.opened, incident.suspects[0].service.as_str()), (202, "store"));
    let services: BTreeSet<&str> = incident.members.iter().map(|member| member.sign.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["web", "cart", "store"]));
    assert!(incident.members.iter().all(|member| member.sign.actual > member.sign.band[1]));
}

#[test]
fn far_from_each_other_on_the_graph_means_two_incidents() {
    let both = |service: &str, value: f64| if service == "store" || service == "mail" { value * 5.0 } else { value };
    let rows: Vec<Row> = (0..210).map(|window| row(window, |s, v| if window < 200 { v } else { both(s, v) })).collect();
    let blamed: BTreeSet<String> =
        opened(&rows).into_iter().map(|incident| incident.suspects[0].service.clone()).collect();
    assert_eq!(blamed, BTreeSet::from(["mail".to_owned(), "store".to_owned()]));
}

#[test]
fn a_new_level_is_told_of_once_and_then_normal() {
    let level = |window: i64| if window < 200 { 1.0 } else { 3.0 };
    let rows: Vec<Row> = (0..800).map(|window| row(window, |_, value| value * level(window))).collect();
    assert_eq!(opened(&rows).len(), 1);
    let mut baseline = Baseline::new(&BaselineConfig::default());
    let last = (0..800).filter_map(|window| baseline.push(steady(window, 0, 0) * level(window))).last().unwrap();
    assert!((280.0..320.0).contains(&last.expected) && last.surprise() < 3.0, "{last:?}");
}

#[test]
fn what_happens_often_is_no_surprise_however_far_it_goes() {
    let jumpy = |window: i64| if window % 11 == 0 { 5_000.0 } else { steady(window, 0, 0) };
    let mut baseline = Baseline::new(&BaselineConfig::default());
    let habit = (0..600).filter_map(|window| baseline.push(jumpy(window))).last().unwrap();
    assert!(habit.spread > 1_000.0, "{habit:?}");
}

#[test]
fn an_incident_ends_when_its_series_are_back_in_line() {
    let trouble = |window: i64| if (200..206).contains(&window) { 4.0 } else { 1.0 };
    let mut watch = Watch::new(&WatchConfig::default());
    let mut story = Vec::new();
    for window in 0..230 {
        let row = row(window, |service, value| if service == "mail" { value * trouble(window) } else { value });
        let changes = watch.step(window, row, &calls());
        story.extend(changes.into_iter().map(|(change, incident)| (window, change, incident.until)));
    }
    assert_eq!(story, [(202, Change::Opened, 202), (208, Change::Closed, 205)]);
    assert_eq!(watch.open(), []);
}

#[test]
fn the_oldest_incident_gives_way() {
    let sign = |service: usize| Sign {
        service: format!("service {service}"),
        metric: "cpu".to_owned(),
        until: 0,
        surprise: 9.0,
        actual: 1.0,
        expected: 0.0,
        band: [-0.5, 0.5],
    };
    let mut grouping = Grouping::new(&GroupingConfig { most_open: 2, ..GroupingConfig::of_anomalies() });
    let changes = grouping.step(0, (0..5).map(sign), &Calls::default());
    assert_eq!(changes.iter().filter(|(change, _)| *change == Change::Closed).count(), 3);
    assert_eq!(grouping.open().len(), 2);
}

#[test]
fn a_watch_has_bounds() {
    let mut watch = Watch::new(&WatchConfig { most_series: 3, ..WatchConfig::default() });
    watch.step(0, row(0, |_, value| value), &calls());
    assert_eq!(watch.unwatched(), 17);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 90f64..110.0, 2 => 0f64..1e4, 1 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(1e308), 1 => Just(-1e308)]
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let of = |values: Vec<f64>| -> Row { (0..6).map(|at| (SERVICES[at % 3], METRICS[at / 3], values[at])).collect() };
    prop::collection::vec(prop::collection::vec(any_value(), 6).prop_map(of), 20..60)
}

fn any_stretch() -> impl Strategy<Value = Stretch> {
    (0..60i64, 0..8i64, 0..4usize, 0..3usize, 0.5f64..50.0).prop_map(|(first, length, service, metric, surprise)| {
        Stretch {
            first,
            sign: Sign {
                service: SERVICES[service].to_owned(),
                metric: METRICS[metric].to_owned(),
                until: first + length,
                surprise,
                actual: 1.0,
                expected: 0.0,
                band: [-0.5, 0.5],
            },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_values_are_data(values in prop::collection::vec(any_value(), 0..80)) {
        let mut baseline = Baseline::new(&BaselineConfig::default());
        for value in values {
            let deviation = baseline.push(value);
            prop_assert!(value.is_finite() || deviation.is_none());
            if let Some(deviation) = deviation {
                let [low, high] = deviation.band();
                for number in [deviation.z(), deviation.surprise(), deviation.spread, low, high] {
                    prop_assert!(number.is_finite(), "{:?}", deviation);
                }
            }
        }
    }

    #[test]
    fn blame_is_shared_out_whoever_calls_whom(
        evidence in prop::collection::btree_map("[a-f]", 0.0f64..50.0, 1..6),
        pairs in prop::collection::vec(("[a-f]", "[a-f]"), 0..20),
    ) {
        let suspects = suspects(&evidence, &Calls::of(pairs));
        let named: BTreeSet<&str> = suspects.iter().map(|suspect| suspect.service.as_str()).collect();
        let strange: BTreeSet<&str> =
            evidence.iter().filter(|(_, evidence)| **evidence > 0.0).map(|(service, _)| service.as_str()).collect();
        prop_assert_eq!(&named, &strange);
        prop_assert!(suspects.is_sorted_by(|one, other| one.blame >= other.blame));
        let total: f64 = suspects.iter().map(|suspect| suspect.blame).sum();
        prop_assert!(strange.is_empty() || (total - 1.0).abs() < 1e-9, "{:?}", suspects);
    }

    #[test]
    fn nothing_is_known_of_the_future(rows in any_rows(), cut in 0usize..60) {
        let early = &rows[..cut.min(rows.len())];
        let whole: Vec<_> = opened(&rows).into_iter().filter(|incident| incident.opened < early.len() as i64).collect();
        prop_assert_eq!(opened(early), whole);
    }

    #[test]
    fn a_watch_that_was_written_down_goes_on_the_same(rows in any_rows(), cut in 0usize..60) {
        let cut = cut.min(rows.len());
        let mut watch = Watch::new(&WatchConfig::default());
        for (window, row) in (0..).zip(&rows[..cut]) {
            watch.step(window, row.iter().copied(), &calls());
        }
        let mut again: Watch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        for (window, row) in (cut as i64..).zip(&rows[cut..]) {
            let expected = watch.step(window, row.iter().copied(), &calls());
            prop_assert_eq!(again.step(window, row.iter().copied(), &calls()), expected);
        }
    }

    #[test]
    fn grouping_does_not_depend_on_the_order(
        (stretches, shuffled) in prop::collection::vec(any_stretch(), 0..40)
            .prop_flat_map(|stretches| (Just(stretches.clone()), Just(stretches).prop_shuffle()))
    ) {
        let config = GroupingConfig::of_anomalies();
        prop_assert_eq!(group(stretches, &calls(), &config), group(shuffled, &calls(), &config));
    }

    #[test]
    fn each_anomaly_is_in_one_incident(stretches in prop::collection::vec(any_stretch(), 0..40)) {
        let incidents = group(stretches.clone(), &calls(), &GroupingConfig::of_anomalies());
        for stretch in &stretches {
            let holds = |incident: &&Incident| incident.members.iter().any(|member| {
                (&member.sign.service, &member.sign.metric) == (&stretch.sign.service, &stretch.sign.metric)
                    && member.since <= stretch.first && stretch.sign.until <= member.sign.until
            });
            prop_assert_eq!(incidents.iter().filter(holds).count(), 1, "{:?} in {:#?}", stretch, incidents);
        }
        for incident in &incidents {
            let total: f64 = incident.suspects.iter().map(|suspect| suspect.blame).sum();
            prop_assert!((total - 1.0).abs() < 1e-9 && incident.until >= incident.opened);
        }
    }
}
