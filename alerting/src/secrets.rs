//! [`Secrets`]: configurations of channels on their way into the database, sealed, and out of it.

use highwater_engine::Name;
use highwater_metadata::{Database, Vault, hexadecimal, place};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    channel::ChannelKind,
    error::AlertingError,
    ledger::read,
    secret::{ChannelConfig, Secret},
};

/// The tables that have configurations, in a column of that name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Table {
    Rules,
    Receivers,
}

/// The keys that configurations are sealed by. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    vault: Vault,
    /// what makes receivers' ids
    naming: Secret,
}

impl Secrets {
    pub(crate) async fn open(database: &Database, vault: Vault) -> Result<Secrets, AlertingError> {
        let naming = Secret::new(database.own_secret(&vault, "names of receivers").await?.as_str());
        Ok(Secrets { vault, naming })
    }

    pub(crate) fn seal(&self, table: Table, id: &str, config: &ChannelConfig) -> Result<String, AlertingError> {
        Ok(self.vault.seal(&table.place(id), &config.0.to_string())?)
    }

    pub(crate) fn read(&self, table: Table, id: &str, sealed: &str) -> Result<ChannelConfig, AlertingError> {
        let opened = self.vault.open(&table.place(id), sealed)?;
        Ok(ChannelConfig(read("configuration of", id, &opened)?))
    }

    /// The same for a channel and its configuration, whatever key seals. By a secret, so that whoever has the database
    /// cannot try out which configuration it is.
    pub(crate) fn receiver_id(&self, kind: ChannelKind, config: &ChannelConfig) -> Name {
        // a key of any length will do
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.naming.reveal().as_bytes()) else { return "".into() };
        mac.update(format!("{}:{}", kind.as_str(), config.0).as_bytes());
        hexadecimal(&mac.finalize().into_bytes()[..16]).into()
    }
}

impl Table {
    fn place(self, id: &str) -> String {
        let table = match self {
            Table::Rules => "rules",
            Table::Receivers => "receivers",
        };
        place(table, "config", id)
    }
}
