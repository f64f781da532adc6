//! Durable state: what a job must find again to go on exactly where it was.
//!
//! At the end of an epoch the [`Committer`] puts four things into one transaction of the [`Store`]: what changed in the
//! base collections, how far the sources have been read, what each sink was told last, and what each sink has to be
//! told now (its outbox): changes, and records that are no log. That transaction *is* the commit. Sinks are fed from their outboxes, by threads of their own
//! ([`deliver`]), and whatever a crash interrupts is in the outbox still, the same bytes under the same epoch.
//!
//! A job that starts again feeds the base collections into the dataflow at the committed epoch ([`State`]); everything
//! else is a pure function of them, so all views are then as they were.

mod base;
mod changelog;
mod committer;
#[cfg(test)]
mod crashes;
mod delivery;
mod entry;
mod store;
mod transaction;

pub use base::Base;
pub(crate) use base::{Keep, Restorer, State};
pub use changelog::{Changelog, Entry};
pub(crate) use committer::{Committer, Event};
pub(crate) use delivery::{Delivery, deliver};
pub use store::StateError;
pub(crate) use store::{Committed, Reached, Store};
