//! [`detect`]: from a series to its anomalies, overlapping and neighbouring ones made one.

use std::time::Duration;

use highwater_engine::Window;

use super::{Anomaly, AnomalyType, Assessment, Detection, Found, LongTermEvidence, Sample, Subject, assess};

/// The anomalies of a whole series, oldest first: every point judged from those before it, flagged windows merged.
///
/// `series` holds a [`Sample`], or just its value, for every window, ascending; `forest` the isolation forest's scores of the windows that have
/// one, ascending (empty without a model).
///
/// ```
/// use highwater_engine::{Name, Timestamp, Window, seconds};
/// use highwater_operators::{AnomalyType, Detection, Subject, detect};
/// let of = Subject { metric: Name::from("log_volume"), service: Some(Name::from("cart")), size: seconds(10) };
/// let values = [98.0, 102.0, 100.0, 97.0, 103.0, 101.0, 99.0, 100.0, 400.0, 500.0, 100.0];
/// let series: Vec<_> =
///     (0..).map(|n| Window { start: Timestamp::from_millis(n * 10_000) }).zip(values).collect();
/// let anomalies = detect(&of, &series, &[], &Detection::default().floor(1.0));
/// assert_eq!(anomalies.len(), 1);
/// assert_eq!(anomalies[0].anomaly_type, AnomalyType::Spike);
/// assert_eq!(anomalies[0].window_start, Timestamp::from_millis(80_000));
/// ```
pub fn detect(
    of: &Subject,
    series: &[(Window, impl Copy + Into<Sample>)],
    forest: &[(Window, f64)],
    config: &Detection,
) -> Vec<Anomaly> {
    let values: Vec<f64> = series.iter().map(|(_, sample)| *(*sample).into().value).collect();
    let flagged = series.iter().enumerate().filter_map(|(at, (window, sample))| {
        let score = forest.binary_search_by_key(window, |(window, _)| *window).ok().map(|at| forest[at].1);
        let point = assess(&values[..at], *sample, score, config)?;
        point.flagged.then_some((*window, point))
    });
    merge(of, flagged, [], config)
}

/// Merges flagged windows of one series, ascending, into anomalies: a window joins the one before it unless more than
/// [`Detection::bridge_windows`] windows lie between them, or one is a spike and the other a drop. A change of pattern
/// joins either. The anomaly has the highest severity and every method of its windows; score, values and evidence are
/// those of its strangest window, the earliest of equals.
///
/// `long_term` holds what was found in longer windows against days and weeks, with their length, ascending. What lies
/// within an anomaly, or beside it, supports it, and changes neither its id nor its beginning; the rest are anomalies of their
/// own.
pub fn merge<'a>(
    of: &Subject,
    flagged: impl IntoIterator<Item = (Window, Assessment)>,
    long_term: impl IntoIterator<Item = (Window, &'a Found)>,
    config: &Detection,
) -> Vec<Anomaly> {
    let reach = of.size * config.bridge_windows;
    let flagged = flagged.into_iter().map(|(window, point)| Anomaly::of(of, window, of.size, &point));
    let mut anomalies = joined(flagged, reach);
    let mut others = Vec::new();
    for (window, Found { size, point }) in long_term {
        let found = Anomaly::of(of, window, *size, point);
        match anomalies.iter_mut().find(|anomaly| touch(anomaly, &found, reach) && agree(anomaly, &found)) {
            Some(anomaly) => support(anomaly, &found),
            None => others.push(found),
        }
    }
    if !others.is_empty() {
        anomalies.extend(joined(others, reach));
        anomalies.sort_by_key(|anomaly| anomaly.window_start);
    }
    anomalies
}

fn joined(flagged: impl IntoIterator<Item = Anomaly>, reach: Duration) -> Vec<Anomaly> {
    let mut anomalies: Vec<Anomaly> = Vec::new();
    for next in flagged {
        match anomalies.last_mut() {
            Some(last) if touch(last, &next, reach) && agree(last, &next) => join(last, next),
            _ => anomalies.push(next),
        }
    }
    anomalies
}

fn touch(one: &Anomaly, other: &Anomaly, reach: Duration) -> bool {
    one.window_start <= other.window_end.plus(reach) && other.window_start <= one.window_end.plus(reach)
}

/// An anomaly of which the long term knows, too.
fn support(anomaly: &mut Anomaly, found: &Anomaly) {
    anomaly.methods.extend(&found.methods);
    anomaly.methods.sort_unstable();
    anomaly.methods.dedup();
    anomaly.score = anomaly.score.max(found.score);
    anomaly.severity = anomaly.severity.max(found.severity);
    let stronger =
        |evidence: &LongTermEvidence| [evidence.level, evidence.jump, evidence.shape, evidence.drift].into_iter().max();
    let most = anomaly.evidence.long_term.as_ref().and_then(stronger);
    if found.evidence.long_term.as_ref().and_then(stronger) > most {
        anomaly.evidence.long_term = found.evidence.long_term;
    }
}

fn agree(last: &Anomaly, next: &Anomaly) -> bool {
    let (last, next) = (last.anomaly_type, next.anomaly_type);
    last == next || last == AnomalyType::PatternChange || next == AnomalyType::PatternChange
}

fn join(last: &mut Anomaly, next: Anomaly) {
    let anomaly_type =
        if last.anomaly_type == AnomalyType::PatternChange { next.anomaly_type } else { last.anomaly_type };
    let mut methods: Vec<_> = last.methods.iter().chain(&next.methods).copied().collect();
    methods.sort_unstable();
    methods.dedup();
    let (window_start, window_end) = (last.window_start, last.window_end.max(next.window_end));
    let (detected_at, severity) = (last.detected_at, last.severity.max(next.severity));
    if next.score > last.score {
        *last = next;
    }
    last.id = Anomaly::id_of(&last.metric_name, last.service.as_deref(), window_start, anomaly_type);
    (last.window_start, last.window_end, last.detected_at) = (window_start, window_end, detected_at);
    (last.anomaly_type, last.methods, last.severity) = (anomaly_type, methods, severity);
}

#[cfg(test)]
mod tests {
    use highwater_engine::{Name, Timestamp, seconds};
    use proptest::prelude::*;

    use super::*;
    use crate::{History, Method, Severity};

    fn subject() -> Subject {
        Subject { metric: Name::from("error_rate"), service: Some(Name::from("cart")), size: seconds(10) }
    }

    /// By mean and standard deviation, which are easier to check by hand.
    fn by_mean() -> Detection {
        Detection { z_score: History::windows(60), ..Detection::default() }.floor(1.0)
    }

    fn window(n: i64) -> Window {
        Window { start: Timestamp::from_millis(n * 10_000) }
    }

    fn series(values: &[f64]) -> Vec<(Window, f64)> {
        (0..).map(window).zip(values.iter().copied()).collect()
    }

    /// Mean 100, standard deviation 2.
    const STEADY: [f64; 8] = [98.0, 102.0, 100.0, 97.0, 103.0, 101.0, 99.0, 100.0];

    fn point(value: f64, forest: Option<f64>) -> Assessment {
        assess(&STEADY, value, forest, &Detection { flag_from: 0.5, ..by_mean() }).unwrap()
    }

    fn merged(points: &[(i64, Assessment)]) -> Vec<Anomaly> {
        merge(&subject(), points.iter().map(|(n, point)| (window(*n), point.clone())), [], &by_mean())
    }

    #[test]
    fn one_burst_is_one_anomaly_with_its_peak() {
        let values = [&STEADY[..], &[130.0, 300.0, 100.0]].concat();
        let anomalies = detect(&subject(), &series(&values), &[], &by_mean());
        let [burst] = &anomalies[..] else { panic!("{anomalies:?}") };
        assert_eq!(burst.id, "error_rate:cart:1970-01-01T00:01:20.000Z:spike");
        assert_eq!((burst.window_start, burst.window_end), (window(8).start, window(10).start));
        assert_eq!((burst.detected_at, burst.severity), (window(9).start, Severity::Critical));
        // the second window has the first in its past: eight around 100 and 130
        assert_eq!((*burst.actual_value, *burst.expected_value), (300.0, 930.0 / 9.0));
        assert_eq!(burst.description, "error_rate of cart was 300, above the expected 103.3 (+190 %, z +19.3)");
    }

    #[test]
    fn neighbours_join_across_a_gap_of_one() {
        let (high, low) = (point(150.0, None), point(50.0, None));
        let starts = |points: &[(i64, Assessment)]| -> Vec<i64> {
            merged(points).iter().map(|anomaly| anomaly.window_start.as_micros() / 10_000_000).collect()
        };
        assert_eq!(starts(&[(1, high.clone()), (2, high.clone()), (4, high.clone())]), [1]);
        assert_eq!(starts(&[(1, high.clone()), (4, high.clone())]), [1, 4]);
        assert_eq!(starts(&[(1, high), (2, low)]), [1, 2]);
    }

    #[test]
    fn a_change_of_pattern_becomes_what_it_turns_into() {
        let odd = point(104.0, Some(0.9));
        assert_eq!(odd.anomaly_type, AnomalyType::PatternChange);
        let [anomaly] = &merged(&[(1, odd.clone()), (2, point(150.0, None)), (3, odd)])[..] else { panic!() };
        assert_eq!((anomaly.anomaly_type, *anomaly.actual_value), (AnomalyType::Spike, 150.0));
        assert_eq!(anomaly.methods, [Method::ZScore, Method::IsolationForest]);
        assert!(anomaly.id.ends_with(":spike") && anomaly.window_end == window(4).start);
    }

    #[test]
    fn what_the_long_term_finds_supports_an_anomaly_or_is_one() {
        let high = point(150.0, None);
        let found = |value: f64, score: f64| {
            let long_term = Assessment { methods: vec![Method::LongTerm], score: score.into(), ..point(value, None) };
            Found { size: seconds(60), point: long_term }
        };
        let (within, low, later) = (found(150.0, 0.99), found(20.0, 0.8), found(160.0, 0.7));
        let long_term = [(window(6), &within), (window(7), &low), (window(60), &later)];
        let merged = merge(&subject(), [(window(8), high.clone()), (window(9), high)], long_term, &by_mean());
        let [drop, spike, alone] = &merged[..] else { panic!("{merged:?}") };
        // the minute began before it: that changes nothing but what is said of it
        assert_eq!(
            (spike.window_start, spike.window_end, spike.detected_at),
            (window(8).start, window(10).start, window(9).start)
        );
        assert_eq!((&spike.methods[..], *spike.score), (&[Method::ZScore, Method::LongTerm][..], 0.99));
        assert_eq!(
            (drop.anomaly_type, drop.window_start, drop.window_end),
            (AnomalyType::Drop, window(7).start, window(13).start)
        );
        assert_eq!((alone.detected_at, &alone.methods[..]), (window(66).start, &[Method::LongTerm][..]));
    }

    #[test]
    fn json_has_the_fields_of_the_api() {
        let mut all = subject();
        all.service = None;
        let values = [&STEADY[..], &[0.0]].concat();
        let json = serde_json::to_value(&detect(&all, &series(&values), &[], &by_mean())[0]).unwrap();
        assert_eq!(json["id"], "error_rate:*:1970-01-01T00:01:20.000Z:drop");
        assert_eq!((&json["anomaly_type"], &json["severity"]), (&"drop".into(), &"critical".into()));
        assert_eq!((&json["methods"][0], &json["evidence"]["z_score"]), (&"z_score".into(), &(-50.0).into()));
        assert!(json["service"].is_null() && json["deviation_percent"] == -100.0);
    }

    proptest! {
        #[test]
        fn anomalies_of_a_series_are_disjoint_and_ascending(values in prop::collection::vec(prop_oneof![8 => 90f64..110.0, 1 => 0f64..1000.0], 0..80)) {
            let anomalies = detect(&subject(), &series(&values), &[], &by_mean());
            for pair in anomalies.windows(2) {
                prop_assert!(pair[0].window_end <= pair[1].window_start);
            }
        }

        #[test]
        fn a_longer_series_only_adds_at_the_end(values in prop::collection::vec(prop_oneof![8 => 90f64..110.0, 1 => 0f64..1000.0], 1..60)) {
            let whole = detect(&subject(), &series(&values), &[], &by_mean());
            let shorter = detect(&subject(), &series(&values[..values.len() - 1]), &[], &by_mean());
            prop_assert!(shorter.len() <= whole.len());
            for (short, long) in shorter.iter().zip(&whole) {
                prop_assert_eq!(&short.id, &long.id);
            }
        }
    }
}
