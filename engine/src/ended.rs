//! Windows that have ended: what follows from them is worked out once, and not again with every batch of logs.

use std::collections::BTreeMap;

use differential_dataflow::{AsCollection, ExchangeData};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use timely::dataflow::{channels::pact::Pipeline, operators::Operator};

use crate::{
    Epoch, Timestamp, Window,
    by::Key,
    epochs::Epochs,
    merge::{Rows, Windowing},
    watermark::Watermarks,
};

/// The rows of windows whose end the watermark has passed.
pub(crate) fn ended<'s, K: Key, V: ExchangeData>(
    rows: Rows<'s, K, V>,
    watermarks: Watermarks<'s>,
    windowing: Windowing,
) -> Rows<'s, K, V> {
    rows.inner
        .binary_frontier(watermarks, Pipeline, Pipeline, "Ended", move |initial, _| {
            drop(initial);
            let mut epochs = Epochs::default();
            let mut gate = Gate { windowing, watermark: Timestamp::MIN, open: BTreeMap::new() };
            move |(rows, rows_frontier), (watermarks, watermarks_frontier), output| {
                epochs.read_both(rows, watermarks, output.output_index());
                while let Some((cap, rows, watermarks)) = epochs.next_closed(rows_frontier, watermarks_frontier) {
                    let changes = gate.close(*cap.time(), rows, watermarks.last().copied());
                    output.session(&cap).give_iterator(changes.into_iter());
                }
            }
        })
        .as_collection()
}

type Change<K, V> = (((K, Window), V), Epoch, isize);

/// Holds the rows of open windows back.
struct Gate<K, V> {
    windowing: Windowing,
    watermark: Timestamp,
    open: BTreeMap<Window, HashMap<K, V, RandomState>>,
}

impl<K: Key, V: ExchangeData> Gate<K, V> {
    fn close(&mut self, epoch: Epoch, rows: Vec<Change<K, V>>, watermark: Option<Timestamp>) -> Vec<Change<K, V>> {
        let size = self.windowing.size;
        let ended_before = self.watermark;
        let (mut changes, open): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(((_, window), _), _, _)| window.end(size) <= ended_before);
        self.hold(open);
        self.watermark = watermark.map_or(ended_before, |to| to.max(ended_before));
        while let Some(first) = self.open.first_entry().filter(|rows| rows.key().end(size) <= self.watermark) {
            let (window, rows) = first.remove_entry();
            let mut rows: Vec<_> = rows.into_iter().map(|(key, value)| (((key, window), value), epoch, 1)).collect();
            // hash order never reaches the output
            rows.sort_unstable_by(|((one, _), ..), ((other, _), ..)| one.cmp(other));
            changes.append(&mut rows);
        }
        changes
    }

    /// What goes first, so that what comes in its place stays.
    fn hold(&mut self, rows: Vec<Change<K, V>>) {
        let (gone, come): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., diff)| *diff < 0);
        for (((key, window), _), ..) in gone {
            if let Some(rows) = self.open.get_mut(&window) {
                rows.remove(&key);
            }
        }
        for (((key, window), value), ..) in come {
            self.open.entry(window).or_default().insert(key, value);
        }
    }
}
