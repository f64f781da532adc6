//! [`Pages`]: answers that say what views say and nothing else, kept for as long as their epoch lasts. Whoever asks for the
//! same gets the same bytes: many dashboards cost what one does.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use highwater_engine::Epoch;

/// Bytes that are kept at most, addresses included.
const MOST_BYTES: usize = 16 << 20;

/// Answers of one epoch, by their address.
#[derive(Default)]
pub(crate) struct Pages(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    epoch: Epoch,
    answers: HashMap<String, Bytes>,
    bytes: usize,
}

impl Pages {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was answered in this epoch.
    pub(crate) fn get(&self, epoch: Epoch, target: &str) -> Option<Bytes> {
        let kept = self.kept();
        if kept.epoch == epoch { kept.answers.get(target).cloned() } else { None }
    }

    /// Keeps an answer, while it is of the newest epoch and there is room.
    pub(crate) fn put(&self, epoch: Epoch, target: String, answer: Bytes) {
        let mut kept = self.kept();
        if kept.epoch < epoch {
            *kept = Kept { epoch, ..Kept::default() };
        }
        let bytes = kept.bytes + target.len() + answer.len();
        if kept.epoch == epoch && bytes <= MOST_BYTES && !kept.answers.contains_key(&target) {
            kept.bytes = bytes;
            kept.answers.insert(target, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(size: usize) -> Bytes {
        Bytes::from(vec![b'x'; size])
    }

    #[test]
    fn a_page_is_of_one_epoch() {
        let pages = Pages::default();
        pages.put(7, "/a".to_owned(), page(1));
        assert!(pages.get(7, "/a").is_some() && pages.get(7, "/b").is_none() && pages.get(8, "/a").is_none());
        pages.put(6, "/b".to_owned(), page(1));
        assert!(pages.get(6, "/b").is_none() && pages.get(7, "/a").is_some(), "an older one changes nothing");
        pages.put(8, "/b".to_owned(), page(1));
        assert!(pages.get(7, "/a").is_none() && pages.get(8, "/a").is_none() && pages.get(8, "/b").is_some());
    }

    #[test]
    fn there_is_so_much_room() {
        let pages = Pages::default();
        pages.put(1, "/half".to_owned(), page(MOST_BYTES / 2));
        pages.put(1, "/more".to_owned(), page(MOST_BYTES / 2));
        assert!(pages.get(1, "/half").is_some() && pages.get(1, "/more").is_none());
        pages.put(2, "/more".to_owned(), page(MOST_BYTES / 2));
        assert!(pages.get(2, "/more").is_some());
    }
}
