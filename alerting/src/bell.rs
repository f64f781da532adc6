//! [`Bell`]: says that something changed, to whoever waits for it.

use std::sync::Arc;

use tokio::sync::watch;

/// Rung after each change of rules, alerts or silences. Clones are the same bell.
#[derive(Clone, Debug)]
pub(crate) struct Bell(Arc<watch::Sender<u64>>);

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell(Arc::new(watch::Sender::new(0)))
    }

    pub(crate) fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
