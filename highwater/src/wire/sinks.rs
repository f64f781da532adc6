//! Ways out, as configured.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use highwater_connectors::{JsonLinesSink, KafkaSink, Topic, WebhookSink};
use highwater_engine::{Name, Sink, SinkError, metrics::Metrics};

use super::VIEW_PARTITIONS;
use crate::config::{self, Config, DeadLetters, SinkTarget};

/// A sink with the views that it takes.
pub(super) type Outlet = (Vec<Name>, Box<dyn Sink>);

/// What is written to one Kafka cluster.
struct Cluster<'a> {
    kafka: &'a config::Brokers,
    topics: Vec<(Name, Topic)>,
    dead_letters: Option<Topic>,
}

/// What is written to one file.
#[derive(Default)]
struct Lines {
    views: Vec<Name>,
    dead_letters: bool,
}

/// One sink per Kafka cluster, since a transaction spans its topics; one per file; one per webhook.
pub(super) fn open_sinks(config: &Config, metrics: &Arc<Metrics>) -> Result<Vec<Outlet>, SinkError> {
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    let mut files: BTreeMap<Option<PathBuf>, Lines> = BTreeMap::new();
    let mut sinks: Vec<Outlet> = Vec::new();
    for config::Sink { view, to } in &config.sinks {
        let view = Name::from(view.as_str());
        match to {
            SinkTarget::Kafka { kafka, topic } => {
                cluster(&mut clusters, kafka).topics.push((view, Topic::new(topic).partitions(VIEW_PARTITIONS)));
            }
            SinkTarget::JsonLines(path) => files.entry(path.clone()).or_default().views.push(view),
            SinkTarget::Webhook(webhook) => {
                sinks.push((vec![view.clone()], Box::new(WebhookSink::new(view, webhook.clone())?)));
            }
        }
    }
    match &config.dead_letters {
        DeadLetters::None => {}
        DeadLetters::Kafka { kafka, topic } => {
            cluster(&mut clusters, kafka).dead_letters = Some(Topic::new(topic).partitions(VIEW_PARTITIONS));
        }
        DeadLetters::JsonLines(path) => files.entry(Some(path.clone())).or_default().dead_letters = true,
    }
    for (number, cluster) in (1..).zip(clusters) {
        sinks.push(cluster.open(number, metrics)?);
    }
    for (path, lines) in files {
        sinks.push(lines.open(path.as_deref())?);
    }
    Ok(sinks)
}

fn cluster<'c, 'a>(clusters: &'c mut Vec<Cluster<'a>>, kafka: &'a config::Brokers) -> &'c mut Cluster<'a> {
    let at = clusters.iter().position(|known| known.kafka == kafka).unwrap_or(clusters.len());
    if at == clusters.len() {
        clusters.push(Cluster { kafka, topics: Vec::new(), dead_letters: None });
    }
    &mut clusters[at]
}

impl Cluster<'_> {
    fn open(self, number: usize, metrics: &Arc<Metrics>) -> Result<Outlet, SinkError> {
        let views = self.topics.iter().map(|(view, _)| view.clone()).collect();
        let mut sink = KafkaSink::open(&self.kafka.config(), self.topics, metrics.clone())?;
        if number > 1 {
            sink = sink.named(Name::from(format!("kafka-{number}")));
        }
        if let Some(topic) = self.dead_letters {
            sink = sink.with_dead_letters(topic)?;
        }
        Ok((views, Box::new(sink)))
    }
}

impl Lines {
    fn open(self, path: Option<&Path>) -> Result<Outlet, SinkError> {
        let sink = path.map_or_else(|| Ok(JsonLinesSink::stdout()), JsonLinesSink::file)?;
        let sink = if self.dead_letters { sink.with_dead_letters() } else { sink };
        Ok((self.views, Box::new(sink)))
    }
}
