//! The committer: turns closed epochs into commits.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    base::Delta,
    store::{Committed, Reached, StateError, Store},
    transaction::Transaction,
};
use crate::{
    Epoch, Name, Timestamp,
    dataflow::SourceReached,
    metrics::{Metrics, SinkLabel},
    publish::{EpochChanges, Snapshot},
    sink::{Batch, Change, DeadLetter, Record},
    view::RowFilter,
};

/// What the committer is told.
pub(crate) enum Event {
    /// There is a base collection.
    Collection { name: Name, delta: Box<dyn Delta> },
    /// Rows of it changed.
    Changes { collection: Name, epoch: Epoch, changes: Box<dyn Any + Send> },
    /// A worker has read these in an epoch.
    DeadLetters { epoch: Epoch, letters: Vec<DeadLetter> },
    /// A worker has read so far at the end of an epoch.
    Reached { epoch: Epoch, source: Name, partitions: Vec<(u32, Reached)> },
    /// Nothing will change any more at this epoch or before.
    Closed { changes: Arc<EpochChanges>, snapshot: Arc<Snapshot> },
    /// A sink has everything up to this epoch.
    Delivered { sink: usize, epoch: Epoch },
    /// A sink takes nothing any more.
    SinkOver,
    /// The dataflow is over.
    Over,
}

/// A sink, as the committer sees it.
pub(crate) struct Outlet {
    name: Name,
    views: Vec<Name>,
    takes_dead_letters: bool,
    /// says that there is something in its outbox
    wake: Sender<()>,
    /// `(epoch, bytes)` of what is in its outbox
    waiting: VecDeque<(Epoch, usize)>,
    /// the newest epoch that has arrived, where the store does not know yet
    arrived: Option<Epoch>,
}

/// Commits closed epochs. See [`state`](super).
pub(crate) struct Committer {
    store: Arc<Store>,
    outlets: Vec<Outlet>,
    max_outbox_bytes: usize,
    collections: BTreeMap<Name, Box<dyn Delta>>,
    reached: BTreeMap<Epoch, Vec<SourceReached>>,
    dead_letters: BTreeMap<Epoch, Vec<DeadLetter>>,
    /// the newest epoch that has closed and is not committed, and the watermark as of it
    newest: Option<(Epoch, Timestamp)>,
    /// what changed up to it, where a sink is to be told
    closed: Vec<Arc<EpochChanges>>,
    snapshot: Arc<Snapshot>,
    committed: Committed,
    /// the epoch that the job goes on from
    restored: Option<Epoch>,
    /// whether sinks were told what had become different while the job did not run
    reconciled: bool,
    metrics: Arc<Metrics>,
}

impl Committer {
    pub(crate) fn new(store: Arc<Store>, max_outbox_bytes: usize, metrics: Arc<Metrics>) -> Self {
        let restored = store.committed().map(|committed| committed.epoch);
        let committed = store.committed().cloned().unwrap_or_default();
        Committer {
            store,
            outlets: Vec::new(),
            max_outbox_bytes,
            collections: BTreeMap::new(),
            reached: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            newest: None,
            closed: Vec::new(),
            snapshot: Arc::default(),
            committed,
            restored,
            reconciled: false,
            metrics,
        }
    }

    /// Adds a sink for the changes of some views, and gives its number.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn add_outlet(&mut self, name: Name, views: Vec<Name>, wake: Sender<()>) -> Result<usize, StateError> {
        let waiting = self.store.outbox(&name, 0, usize::MAX).map_err(|cause| self.store.failed(cause))?;
        let waiting = waiting.into_iter().map(|(epoch, batch)| (epoch, batch.len())).collect();
        self.outlets.push(Outlet { name, views, takes_dead_letters: false, wake, waiting, arrived: None });
        Ok(self.outlets.len() - 1)
    }

    /// Forgets what a sink was told of views, and what it has still to be told of them: it holds nothing of them, and gets
    /// them whole with the first commit. To be called before anything is delivered.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub(crate) fn forget(&self, sink: &str, views: &[Name]) -> Result<(), StateError> {
        let forget = || {
            let transaction = self.store.begin()?;
            for view in views {
                if transaction.forget(sink, view)? {
                    tracing::warn!(sink, view = %view, "the sink holds nothing of what it was told: it gets all of it");
                }
            }
            for (epoch, batch) in self.store.outbox(sink, 0, usize::MAX)? {
                let mut batch: Batch = from_json(&batch)?;
                batch.changes.retain(|change| !views.contains(&change.view));
                transaction.post(sink, epoch, &to_json(&batch)?)?;
            }
            Ok(transaction)
        };
        forget().map_err(|cause| self.store.failed(cause))?.commit(&self.committed)
    }

    /// A sink takes dead letters too.
    pub(crate) fn send_dead_letters_to(&mut self, outlet: usize) {
        if let Some(outlet) = self.outlets.get_mut(outlet) {
            outlet.takes_dead_letters = true;
        }
    }

    /// Commits every `interval`, or when `span` of event time has gone by, if there is something to commit, until the dataflow is over and sinks have taken what
    /// they take. `progress` is called with the newest epoch that the sources need not read again.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub(crate) fn run(
        mut self,
        events: &Receiver<Event>,
        interval: Duration,
        span: Duration,
        mut progress: impl FnMut(Epoch),
    ) -> Result<(), StateError> {
        let mut last = Instant::now();
        let mut sinks = self.outlets.len();
        let mut over = false;
        while !over || sinks > 0 {
            let next = last + interval;
            let gone_by = self.newest.map(|(_, watermark)| watermark.since(self.committed.watermark));
            let due = over || gone_by.is_some_and(|gone_by| gone_by >= span || Instant::now() >= next);
            if due && self.has_room() {
                self.commit()?;
                last = Instant::now();
            }
            self.report();
            progress(self.flushed());
            let event = if self.newest.is_none() || !self.has_room() {
                events.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                events.recv_deadline(next)
            };
            match event {
                Ok(Event::Over) => {
                    over = true;
                    self.commit()?;
                    progress(self.flushed());
                    // sinks finish what they have and end
                    self.outlets.iter_mut().for_each(|outlet| outlet.wake = crossbeam_channel::bounded(1).0);
                }
                Ok(Event::SinkOver) => sinks -= 1,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.commit()
    }

    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Collection { name, delta } => {
                self.collections.entry(name).or_insert(delta);
            }
            Event::Changes { collection, epoch, changes } => {
                if let Some(delta) = self.collections.get_mut(&collection) {
                    delta.receive(epoch, changes);
                }
            }
            Event::DeadLetters { epoch, letters } => self.dead_letters.entry(epoch).or_default().extend(letters),
            Event::Reached { epoch, source, partitions } => {
                self.reached.entry(epoch).or_default().push((source, partitions));
            }
            // what comes before is what is committed already
            Event::Closed { changes, .. } if Some(changes.epoch) <= self.restored => {}
            Event::Closed { changes, snapshot } => {
                self.newest = Some((changes.epoch, changes.watermark));
                if self.outlets.is_empty() {
                    return;
                }
                self.closed.push(changes);
                // held no longer than needed: what changes is copied as long as a snapshot holds it
                if !self.reconciled {
                    self.snapshot = snapshot;
                }
            }
            Event::Delivered { sink, epoch } => {
                let Some(outlet) = self.outlets.get_mut(sink) else { return };
                while outlet.waiting.pop_front_if(|(waits, _)| *waits <= epoch).is_some() {}
                outlet.arrived = Some(epoch);
            }
            Event::SinkOver | Event::Over => {}
        }
    }

    /// Whether the outboxes may grow.
    fn has_room(&self) -> bool {
        let bytes = |outlet: &Outlet| outlet.waiting.iter().map(|(_, bytes)| bytes).sum::<usize>();
        self.outlets.iter().map(bytes).sum::<usize>() < self.max_outbox_bytes
    }

    /// The newest epoch that need not be read again: a durable one, or one that every sink has.
    fn flushed(&self) -> Epoch {
        if self.store.is_durable() {
            return self.committed.epoch;
        }
        let waiting = self.outlets.iter().filter_map(|outlet| outlet.waiting.front()).map(|(epoch, _)| epoch - 1);
        waiting.min().unwrap_or(self.committed.epoch)
    }

    fn report(&self) {
        self.metrics.committed_epoch.set(self.committed.epoch as i64);
        for outlet in &self.outlets {
            let label = SinkLabel { sink: outlet.name.to_string() };
            let bytes: usize = outlet.waiting.iter().map(|(_, bytes)| bytes).sum();
            self.metrics.outbox_bytes.get_or_create(&label).set(bytes as i64);
        }
    }

    /// Commits what has closed.
    pub(crate) fn commit(&mut self) -> Result<(), StateError> {
        let store = self.store.clone();
        let began = Instant::now();
        let Some(transaction) = self.prepare(&store).map_err(|cause| store.failed(cause))? else { return Ok(()) };
        transaction.commit(&self.committed)?;
        self.reconciled |= self.newest.is_some();
        self.let_go();
        let took = began.elapsed();
        self.metrics.commit_seconds.observe(took.as_secs_f64());
        self.metrics.pipeline.commits.note(took);
        for outlet in &self.outlets {
            // full: it is being woken
            let _ = outlet.wake.try_send(());
        }
        Ok(())
    }

    /// Everything that is to be committed, if there is anything.
    fn prepare<'a>(&mut self, store: &'a Store) -> Result<Option<Transaction<'a>>, redb::Error> {
        let Some((epoch, watermark)) = self.newest else { return self.note_arrivals(store) };
        let transaction = store.begin()?;
        let mut changed = self.read_on(epoch);
        self.committed.epoch = epoch;
        self.committed.watermark = watermark;
        for (name, delta) in self.collections.iter_mut().filter(|(_, delta)| !delta.is_empty(epoch)) {
            transaction.base(name, |put| delta.drain(epoch, put))?;
            changed = true;
        }
        if !self.reconciled {
            for name in transaction.forget_others(|name| self.collections.contains_key(name))? {
                tracing::warn!(collection = name, "no query has this base collection any longer: its rows are dropped");
            }
            changed = true;
        }
        let dead_letters = self.take_dead_letters(epoch);
        for at in 0..self.outlets.len() {
            changed |= self.post(at, &dead_letters, &transaction)?;
        }
        if !changed {
            self.let_go();
            return Ok(None);
        }
        Ok(Some(transaction))
    }

    /// Lets go of what has been committed.
    fn let_go(&mut self) {
        self.newest = None;
        self.closed.clear();
        if self.reconciled {
            self.snapshot = Arc::default();
        }
    }

    /// Takes over how far the sources had been read at the end of an epoch. Gives whether that is further than before.
    fn read_on(&mut self, epoch: Epoch) -> bool {
        let mut further = false;
        let later = self.reached.split_off(&(epoch + 1));
        for (source, partitions) in std::mem::replace(&mut self.reached, later).into_values().flatten() {
            let reached = self.committed.sources.entry(source).or_default();
            for (partition, now) in partitions {
                further |= reached.insert(partition, now) != Some(now);
            }
        }
        further
    }

    /// The records that are no log, up to an epoch, where a sink takes them.
    fn take_dead_letters(&mut self, epoch: Epoch) -> Vec<DeadLetter> {
        let later = self.dead_letters.split_off(&(epoch + 1));
        let letters: Vec<_> = std::mem::replace(&mut self.dead_letters, later).into_values().flatten().collect();
        if !self.outlets.iter().any(|outlet| outlet.takes_dead_letters) {
            letters.iter().for_each(mention);
        }
        letters
    }

    /// Puts into a sink's outbox what it has not been told, and drops what has arrived.
    fn post(
        &mut self,
        at: usize,
        dead_letters: &[DeadLetter],
        transaction: &Transaction<'_>,
    ) -> Result<bool, redb::Error> {
        let epoch = self.committed.epoch;
        let Some(outlet) = self.outlets.get_mut(at) else { return Ok(false) };
        let arrived = outlet.arrived.take();
        if let Some(arrived) = arrived {
            transaction.arrived(&outlet.name, arrived)?;
        }
        if !self.reconciled {
            // what a sink holds from before is not this job's
            transaction.begin_delivery(&outlet.name, epoch.saturating_sub(1))?;
        }
        let changes = if self.reconciled {
            changes_of(&outlet.views, &self.closed)
        } else {
            differences(&outlet.name, &outlet.views, &self.snapshot, transaction)?
        };
        // who forgets what was told cannot tell news from old
        let changes = if self.store.is_durable() { news(&outlet.name, changes, transaction)? } else { changes };
        let dead_letters = if outlet.takes_dead_letters { dead_letters.to_vec() } else { Vec::new() };
        if changes.is_empty() && dead_letters.is_empty() {
            return Ok(arrived.is_some());
        }
        let batch = Batch { epoch, changes, dead_letters };
        let bytes = to_json(&batch)?;
        transaction.post(&outlet.name, epoch, &bytes)?;
        outlet.waiting.push_back((epoch, bytes.len()));
        Ok(true)
    }

    /// Drops from the outboxes what has arrived.
    fn note_arrivals<'a>(&mut self, store: &'a Store) -> Result<Option<Transaction<'a>>, redb::Error> {
        if !self.reconciled || self.outlets.iter().all(|outlet| outlet.arrived.is_none()) {
            return Ok(None);
        }
        let transaction = store.begin()?;
        for outlet in &mut self.outlets {
            if let Some(arrived) = outlet.arrived.take() {
                transaction.arrived(&outlet.name, arrived)?;
            }
        }
        Ok(Some(transaction))
    }
}

fn mention(letter: &DeadLetter) {
    let DeadLetter { source, partition, reason, .. } = letter;
    tracing::debug!(source = %source, partition, reason = %reason, "a record is no log");
}

/// What changed in some views over some epochs: one change per row.
fn changes_of(views: &[Name], epochs: &[Arc<EpochChanges>]) -> Vec<Change> {
    let mut rows: BTreeMap<(Name, String), Record> = BTreeMap::new();
    for changed in epochs.iter().flat_map(|epoch| &epoch.views).filter(|changed| views.contains(changed.view())) {
        for record in changed.upserts() {
            rows.insert((changed.view().clone(), record.key_text()), record);
        }
    }
    rows.into_iter().map(|((view, _), record)| Change { view, record }).collect()
}

/// What a sink was told of views and is not so any longer, and everything that is so.
fn differences(
    sink: &str,
    views: &[Name],
    snapshot: &Snapshot,
    transaction: &Transaction<'_>,
) -> Result<Vec<Change>, redb::Error> {
    let mut changes = Vec::new();
    for view in views {
        let rows = snapshot.view(view).map(|rows| rows.rows(&RowFilter::default(), usize::MAX)).unwrap_or_default();
        let mut gone: HashMap<String, Vec<u8>> = transaction.told(sink, view)?.into_iter().collect();
        for record in rows {
            gone.remove(&record.key_text());
            changes.push(Change { view: view.clone(), record });
        }
        let mut gone: Vec<_> = gone.into_iter().collect();
        gone.sort_unstable();
        for (_, record) in gone {
            let record: Record = from_json(&record)?;
            changes.push(Change { view: view.clone(), record: Record { value: None, ..record } });
        }
    }
    Ok(changes)
}

/// The changes that a sink has not been told; from now on it has.
fn news(sink: &str, changes: Vec<Change>, transaction: &Transaction<'_>) -> Result<Vec<Change>, redb::Error> {
    let mut news = Vec::with_capacity(changes.len());
    for change in changes {
        let record = change.record.value.is_some().then(|| to_json(&change.record)).transpose()?;
        if transaction.tell(sink, &change.view, &change.record.key_text(), record.as_deref())? {
            news.push(change);
        }
    }
    Ok(news)
}

fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(|error| redb::Error::Io(error.into()))
}

pub(super) fn from_json<T: for<'a> serde::Deserialize<'a>>(bytes: &[u8]) -> Result<T, redb::Error> {
    serde_json::from_slice(bytes).map_err(|error| redb::Error::Corrupted(error.to_string()))
}
