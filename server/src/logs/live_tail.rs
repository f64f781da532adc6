//! [`LiveTail`]: the logs that one reader wants, as they are read.
//!
//! They go out every tenth of a second at most. What has not gone out, for it is too soon, or the reader pauses or is
//! slow, is held up to a bound; logs beyond it are counted, and the reader is told how many it missed.

use std::{collections::VecDeque, time::Duration};

use highwater_engine::{Epoch, Views};
use highwater_logstore::{LogStore, Query, Tail, Tailed};
use highwater_operators::catalog;
use tokio::time::{Instant, sleep_until};

use super::{asked::Filter, marks::Marks};
use crate::{error::Problem, metrics_api::now};

/// Batches of the store that may wait for one reader.
const WAITING_BATCHES: usize = 64;
/// What is held, at most.
const HELD_BYTES: usize = 8 << 20;
const HELD_LOGS: usize = 10_000;
/// Logs that go out together.
const TOGETHER: usize = 500;
const PACE: Duration = Duration::from_millis(100);

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
}

impl LiveTail {
    pub(crate) fn new(store: &LogStore, views: &Views, filter: &Filter) -> Result<Self, Problem> {
        let wanted = filter.condition(now(&views.snapshot(), None))?;
        Ok(LiveTail {
            feed: store.tail(WAITING_BATCHES),
            wanted,
            views: views.clone(),
            marks: (None, Marks::default()),
            held: VecDeque::new(),
            held_bytes: 0,
            missed: 0,
            due: Instant::now(),
            paused: false,
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
            let is_ready = !self.paused && (self.missed > 0 || !self.held.is_empty());
            if is_ready && self.due <= Instant::now() {
                return Some(self.take());
            }
            tokio::select! {
                tailed = self.feed.next() => self.hold(tailed?),
                () = sleep_until(self.due), if is_ready => {}
            }
        }
    }

    fn hold(&mut self, tailed: Tailed) {
        self.missed += tailed.missed;
        let wanted: Vec<_> = tailed.logs.iter().filter(|log| self.wanted.matches(log)).collect();
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
        let logs = (!logs.is_empty()).then(|| format!("[{}]", logs.join(",")));
        // what was missed comes after what is held
        let missed = if self.held.is_empty() { std::mem::take(&mut self.missed) } else { 0 };
        Batch { logs, missed }
    }
}
