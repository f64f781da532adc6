//! [`Scene`]: what a question is asked about.

use highwater_engine::{Name, Timestamp};

/// What a question may refer to. Days and times of day are those of UTC.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The services that log.
    pub services: Vec<Name>,
    /// Now, by the logs.
    pub now: Timestamp,
    /// Moments that have a name, such as deployments.
    pub moments: Vec<Moment>,
}

/// A moment that has a name.
#[derive(Clone, Debug)]
pub struct Moment {
    /// What it is called: `deploy`, `deploy of payment-service`, `v2.3`.
    pub name: String,
    /// When it was.
    pub at: Timestamp,
}
