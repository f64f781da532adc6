//! Inputs: rows that come from elsewhere than logs take effect at once and on all workers, are found again after a kill,
//! and whoever says them again changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use highwater_engine::{
    Entering, Flow, Input, InputError, Intake, Job, Log, Name, Plain, Positions, Progress, Query, Reader, Service,
    Settings, Snapshot, Source, SourceError, seconds, testing::replay_edited,
};
use proptest::prelude::*;

const SERVICES: [&str; 4] = ["cart", "payment", "search", "user"];

/// Services with at least so many logs as the input says for them.
struct Busy(Input<Name, u64>);

impl Query for Busy {
    fn name(&self) -> &str {
        "busy"
    }
    fn build(&self, flow: &mut Flow<'_>) {
        let least = flow.input("least", &self.0);
        let counts = flow.logs().tumbling(seconds(10)).aggregate(Service, |count: &mut u64, _: &Log<'_>| *count += 1);
        let counts = counts.rows().map(|((service, _), count)| (service, count));
        let both = counts.join_map(least.clone(), |service, count, least| (service.clone(), (*count, *least)));
        flow.table("least", least);
        flow.table("busy", both.filter(|(_, (count, least))| count >= least));
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Replace(BTreeMap<usize, u64>),
    Set(usize, Option<u64>),
}

impl Edit {
    fn on(&self, input: &Input<Name, u64>) -> Entering {
        let name = |service: usize| Name::from(SERVICES[service]);
        match self {
            Edit::Replace(rows) => {
                input.replace(rows.iter().map(|(service, least)| (name(*service), *least)).collect())
            }
            Edit::Set(service, least) => input.set(name(*service), *least),
        }
    }

    fn on_map(&self, rows: &mut BTreeMap<String, u64>) {
        let name = |service: usize| SERVICES[service].to_owned();
        match self {
            Edit::Replace(new) => *rows = new.iter().map(|(service, least)| (name(*service), *least)).collect(),
            Edit::Set(service, Some(least)) => drop(rows.insert(name(*service), *least)),
            Edit::Set(service, None) => drop(rows.remove(SERVICES[*service])),
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        prop::collection::btree_map(0usize..4, 0u64..4, 0..4).prop_map(Edit::Replace),
        (0usize..4, prop::option::of(0u64..4)).prop_map(|(service, least)| Edit::Set(service, least)),
    ]
}

type Epoch = (Vec<Edit>, Vec<usize>);

fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    prop::collection::vec((prop::collection::vec(edit(), 0..3), prop::collection::vec(0usize..4, 0..5)), 1..10)
}

#[derive(Default)]
struct Batch {
    least: BTreeMap<String, u64>,
    counts: BTreeMap<String, u64>,
}

impl Batch {
    fn epoch(&mut self, (edits, logs): &Epoch) {
        edits.iter().for_each(|edit| edit.on_map(&mut self.least));
        logs.iter().for_each(|service| *self.counts.entry(SERVICES[*service].to_owned()).or_default() += 1);
    }

    fn check(&self, snapshot: &Snapshot, context: &str) {
        let least = snapshot.rows::<Plain<Name>, u64>("least").unwrap();
        let shown: BTreeMap<String, u64> = least.iter().map(|(row, least)| (row.key.to_string(), *least)).collect();
        assert_eq!(shown, self.least, "{context}");
        let busy = snapshot.rows::<Plain<Name>, (u64, u64)>("busy").unwrap();
        let shown: BTreeMap<String, (u64, u64)> = busy.iter().map(|(row, both)| (row.key.to_string(), *both)).collect();
        let both = self.counts.iter().filter_map(|(service, count)| Some((service, *count, *self.least.get(service)?)));
        let expected: BTreeMap<String, (u64, u64)> = both
            .filter(|(_, count, least)| count >= least)
            .map(|(of, count, least)| (of.clone(), (count, least)))
            .collect();
        assert_eq!(shown, expected, "{context}");
    }
}

fn script(epochs: &[Epoch]) -> Vec<Vec<(u32, String)>> {
    let record = |service: &usize| {
        let service = SERVICES[*service];
        let json = format!(r#"{{"timestamp":"2025-10-23T14:32:15Z","service":"{service}","message":"m"}}"#);
        (service.len() as u32, json)
    };
    epochs.iter().map(|(_, logs)| logs.iter().map(record).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn views_equal_the_batch_over_edits_logs_and_kills(
        epochs in epochs(),
        lengths in prop::collection::vec((1usize..5, 1usize..5), 0..4),
        last in 1usize..5,
    ) {
        let input = Input::new(100);
        let mut rest = &epochs[..];
        let (mut parts, mut edits) = (Vec::new(), Vec::new());
        for (length, workers) in lengths.into_iter().chain([(usize::MAX, last)]) {
            let (part, later) = rest.split_at(rest.len().min(length));
            parts.push((Settings { workers, ..Settings::default() }, script(part)));
            edits.push(part.iter().map(|(edits, _)| edits.clone()).collect::<Vec<_>>());
            rest = later;
        }
        let editor = input.clone();
        let edit = move |part: usize, epoch: usize| {
            edits[part].get(epoch).into_iter().flatten().for_each(|edit| drop(edit.on(&editor)));
        };
        let snapshots = replay_edited(Busy(input), &parts, edit).unwrap();
        let mut batch = Batch::default();
        let mut epochs = epochs.iter();
        for (number, (snapshots, (_, script))) in snapshots.iter().zip(&parts).enumerate() {
            let mut snapshots = snapshots.iter();
            if number > 0 {
                batch.check(snapshots.next().unwrap(), "restored");
            }
            for _ in script {
                batch.epoch(epochs.next().unwrap());
                batch.check(snapshots.next().unwrap(), &format!("part {number}"));
            }
        }
    }
}

/// Goes on until it is stopped.
struct Silence;

impl Source for Silence {
    fn name(&self) -> Name {
        "silence".into()
    }
    fn open(&self, _: usize, _: usize, _: &Positions) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(Silence))
    }
}

impl Reader for Silence {
    fn read(&mut self, _: &mut Intake, _: Duration) -> Result<Progress, SourceError> {
        Ok(Progress::Idle)
    }
}

fn job(input: &Input<Name, u64>, state: &std::path::Path) -> Job {
    Job {
        settings: Settings { tick: Duration::from_millis(1), workers: 2, ..Settings::default() },
        sources: vec![Box::new(Silence)],
        queries: vec![Box::new(Busy(input.clone()))],
        state: Some(state.to_owned()),
        ..Job::default()
    }
}

fn rows(of: &[(&str, u64)]) -> BTreeMap<Name, u64> {
    of.iter().map(|(name, least)| (Name::from(*name), *least)).collect()
}

#[test]
fn an_edit_is_seen_at_the_epoch_it_says_and_the_same_rows_again_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let input = Input::new(2);
    let running = job(&input, folder.path()).start().unwrap();
    let views = running.views();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = |views: &highwater_engine::Views| -> BTreeMap<Name, u64> {
        let snapshot = views.snapshot();
        snapshot
            .rows::<Plain<Name>, u64>("least")
            .unwrap()
            .iter()
            .map(|(row, least)| (row.key.clone(), *least))
            .collect()
    };
    let both = rows(&[("a", 1), ("b", 2)]);
    let entered = runtime.block_on(input.replace(both.clone()).entered()).unwrap();
    runtime.block_on(views.reached(entered));
    assert_eq!(seen(&views), both);
    assert_eq!(input.set("c".into(), Some(3)).wait(), Err(InputError::TooMany { max_rows: 2 }));
    assert_eq!(input.replace(rows(&[("a", 1), ("b", 2), ("c", 3)])).wait(), Err(InputError::TooMany { max_rows: 2 }));
    input.set("b".into(), None).wait().unwrap();
    let entered = input.set("c".into(), Some(3)).wait().unwrap();
    runtime.block_on(views.reached(entered));
    let now = rows(&[("a", 1), ("c", 3)]);
    assert_eq!(seen(&views), now);
    running.stopper()();
    running.join().unwrap();
    assert_eq!(input.set("d".into(), Some(1)).wait(), Err(InputError::Over));

    let input = Input::new(2);
    let running = job(&input, folder.path()).start().unwrap();
    let views = running.views();
    let entered = input.replace(now.clone()).wait().unwrap();
    runtime.block_on(views.reached(entered));
    assert_eq!(seen(&views), now);
    let changes = views.changes_since(0).unwrap_or_default();
    assert!(changes.iter().all(|epoch| epoch.views.is_empty()), "rows that stayed were told again");
    running.stopper()();
    running.join().unwrap();
}

#[test]
fn edits_beyond_the_bound_are_refused_before_a_job_runs() {
    let input = Input::<u64, u64>::new(3);
    let waiting: Mutex<Vec<Entering>> = Mutex::default();
    (0..6).for_each(|key| waiting.lock().unwrap().push(input.set(key, Some(key))));
    assert_eq!(input.set(6, Some(6)).wait(), Err(InputError::Busy));
}
