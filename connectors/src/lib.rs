//! Ways in and ways out: what feeds a job with logs, and what takes its views' changes.
//!
//! ```text
//!  Kafka topic ─── KafkaSource ──┐                        ┌── KafkaSink ─────── compacted topic, keyed
//!  files, stdin ── FileSource ───┤                        ├── JsonLinesSink ─── file, stdout
//!  POST /logs ──── InboxSource ──┼──▶ engine (a job) ─────┼── WebhookSink ───── somebody's HTTP server
//!        └─ KafkaIngest ▶ topic  │          │             │
//!  made-up shop ── Generator ────┘          │ no log      └── one thread each; slow ones slow the sources
//!                  Source                   ▼
//!                              KafkaDeadLetters, JsonDeadLetters
//! ```
//!
//! Everything is read and written at least once: a source is told that its records are done with only after every
//! sink has made what follows from them durable. A sink writes the newest value of each key, so what is written
//! twice makes no difference to a reader who goes by key.

mod file;
pub mod generator;
mod inbox;
mod jsonl;
pub mod kafka;
mod traffic;
mod webhook;

pub use file::FileSource;
pub use inbox::{Busy, Inbox, InboxSource};
pub use jsonl::{JsonDeadLetters, JsonLinesSink};
pub use kafka::{
    IngestError, KafkaChangelog, KafkaConfig, KafkaDeadLetters, KafkaIngest, KafkaSink, KafkaSource, Start, Topic,
};
pub use traffic::GeneratorSource;
pub use webhook::{WebhookConfig, WebhookSink};

use std::time::Duration;

/// Waits. For threads that may: nothing interrupts it, so it is for short times only.
fn pause(time: Duration) {
    let _ = crossbeam_channel::after(time).recv();
}
