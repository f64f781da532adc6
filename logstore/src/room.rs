//! [`Room`]: how much may be on its way into the index at once.

use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Room for some batches of logs between the one who reads them and the index.
pub(crate) struct Room {
    taken: Sender<()>,
    given_back: Receiver<()>,
}

/// Room for one batch, given back when the last of its logs is done with.
#[derive(Debug)]
pub(crate) struct Permit(Receiver<()>);

impl Room {
    pub(crate) fn new(batches: usize) -> Self {
        let (taken, given_back) = bounded(batches);
        Room { taken, given_back }
    }

    /// Room for a batch; nothing where there was none for so long.
    pub(crate) fn take(&self, patience: Duration) -> Option<Arc<Permit>> {
        self.taken.send_timeout((), patience).ok()?;
        Some(Arc::new(Permit(self.given_back.clone())))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}
