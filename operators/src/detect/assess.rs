//! [`assess`]: one point judged by all methods together.

use serde::{Deserialize, Serialize};

use super::{AnomalyType, Detection, Evidence, Method, Sample, Severity, moving_average, surprise, surprise_score};
use crate::Real;

/// What all methods together say about one point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Assessment {
    /// The combined score, 0 to 1.
    pub score: Real,
    /// Whether the score reaches the configured one.
    pub flagged: bool,
    /// Above what was expected, below it, or odd in another way.
    pub anomaly_type: AnomalyType,
    /// The higher of the two judgements; `None` where both are unremarkable.
    pub severity: Option<Severity>,
    /// The methods that would have spoken alone.
    pub methods: Vec<Method>,
    /// What was seen.
    pub value: Real,
    /// What was expected: the middle of the past.
    pub expected: Real,
    /// By how many percent of the expected the value deviates.
    pub deviation_percent: Real,
    /// What the methods found.
    pub evidence: Evidence,
}

/// Judges a sample by the values before it and, where there is a model, the isolation forest's score of the same window.
/// `None` while the past is shorter than the z-score's history asks for, or where the value is not finite.
///
/// The score of the sliding-window statistics is the [`surprise_score`] of the z-score or, if that is more, of the
/// deviation from the moving average, 100 % of it weighing as much as one standard deviation (as in the table of
/// severities) and only outside the average's band, so that a series that always jumps does not cry at every jump. The
/// combined score is the [weighted mean](super::Weights) with the forest's.
///
/// ```
/// use highwater_operators::{AnomalyType, Detection, Severity, assess};
/// // median 100, the median distance from it 2
/// let past = [98.0, 102.0, 100.0, 97.0, 104.0, 101.0, 98.0, 100.0].repeat(2);
/// let spike = assess(&past, 200.0, None, &Detection::default().floor(1.0)).unwrap();
/// assert_eq!((spike.flagged, spike.anomaly_type), (true, AnomalyType::Spike));
/// assert_eq!((spike.severity, *spike.evidence.z_score), (Some(Severity::Critical), 100.0 / (1.4826 * 2.0)));
/// assert!(!assess(&past, 104.0, None, &Detection::default().floor(1.0)).unwrap().flagged);
/// ```
pub fn assess(past: &[f64], sample: impl Into<Sample>, forest: Option<f64>, config: &Detection) -> Option<Assessment> {
    let sample = sample.into();
    let value = *sample.value;
    let baseline = config.z_score.baseline(past).filter(|_| value.is_finite())?;
    let z = baseline.z(sample);
    let average = moving_average(past, sample, &config.moving_average, config.band);
    let outside = average.filter(|average| average.is_outside);
    let deviation = outside.map_or(0.0, |average| average.deviation_percent);

    let statistics =
        baseline.surprise(sample).max(outside.map_or(0.0, |average| surprise(deviation / 100.0, average.windows)));
    let score = config.weights.combine(forest, surprise_score(statistics));
    let methods = [
        (Method::ZScore, z.abs() >= config.z_from),
        (Method::MovingAverage, outside.is_some() && deviation.abs() >= config.deviation_from),
        (Method::IsolationForest, forest.is_some_and(|forest| forest >= config.forest_from)),
    ];
    let statistical = methods[0].1 || methods[1].1 || surprise_score(statistics) >= config.flag_from;
    Some(Assessment {
        score: score.into(),
        flagged: score >= config.flag_from,
        anomaly_type: AnomalyType::of(value, baseline.middle, statistical),
        severity: config.severity.severity(z, deviation),
        methods: methods.into_iter().filter_map(|(method, spoke)| spoke.then_some(method)).collect(),
        value: value.into(),
        expected: baseline.middle.into(),
        deviation_percent: baseline.deviation_percent(value).into(),
        evidence: Evidence {
            z_score: z.into(),
            moving_average_deviation_percent: average.map(|average| average.deviation_percent.into()),
            isolation_forest_score: forest.map(Real::from),
            history_windows: u32::try_from(baseline.windows).unwrap_or(u32::MAX),
            band: baseline.band(config.band, sample.of).map(Real::from),
            long_term: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::History;

    /// Mean 100, standard deviation 2.
    const STEADY: [f64; 8] = [98.0, 102.0, 100.0, 97.0, 103.0, 101.0, 99.0, 100.0];

    /// By mean and standard deviation, which are easier to check by hand.
    fn by_mean() -> Detection {
        Detection { z_score: History::windows(60), ..Detection::default() }.floor(1.0)
    }

    fn judged(value: f64, forest: Option<f64>) -> Assessment {
        assess(&STEADY, value, forest, &by_mean()).unwrap()
    }

    #[test]
    fn a_silent_service_is_a_drop() {
        let drop = judged(0.0, None);
        assert!(drop.flagged);
        assert_eq!((drop.anomaly_type, *drop.deviation_percent), (AnomalyType::Drop, -100.0));
        assert_eq!(drop.methods, [Method::ZScore, Method::MovingAverage]);
        assert_eq!(drop.evidence.band, [94.0, 106.0].map(Real::from));
    }

    #[test]
    fn what_the_forest_alone_finds_odd_is_a_change_of_pattern() {
        let config = Detection { flag_from: 0.5, ..by_mean() };
        let odd = assess(&STEADY, 104.0, Some(0.9), &config).unwrap();
        assert!(odd.flagged);
        assert_eq!((odd.anomaly_type, &odd.methods[..]), (AnomalyType::PatternChange, &[Method::IsolationForest][..]));
    }

    #[test]
    fn the_forest_tips_the_scale_either_way() {
        // z = 15 over eight windows is a surprise of 5.7: 0.69 by statistics alone
        assert!(judged(130.0, None).flagged);
        assert!(judged(130.0, Some(0.6)).flagged);
        assert!(!judged(130.0, Some(0.4)).flagged);
        let difference = judged(130.0, None).score.0 - judged(130.0, Some(0.4)).score.0;
        assert!((difference - 0.4 * (0.5 - 0.4)).abs() < 1e-12);
    }

    #[test]
    fn a_series_that_always_jumps_is_left_alone() {
        let restless: Vec<f64> = [0.0, 10.0].into_iter().cycle().take(60).collect();
        let next = assess(&restless, 15.0, None, &Detection::default().floor(1.0)).unwrap();
        assert_eq!((*next.deviation_percent, next.flagged), (200.0, false));
    }

    #[test]
    fn nothing_is_said_too_early_or_of_nothing() {
        assert_eq!(assess(&STEADY[1..], 500.0, None, &Detection::default().floor(1.0)), None);
        assert_eq!(assess(&STEADY, f64::NAN, None, &Detection::default().floor(1.0)), None);
    }

    proptest! {
        #[test]
        fn scores_are_between_0_and_1_and_everything_is_finite(
            past in prop::collection::vec(prop_oneof![any::<f64>(), -10f64..10.0], 8..30),
            value in any::<f64>(),
            forest in prop::option::of(0f64..=1.0),
        ) {
            if let Some(point) = assess(&past, value, forest, &Detection::default()) {
                prop_assert!((0.0..=1.0).contains(&*point.score));
                let [low, high] = point.evidence.band;
                for number in [point.expected, point.deviation_percent, point.evidence.z_score, low, high] {
                    prop_assert!(number.is_finite());
                }
            }
        }

        #[test]
        fn further_out_never_scores_less(out in 0f64..1e4, more in 0f64..1e4, sign in prop::bool::ANY, forest in prop::option::of(0f64..=1.0)) {
            let at = |distance: f64| if sign { 100.0 + distance } else { 100.0 - distance };
            prop_assert!(judged(at(out + more), forest).score >= judged(at(out), forest).score);
        }
    }
}
