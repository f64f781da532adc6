//! What the series detector promises: bounded answers to any input, a state that can be written down, and verdicts that
//! follow the series.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use highwater_detection::series::{Config, Detector, Kind, Verdict};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e308),
        Just(-1e308),
        Just(f64::MIN_POSITIVE),
        Just(0.0),
        Just(-0.0),
        -100f64..100.0,
        any::<f64>(),
    ]
}

fn hostile_time() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        Just(None),
        Just(Some(i64::MIN)),
        Just(Some(i64::MAX)),
        any::<i64>().prop_map(Some),
        (0i64..1_000_000_000).prop_map(Some)
    ]
}

fn all(detector: &mut Detector, rows: &[(Option<i64>, f64)]) -> Vec<Verdict> {
    rows.iter().map(|(at, value)| detector.push(*at, *value)).collect()
}

/// A noise that is the same each time.
fn noise(row: u64) -> f64 {
    let mixed = (row.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn day(row: i64) -> f64 {
    let phase = (row % 288) as f64 / 288.0 * std::f64::consts::TAU;
    100.0 + 60.0 * phase.sin() + 8.0 * noise(row as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_input_has_a_bounded_verdict(rows in prop::collection::vec((hostile_time(), hostile()), 1..400)) {
        let mut detector = Detector::new(&Config::default());
        for (row, verdict) in rows.iter().zip(all(&mut detector, &rows)) {
            prop_assert!((0.0..1.0).contains(&verdict.score), "{:?} {:?}", row, verdict);
            prop_assert!(verdict.surprise.is_finite() && verdict.surprise >= 0.0 && verdict.expected.is_finite());
            prop_assert!(verdict.band[0] <= verdict.expected && verdict.expected <= verdict.band[1], "{:?}", verdict);
            prop_assert!(row.1.is_finite() || (!verdict.flagged && verdict.score == 0.0));
        }
    }

    #[test]
    fn a_state_written_down_goes_on_as_if_nothing_had_happened(
        rows in prop::collection::vec((hostile_time(), hostile()), 2..300), cut in 0.0f64..1.0,
    ) {
        let cut = (rows.len() as f64 * cut) as usize;
        let mut whole = Detector::new(&Config::default());
        let uninterrupted = all(&mut whole, &rows);
        let mut first = Detector::new(&Config::default());
        let mut parts = all(&mut first, &rows[..cut]);
        let written = serde_json::to_string(&first).unwrap();
        let mut second: Detector = serde_json::from_str(&written).unwrap();
        parts.extend(all(&mut second, &rows[cut..]));
        prop_assert_eq!(parts, uninterrupted);
    }

    #[test]
    fn what_is_no_number_leaves_no_trace(values in prop::collection::vec(-50f64..50.0, 10..200), at in 0usize..10) {
        let mut with = values.clone();
        with.insert(at, f64::NAN);
        let verdicts = |values: &[f64]| {
            let mut detector = Detector::new(&Config::default());
            values.iter().map(|value| detector.push(None, *value)).collect::<Vec<_>>()
        };
        let mut with = verdicts(&with);
        with.remove(at);
        prop_assert_eq!(with, verdicts(&values));
    }
}

#[test]
fn a_state_is_bounded() {
    let mut detector = Detector::new(&Config::default());
    let mut sizes = Vec::new();
    for row in 0..30_000i64 {
        detector.push(Some(row * 5 * MINUTE), day(row) * (1.0 + 50.0 * noise(row as u64 * 7)).powi(3));
        if row % 10_000 == 9_999 {
            sizes.push(serde_json::to_vec(&detector).unwrap().len());
        }
    }
    assert!(sizes[2] < sizes[1] + sizes[1] / 10 && sizes[2] < 700_000, "{sizes:?}");
}

#[test]
fn a_flat_series_is_never_flagged_and_its_first_change_is() {
    let mut detector = Detector::new(&Config::default());
    assert!((0..2000).all(|row| !detector.push(Some(row * MINUTE), 7.0).flagged));
    let verdict = detector.push(Some(2000 * MINUTE), 0.0);
    assert!(verdict.flagged && verdict.expected == 7.0, "{verdict:?}");
}

#[test]
fn a_season_is_learned_and_its_breach_is_flagged() {
    let mut detector = Detector::new(&Config::default());
    let flags = (0..288 * 14).filter(|row| detector.push(Some(row * 5 * MINUTE), day(*row)).flagged).count();
    assert!(flags <= 8, "{flags} false alarms in two weeks");
    // at noon of a sine's day the value is high: that of the night is usual as such, but not now
    let at = 288 * 14 + 72;
    (288 * 14..at).for_each(|row| _ = detector.push(Some(row * 5 * MINUTE), day(row)));
    let verdict = detector.push(Some(at * 5 * MINUTE), 45.0);
    assert!(verdict.flagged && verdict.kind == Some(Kind::Drop), "{verdict:?}");
    assert!(verdict.band[0] > 100.0 && verdict.expected > 140.0, "{verdict:?}");
}

#[test]
fn a_new_level_is_flagged_and_then_absorbed() {
    let mut detector = Detector::new(&Config::default());
    (0..1500).for_each(|row| _ = detector.push(None, 20.0 + 4.0 * noise(row)));
    let shift: Vec<Verdict> = (1500..3000).map(|row| detector.push(None, 60.0 + 4.0 * noise(row))).collect();
    assert!(shift[..3].iter().any(|verdict| verdict.flagged && verdict.kind == Some(Kind::Spike)));
    assert!(shift[3..].iter().filter(|verdict| verdict.flagged).count() <= 3, "flagged for ever");
    assert!((shift[1400].expected - 62.0).abs() < 3.0, "{:?}", shift[1400]);
}

#[test]
fn small_counts_are_no_anomalies() {
    // a mean of one in twenty rows: a z-score would flag every single one
    let mut detector = Detector::new(&Config::default());
    let flags = (0..5000).filter(|row| detector.push(None, if noise(*row) < 0.05 { 1.0 } else { 0.0 }).flagged).count();
    assert!(flags <= 10, "{flags} of about 250 single counts were flagged");
    assert!(detector.push(None, 12.0).flagged);
}
