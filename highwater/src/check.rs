//! `highwater check`: is the configuration right, and which job does it describe?

use std::fmt::Write;

use anyhow::bail;
use highwater_alerting::Receiver;
use highwater_connectors::Start;
use highwater_engine::{Input, Job, Settings};
use highwater_logstore::StoreSettings;

use crate::{
    cli,
    config::{self, Config, DeadLetters, Sink, SinkTarget, Source, hint, show_duration},
    status,
};

/// Says what the configuration describes.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(arguments: &cli::Check) -> anyhow::Result<()> {
    let config = config::load(&arguments.config, &arguments.common)?;
    let views = views_of(&config)?;
    check_sinks(&config, &views)?;
    status::say(&format!("{} is right\n\n{}", arguments.config.display(), summary(&config, &views)));
    Ok(())
}

/// The views that the queries publish: those of a job without sources, which is over as soon as it has begun.
///
/// # Errors
/// Where the dataflow does not start.
pub(crate) fn views_of(config: &Config) -> anyhow::Result<Vec<String>> {
    let settings = Settings { workers: 1, ..config.settings.clone() };
    let mut queries = config.queries.clone();
    // the job's own is not to be told that a job is over
    queries.rules.input = Input::default();
    let job = Job { settings, queries: vec![Box::new(queries)], ..Job::default() };
    let running = job.start()?;
    let views = running.views();
    running.join()?;
    Ok(views.snapshot().views().map(|view| view.name().to_string()).collect())
}

/// A sink on a view that nobody publishes would stay silent for ever.
///
/// # Errors
/// Names the sink and the nearest view.
pub(crate) fn check_sinks(config: &Config, views: &[String]) -> anyhow::Result<()> {
    let known: Vec<&str> = views.iter().map(String::as_str).collect();
    let wrong = |(number, sink): (usize, &Sink)| {
        let view = &sink.view;
        (!known.contains(&view.as_str()))
            .then(|| format!("sink[{number}].view: no query publishes a view \"{view}\"; {}", hint(view, &known)))
    };
    let wrong: Vec<_> = config.sinks.iter().enumerate().filter_map(wrong).collect();
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

/// The job in a few lines.
pub(crate) fn summary(config: &Config, views: &[String]) -> String {
    let mut out = String::new();
    let mut line = |what: &str, text: String| {
        let _ = writeln!(out, "{what:13}{text}");
    };
    for source in &config.sources {
        line("source", of_source(source));
    }
    line("views", views.join(", "));
    for sink in &config.sinks {
        line("sink", format!("{} -> {}", sink.view, of_sink(&sink.to)));
    }
    line(
        "dead letters",
        match &config.dead_letters {
            DeadLetters::None => "counted, not kept".to_owned(),
            DeadLetters::Kafka { kafka, topic } => format!("Kafka topic {topic} at {}", kafka.brokers),
            DeadLetters::JsonLines(path) => of_path(Some(path)),
        },
    );
    line("alerts", of_receivers(&config.alerts.settings.receivers));
    if let Some(model) = &config.model {
        let logs = if model.send_logs { "told what logs say" } else { "not told what logs say" };
        line("model", format!("{} at {}, {logs}", model.model, model.check().unwrap_or_default()));
    }
    let scheme = config.http.scheme();
    line("http", config.listen.map_or("off".to_owned(), |address| format!("{scheme}://{address}")));
    let state = config.state.as_ref().map_or("not kept".to_owned(), |path| path.display().to_string());
    line("state", state);
    line("search", config.log_store().map_or("logs are not kept".to_owned(), |store| of_store(&store)));
    let settings = &config.settings;
    let [tick, lateness, retention] = [settings.tick, settings.lateness, settings.retention].map(show_duration);
    let workers = settings.workers;
    line("time", format!("a tick of {tick}, lateness {lateness}, retention {retention}"));
    line("workers", format!("{workers}"));
    out.trim_end().to_owned()
}

fn of_receivers(receivers: &[Receiver]) -> String {
    if receivers.is_empty() {
        return "told to the channel of their rule alone; of the built-in ones nobody is told: [[alerts.receiver]] says who is"
            .to_owned();
    }
    let shown: Vec<String> = receivers.iter().map(Receiver::shown).collect();
    format!("told to {}, unless their rule has a channel of its own", shown.join(", "))
}

fn of_store(store: &StoreSettings) -> String {
    let (path, retention) = (store.path.display(), show_duration(store.retention));
    format!("logs of {retention} in {path}, at most {} MiB", store.max_bytes >> 20)
}

fn of_source(source: &Source) -> String {
    match source {
        Source::Kafka(kafka) => {
            let from = match kafka.start {
                Start::Earliest => ", at first from its beginning",
                Start::Latest => ", at first from its end",
                Start::Committed => "",
            };
            let (topic, group) = (&kafka.topic, &kafka.group);
            format!("Kafka topic {topic} at {} as group {group}{from}", kafka.kafka.brokers)
        }
        Source::File(file) if file.path == "-" => "standard input".to_owned(),
        Source::File(file) => format!("file {}{}", file.path, if file.follow { ", followed as it grows" } else { "" }),
        Source::Generator(generated) => {
            format!("made-up logs, {} a second, after {} of past", generated.rate, show_duration(generated.history))
        }
        Source::Http { .. } => "POST /api/v1/logs".to_owned(),
    }
}

fn of_sink(target: &SinkTarget) -> String {
    match target {
        SinkTarget::Kafka { kafka, topic } => format!("Kafka topic {topic} at {}", kafka.brokers),
        SinkTarget::JsonLines(path) => of_path(path.as_deref()),
        // the rest of the URL may be a secret
        SinkTarget::Webhook(webhook) => format!("webhook at {}", webhook.check().unwrap_or_default()),
    }
}

fn of_path(path: Option<&std::path::Path>) -> String {
    path.map_or("standard output".to_owned(), |path| path.display().to_string())
}
