//! The publisher: one thread that turns what workers publish into views of one epoch, live changes and sink records.

use std::{
    any::Any,
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use crossbeam_channel::Receiver;
use tokio::sync::broadcast;

use crate::{
    Epoch, Name, Timestamp,
    flow::Value,
    metrics::{Metrics, ViewLabel},
    rows::ViewRows,
    view::{RowKey, ViewChanges, ViewSnapshot, ViewState},
};

/// What workers tell the publisher.
pub(crate) enum Output {
    /// A query publishes a view.
    View { name: Name, state: Box<dyn ViewState> },
    /// Changes of a view: a boxed `(Epoch, Vec<((R, V), isize)>)`.
    Changes { view: Name, changes: Box<dyn Any + Send> },
    /// Nothing will change any more at this epoch or before; the epoch ended at `ended`.
    Complete { epoch: Epoch, ended: Instant, watermark: Timestamp },
    /// Rows restored up to this epoch will change no more; they are not all yet, and nobody is to see them.
    Restored { epoch: Epoch },
    /// The dataflow is over.
    Over,
}

/// All views as of one epoch.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The epoch.
    pub epoch: Epoch,
    /// The watermark as of that epoch.
    pub watermark: Timestamp,
    views: BTreeMap<Name, Arc<dyn ViewSnapshot>>,
}

impl Snapshot {
    /// A view by its name.
    pub fn view(&self, name: &str) -> Option<&Arc<dyn ViewSnapshot>> {
        self.views.get(name)
    }

    /// Every view, by name.
    pub fn views(&self) -> impl Iterator<Item = &Arc<dyn ViewSnapshot>> {
        self.views.values()
    }

    /// The rows of a view whose key and value types are known; `None` where there is no such view of these types.
    pub fn rows<R: RowKey, V: Value>(&self, name: &str) -> Option<&ViewRows<R, V>> {
        self.view(name)?.typed().downcast_ref()
    }
}

/// What one epoch changed.
pub struct EpochChanges {
    /// The epoch.
    pub epoch: Epoch,
    /// The watermark as of that epoch.
    pub watermark: Timestamp,
    /// Changes by view; views that did not change are absent.
    pub views: Vec<Arc<dyn ViewChanges>>,
}

/// Live views, for readers on any thread. Reading takes a snapshot of all views at one epoch and never waits.
#[derive(Clone)]
pub struct Views {
    shared: Arc<Shared>,
}

struct Shared {
    snapshot: ArcSwap<Snapshot>,
    changes: broadcast::Sender<Arc<EpochChanges>>,
    history: parking::History,
    published: AtomicU64,
}

/// Epochs of changes that a live reader may be behind before it is cut off.
const LIVE_EPOCHS: usize = 256;

impl Default for Views {
    fn default() -> Self {
        Views {
            shared: Arc::new(Shared {
                snapshot: ArcSwap::from_pointee(Snapshot::default()),
                changes: broadcast::channel(LIVE_EPOCHS).0,
                history: parking::History::default(),
                published: AtomicU64::new(0),
            }),
        }
    }
}

impl Views {
    /// All views as of the newest epoch.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// Changes from now on, an item per epoch. A receiver that stays more than a few hundred epochs behind is told so
    /// and misses the oldest. Subscribe first, then take the snapshot, and skip what the snapshot holds already.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<EpochChanges>> {
        self.shared.changes.subscribe()
    }

    /// What changed after `epoch`, up to now; `None` if that is too long ago to be kept.
    pub fn changes_since(&self, epoch: Epoch) -> Option<Vec<Arc<EpochChanges>>> {
        self.shared.history.since(epoch)
    }

    /// Waits until readers see an epoch; for ever, if the job ends before.
    pub async fn reached(&self, epoch: Epoch) {
        let mut changes = self.subscribe();
        while self.published() < epoch {
            // one that was missed is seen, too
            let _ = changes.recv().await;
        }
    }

    /// The newest epoch that readers see.
    pub fn published(&self) -> Epoch {
        self.shared.published.load(Ordering::Acquire)
    }
}

mod parking {
    //! The last epochs' changes, for readers that come back.

    use std::sync::{Mutex, PoisonError};

    use super::{Arc, Epoch, EpochChanges, VecDeque};

    /// Changed rows that are kept.
    const MAX_ROWS: usize = 20_000;

    #[derive(Default)]
    pub(super) struct History(Mutex<Kept>);

    #[derive(Default)]
    struct Kept {
        /// everything after this epoch is here
        after: Option<Epoch>,
        rows: usize,
        epochs: VecDeque<Arc<EpochChanges>>,
    }

    impl History {
        pub(super) fn push(&self, changes: Arc<EpochChanges>) {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.after.get_or_insert(changes.epoch.saturating_sub(1));
            // or a job that hears nothing would keep nothing for ever
            if changes.views.is_empty() {
                return;
            }
            kept.rows += rows(&changes);
            kept.epochs.push_back(changes);
            while kept.rows > MAX_ROWS {
                let Some(oldest) = kept.epochs.pop_front() else { break };
                kept.rows -= rows(&oldest);
                kept.after = Some(oldest.epoch);
            }
        }

        pub(super) fn since(&self, epoch: Epoch) -> Option<Vec<Arc<EpochChanges>>> {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.after? > epoch {
                return None;
            }
            Some(kept.epochs.iter().filter(|changes| changes.epoch > epoch).cloned().collect())
        }
    }

    fn rows(changes: &EpochChanges) -> usize {
        changes.views.iter().map(|view| view.len()).sum()
    }
}

/// Runs until the dataflow is over. `seen` is called with each epoch once readers see it.
pub(crate) fn publish(
    outputs: &Receiver<Output>,
    views: &Views,
    metrics: &Metrics,
    mut seen: impl FnMut(&Arc<Snapshot>, &Arc<EpochChanges>),
) {
    let mut states: BTreeMap<Name, Box<dyn ViewState>> = BTreeMap::new();
    let mut snapshot = Snapshot::default();
    for output in outputs {
        match output {
            Output::View { name, state } => {
                states.entry(name.clone()).or_insert_with(|| {
                    snapshot.views.insert(name, state.snapshot());
                    state
                });
            }
            Output::Changes { view, changes } => {
                if let Some(state) = states.get_mut(&view) {
                    state.receive(changes);
                }
            }
            Output::Complete { epoch, ended, watermark } => {
                let mut changed = Vec::new();
                for (name, state) in &mut states {
                    if let Some((view, changes)) = state.advance(epoch) {
                        metrics.view_rows.get_or_create(&ViewLabel { view: name.to_string() }).set(view.len() as i64);
                        snapshot.views.insert(name.clone(), view);
                        changed.push(changes);
                    }
                }
                snapshot.epoch = epoch;
                snapshot.watermark = watermark;
                let changes = Arc::new(EpochChanges { epoch, watermark, views: changed });
                let published = Arc::new(snapshot.clone());
                views.shared.snapshot.store(published.clone());
                views.shared.history.push(changes.clone());
                views.shared.published.store(epoch, Ordering::Release);
                let _ = views.shared.changes.send(changes.clone());
                metrics.epoch.set(epoch as i64);
                let took = ended.elapsed();
                metrics.epoch_seconds.observe(took.as_secs_f64());
                metrics.pipeline.epochs.note(took);
                seen(&published, &changes);
            }
            Output::Restored { epoch } => {
                for (name, state) in &mut states {
                    if let Some((view, _)) = state.advance(epoch) {
                        snapshot.views.insert(name.clone(), view);
                    }
                }
            }
            Output::Over => break,
        }
    }
}
