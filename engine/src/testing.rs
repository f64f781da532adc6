//! Running queries over scripted epochs, for tests: yours of your queries, and ours.

use std::{sync::Arc, time::Instant};

use crossbeam_channel::unbounded;

use crate::{
    Epoch, Name, Query, Timestamp,
    dataflow::Dataflow,
    intake::Intake,
    metrics::Metrics,
    publish::{Output, Snapshot, Views, publish},
    settings::Settings,
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
    let workers = settings.workers.max(1);
    let metrics = Arc::new(Metrics::default());
    let (outputs, received) = unbounded();
    let publisher = {
        let metrics = metrics.clone();
        std::thread::spawn(move || {
            let mut snapshots = Vec::new();
            publish(&received, &Views::default(), &[], &metrics, |snapshot| snapshots.push(snapshot.clone()));
            snapshots
        })
    };
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let queries: Vec<Box<dyn Query>> = vec![Box::new(query)];
    let (settings, script, sender) = (settings.clone(), script.clone(), outputs.clone());
    let guards = timely::execute(config, move |worker| {
        let mut dataflow = Dataflow::build(worker, &settings, &metrics, &queries, sender.clone());
        let mut intake = Intake::new(Name::from("script"), &settings);
        for (epoch, records) in (0..).zip(script.iter().map(Some).chain([None])) {
            let mine = |partition: u32| partition as usize % worker.peers() == worker.index();
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
            dataflow.advance(Some(intake.mark(Instant::now())), epoch + 1);
            while !dataflow.is_complete(epoch) {
                worker.step_or_park(None);
            }
            if worker.index() == 0 {
                complete(&sender, epoch, &dataflow);
            }
        }
    })?;
    for result in guards.join() {
        result?;
    }
    let _ = outputs.send(Output::Over);
    publisher.join().map_err(|_| "the publisher panicked".to_owned())
}

fn complete(outputs: &crossbeam_channel::Sender<Output>, epoch: Epoch, dataflow: &Dataflow) {
    let _ = outputs.send(Output::Complete { epoch, ended: Instant::now(), watermark: dataflow.watermark() });
}
