//! `[search]`: the log store.

use std::{path::PathBuf, time::Duration};

use highwater_engine::{Level, days, minutes, seconds};
use highwater_logstore::StoreSettings;

use super::{
    tree::Section,
    values::{choice, duration, number, text, texts, whole},
};

/// Where the log store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Folder {
    /// In the folder of the state; nowhere without one.
    #[default]
    WithState,
    /// Here.
    At(PathBuf),
    /// Nowhere: logs are not kept.
    Nowhere,
}

/// The log store as configured.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) folder: Folder,
    /// Their path is the folder's once that is known.
    pub(crate) settings: StoreSettings,
}

impl Default for Search {
    fn default() -> Self {
        Search { folder: Folder::default(), settings: StoreSettings::new("") }
    }
}

const LEVELS: [(&str, Level); 6] = [
    ("TRACE", Level::Trace),
    ("DEBUG", Level::Debug),
    ("INFO", Level::Info),
    ("WARN", Level::Warn),
    ("ERROR", Level::Error),
    ("FATAL", Level::Fatal),
];

pub(super) fn read_search(mut section: Section<'_>) -> Search {
    let Search { mut folder, mut settings } = Search::default();
    if let Some(path) = section.get("path", text) {
        folder = if path == "none" { Folder::Nowhere } else { Folder::At(path.into()) };
    }
    section.set("retention", &mut settings.retention, duration(minutes(1)..=days(3660)));
    section.set("max_bytes", &mut settings.max_bytes, whole(1 << 20..=1 << 50));
    section.set("memory_bytes", &mut settings.memory, whole(StoreSettings::MIN_MEMORY..=StoreSettings::MAX_MEMORY));
    let interval = duration(Duration::from_millis(100)..=minutes(1));
    section.set("commit_interval", &mut settings.commit_interval, interval);
    section.set("patience", &mut settings.search_patience, duration(seconds(1)..=minutes(5)));
    section.set("level", &mut settings.keep.level, choice(&LEVELS));
    if let Some(services) = section.get("services", texts) {
        settings.keep.services = services.into_iter().collect();
    }
    section.set("share", &mut settings.keep.share, number(0.0..=1.0));
    section.finish();
    Search { folder, settings }
}
