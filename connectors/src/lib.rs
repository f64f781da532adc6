//! Ways in and ways out: what feeds a job with logs, and what takes its views' changes.
//!
//! ```text
//!  Kafka topic ─── KafkaSource ──┐                        ┌── KafkaSink ─────── compacted topic, keyed
//!  files, stdin ── FileSource ───┤                        ├── JsonLinesSink ─── file, stdout
//!  POST /logs ──── InboxSource ──┼──▶ engine (a job) ─────┼── WebhookSink ───── somebody's HTTP server
//!        └─ KafkaIngest ▶ topic  │          │             │
//!  made-up shop ── Generator ────┘          │             └── one thread each; slow ones slow the sources
//!                  Source                   │ no log           ▲
//!                                           └── dead letters ──┘ to those of them that take dead letters
//! ```
//!
//! Where a job's state is durable, what comes from Kafka and from files counts once, whatever ends the job, and is
//! written once where the way out allows it: in Kafka transactions, and in files. A webhook gets it at least once, each
//! time with the same key. What comes in over HTTP waits on disk, or in Kafka, until a commit has it; what comes by stdin in
//! memory. Without durable state
//! a source is told that its records are done with only after every sink has what follows from them: they are read at
//! least once, by a job that begins anew, and sinks are told again.

mod file;
pub mod generator;
mod inbox;
mod ingest;
mod jsonl;
pub mod kafka;
mod traffic;
mod webhook;

pub use file::FileSource;
pub use inbox::{Inbox, InboxBounds, InboxSource};
pub use ingest::IngestError;
pub use jsonl::JsonLinesSink;
pub use kafka::{KafkaChangelog, KafkaConfig, KafkaIngest, KafkaPast, KafkaSink, KafkaSource, OnLoss, Start, Topic};
pub use traffic::GeneratorSource;
pub use webhook::{WebhookConfig, WebhookSink};

use std::time::Duration;

/// Waits. For threads that may: nothing interrupts it, so it is for short times only.
fn pause(time: Duration) {
    let _ = crossbeam_channel::after(time).recv();
}
