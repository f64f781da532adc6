//! Expiry by the watermark: rows of any collection that are gone a while after their time.
//!
//! What is derived from a series (an anomaly, an alert) depends on the windows before it. At the far edge of the
//! retention those are missing, and what is derived there would change for no reason but age. So base collections are
//! kept a margin longer, and what is derived from them expires first.

use std::{collections::BTreeMap, time::Duration};

use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use timely::dataflow::{channels::pact::Pipeline, operators::Operator};

use crate::{Epoch, Timestamp, epochs::Epochs, watermark::Watermarks};

pub(crate) fn expire<'s, D: ExchangeData>(
    rows: VecCollection<'s, Epoch, D, isize>,
    watermarks: Watermarks<'s>,
    keep: Duration,
    at: impl Fn(&D) -> Timestamp + 'static,
) -> VecCollection<'s, Epoch, D, isize> {
    rows.inner
        .binary_frontier(watermarks, Pipeline, Pipeline, "Expire", move |initial, _| {
            drop(initial);
            let mut epochs = Epochs::default();
            let mut live = Live { due: BTreeMap::new(), watermark: Timestamp::MIN };
            move |(rows, rows_frontier), (watermarks, watermarks_frontier), output| {
                epochs.read_both(rows, watermarks, output.output_index());
                while let Some((cap, rows, watermarks)) = epochs.next_closed(rows_frontier, watermarks_frontier) {
                    let epoch = *cap.time();
                    let rows =
                        rows.into_iter().map(|(row, _, diff): (D, Epoch, isize)| (at(&row).plus(keep), row, diff));
                    let changes = live.close(rows, watermarks.last().copied());
                    output.session(&cap).give_iterator(changes.into_iter().map(|(row, diff)| (row, epoch, diff)));
                }
            }
        })
        .as_collection()
}

/// What is shown, by when it goes.
struct Live<D> {
    due: BTreeMap<Timestamp, BTreeMap<D, isize>>,
    watermark: Timestamp,
}

impl<D: ExchangeData> Live<D> {
    fn close(
        &mut self,
        rows: impl Iterator<Item = (Timestamp, D, isize)>,
        watermark: Option<Timestamp>,
    ) -> Vec<(D, isize)> {
        let mut changes = Vec::new();
        for (due, row, diff) in rows.filter(|(due, ..)| *due > self.watermark) {
            let shown = self.due.entry(due).or_default();
            let count = shown.entry(row.clone()).or_default();
            *count += diff;
            if *count == 0 {
                shown.remove(&row);
            }
            changes.push((row, diff));
        }
        self.watermark = watermark.map_or(self.watermark, |to| to.max(self.watermark));
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= self.watermark) {
            changes.extend(entry.remove().into_iter().map(|(row, count)| (row, -count)));
        }
        changes
    }
}
