//! [`detect`]: from a series to its anomalies, overlapping and neighbouring ones made one.

use highwater_engine::Window;

use super::{Anomaly, AnomalyType, Assessment, Detection, Sample, Subject, assess};

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
    merge(of, flagged, config)
}

/// Merges flagged windows of one series, ascending, into anomalies: a window joins the one before it unless more than
/// [`Detection::bridge_windows`] windows lie between them, or one is a spike and the other a drop. A change of pattern
/// joins either. The anomaly has the highest severity and every method of its windows; score, values and evidence are
/// those of its strangest window, the earliest of equals.
pub fn merge(
    of: &Subject,
    flagged: impl IntoIterator<Item = (Window, Assessment)>,
    config: &Detection,
) -> Vec<Anomaly> {
    let reach = of.size * config.bridge_windows;
    let mut anomalies: Vec<Anomaly> = Vec::new();
    for (window, point) in flagged {
        let next = Anomaly::of(of, window, &point);
        match anomalies.last_mut() {
            Some(last) if window.start <= last.window_end.plus(reach) && agree(last, &next) => join(last, next),
            _ => anomalies.push(next),
        }
    }
    anomalies
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
        merge(&subject(), points.iter().map(|(n, point)| (window(*n), point.clone())), &by_mean())
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
