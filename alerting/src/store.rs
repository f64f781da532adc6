//! [`Store`]: what rules, alerts, silences and the queue are kept in and told by.

use std::sync::Arc;

use highwater_metadata::Database;

use crate::{bell::Bell, clock, error::AlertingError, ledger::Ledger, route::Route, secrets::Secrets};

/// The database, what its secrets are sealed by, who is told of changes in it, and whom alerts are told to whose rule names nobody. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) database: Database,
    pub(crate) secrets: Secrets,
    pub(crate) bell: Bell,
    pub(crate) defaults: Arc<[Route]>,
}

impl Store {
    /// Begins to write, as of now.
    pub(crate) async fn ledger(&self) -> Result<Ledger, AlertingError> {
        let transaction = self.database.begin().await?;
        Ok(Ledger::new(transaction, clock::now(), self.clone()))
    }
}
