//! Days of made-up logs with their scripted incidents and their daily shape through the detectors of the built-in queries, as
//! fast as they go: which incidents are found, after how long, and how often there is an anomaly where nothing was wrong.

mod detection;
mod score;

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use clap::Parser;
use highwater_connectors::{GeneratorSource, generator::Traffic};
use highwater_engine::{Batch, Job, Name, Settings, Sink, SinkError, Timestamp, days, hours};
use highwater_operators::{Anomaly, catalog};

use crate::{detection::Detection, score::Score};

/// As in `highwater` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How soon scripted incidents are found, and what is told for nothing: a block for each rate, noise and window.
#[derive(Parser)]
struct Arguments {
    /// Days of logs
    #[arg(long, default_value_t = 7.0)]
    days: f64,
    /// Logs a second, on average
    #[arg(long, value_delimiter = ',', default_values_t = [Traffic::default().logs_per_second])]
    rates: Vec<f64>,
    /// How far the rate goes up and down by chance: by half of this part of itself
    #[arg(long, value_delimiter = ',', default_values_t = [Traffic::default().noise])]
    noises: Vec<f64>,
    /// Seconds of a window
    #[arg(long, value_delimiter = ',', default_values_t = [10])]
    windows: Vec<u64>,
}

/// When the last hour is over: a Wednesday evening. Traffic has hours of the day and days of the week, so that what is found
/// depends on it; with the generator's seed, each run is the same.
const END: &str = "2026-07-01T18:00:00Z";

/// Windows before what is counted: nothing is known of the past yet.
const WARM_UP: u32 = 360;

fn main() -> Result<()> {
    let Arguments { days, rates, noises, windows } = Arguments::parse();
    let mut out = std::io::stdout().lock();
    for &rate in &rates {
        for &noise in &noises {
            for &seconds in &windows {
                writeln!(out, "{rate} logs/s, noise {noise}, windows of {seconds} s:")?;
                let traffic = Traffic { logs_per_second: rate, noise, ..Traffic::default() };
                score(traffic, Duration::from_secs(seconds), days)?.print(&mut out)?;
            }
        }
    }
    Ok(())
}

fn score(traffic: Traffic, window: Duration, days: f64) -> Result<Score> {
    let to: Timestamp = END.parse()?;
    let from = to.minus(Duration::from_secs_f64(days * 86_400.0));
    let anchor = traffic.anchor;
    let told = tell(traffic, window, from.minus(window * WARM_UP), to)?;
    Ok(Score::of(&told, window, anchor, from, to))
}

/// All anomalies that are told of, by their id, as they were told last.
type Told = Arc<Mutex<BTreeMap<String, Anomaly>>>;

fn tell(traffic: Traffic, window: Duration, from: Timestamp, to: Timestamp) -> Result<Vec<Anomaly>> {
    let told = Told::default();
    let settings = Settings {
        retention: hours(2),
        // logs that are made more slowly than they are read are not silence
        idle_after: days(36_500),
        ..Settings::default()
    };
    let listener: Box<dyn Sink> = Box::new(Listener { told: told.clone(), day: 0, from });
    let job = Job {
        settings,
        sources: vec![Box::new(GeneratorSource::new(traffic, from).until(to))],
        queries: vec![Box::new(Detection { window })],
        sinks: vec![(vec![Name::from(catalog::ANOMALIES)], listener)],
        ..Job::default()
    };
    job.start()?.join()?;
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(told.values().cloned().collect())
}

struct Listener {
    told: Told,
    from: Timestamp,
    /// since then, as far as has been said
    day: u64,
}

impl Listener {
    /// Says how far it is: days take minutes each.
    fn hear(&mut self, at: Timestamp) -> Result<(), SinkError> {
        let day = at.since(self.from).as_secs() / days(1).as_secs();
        if day > self.day {
            self.day = day;
            writeln!(std::io::stderr(), "day {day} is over")
                .map_err(|error| SinkError::new(self.name(), "standard error is closed").because(error))?;
        }
        Ok(())
    }
}

impl Sink for Listener {
    fn name(&self) -> Name {
        Name::from("listener")
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        let values = batches.iter().flat_map(|batch| &batch.changes).filter_map(|change| change.record.value.as_ref());
        for anomaly in values.filter_map(|value| serde_json::from_value::<Anomaly>(value.clone()).ok()) {
            self.hear(anomaly.window_start)?;
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.insert(anomaly.id.clone(), anomaly);
        }
        Ok(())
    }
}
