//! What is left after a crash at any step, on a disk that loses and tears what was not synced: nothing lost, nothing
//! told twice.
//!
//! A small job, all of it deterministic, runs on the real store, committer and delivery. Logs are numbers of keys; the
//! base collection counts them; a view shows the counts that are no multiple of three, so that rows come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use crossbeam_channel::{bounded, unbounded};
use proptest::prelude::*;

use super::{Committer, Delivery, Event, Reached, Store, base::delta_of, deliver};
use crate::{
    Batch, Epoch, Name, Plain, Record, Sink, SinkError, Timestamp,
    metrics::Metrics,
    publish::{EpochChanges, Output, Snapshot, Views, publish},
    testing::disk::Disk,
    view::state_of,
};

type Counts = BTreeMap<u8, u64>;
type Closed = (Arc<Snapshot>, Arc<EpochChanges>);

/// Logs by epoch, each the number of its key.
type Logs = Vec<Vec<u8>>;

/// One start of the job, until it crashes.
#[derive(Clone, Debug)]
struct Run {
    /// operations of the disk until it fails
    disk_steps: usize,
    /// batches that sinks take until they fail
    sink_steps: usize,
    /// an epoch is committed if its bit is set; sinks are driven if theirs are
    commits: u32,
    deliveries: u32,
    /// what of the unsynced is there after the crash
    luck: u64,
}

/// The world outside, as three kinds of sinks know it.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    steps_left: usize,
    /// whole batches, with their epoch: a transactional sink
    transactional: Vec<Batch>,
    /// change by change: a file
    file: Vec<(Epoch, Record)>,
    /// whatever was sent: a webhook
    webhook: Vec<Batch>,
}

#[derive(Clone, Copy)]
enum Kind {
    Transactional,
    File,
    Webhook,
}

struct Outside(World, Kind);

impl World {
    fn told<T>(&self, f: impl FnOnce(&mut Told) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Told {
    /// Whether the process lives on after this step.
    fn step(&mut self) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        self.steps_left > 0
    }
}

impl Sink for Outside {
    fn name(&self) -> Name {
        Name::from(match self.1 {
            Kind::Transactional => "transactional",
            Kind::File => "file",
            Kind::Webhook => "webhook",
        })
    }

    fn resume(&mut self, _: &Name, delivered: Option<Epoch>) -> Result<Option<Epoch>, SinkError> {
        self.0.told(|told| match self.1 {
            Kind::Transactional => Ok(told.transactional.last().map(|batch| batch.epoch).max(delivered)),
            Kind::File => {
                // what it held before the job began is not the job's to cut off
                if let Some(delivered) = delivered {
                    told.file.retain(|(epoch, _)| *epoch <= delivered);
                }
                Ok(delivered)
            }
            Kind::Webhook => Ok(delivered),
        })
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        let dead = SinkError::new(self.name(), "the process has died");
        self.0.told(|told| {
            for batch in batches {
                match self.1 {
                    Kind::Transactional => told.transactional.push(batch.clone()),
                    Kind::Webhook => told.webhook.push(batch.clone()),
                    Kind::File => {
                        for change in &batch.changes {
                            told.file.push((batch.epoch, change.record.clone()));
                            if !told.step() {
                                return Err(dead);
                            }
                        }
                    }
                }
                if !told.step() {
                    return Err(dead);
                }
            }
            Ok(())
        })
    }
}

fn count(logs: &[Vec<u8>]) -> Counts {
    let mut counts = Counts::new();
    logs.iter().flatten().for_each(|key| *counts.entry(*key).or_default() += 1);
    counts
}

fn shown(counts: &Counts) -> BTreeMap<String, u64> {
    counts.iter().filter(|(_, count)| **count % 3 != 0).map(|(key, count)| (format!("key {key}"), *count)).collect()
}

/// What the dataflow would tell: epochs after the committed one, which it restores.
fn closed(logs: &Logs, from: usize, events: &crossbeam_channel::Sender<Event>) -> Vec<Closed> {
    let collection = Name::from("counts");
    let _ = events.send(Event::Collection { name: collection.clone(), delta: delta_of::<u8, u64>() });
    let (outputs, received) = unbounded();
    let view = Name::from("shown");
    let _ = outputs.send(Output::View { name: view.clone(), state: state_of::<Plain<Name>, u64>(view.clone()) });
    let mut before = count(logs.get(..from).unwrap_or_default());
    let row = |(key, count): (&String, &u64), diff: isize| ((Plain { key: Name::from(key.as_str()) }, *count), diff);
    let send = |epoch: Epoch, changes: Vec<((Plain<Name>, u64), isize)>| {
        let _ = outputs.send(Output::Changes { view: view.clone(), changes: Box::new((epoch, changes)) });
        let _ = outputs.send(Output::Complete { epoch, ended: Instant::now(), watermark: Timestamp::MIN });
    };
    if from > 0 {
        send(from as Epoch, shown(&before).iter().map(|shown| row(shown, 1)).collect());
    }
    for number in from..logs.len() {
        let epoch = number as Epoch + 1;
        let after = count(&logs[..=number]);
        let old = shown(&before);
        let new = shown(&after);
        send(epoch, old.iter().map(|o| row(o, -1)).chain(new.iter().map(|n| row(n, 1))).collect());
        let changes: Vec<((u8, u64), isize)> =
            before.iter().map(|(k, v)| ((*k, *v), -1)).chain(after.iter().map(|(k, v)| ((*k, *v), 1))).collect();
        let _ = events.send(Event::Changes { collection: collection.clone(), epoch, changes: Box::new(changes) });
        let reached = Reached { next_offset: number as i64 + 1, newest: Timestamp::MIN };
        let _ = events.send(Event::Reached { epoch, source: "logs".into(), partitions: vec![(0, reached)] });
        before = after;
    }
    drop(outputs);
    let mut closed = Vec::new();
    publish(&received, &Views::default(), &Metrics::default(), |snapshot, changes| {
        closed.push((snapshot.clone(), changes.clone()));
    });
    closed
}

/// Whether it came to its end before it crashed.
fn attempt(logs: &Logs, run: &Run, disk: &Disk, world: &World) -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(Store::on(disk.clone(), true)?);
    let from = store.committed().map_or(0, |committed| committed.epoch as usize);
    let mut restored = Counts::new();
    store.rows("counts", |key, count| {
        restored.insert(postcard::from_bytes(key)?, postcard::from_bytes(count)?);
        Ok(())
    })?;
    assert_eq!(restored, count(&logs[..from]), "restored as of epoch {from}");
    let position = store.committed().map_or(0, |committed| committed.positions(&"logs".into())[&0]);
    assert_eq!(position, from as i64);

    let (events, received) = unbounded();
    let mut committer = Committer::new(store.clone(), usize::MAX, Arc::default());
    let kinds = [Kind::Transactional, Kind::File, Kind::Webhook];
    for kind in kinds {
        committer.add_outlet(Outside(world.clone(), kind).name(), vec!["shown".into()], bounded(1).0)?;
    }
    let delivery = Delivery {
        store,
        metrics: Arc::default(),
        // nobody wakes it: a sink that finds nothing more ends
        wake: bounded(1).1,
        patience: Duration::ZERO,
        stopping: Arc::new(AtomicBool::new(true)),
    };
    let closed = closed(logs, from, &events);
    received.try_iter().for_each(|event| committer.take(event));
    let drive = |committer: &mut Committer, which: u32| -> Result<(), SinkError> {
        for (number, kind) in kinds.into_iter().enumerate().filter(|(number, _)| which >> number & 1 == 1) {
            let mut arrived = Vec::new();
            let done = deliver(&mut Outside(world.clone(), kind), &delivery, |epoch| arrived.push(epoch));
            arrived.into_iter().for_each(|epoch| committer.take(Event::Delivered { sink: number, epoch }));
            done?;
        }
        Ok(())
    };
    for (number, (snapshot, changes)) in closed.into_iter().enumerate() {
        committer.take(Event::Closed { changes, snapshot });
        if run.commits >> (number % 32) & 1 == 1 {
            committer.commit()?;
        }
        drive(&mut committer, run.deliveries >> (number % 30))?;
    }
    committer.commit()?;
    drive(&mut committer, 7)?;
    committer.commit()?;
    Ok(())
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A disk with an empty store: those appear whole.
fn disk() -> Disk {
    let disk = Disk::default();
    drop(Store::on(disk.clone(), true).unwrap());
    disk
}

/// Runs, crashes and goes on as planned, then to the end; checks what the world was told.
fn live(logs: &Logs, runs: &[Run]) {
    let (disk, world) = (disk(), World::default());
    for run in runs {
        disk.fail_after(run.disk_steps);
        world.told(|told| told.steps_left = run.sink_steps + 1);
        if let Err(error) = attempt(logs, run, &disk, &world) {
            let died = disk.has_failed() || world.told(|told| told.steps_left == 0);
            assert!(died, "it failed by itself: {error}");
        }
        let mut luck = run.luck;
        disk.crash(|sides| splitmix(&mut luck) as usize % sides);
    }
    world.told(|told| told.steps_left = usize::MAX);
    let last = Run { disk_steps: 0, sink_steps: 0, commits: u32::MAX, deliveries: 0, luck: 0 };
    attempt(logs, &last, &disk, &world).unwrap();
    world.told(|told| check(told, &shown(&count(logs))));
}

/// Every sink was told a sequence of changes that leads to what is so, each change once.
fn check(told: &Told, truth: &BTreeMap<String, u64>) {
    let transactional: Vec<(Epoch, Record)> =
        told.transactional.iter().flat_map(|b| b.changes.iter().map(|c| (b.epoch, c.record.clone()))).collect();
    let mut sent = BTreeMap::new();
    for batch in &told.webhook {
        let first = sent.entry(batch.epoch).or_insert(batch);
        assert_eq!(*first, batch, "what is sent again is the same");
    }
    let webhook: Vec<(Epoch, Record)> =
        sent.values().flat_map(|b| b.changes.iter().map(|c| (b.epoch, c.record.clone()))).collect();
    for changes in [&transactional, &told.file, &webhook] {
        assert!(changes.is_sorted_by_key(|(epoch, _)| *epoch));
        let mut rows: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (epoch, record) in changes {
            let key = record.key_text();
            assert!(seen.insert((*epoch, key.clone())), "{key} is told twice in epoch {epoch}");
            let before = match record.value.as_ref().and_then(serde_json::Value::as_u64) {
                Some(count) => rows.insert(key.clone(), count).filter(|before| *before >= count),
                None => rows.remove(&key).map_or(Some(0), |_| None),
            };
            assert_eq!(before, None, "{key} in epoch {epoch} is no news");
        }
        assert_eq!(rows, *truth);
    }
    assert_eq!(transactional, told.file);
    assert_eq!(transactional, webhook);
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let run = (0usize..90, 0usize..12, any::<u32>(), any::<u32>(), any::<u64>());
    let run = run.prop_map(|(disk_steps, sink_steps, commits, deliveries, luck)| Run {
        disk_steps,
        sink_steps,
        commits,
        deliveries,
        luck,
    });
    prop::collection::vec(run, 0..8)
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_told_twice(
        logs in prop::collection::vec(prop::collection::vec(0u8..4, 0..5), 1..16),
        runs in runs(),
    ) {
        live(&logs, &runs);
    }
}

#[test]
fn every_step_may_be_the_last() {
    let logs: Logs = (0..6u8).map(|epoch| (0..epoch % 3 + 1).map(|n| (epoch + n) % 4).collect()).collect();
    let run = |disk_steps, sink_steps, luck| Run { disk_steps, sink_steps, commits: 0b10_1101, deliveries: 0x2d, luck };
    let dies = |steps| {
        let (disk, world) = (disk(), World::default());
        disk.fail_after(steps);
        world.told(|told| told.steps_left = usize::MAX);
        attempt(&logs, &run(steps, usize::MAX, 0), &disk, &world).is_err()
    };
    let mut steps = 0;
    while dies(steps) {
        for luck in 0..3 {
            live(&logs, &[run(steps, usize::MAX - 1, luck)]);
        }
        steps += 1;
    }
    assert!(steps > 30, "only {steps} steps");
    for sink_steps in 0..30 {
        live(&logs, &[run(usize::MAX, sink_steps, 7)]);
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_committed_is_there() {
    let logs: Logs = vec![(0..4).collect(); 40];
    let (disk, world) = (Disk::default(), World::default());
    world.told(|told| told.steps_left = usize::MAX);
    let all = Run { disk_steps: 0, sink_steps: 0, commits: u32::MAX, deliveries: u32::MAX, luck: 0 };
    attempt(&logs[..2].to_vec(), &all, &disk, &world).unwrap();
    disk.full_at(Some(redb::StorageBackend::len(&disk).unwrap()));
    let big: Logs = logs.iter().cloned().chain((0..200).map(|n| vec![n as u8; 300])).collect();
    let failed = attempt(&big, &all, &disk, &world).unwrap_err();
    assert!(failed.to_string().contains("the disk is full"), "{failed}");
    disk.full_at(None);
    disk.crash(|_| 0);
    attempt(&big, &all, &disk, &world).unwrap();
    world.told(|told| check(told, &shown(&count(&big))));
}

#[test]
fn damaged_rows_are_refused_never_half_read() {
    let logs: Logs = (0..30u8).map(|n| vec![n % 4, n % 3]).collect();
    let disk = disk();
    let world = World::default();
    world.told(|told| told.steps_left = usize::MAX);
    let all = Run { disk_steps: 0, sink_steps: 0, commits: u32::MAX, deliveries: u32::MAX, luck: 0 };
    attempt(&logs, &all, &disk, &world).unwrap();
    let whole = disk.bytes();
    let rows = |bytes: Vec<u8>| -> Result<Counts, String> {
        let store = Store::on(Disk::holding(bytes), true).map_err(|error| error.to_string())?;
        let mut rows = Counts::new();
        let read = store.rows("counts", |key, count| {
            rows.insert(postcard::from_bytes(key)?, postcard::from_bytes(count)?);
            Ok(())
        });
        read.map(|()| rows).map_err(|cause| store.failed(cause).to_string())
    };
    assert_eq!(rows(whole.clone()).unwrap(), count(&logs));
    let (mut refused, mut luck) = (0, 42);
    for _ in 0..400 {
        let mut damaged = whole.clone();
        let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
        damaged[used[splitmix(&mut luck) as usize % used.len()]] ^= 1 << (splitmix(&mut luck) % 8);
        match std::panic::catch_unwind(|| rows(damaged)) {
            Ok(Ok(rows)) => assert_eq!(rows, count(&logs)),
            // redb panics where pages of its own bookkeeping are damaged: that too ends the start
            Ok(Err(_)) | Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}
