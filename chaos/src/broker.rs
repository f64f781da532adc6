//! [`Broker`]: the Kafka of a run, somebody else's or one of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::kafka::Kafka;

/// Starts and stops a real broker.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka");

/// A broker of its own is stopped, and its data removed, where this is dropped.
pub struct Broker {
    kafka: Kafka,
    own: Option<PathBuf>,
}

impl Broker {
    /// One that runs already.
    pub fn at(brokers: String) -> Self {
        Broker { kafka: Kafka { brokers }, own: None }
    }

    /// The one that runs already, if there is one, or one of its own with its data in `folder`.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn of(brokers: Option<String>, folder: &Path) -> Result<Self> {
        brokers.map_or_else(|| Broker::start(&folder.join("kafka")), |brokers| Ok(Broker::at(brokers)))
    }

    /// Starts one in `folder`.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start(folder: &Path) -> Result<Self> {
        let brokers = start(folder, "0")?;
        Ok(Broker { kafka: Kafka { brokers }, own: Some(folder.to_owned()) })
    }

    /// Stops it and starts it again where it was. It is for the job and the producer to live with that.
    ///
    /// # Errors
    /// Where it is somebody else's, or does not come back.
    pub fn restart(&self) -> Result<()> {
        let brokers = &self.kafka.brokers;
        let Some(folder) = &self.own else { bail!("the broker at {brokers} is somebody else's: it is not restarted") };
        let port = brokers.rsplit(':').next().unwrap_or_default();
        script(&["stop"], folder)?;
        start(folder, port)?;
        Ok(())
    }

    /// How to reach it.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(folder) = &self.own {
            let _ = script(&["stop", "--purge"], folder);
        }
    }
}

/// Where it listens.
fn start(folder: &Path, port: &str) -> Result<String> {
    let answer = script(&["start", "--java", "--port", port], folder)?;
    let last = answer.lines().last().unwrap_or_default();
    let brokers = last.strip_prefix("bootstrap=").ok_or_else(|| anyhow!("{SCRIPT} names no address: {last}"))?;
    Ok(brokers.to_owned())
}

fn script(arguments: &[&str], folder: &Path) -> Result<String> {
    let output = Command::new(SCRIPT)
        .args(arguments)
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{SCRIPT} cannot be run"))?;
    if !output.status.success() {
        bail!("{SCRIPT} {} failed: {}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
