//! Alert rules: whatever order logs and rules come in, however they are cut into epochs, on any number of workers and
//! through kills, alerts are what a plain program finds that reads all logs again for each rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use highwater_engine::{
    Flow, Level, Name, Plain, Query, Settings, Snapshot, Timestamp, Window, hours, minutes, seconds,
    testing::{Script, replay_edited},
};
use highwater_operators::{
    Alert, AlertMachine, AlertStatus, Condition, Dimension, Evaluate, Histogram, NoData, Real, RuleMetric, RuleSpec,
    Severity, TemplateId, catalog,
};
use highwater_queries::{MessagePatterns, Rollups, Rules, patterns, rules, stats};
use proptest::prelude::*;

const SERVICES: [&str; 3] = ["cart", "pay-in", "pay-out"];
const HOSTS: [&str; 2] = ["blue", "green"];
const MESSAGES: [&str; 2] = ["disk is gone", "user came in"];

struct OfRules(Rules);

impl Query for OfRules {
    fn name(&self) -> &str {
        "of_rules"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let stats = stats::build(flow, &Rollups::default());
        let templates = Some(patterns::build(flow, &MessagePatterns::default()).counts);
        let hosts = Some(rules::hosts(flow));
        rules::build(flow, &self.0, &rules::Sources { stats, templates, anomalies: None, hosts });
    }
}

#[derive(Clone, Debug)]
struct Entry {
    second: i64,
    service: usize,
    host: usize,
    level: Level,
    latency_ms: Option<u64>,
    message: usize,
}

impl Entry {
    fn record(&self) -> (u32, String) {
        let Entry { service, host, level, message, .. } = self;
        let at = Timestamp::from_millis(self.second * 1000);
        let latency = self.latency_ms.map_or(String::new(), |ms| format!(r#","latency_ms":{ms}"#));
        let (service, host, message) = (SERVICES[*service], HOSTS[*host], MESSAGES[*message]);
        let json = format!(
            r#"{{"timestamp":"{at}","level":"{level}","service":"{service}","host":"{host}","message":"{message}"{latency}}}"#
        );
        (self.partition(), json)
    }

    fn partition(&self) -> u32 {
        (self.second % 3) as u32
    }
}

fn spec(id: &str) -> RuleSpec {
    RuleSpec {
        id: Name::from(id),
        name: Name::from(format!("rule {id}")),
        description: "too much".to_owned(),
        severity: Severity::High,
        labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        metric: RuleMetric::Count,
        condition: Condition::GreaterThan,
        threshold: Real::from(1.0),
        clear_threshold: None,
        time_window: seconds(10),
        hold: Duration::ZERO,
        keep_firing_for: Duration::ZERO,
        levels: Vec::new(),
        services: Vec::new(),
        group_by: Some(Dimension::Service),
        no_data: NoData::Keep,
        evaluate: Evaluate::Final,
    }
}

prop_compose! {
    /// Any rule that can be.
    fn any_spec()(
        metric in prop::sample::select(vec![RuleMetric::Count, RuleMetric::ErrorRate, RuleMetric::LatencyP95, RuleMetric::Absence]),
        condition in prop::sample::select(vec![
            Condition::GreaterThan, Condition::GreaterThanOrEqual, Condition::LessThan, Condition::LessThanOrEqual, Condition::Equals,
        ]),
        threshold in 0u32..4,
        clears in any::<bool>(),
        time_window in prop::sample::select(vec![10u64, 20, 60, 120]),
        hold in prop::sample::select(vec![0u64, 20, 45]),
        keep in prop::sample::select(vec![0u64, 30]),
        levels in prop::sample::select(vec![vec![], vec![Level::Error], vec![Level::Info, Level::Warn]]),
        services in prop::sample::select(vec![vec![], vec!["cart"], vec!["pay*"], vec!["pay-in", "nobody"]]),
        group_by in prop::sample::select(vec![
            None, Some(Dimension::Service), Some(Dimension::Level), Some(Dimension::Host), Some(Dimension::Template),
        ]),
        no_data in prop::sample::select(vec![NoData::Keep, NoData::Resolve, NoData::Alert]),
        evaluate in prop::sample::select(vec![Evaluate::Final, Evaluate::Provisional]),
    ) -> RuleSpec {
        let unit = match metric { RuleMetric::ErrorRate => 25.0, RuleMetric::LatencyP95 => 10.0, _ => 1.0 };
        let threshold = f64::from(threshold) * unit;
        let apart = match condition {
            Condition::GreaterThan | Condition::GreaterThanOrEqual => Some(threshold - unit / 2.0),
            Condition::LessThan | Condition::LessThanOrEqual => Some(threshold + unit / 2.0),
            Condition::Equals => None,
        };
        RuleSpec {
            metric,
            condition,
            threshold: Real::from(threshold),
            clear_threshold: apart.filter(|_| clears).map(Real::from),
            time_window: seconds(time_window),
            hold: seconds(hold),
            keep_firing_for: seconds(keep),
            levels,
            services: services.into_iter().map(Name::from).collect(),
            group_by,
            no_data,
            evaluate,
            ..spec("any")
        }
    }
}

fn possible_spec() -> impl Strategy<Value = RuleSpec> {
    any_spec().prop_filter("a rule that can be", |spec| spec.problems().is_empty())
}

fn entries() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    let level = prop::sample::select(vec![Level::Info, Level::Warn, Level::Error]);
    let entry = (-60i64..60, 0usize..3, 0usize..2, level, prop::option::of(0u64..40), 0usize..2);
    prop::collection::vec(prop::collection::vec(entry, 0..10), 1..8).prop_map(|epochs| {
        let drift = |(number, entries): (usize, Vec<_>)| {
            let now = 86_400 + number as i64 * 35;
            let entry = |(offset, service, host, level, latency_ms, message): (i64, _, _, _, _, _)| Entry {
                second: now + if offset < -40 { offset } else { offset / 4 },
                service,
                host,
                level,
                latency_ms,
                message,
            };
            entries.into_iter().map(entry).collect()
        };
        epochs.into_iter().enumerate().map(drift).collect()
    })
}

/// What is to be shown, by reading all logs for each rule.
#[derive(Default)]
struct Batch {
    newest: BTreeMap<u32, i64>,
    watermark: Option<i64>,
    logs: Vec<Entry>,
    rules: BTreeMap<Name, RuleSpec>,
}

impl Batch {
    fn epoch(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.logs.push(entry.clone());
            let newest = self.newest.entry(entry.partition()).or_insert(entry.second);
            *newest = entry.second.max(*newest);
        }
        self.watermark = self.watermark.max(self.newest.values().min().map(|newest| newest - 5));
    }

    fn end(&mut self) {
        self.watermark = self.watermark.max(self.newest.values().max().map(|newest| newest + 10));
    }

    fn alerts(&self) -> BTreeSet<Alert> {
        let Some(watermark) = self.watermark else { return BTreeSet::new() };
        self.rules.values().flat_map(|rule| self.of_rule(rule, watermark)).collect()
    }

    fn of_rule(&self, rule: &RuleSpec, watermark: i64) -> Vec<Alert> {
        let mut groups: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
        for log in self.logs.iter().filter(|log| rule.selects(SERVICES[log.service])) {
            let chosen = rule.levels.is_empty() || rule.levels.contains(&log.level);
            let group = match rule.group_by {
                None => "*".to_owned(),
                Some(Dimension::Service) => SERVICES[log.service].to_owned(),
                Some(Dimension::Host) => HOSTS[log.host].to_owned(),
                Some(Dimension::Template) => TemplateId::of_message(MESSAGES[log.message]).to_string(),
                Some(Dimension::Level) if chosen => log.level.to_string(),
                Some(Dimension::Level) => continue,
            };
            groups.entry(group).or_default().push(log);
        }
        groups.into_iter().flat_map(|(group, logs)| of_group(rule, &Name::from(group), &logs, watermark)).collect()
    }
}

fn of_group(rule: &RuleSpec, group: &Name, logs: &[&Entry], watermark: i64) -> Vec<Alert> {
    let step = if rule.group_by == Some(Dimension::Template) { 60 } else { 10 };
    let align = |second: i64| second.div_euclid(step) * step;
    let first = logs.iter().map(|log| align(log.second)).min().unwrap();
    let closed = align(watermark);
    let mut machine = AlertMachine::default();
    let mut at = first;
    let is_filled = |at: i64| logs.iter().any(|log| align(log.second) == at);
    while at + step <= closed || (rule.evaluate == Evaluate::Provisional && is_filled(at)) {
        let end = at + step;
        let begin = end - rule.time_window.as_secs() as i64;
        let inside: Vec<&Entry> = logs.iter().copied().filter(|log| begin <= log.second && log.second < end).collect();
        let window = Window { start: Timestamp::from_millis(at * 1000) };
        machine.step(&rule.rule(), window, seconds(step as u64), value(rule, &inside));
        at = end;
    }
    machine.spans().map(|span| rule.alert(group, span)).collect()
}

fn value(rule: &RuleSpec, logs: &[&Entry]) -> Option<Real> {
    let chosen = |log: &&&Entry| match (rule.metric, rule.levels.is_empty()) {
        (RuleMetric::ErrorRate, true) => log.level.is_error(),
        (_, true) => true,
        (_, false) => rule.levels.contains(&log.level),
    };
    let count = logs.iter().filter(chosen).count() as f64;
    let value = match rule.metric {
        RuleMetric::ErrorRate if logs.is_empty() => return None,
        RuleMetric::ErrorRate => 100.0 * count / logs.len() as f64,
        RuleMetric::LatencyP95 => {
            let mut histogram = Histogram::default();
            logs.iter().filter_map(|log| log.latency_ms).for_each(|ms| histogram.add(ms * 1000));
            histogram.quantile(0.95)? as f64 / 1000.0
        }
        _ => count,
    };
    Some(Real::from(value))
}

fn shown(snapshot: &Snapshot) -> BTreeSet<Alert> {
    let rows = |view: &str| snapshot.rows::<Plain<Name>, Alert>(view).unwrap();
    let told = rows(catalog::ALERTS);
    assert!(told.values().all(|alert| alert.status != AlertStatus::Pending));
    let pending = rows(catalog::PENDING_ALERTS);
    assert!(pending.values().all(|alert| alert.status == AlertStatus::Pending));
    told.values().chain(pending.values()).cloned().collect()
}

fn settings(workers: usize) -> Settings {
    Settings { workers, lateness: seconds(5), ..Settings::default() }
}

fn script(epochs: &[Vec<Entry>]) -> Vec<Vec<(u32, String)>> {
    epochs.iter().map(|entries| entries.iter().map(Entry::record).collect()).collect()
}

/// A rule and the epochs in which it comes and goes.
type Scheduled = (RuleSpec, usize, Option<usize>);

fn scheduled() -> impl Strategy<Value = Vec<Scheduled>> {
    let rule = (possible_spec(), 0usize..8, prop::option::of(0usize..8));
    prop::collection::vec(rule, 1..8).prop_map(|rules| {
        // some with the same id: the later one is an edit
        let name = |(number, (spec, from, to)): (usize, Scheduled)| {
            (RuleSpec { id: Name::from((number % 4).to_string()), ..spec }, from, to)
        };
        rules.into_iter().enumerate().map(name).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn alerts_at_every_epoch_equal_the_batch(
        epochs in entries(),
        scheduled in scheduled(),
        workers in prop::sample::select(vec![1usize, 2, 4]),
        cut in 1usize..8,
    ) {
        let rules = Rules::default();
        let input = rules.input.clone();
        let (before, after) = epochs.split_at(cut.min(epochs.len()));
        let parts = [(settings(workers), script(before)), (settings(2), script(after))];
        let first = before.len();
        let edits = scheduled.clone();
        let edit = move |part: usize, epoch: usize| {
            let epoch = part * first + epoch;
            for (spec, from, to) in &edits {
                if *from == epoch {
                    drop(input.set(spec.id.clone(), Some(spec.clone())));
                }
                if *to == Some(epoch) {
                    drop(input.set(spec.id.clone(), None));
                }
            }
        };
        let snapshots = replay_edited(OfRules(rules), &parts, edit).unwrap();
        let mut batch = Batch::default();
        let mut expected = Vec::new();
        for (epoch, entries) in epochs.iter().enumerate() {
            if epoch == first {
                expected.push(batch.alerts());
            }
            for (spec, from, to) in &scheduled {
                if *from == epoch {
                    batch.rules.insert(spec.id.clone(), spec.clone());
                }
                if *to == Some(epoch) {
                    batch.rules.remove(&spec.id);
                }
            }
            batch.epoch(entries);
            expected.push(batch.alerts());
        }
        if first == epochs.len() {
            expected.push(batch.alerts());
        }
        let shown: Vec<_> = snapshots.iter().flatten().map(|snapshot| shown(snapshot)).collect();
        for (number, expected) in expected.iter().enumerate() {
            prop_assert_eq!(&shown[number], expected, "epoch {}", number);
        }
        // the last epoch, in which every partition ends; edits that fall into it are not looked at
        if scheduled.iter().all(|(_, from, to)| *from < epochs.len() && to.is_none_or(|to| to < epochs.len())) {
            batch.end();
            prop_assert_eq!(shown.last().unwrap(), &batch.alerts(), "the end");
        }
    }
}

/// Rules over a stretch of time much longer than logs are kept.
fn lasting() -> BTreeMap<Name, RuleSpec> {
    let rate = RuleSpec { metric: RuleMetric::ErrorRate, threshold: Real::from(50.0), ..spec("rate") };
    let rules = [
        RuleSpec { hold: minutes(40), no_data: NoData::Keep, ..rate.clone() },
        RuleSpec {
            id: "data".into(),
            no_data: NoData::Alert,
            hold: minutes(5),
            time_window: minutes(2),
            ..rate.clone()
        },
        RuleSpec { id: "resolve".into(), no_data: NoData::Resolve, keep_firing_for: minutes(15), ..rate },
        RuleSpec { metric: RuleMetric::Absence, hold: minutes(20), ..spec("absent") },
        RuleSpec { time_window: hours(2), threshold: Real::from(6.0), group_by: None, ..spec("long") },
    ];
    rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_killed_job_shows_what_one_never_killed_shows_long_after_logs_are_gone(
        logs in prop::collection::vec((1i64..9, 0usize..2, prop::bool::weighted(0.7)), 4..40),
        cuts in prop::collection::vec(1usize..12, 1..4),
    ) {
        let mut now = 86_400;
        let epochs: Vec<Vec<Entry>> = logs.iter().map(|(later, service, is_error)| {
            now += later * 60;
            let level = if *is_error { Level::Error } else { Level::Info };
            // one partition, or a silent one would hold the others back
            vec![Entry { second: now / 3 * 3, service: *service, host: 0, level, latency_ms: None, message: 0 }]
        }).collect();
        let settings = |workers| Settings { retention: minutes(1), ..settings(workers) };
        let run = |parts: &[(Settings, Script)]| {
            let rules = Rules::default();
            drop(rules.input.replace(lasting()));
            let snapshots = replay_edited(OfRules(rules), parts, |_, _| ()).unwrap();
            snapshots.iter().map(|part| part.iter().map(|snapshot| shown(snapshot)).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let whole = run(&[(settings(1), script(&epochs))]).remove(0);
        let mut rest = &epochs[..];
        let mut parts = Vec::new();
        for (number, length) in cuts.into_iter().enumerate() {
            let (part, later) = rest.split_at(rest.len().min(length));
            parts.push((settings(1 + number % 2), script(part)));
            rest = later;
        }
        parts.push((settings(2), script(rest)));
        let mut at = 0;
        for (number, part) in run(&parts).into_iter().enumerate() {
            let mut part = part.into_iter();
            if number > 0 {
                prop_assert_eq!(&part.next().unwrap(), &whole[at - 1], "restored for part {}", number);
            }
            for shown in part {
                prop_assert_eq!(&shown, &whole[at], "epoch {}", at);
                at += 1;
            }
        }
        prop_assert_eq!(at, whole.len());
    }
}

#[test]
fn an_alert_fires_for_longer_than_logs_are_kept_and_is_resolved_then() {
    let log = |minute: i64, level| Entry {
        second: 86_400 + minute * 60,
        service: 0,
        host: 0,
        level,
        latency_ms: None,
        message: 0,
    };
    let errors = (0..180).map(|minute| vec![log(minute, Level::Error)]);
    let epochs: Vec<_> = errors.chain([vec![log(180, Level::Info)], vec![log(181, Level::Info)]]).collect();
    let rules = Rules::default();
    let rule = RuleSpec { metric: RuleMetric::ErrorRate, threshold: Real::from(50.0), ..spec("1") };
    drop(rules.input.set(rule.id.clone(), Some(rule)));
    let settings = Settings { retention: minutes(1), ..settings(1) };
    let snapshots = replay_edited(OfRules(rules), &[(settings, script(&epochs))], |_, _| ()).unwrap();
    let since = Timestamp::from_millis(86_400_000);
    for (minute, snapshot) in snapshots[0].iter().enumerate().take(181).skip(1) {
        let alerts = shown(snapshot);
        let [alert] = alerts.iter().collect::<Vec<_>>()[..] else { panic!("{alerts:?} at minute {minute}") };
        assert_eq!((alert.since, alert.status), (since, AlertStatus::Firing), "minute {minute}");
    }
    let last = shown(&snapshots[0][181]);
    let last = last.first().unwrap();
    assert_eq!((last.since, last.status, &*last.id), (since, AlertStatus::Resolved, "1:cart:1970-01-02T00:00:00.000Z"));
    let labels = [("alertname", "rule 1"), ("service", "cart"), ("severity", "high"), ("team", "shop")];
    assert_eq!(last.labels.iter().map(|(label, value)| (&**label, &**value)).collect::<Vec<_>>(), labels);
}
