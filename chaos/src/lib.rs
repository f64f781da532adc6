//! The kill test: Highwater on a real Kafka, ended by SIGKILL to one of its processes at random instants and started
//! again with other numbers of processes and workers, while logs keep coming. What it has said in the end must be what
//! a job says that was never killed.
//!
//! Nothing here is shared with Highwater: logs are made, expected and read back by code of its own. One seed decides
//! the logs, the instants, the victims, and how many processes and workers there are.
//!
//! [`soak`] is its quiet sister: the same job and logs of the same kind, nobody kills it, and nothing may grow.

pub mod alerts;
pub mod broker;
pub mod changelog;
pub mod cluster;
pub mod folder;
pub mod horizon;
pub mod interrupt;
pub mod job;
pub mod kafka;
pub mod logs;
pub mod oracle;
pub mod plan;
pub mod ports;
pub mod process;
pub mod producer;
pub mod report;
pub mod run;
pub mod soak;
pub mod time;
pub mod topic;
pub mod verdict;
pub mod views;

pub use report::Report;
pub use run::{Options, run};
