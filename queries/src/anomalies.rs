//! View `anomalies`: volume, error rate and latency of each service and of all together, judged by z-score, moving
//! average and isolation forest, and minute by minute by what days and weeks before were like.

use std::{array, time::Duration};

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Flow, Name, Series, Window, hours, minutes};
use highwater_operators::{
    Anomaly, Detection, FEATURES, FindAnomalies, IsolationForest, LongTerm, Real, Remember, Sample, ServiceStats,
    Subject, Training, catalog, features,
};
use serde::{Deserialize, Serialize};

use crate::ALL;

/// A forest serves for this long; then one is trained on what has come since.
const PERIOD: Duration = minutes(10);
/// So long after a minute, what days and weeks say of it is corrected by late logs; then it stays as it is.
const CORRECTABLE: Duration = minutes(30);
/// So much longer than anomalies is it kept, or they would change for no reason but age.
const MARGIN: Duration = hours(1);

/// How anomalies of each metric are found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Detectors {
    /// Of logs per window.
    pub log_volume: Detection,
    /// Of errors over logs, 0 to 1.
    pub error_rate: Detection,
    /// Of the 95th percentile of latencies, in microseconds.
    pub latency: Detection,
    /// Of all three, minute by minute against days and weeks.
    pub long_term: LongTerm,
}

impl Default for Detectors {
    fn default() -> Self {
        Detectors {
            log_volume: Detection::counts(),
            error_rate: Detection::fractions(),
            latency: Detection::micros(),
            long_term: LongTerm::default(),
        }
    }
}

/// Anomalies as they are found.
pub type Found<'s> = VecCollection<'s, Epoch, Anomaly, isize>;

/// Anomalies by their id.
pub type ById<'s> = VecCollection<'s, Epoch, (Name, Anomaly), isize>;

/// What is judged of each service, and of all together.
struct Metric {
    name: &'static str,
    config: fn(&Detectors) -> Detection,
    /// None where there is nothing to measure.
    sample: fn(&ServiceStats) -> Option<Sample>,
}

const METRICS: [Metric; 3] = [
    Metric {
        name: "log_volume",
        config: |detectors| detectors.log_volume,
        sample: |stats| {
            let logs = stats.levels.total();
            Some(Sample::new(logs as f64, logs))
        },
    },
    Metric {
        name: "error_rate",
        config: |detectors| detectors.error_rate,
        sample: |stats| {
            let logs = stats.levels.total();
            (logs > 0).then(|| Sample::new(stats.levels.error_rate().value(), logs))
        },
    },
    Metric {
        name: "latency",
        config: |detectors| detectors.latency,
        sample: |stats| {
            let p95 = stats.latency.quantile(0.95)?;
            Some(Sample::new(p95 as f64, stats.latency.count()))
        },
    },
];

fn samples(stats: &ServiceStats) -> [Option<Sample>; METRICS.len()] {
    METRICS.each_ref().map(|metric| (metric.sample)(stats))
}

/// Finds the anomalies of closed windows without gaps, per service and under [`ALL`]: each window by the last ones, each
/// minute by days and weeks. See [`Stats`](crate::Stats).
pub fn find<'s>(
    flow: &Flow<'s>,
    closed: &Series<'s, Name, ServiceStats>,
    minutes: &Series<'s, Name, ServiceStats>,
    detectors: &Detectors,
) -> ById<'s> {
    let features = feature_rows(closed);
    let models = features.models(PERIOD, Training::default());
    let forest = features.forest_scores(&models, PERIOD);
    let windows = closed.map(|stats| samples(&stats));
    // a minute is closed by what is judged of it, for it is held for a day
    let minutes = minutes.map(|stats| samples(&stats)).closed_by_logs(samples(&ServiceStats::default()));
    let kept = flow.settings().retention + MARGIN;
    let [volume, errors, latency] = array::from_fn(|which| {
        let metric = &METRICS[which];
        let of = |series: &Series<'s, Name, [Option<Sample>; METRICS.len()]>| {
            series.with_rows(series.rows().flat_map(move |(at, samples)| samples[which].map(|sample| (at, sample))))
        };
        let config = (metric.config)(detectors);
        let long_term = of(&minutes).long_term(flow, metric.name, detectors.long_term, config);
        let long_term = long_term.settled(CORRECTABLE, kept);
        let (name, size) = (metric.name, windows.window());
        let subject = move |service: &Name| Subject {
            metric: Name::from(name),
            service: (**service != *ALL).then(|| service.clone()),
            size,
        };
        of(&windows).anomalies(Some(&forest), Some(&long_term), config, subject)
    });
    volume.concat(errors).concat(latency)
}

/// Publishes the view. Gives the anomalies whose end lies within the retention.
pub fn build<'s>(flow: &mut Flow<'s>, found: ById<'s>) -> Found<'s> {
    let retention = flow.settings().retention;
    let kept = flow.expire(found.clone(), retention, |(_, anomaly)| anomaly.window_start);
    flow.table(catalog::ANOMALIES, kept);
    flow.expire(found.map(|(_, anomaly)| anomaly), retention, |anomaly| anomaly.window_end)
}

/// What the forest knows of a window: see [`features`].
fn feature_rows<'s>(closed: &Series<'s, Name, ServiceStats>) -> Series<'s, Name, [Real; FEATURES]> {
    let slide = closed.slide();
    // each window's volume is also a fact about the next
    let own = closed.rows().map(|(at, stats)| (at, stats));
    let before =
        closed.rows().map(move |((service, window), stats)| ((service, window.later(slide)), stats.levels.total()));
    let rows = own.join_map(before, |at: &(Name, Window), stats, volume_before| {
        let typical = stats.latency.quantile(0.5).map(|micros| micros as f64);
        let row = features(stats.levels.total(), stats.levels.error_rate().value(), typical, *volume_before);
        (at.clone(), row.map(Real::from))
    });
    closed.with_rows(rows)
}
