//! [`LiveTail`]: the logs that one reader wants, as they are read.
//!
//! They go out every tenth of a second at most. What has not gone out, for it is too soon, or the reader pauses or is
//! slow, is held up to a bound; logs beyond it are counted, and the reader is told how many it missed.
//!
//! Who wants to begin with some logs that were before gets the newest of the store, as soon as the store has all that was
//! read before: then none is missing, and none comes twice. Where as many come meanwhile, it begins with those.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use highwater_engine::{Epoch, Views};
use highwater_logstore::{Began, Query, Search, StoredLog, Tail, Tailed};
use highwater_operators::catalog;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{asked::Filter, failed, marks::Marks, store};
use crate::{call, error::Problem, metrics_api::now, state::State};

/// Batches of the store that may wait for one reader.
const WAITING_BATCHES: usize = 64;
/// What is held, at most.
const HELD_BYTES: usize = 8 << 20;
const HELD_LOGS: usize = 10_000;
/// Logs that go out together.
const TOGETHER: usize = 500;
const PACE: Duration = Duration::from_millis(100);
/// Longest that what comes waits for what was before: a disk that is full keeps nobody from the newest logs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goes out at once.
pub(crate) struct Batch {
    /// Logs as a JSON array; none where there is only something missed to tell of.
    pub(crate) logs: Option<String>,
    /// How many logs were missed.
    pub(crate) missed: u64,
}

/// The logs that one reader wants, as they are read.
pub(crate) struct LiveTail {
    feed: Tail,
    wanted: Query,
    views: Views,
    /// with the epoch that changed the anomalies last
    marks: (Option<Epoch>, Marks),
    /// as JSON
    held: VecDeque<String>,
    held_bytes: usize,
    missed: u64,
    due: Instant,
    paused: bool,
    /// where it began, if it began with logs that were before
    began: Option<Began>,
    /// none once they are there
    earlier: Option<Earlier>,
    /// whether it is still to be said where it begins, be it with nothing
    begins: bool,
}

/// Logs that a tail is to begin with, on their way.
struct Earlier {
    most: usize,
    /// the newest first, and some that came later among them
    found: JoinHandle<Vec<StoredLog>>,
}

impl Drop for Earlier {
    fn drop(&mut self) {
        self.found.abort();
    }
}

impl LiveTail {
    /// Begins with so many logs that were before.
    pub(crate) fn new(state: &Arc<State>, filter: &Filter, last: usize) -> Result<Self, Problem> {
        let wanted = filter.condition(now(&state.views.snapshot(), None))?;
        let feed = store(state)?.tail(WAITING_BATCHES);
        let began = (last > 0).then(|| feed.began().clone());
        let earlier = began
            .clone()
            .map(|began| Earlier { most: last, found: tokio::spawn(find(state.clone(), wanted.clone(), began, last)) });
        Ok(LiveTail {
            feed,
            wanted,
            views: state.views.clone(),
            marks: (None, Marks::default()),
            held: VecDeque::new(),
            held_bytes: 0,
            missed: 0,
            due: Instant::now(),
            paused: false,
            began,
            earlier,
            begins: last > 0,
        })
    }

    /// What it shows, as text.
    pub(crate) fn query(&self) -> String {
        self.wanted.to_string()
    }

    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// What goes out next; none once the store is closed. Nothing is lost where this is given up while it waits.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        loop {
            if self.earlier.as_ref().is_some_and(|earlier| self.held.len() >= earlier.most) {
                self.earlier = None;
            }
            let has_news = self.begins || self.missed > 0 || !self.held.is_empty();
            let is_ready = has_news && !self.paused && self.earlier.is_none();
            if is_ready && self.due <= Instant::now() {
                return Some(self.take());
            }
            tokio::select! {
                tailed = self.feed.next() => self.hold(tailed?),
                logs = found(&mut self.earlier) => self.begin(&logs),
                () = sleep_until(self.due), if is_ready => {}
            }
        }
    }

    fn hold(&mut self, tailed: Tailed) {
        self.missed += tailed.missed;
        let is_before = |log: &StoredLog| self.began.as_ref().is_some_and(|began| began.is_after(log.id));
        let wanted: Vec<_> = tailed.logs.iter().filter(|log| self.wanted.matches(log) && !is_before(log)).collect();
        if !wanted.is_empty() {
            self.look_up_anomalies();
        }
        for log in wanted {
            let text = serde_json::to_string(&self.marks.1.show(log)).unwrap_or_default();
            if self.held.len() >= HELD_LOGS || self.held_bytes + text.len() > HELD_BYTES {
                self.missed += 1;
            } else {
                self.held_bytes += text.len();
                self.held.push_back(text);
            }
        }
    }

    /// Puts what was before in front of what came meanwhile.
    fn begin(&mut self, found: &[StoredLog]) {
        let Some(earlier) = self.earlier.take() else { return };
        self.look_up_anomalies();
        let is_before = |log: &&StoredLog| self.began.as_ref().is_some_and(|began| began.is_after(log.id));
        for log in found.iter().filter(is_before).take(earlier.most) {
            let text = serde_json::to_string(&self.marks.1.show(log)).unwrap_or_default();
            // the oldest are those that can be done without
            if self.held_bytes + text.len() > HELD_BYTES {
                break;
            }
            self.held_bytes += text.len();
            self.held.push_front(text);
        }
    }

    /// Reads the anomalies again where they have changed.
    fn look_up_anomalies(&mut self) {
        let snapshot = self.views.snapshot();
        let changed = snapshot.view(catalog::ANOMALIES).map(|view| view.last_change());
        if self.marks.0 != changed {
            self.marks = (changed, Marks::of(&snapshot));
        }
    }

    fn take(&mut self) -> Batch {
        let count = self.held.len().min(TOGETHER);
        let logs: Vec<String> = self.held.drain(..count).collect();
        self.held_bytes -= logs.iter().map(String::len).sum::<usize>();
        if self.held.is_empty() {
            self.due = Instant::now() + PACE;
        }
        let begins = std::mem::take(&mut self.begins);
        let logs = (begins || !logs.is_empty()).then(|| format!("[{}]", logs.join(",")));
        // what was missed comes after what is held
        let missed = if self.held.is_empty() { std::mem::take(&mut self.missed) } else { 0 };
        Batch { logs, missed }
    }
}

/// The logs that a tail begins with, once they are there; never, where it begins with none.
async fn found(earlier: &mut Option<Earlier>) -> Vec<StoredLog> {
    match earlier {
        Some(earlier) => (&mut earlier.found).await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

/// The newest logs of the store, among them as many as are wanted of those before a tail began.
async fn find(state: Arc<State>, wanted: Query, mut began: Began, last: usize) -> Vec<StoredLog> {
    if !matches!(timeout(PATIENCE, began.all_found()).await, Ok(true)) {
        return Vec::new();
    }
    // no more than so many came since, or none is waited for any more
    let search = Search { limit: 2 * last, ..Search::new(wanted) };
    call::search(&state, move |store, _| store.first(&search).map_err(failed)).await.unwrap_or_default()
}
