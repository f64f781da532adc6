//! The kill test in its short form; `make chaos` is the long one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::{SystemTime, UNIX_EPOCH};

use highwater_chaos::{Options, broker::Broker, run};

#[test]
fn a_job_that_is_killed_loses_nothing_and_tells_nothing_twice() {
    let Ok(brokers) = std::env::var("HIGHWATER_TEST_KAFKA") else {
        println!(
            "SKIPPED: a_job_that_is_killed_loses_nothing_and_tells_nothing_twice: no Kafka at HIGHWATER_TEST_KAFKA"
        );
        return;
    };
    // another run each time; the seed of one that failed is told
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        seed,
        // every fourth start has two processes and another three
        kills: 8,
        broker_restarts: 0,
        logs_per_second: 1000,
        binary: env!("CARGO_BIN_EXE_highwater").into(),
        folder: folder.path().to_owned(),
    };
    let outcome = run(&options, &Broker::at(brokers));
    if outcome.as_ref().is_ok_and(|report| report.passed()) {
        return;
    }
    let folder = folder.keep();
    match outcome {
        Ok(report) => panic!("{report}"),
        Err(error) => panic!("{error:#}; seed {seed}; files in {}", folder.display()),
    }
}
