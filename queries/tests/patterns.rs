//! The views of message patterns: equal to a batch over the logs so far, at every epoch, on any number of workers and
//! through a kill.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use highwater_engine::{
    Flow, Level, Name, Plain, Query, Settings, Snapshot, Timestamp, Window, Windowed, minutes,
    testing::{replay, replay_in_parts},
};
use highwater_operators::{
    Anomaly, Levels, Occurrences, Pattern, Severity, TemplateId, catalog, pattern_texts, template,
};
use highwater_queries::{MessagePatterns, patterns};
use proptest::prelude::*;

struct OfMessages;

const LEARNING: u64 = 3;

impl Query for OfMessages {
    fn name(&self) -> &str {
        "of_messages"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        patterns::build(flow, &MessagePatterns { learning_minutes: LEARNING });
    }
}

#[derive(Clone, Debug)]
struct Entry {
    second: i64,
    service: &'static str,
    level: Level,
    message: String,
}

impl Entry {
    fn at(&self) -> Timestamp {
        Timestamp::from_millis(1_761_229_800_000 + self.second * 1000)
    }

    fn record(&self) -> (u32, String) {
        let Entry { service, level, message, .. } = self;
        let at = self.at();
        let json = format!(r#"{{"timestamp":"{at}","level":"{level}","service":"{service}","message":"{message}"}}"#);
        ((self.second % 3).unsigned_abs() as u32, json)
    }
}

fn entries() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    let message = prop_oneof![
        prop::sample::select(vec!["ann", "bob", "eve", "joe", "7", "10.0.0.1"])
            .prop_map(|user| format!("login of {user}")),
        (0u8..20).prop_map(|n| format!("took {n} ms")),
        prop::sample::select(vec!["ready", "gone"]).prop_map(str::to_owned),
    ];
    let entry = (0i64..90, prop::sample::select(vec!["cart", "pay"]), 0usize..6, message);
    prop::collection::vec(prop::collection::vec(entry, 0..10), 1..8).prop_map(|epochs| {
        let entry = |epoch: usize, (offset, service, level, message): (i64, _, usize, _)| Entry {
            second: epoch as i64 * 60 + offset,
            service,
            level: Level::ALL[level],
            message,
        };
        epochs
            .into_iter()
            .enumerate()
            .map(|(epoch, entries)| entries.into_iter().map(|of| entry(epoch, of)).collect())
            .collect()
    })
}

type Key = (String, TemplateId);

/// What the views are to show, by plain loops over the logs.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    counts: BTreeMap<(Key, Timestamp), (Levels, Timestamp)>,
    templates: BTreeMap<Key, TemplateId>,
    /// text, first seen, example, level, new, count
    patterns: BTreeMap<Key, (String, Timestamp, String, Level, bool, u32)>,
    anomalies: BTreeSet<(String, Timestamp)>,
}

fn batch(logs: &[Entry]) -> Shown {
    let mut shown = Shown::default();
    for service in ["cart", "pay"] {
        let logs: Vec<&Entry> = logs.iter().filter(|log| log.service == service).collect();
        let since = logs.iter().map(|log| log.at()).min();
        let templates: Vec<String> = logs.iter().map(|log| template(&log.message).into_owned()).collect();
        let texts = pattern_texts(templates.iter().map(String::as_str));
        let mut by_pattern: BTreeMap<&String, Vec<&Entry>> = BTreeMap::new();
        for (log, template) in logs.iter().zip(&templates) {
            let text = &texts[template.as_str()];
            let key = (service.to_owned(), TemplateId::of_text(template));
            let minute = Window::containing(log.at(), minutes(1)).start;
            let (levels, last) =
                shown.counts.entry((key.clone(), minute)).or_insert((Levels::default(), Timestamp::MIN));
            levels.add(log.level);
            *last = log.at().max(*last);
            shown.templates.insert(key, TemplateId::of_text(text));
            by_pattern.entry(text).or_default().push(log);
        }
        for (text, logs) in by_pattern {
            let first = logs.iter().map(|log| (log.at(), &log.message)).min().unwrap();
            let level = logs.iter().map(|log| log.level).max().unwrap();
            let new = first.0 >= since.unwrap().plus(minutes(LEARNING));
            let row = (text.clone(), first.0, first.1.clone(), level, new, logs.len() as u32);
            shown.patterns.insert((service.to_owned(), TemplateId::of_text(text)), row);
            if new {
                shown.anomalies.insert((service.to_owned(), first.0));
            }
        }
    }
    shown
}

fn shown(snapshot: &Snapshot) -> Shown {
    let key = |key: &(Name, TemplateId)| (key.0.to_string(), key.1);
    let counts = snapshot.rows::<Windowed<(Name, TemplateId)>, Occurrences>(catalog::TEMPLATE_COUNTS_1M).unwrap();
    let templates = snapshot.rows::<Plain<(Name, TemplateId)>, TemplateId>(catalog::TEMPLATES).unwrap();
    let patterns = snapshot.rows::<Plain<(Name, TemplateId)>, Pattern>(catalog::PATTERNS).unwrap();
    let anomalies = snapshot.rows::<Plain<Name>, Anomaly>(catalog::ANOMALIES).unwrap();
    let pattern =
        |of: &Pattern| (of.pattern.to_string(), of.first_seen, of.example.to_string(), of.level, of.new, of.count);
    Shown {
        counts: counts
            .iter()
            .map(|(row, seen)| ((key(&row.key), row.window.start), (seen.levels, seen.last_seen)))
            .collect(),
        templates: templates.iter().map(|(row, id)| (key(&row.key), *id)).collect(),
        patterns: patterns.iter().map(|(row, value)| (key(&row.key), pattern(value))).collect(),
        anomalies: anomalies.values().map(|of| (of.service.clone().unwrap().to_string(), of.detected_at)).collect(),
    }
}

fn script(epochs: &[Vec<Entry>]) -> Vec<Vec<(u32, String)>> {
    epochs.iter().map(|entries| entries.iter().map(Entry::record).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn every_view_at_every_epoch_equals_the_batch(epochs in entries()) {
        for workers in [1, 2] {
            let settings = Settings { workers, ..Settings::default() };
            let snapshots = replay(OfMessages, &settings, &script(&epochs)).unwrap();
            for number in 0..epochs.len() {
                prop_assert_eq!(shown(&snapshots[number]), batch(&epochs[..=number].concat()), "epoch {}", number);
            }
        }
    }

    #[test]
    fn a_killed_job_shows_the_same_and_remembers_what_was_seen(epochs in entries(), cut in 0usize..8) {
        let (before, after) = epochs.split_at(cut.min(epochs.len()));
        let settings = |workers| Settings { workers, ..Settings::default() };
        let parts = [(settings(1), script(before)), (settings(2), script(after))];
        let snapshots = replay_in_parts(OfMessages, &parts).unwrap();
        prop_assert_eq!(shown(snapshots[1].last().unwrap()), batch(&epochs.concat()));
    }
}

#[test]
fn what_is_logged_first_after_the_learning_is_an_anomaly_and_what_joins_a_pattern_is_none() {
    let log = |second, level, message: &str| Entry { second, service: "cart", level, message: message.to_owned() };
    let known = ["ann", "bob", "eve", "joe"].map(|user| log(0, Level::Info, &format!("login of {user}")));
    let later = [log(200, Level::Info, "login of zoe"), log(200, Level::Error, "disk 7 is gone")];
    let epochs = [known.to_vec(), later.to_vec()];
    let snapshots = replay(OfMessages, &Settings::default(), &script(&epochs)).unwrap();
    let anomalies = snapshots[1].rows::<Plain<Name>, Anomaly>(catalog::ANOMALIES).unwrap();
    let found: Vec<_> = anomalies.values().map(|of| (of.description.as_str(), of.severity)).collect();
    assert_eq!(found, [("cart logs ERROR messages as never before: disk <num> is gone", Severity::Medium)]);
    let row = Plain { key: (Name::from("cart"), TemplateId::of_message("login of zoe")) };
    let templates = snapshots[1].rows::<Plain<(Name, TemplateId)>, TemplateId>(catalog::TEMPLATES).unwrap();
    assert_eq!(templates.get(&row), Some(&TemplateId::of_text("login of <*>")));
}
