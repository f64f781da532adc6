//! The Kafka that tests share, and what is in it.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use highwater_connectors::{KafkaConfig, Topic};

pub(crate) fn kafka(test: &str) -> Option<KafkaConfig> {
    let Some(address) = std::env::var("HIGHWATER_TEST_KAFKA").ok().filter(|address| !address.is_empty()) else {
        println!("SKIPPED: {test}: no Kafka at HIGHWATER_TEST_KAFKA");
        return None;
    };
    Some(KafkaConfig::new(address))
}

/// A topic of this test alone.
pub(crate) fn topic(name: &str) -> Topic {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    Topic::new(format!("{name}-{nanos}"))
}

pub(crate) fn records(from: usize, to: usize) -> Vec<Vec<u8>> {
    (from..to).map(|n| format!("{{\"message\":\"m{n}\"}}").into_bytes()).collect()
}

/// Blocks until a future is ready.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
}
