//! View `anomalies`: volume, error rate and latency of each service and of all together, judged by z-score, moving
//! average and isolation forest.

use std::time::Duration;

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Flow, Name, Series, Window, minutes};
use highwater_operators::{
    Anomaly, Detection, FEATURES, FindAnomalies, IsolationForest, Real, Sample, ServiceStats, Subject, Training,
    catalog, features,
};
use serde::{Deserialize, Serialize};

use crate::ALL;

/// A forest serves for this long; then one is trained on what has come since.
const PERIOD: Duration = minutes(10);

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
}

impl Default for Detectors {
    fn default() -> Self {
        Detectors { log_volume: Detection::counts(), error_rate: Detection::fractions(), latency: Detection::micros() }
    }
}

/// Anomalies as they are found.
pub type Found<'s> = VecCollection<'s, Epoch, Anomaly, isize>;

/// Anomalies by their id.
pub type ById<'s> = VecCollection<'s, Epoch, (Name, Anomaly), isize>;

/// Finds the anomalies of closed windows without gaps, per service and under [`ALL`], as in [`Stats::closed`](crate::Stats).
pub fn find<'s>(closed: &Series<'s, Name, ServiceStats>, detectors: &Detectors) -> ById<'s> {
    let features = feature_rows(closed);
    let models = features.models(PERIOD, Training::default());
    let forest = features.forest_scores(&models, PERIOD);
    let judge = |metric: &'static str, config: Detection, sample: fn(ServiceStats) -> Option<Sample>| {
        let samples = closed.rows().flat_map(move |(at, stats)| sample(stats).map(|sample| (at, sample)));
        let series = closed.with_rows(samples);
        let size = series.window();
        let subject = move |service: &Name| Subject {
            metric: Name::from(metric),
            service: (**service != *ALL).then(|| service.clone()),
            size,
        };
        series.anomalies(Some(&forest), config, subject)
    };
    let volume = judge("log_volume", detectors.log_volume, |stats| {
        let logs = stats.levels.total();
        Some(Sample::new(logs as f64, logs))
    });
    let errors = judge("error_rate", detectors.error_rate, |stats| {
        let logs = stats.levels.total();
        (logs > 0).then(|| Sample::new(stats.levels.error_rate().value(), logs))
    });
    let latency = judge("latency", detectors.latency, |stats| {
        let p95 = stats.latency.quantile(0.95)?;
        Some(Sample::new(p95 as f64, stats.latency.count()))
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
