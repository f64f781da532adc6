//! Running queries over scripted epochs, for tests: yours of your queries, and ours.

pub(crate) mod disk;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, unbounded};
use timely::worker::Worker;

use self::disk::Disk;
use crate::{
    Epoch, Name, Query, Timestamp,
    dataflow::Dataflow,
    intake::Intake,
    metrics::Metrics,
    publish::{Output, Snapshot, Views, publish},
    settings::Settings,
    state::{Committer, Event, Keep, Store},
};

/// Records by epoch: `(partition, record)`, read in this order. Worker `p % workers` reads partition `p`.
pub type Script = Vec<Vec<(u32, String)>>;

/// Runs a query over scripted epochs on `settings.workers` workers; gives all views as of the end of each epoch.
///
/// The wall clock plays no part: no partition is ever idle and no record too far ahead. After the script's last epoch
/// comes one more, in which every partition has ended.
///
/// # Errors
/// Where the dataflow runtime does not start, or a worker panics.
pub fn replay(query: impl Query + 'static, settings: &Settings, script: &Script) -> Result<Vec<Arc<Snapshot>>, String> {
    let queries: Arc<Vec<Box<dyn Query>>> = Arc::new(vec![Box::new(query)]);
    run(&queries, settings, script, true, None, |_| ())
}

/// Runs a query over scripted epochs as [`replay`] does, but in parts: after each, the job ends as if it had been
/// killed, and the next one goes on from its durable state with settings of its own. Gives all views as of the end of
/// each epoch of each part; where a part goes on, they begin with the views as restored.
///
/// # Errors
/// Where the dataflow runtime does not start, a worker panics, or the state cannot be read.
pub fn replay_in_parts(
    query: impl Query + 'static,
    parts: &[(Settings, Script)],
) -> Result<Vec<Vec<Arc<Snapshot>>>, String> {
    replay_edited(query, parts, |_, _| ())
}

/// Runs a query over scripted epochs in parts as [`replay_in_parts`] does. Before each epoch of each part ends, `edit` is
/// called with the numbers of both: what it does to an [`Input`](crate::Input) enters in that epoch.
///
/// # Errors
/// Where the dataflow runtime does not start, a worker panics, or the state cannot be read.
pub fn replay_edited(
    query: impl Query + 'static,
    parts: &[(Settings, Script)],
    edit: impl Fn(usize, usize) + Send + Sync + 'static,
) -> Result<Vec<Vec<Arc<Snapshot>>>, String> {
    let edit = Arc::new(edit);
    let queries: Arc<Vec<Box<dyn Query>>> = Arc::new(vec![Box::new(query)]);
    let disk = Disk::default();
    let mut snapshots = Vec::new();
    for (number, (settings, script)) in parts.iter().enumerate() {
        let store = Arc::new(Store::on(disk.clone(), true).map_err(|error| error.to_string())?);
        let (edit, to_the_end) = (edit.clone(), number + 1 == parts.len());
        let edit = move |epoch| edit(number, epoch);
        snapshots.push(run(&queries, settings, script, to_the_end, Some(store), edit)?);
        disk.crash(|_| 1);
    }
    Ok(snapshots)
}

fn run(
    queries: &Arc<Vec<Box<dyn Query>>>,
    settings: &Settings,
    script: &Script,
    to_the_end: bool,
    store: Option<Arc<Store>>,
    edit: impl Fn(usize) + Send + Sync + 'static,
) -> Result<Vec<Arc<Snapshot>>, String> {
    let metrics = Arc::new(Metrics::default());
    let (outputs, published) = unbounded();
    let (events, closed) = unbounded();
    let committer = store.clone().map(|store| Committer::new(store, usize::MAX, metrics.clone()));
    let publisher = {
        let (metrics, events) = (metrics.clone(), events.clone());
        std::thread::spawn(move || {
            let mut snapshots = Vec::new();
            publish(&published, &Views::default(), &metrics, |snapshot, changes| {
                snapshots.push(snapshot.clone());
                let _ = events.send(Event::Closed { changes: changes.clone(), snapshot: snapshot.clone() });
            });
            let _ = events.send(Event::Over);
            snapshots
        })
    };
    let config =
        if settings.workers > 1 { timely::Config::process(settings.workers) } else { timely::Config::thread() };
    let (queries, settings, script) = (queries.clone(), settings.clone(), script.clone());
    let play = Play { queries, settings, script, to_the_end, store, edit: Box::new(edit) };
    let sender = outputs.clone();
    let guards = timely::execute(config, move |worker| play.run(worker, &metrics, &sender, &events))?;
    for result in guards.join() {
        result??;
    }
    let _ = outputs.send(Output::Over);
    if let Some(committer) = committer {
        committer.run(&closed, Duration::ZERO, Duration::MAX, |_| ()).map_err(|error| error.to_string())?;
    }
    publisher.join().map_err(|_| "the publisher panicked".to_owned())
}

/// A part of a script, as each worker plays it.
struct Play {
    queries: Arc<Vec<Box<dyn Query>>>,
    settings: Settings,
    script: Script,
    /// whether partitions end after it
    to_the_end: bool,
    store: Option<Arc<Store>>,
    /// called on worker 0 before each epoch of the script ends
    edit: Box<dyn Fn(usize) + Send + Sync>,
}

impl Play {
    fn run(
        &self,
        worker: &mut Worker,
        metrics: &Arc<Metrics>,
        outputs: &Sender<Output>,
        events: &Sender<Event>,
    ) -> Result<(), String> {
        let source = Name::from("script");
        let committed = self.store.as_ref().and_then(|store| store.committed());
        let keep = Keep {
            events: events.clone(),
            durable: self.store.is_some(),
            restored: committed.map(|committed| committed.epoch),
            threads: worker.peers(),
        };
        let (settings, queries) = (&self.settings, &self.queries);
        let mut dataflow = Dataflow::build(worker, settings, metrics, queries, outputs.clone(), keep, |_| ());
        let mut first = 0;
        let restored = committed.and_then(|committed| committed.sources.get(&source)).cloned().unwrap_or_default();
        let mine = |partition: u32| partition as usize % worker.peers() == worker.index();
        let mut intake = Intake::new(source.clone(), &self.settings, restored.clone());
        for partition in restored.keys().filter(|partition| mine(**partition)) {
            intake.partition(*partition);
        }
        let (index, peers) = (worker.index(), worker.peers());
        let restored = dataflow.restore(worker, self.store.as_deref(), committed, |epoch| {
            if index == 0 {
                let _ = outputs.send(Output::Restored { epoch });
            }
        });
        let restored = restored.map_err(|error| error.to_string())?;
        if let Some(restored) = restored {
            first = restored + 1;
            complete(worker, outputs, &dataflow, restored);
        }
        let epochs = self.script.iter().map(Some).chain(self.to_the_end.then_some(None));
        for (number, (epoch, records)) in (first..).zip(epochs).enumerate() {
            let mine = |partition: u32| partition as usize % peers == index;
            for (partition, record) in records.into_iter().flatten().filter(|(partition, _)| mine(*partition)) {
                let slot = intake.partition(*partition);
                intake.record(slot, 0, Some(Timestamp::from_micros(0)), record.as_bytes());
            }
            if records.is_none() {
                intake.finish();
            }
            if let Some(batch) = intake.take_batch() {
                dataflow.send(batch);
            }
            dataflow.reached(source.clone(), intake.reached(), intake.take_dead_letters());
            if index == 0 {
                (self.edit)(number);
            }
            dataflow.feed();
            dataflow.advance(Some(intake.mark(Instant::now())), epoch + 1);
            complete(worker, outputs, &dataflow, epoch);
        }
        Ok(())
    }
}

/// Waits until nothing more can happen at an epoch, and has it published.
fn complete(worker: &mut Worker, outputs: &Sender<Output>, dataflow: &Dataflow, epoch: Epoch) {
    while !dataflow.is_complete(epoch) {
        worker.step_or_park(None);
    }
    if worker.index() == 0 {
        let _ =
            outputs.send(Output::Complete { epoch, ended: Instant::now(), watermark: dataflow.watermark_at(epoch) });
    }
}
