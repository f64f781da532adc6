//! `cargo run --release -p highwater-benches --bin incidents [DAYS [LOGS_PER_SECOND..]]`: days of made-up logs with their
//! scripted incidents and their daily shape through the built-in queries, as fast as they go: which incidents are found,
//! after how long, and how often there is an anomaly where nothing was wrong. A line for each rate.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use highwater_connectors::{
    GeneratorSource,
    generator::{CYCLE, Incident, IncidentKind, Traffic, schedule, services, upcoming},
};
use highwater_engine::{Batch, Job, Name, Settings, Sink, SinkError, Timestamp, days, minutes, seconds};
use highwater_operators::{Anomaly, catalog};
use highwater_queries::Standard;

/// As in `highwater` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Length of a window.
const WINDOW: Duration = seconds(10);
/// What begins so soon after an incident is a part of it: queues empty, and what was held up comes.
const AFTERMATH: Duration = seconds(30);
/// What is found before is not counted: nothing is known of the past yet.
const WARM_UP: Duration = minutes(60);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse::<f64>().with_context(|| format!("`{text}` is not a number"));
    let numbers = arguments.iter().map(number).collect::<Result<Vec<f64>>>()?;
    let (length, rates) = match numbers.split_first() {
        None => (7.0, &[1000.0][..]),
        Some((days, [])) => (*days, &[1000.0][..]),
        Some((days, rates)) => (*days, rates),
    };
    for rate in rates {
        let traffic = Traffic { logs_per_second: *rate, ..Traffic::default() };
        let to = Timestamp::now().align(CYCLE);
        let from = to.minus(Duration::from_secs_f64(length * 86_400.0)).minus(WARM_UP);
        let told = tell(traffic.clone(), to.since(from), to)?;
        Score::of(&told, traffic.anchor, from.plus(WARM_UP), to).print(*rate)?;
    }
    Ok(())
}

/// All anomalies that are told of, by their id, as they were told last.
type Told = Arc<Mutex<BTreeMap<String, Anomaly>>>;

fn tell(traffic: Traffic, history: Duration, to: Timestamp) -> Result<Vec<Anomaly>> {
    let told = Told::default();
    let settings = Settings {
        tick: Duration::from_millis(5),
        max_epoch_span: Some(minutes(1)),
        // logs that are made more slowly than they are read are not silence
        idle_after: days(36_500),
        ..Settings::default()
    };
    let listener: Box<dyn Sink> = Box::new(Listener(told.clone()));
    let job = Job {
        settings,
        sources: vec![Box::new(GeneratorSource::new(traffic, history).until(to))],
        queries: vec![Box::new(Standard::default())],
        sinks: vec![(vec![Name::from(catalog::ANOMALIES)], listener)],
        ..Job::default()
    };
    job.start()?.join()?;
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(told.values().cloned().collect())
}

struct Listener(Told);

impl Sink for Listener {
    fn name(&self) -> Name {
        Name::from("listener")
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let values = batches.iter().flat_map(|batch| &batch.changes).filter_map(|change| change.record.value.as_ref());
        for anomaly in values.filter_map(|value| serde_json::from_value::<Anomaly>(value.clone()).ok()) {
            told.insert(anomaly.id.clone(), anomaly);
        }
        Ok(())
    }
}

struct Score {
    /// by kind, after how long each was found, in windows from the one that it began in; none where it was not
    delays: Vec<(IncidentKind, Vec<Option<u64>>)>,
    /// by metric
    false_alarms: BTreeMap<Name, usize>,
    service_days: f64,
}

impl Score {
    fn of(told: &[Anomaly], anchor: Timestamp, from: Timestamp, to: Timestamp) -> Self {
        let incidents = std::iter::successors(upcoming(anchor, from), |last| upcoming(anchor, last.from))
            .take_while(|incident| incident.until.plus(AFTERMATH) < to);
        let mut delays: Vec<(IncidentKind, Vec<Option<u64>>)> = Vec::new();
        for incident in incidents {
            let first =
                told.iter().filter(|anomaly| is_of(anomaly, &incident)).map(|anomaly| anomaly.detected_at).min();
            let delay = first.map(|at| windows(at.since(incident.from.align(WINDOW))));
            match delays.iter_mut().find(|(kind, _)| *kind == incident.kind) {
                Some((_, delays)) => delays.push(delay),
                None => delays.push((incident.kind, vec![delay])),
            }
        }
        let counted = told.iter().filter(|anomaly| anomaly.window_start >= from && anomaly.window_end <= to);
        let mut false_alarms = BTreeMap::<Name, usize>::new();
        for anomaly in counted.filter(|anomaly| !is_explained(anomaly, anchor)) {
            *false_alarms.entry(anomaly.metric_name.clone()).or_default() += 1;
        }
        let service_days = services().len() as f64 * to.since(from).as_secs_f64() / 86_400.0;
        Score { delays, false_alarms, service_days }
    }

    fn print(&self, rate: f64) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let alarms = self.false_alarms.values().sum::<usize>() as f64 / self.service_days;
        let by_metric: Vec<String> =
            self.false_alarms.iter().map(|(metric, alarms)| format!("{metric} {alarms}")).collect();
        writeln!(out, "{rate} logs/s: {alarms:.2} false alarms a service and day ({})", by_metric.join(", "))?;
        for (kind, delays) in &self.delays {
            let mut found: Vec<u64> = delays.iter().copied().flatten().collect();
            found.sort_unstable();
            let quantile = |share: usize| {
                let at = (found.len() * share / 100).min(found.len().saturating_sub(1));
                found.get(at).map_or_else(|| "-".to_owned(), u64::to_string)
            };
            writeln!(
                out,
                "  {kind:16} {:5} of {:5} found; windows until then: {} in the middle, {} at the 95th percentile",
                found.len(),
                delays.len(),
                quantile(50),
                quantile(95)
            )?;
        }
        Ok(())
    }
}

/// Windows from the one that an incident began in to the end of the one that showed it.
fn windows(delay: Duration) -> u64 {
    (delay.as_micros().div_ceil(WINDOW.as_micros())) as u64
}

/// Whether an anomaly shows an incident where it happened.
fn is_of(anomaly: &Anomaly, incident: &Incident) -> bool {
    anomaly.service.as_deref() == Some(incident.service)
        && anomaly.window_end > incident.from
        && anomaly.window_start < incident.until
        && anomaly.detected_at > incident.from
}

/// Whether something was wrong at the time, anywhere: callers suffer, too.
fn is_explained(anomaly: &Anomaly, anchor: Timestamp) -> bool {
    let mut at = anomaly.window_start.minus(AFTERMATH);
    while at < anomaly.window_end {
        if schedule(anchor, at).is_some() {
            return true;
        }
        at = at.plus(seconds(5));
    }
    false
}
