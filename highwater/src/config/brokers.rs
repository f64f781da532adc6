//! How brokers are reached: in `[kafka]` for all, or where they are used.

use std::collections::BTreeMap;

use highwater_connectors::KafkaConfig;

use super::{
    tree::{Node, Section},
    values::{properties, text},
};

/// How brokers are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brokers {
    pub(crate) brokers: String,
    /// Handed through to librdkafka.
    pub(crate) properties: BTreeMap<String, String>,
}

impl Brokers {
    /// As the connectors want it.
    pub(crate) fn config(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.brokers.clone(), properties: self.properties.clone() }
    }
}

pub(super) fn brokers(section: &mut Section<'_>, defaults: &Brokers) -> Brokers {
    let mut kafka = defaults.clone();
    section.set("brokers", &mut kafka.brokers, broker_list);
    kafka.properties.extend(section.get("properties", properties('.')).unwrap_or_default());
    kafka
}

/// The same, where brokers must be known.
pub(super) fn known_brokers(section: &mut Section<'_>, defaults: &Brokers) -> Brokers {
    let kafka = brokers(section, defaults);
    if kafka.brokers.is_empty() {
        section.complain("needs the key \"brokers\", here or in [kafka]");
    } else if let Err(error) = kafka.config().check() {
        section.complain(error.to_string());
    }
    kafka
}

fn broker_list(node: &Node) -> Result<String, String> {
    let allowed = || "a list of brokers, like \"127.0.0.1:9092\" or \"a:9092,b:9092\"".to_owned();
    let list = text(node).map_err(|_| allowed())?;
    let port = |broker: &str| broker.rsplit_once(':').and_then(|(_, port)| port.trim().parse::<u16>().ok());
    if list.split(',').all(|broker| port(broker).is_some()) { Ok(list) } else { Err(allowed()) }
}

pub(super) fn topic(node: &Node) -> Result<String, String> {
    let legal = |name: &String| {
        name.len() <= 249
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && name != "."
            && name != ".."
    };
    text(node).ok().filter(legal).ok_or_else(|| "a topic: letters, digits, dots, underscores and hyphens".to_owned())
}
