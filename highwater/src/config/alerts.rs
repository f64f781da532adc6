//! `[alerts]`: rules of a file, who is told, and how receivers are reached.

use std::path::PathBuf;

use highwater_alerting::{AlertingSettings, Network};
use highwater_engine::{days, minutes, seconds};

use super::{
    receivers::read_receivers,
    tree::{Node, Section},
    values::{duration, text, texts},
};

/// `[alerts]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alerts {
    /// A file of rules.
    pub(crate) rules: Option<PathBuf>,
    /// Where people reach the server; none: where it listens.
    pub(crate) external_url: Option<String>,
    /// Certificates that are trusted in place of the usual ones, as PEM.
    pub(crate) trusted_roots: Option<PathBuf>,
    pub(crate) settings: AlertingSettings,
}

pub(super) fn read_alerts(mut section: Section<'_>) -> Alerts {
    let mut alerts = Alerts {
        rules: section.get("rules", text).map(PathBuf::from),
        external_url: section.get("external_url", text),
        trusted_roots: section.get("trusted_roots", text).map(PathBuf::from),
        settings: AlertingSettings::default(),
    };
    let settings = &mut alerts.settings;
    settings.receivers = read_receivers(&mut section);
    section.set("allowed_networks", &mut settings.outbound.allowed_networks, networks);
    section.set("timeout", &mut settings.outbound.timeout, duration(seconds(1)..=minutes(5)));
    section.set("patience", &mut settings.patience, duration(minutes(1)..=days(30)));
    section.set("retention", &mut settings.retention, duration(days(1)..=days(3660)));
    section.finish();
    alerts
}

fn networks(node: &Node) -> Result<Vec<Network>, String> {
    let list = texts(node).ok().and_then(|list| list.iter().map(|text| text.parse().ok()).collect());
    list.ok_or_else(|| "a list of networks, like [\"10.0.0.0/8\", \"127.0.0.1/32\"]".to_owned())
}
