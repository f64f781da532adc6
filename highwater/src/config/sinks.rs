//! `[[sink]]` and `[dead_letters]`: ways out.

use std::path::PathBuf;

use highwater_connectors::WebhookConfig;
use highwater_engine::{days, seconds};

use super::{
    brokers::{Brokers, known_brokers, topic},
    tree::{Node, Section},
    values::{choice, duration, properties, text, whole},
};

/// `[[sink]]`.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    pub(crate) view: String,
    pub(crate) to: SinkTarget,
}

/// Where a sink writes.
#[derive(Clone, Debug)]
pub(crate) enum SinkTarget {
    /// A topic, created compacted where it does not exist.
    Kafka { kafka: Brokers, topic: String },
    /// JSON lines; no path is standard output.
    JsonLines(Option<PathBuf>),
    /// HTTP POSTs.
    Webhook(WebhookConfig),
}

/// `[dead_letters]`.
#[derive(Clone, Debug)]
pub(crate) enum DeadLetters {
    /// They are counted, and that is all.
    None,
    /// To a topic.
    Kafka { kafka: Brokers, topic: String },
    /// To a file.
    JsonLines(PathBuf),
}

#[derive(Clone, Copy)]
enum SinkType {
    Kafka,
    JsonLines,
    Webhook,
}

/// The types of sinks, by name.
const SINK_TYPES: [(&str, SinkType); 3] =
    [("kafka", SinkType::Kafka), ("jsonl", SinkType::JsonLines), ("webhook", SinkType::Webhook)];

pub(super) fn read_sink(mut section: Section<'_>, defaults: &Brokers) -> Option<Sink> {
    let Some(kind) = section.need("type", choice(&SINK_TYPES)) else {
        section.give_up();
        return None;
    };
    let view = section.need("view", text);
    let to = match kind {
        SinkType::Kafka => {
            let mut to = format!("highwater.{}", view.as_deref().unwrap_or_default());
            section.set("topic", &mut to, topic);
            Some(SinkTarget::Kafka { kafka: known_brokers(&mut section, defaults), topic: to })
        }
        SinkType::JsonLines => section.need("path", path).map(SinkTarget::JsonLines),
        SinkType::Webhook => {
            let url = section.need("url", text);
            let mut webhook = WebhookConfig::new(url.clone().unwrap_or_default());
            webhook.headers = section.get("headers", properties('-')).unwrap_or_default();
            let within = || duration(seconds(1)..=days(1));
            if let Some(timeout) = section.get("timeout", within()) {
                webhook.timeout_seconds = timeout.as_secs();
            }
            section.set("max_changes", &mut webhook.max_changes, whole(1..=1_000_000));
            if let Some(error) = url.as_ref().and_then(|_| webhook.check().err()) {
                section.complain(format!("url or headers: {error}"));
            }
            url.map(|_| SinkTarget::Webhook(webhook))
        }
    };
    section.finish();
    Some(Sink { view: view?, to: to? })
}

#[derive(Clone, Copy)]
enum LetterType {
    None,
    Kafka,
    JsonLines,
}

/// The types of dead-letter sinks, by name.
const LETTER_TYPES: [(&str, LetterType); 3] =
    [("none", LetterType::None), ("kafka", LetterType::Kafka), ("jsonl", LetterType::JsonLines)];

pub(super) fn read_dead_letters(mut section: Section<'_>, defaults: &Brokers) -> DeadLetters {
    let mut kind = LetterType::None;
    section.set("type", &mut kind, choice(&LETTER_TYPES));
    let letters = match kind {
        LetterType::None => DeadLetters::None,
        LetterType::Kafka => {
            let mut to = "highwater.dead_letters".to_owned();
            section.set("topic", &mut to, topic);
            DeadLetters::Kafka { kafka: known_brokers(&mut section, defaults), topic: to }
        }
        LetterType::JsonLines => {
            section.need("path", text).map_or(DeadLetters::None, |path| DeadLetters::JsonLines(path.into()))
        }
    };
    section.finish();
    letters
}

/// A path; `-` is standard output.
fn path(node: &Node) -> Result<Option<PathBuf>, String> {
    let path = text(node).map_err(|_| "a path, or \"-\" for standard output".to_owned())?;
    Ok((path != "-").then(|| PathBuf::from(path)))
}
