//! Which anomalies of many series are one incident, and what came first?
//!
//! ```text
//! values ──Baseline──► surprise of each series ──three windows in a row──► Sign ──Grouping──► Incident ──suspects──► first cause first
//! ```
//!
//! [`Watch`] does all of it, a window at a time, and uses nothing of what comes later. Where series are judged elsewhere
//! already, [`group`] makes incidents of their anomalies, by the same code.

mod baseline;
mod blame;
mod calls;
mod config;
mod grouping;
#[allow(clippy::module_inception)] // the module's word is the type's
mod incident;
mod stretch;
mod watch;

pub use baseline::{Baseline, Deviation};
pub use blame::{Suspect, suspects};
pub use calls::Calls;
pub use config::{BaselineConfig, GroupingConfig, WatchConfig};
pub use grouping::Grouping;
pub use incident::{Change, Incident, Member, Sign};
pub use stretch::{Stretch, group};
pub use watch::Watch;
