//! A Kafka broker of a test's own.

use std::{collections::BTreeMap, path::Path, process::Command};

use highwater_connectors::KafkaConfig;
use tempfile::TempDir;

pub(crate) struct Broker {
    dir: TempDir,
    options: Vec<String>,
    pub(crate) address: String,
}

impl Broker {
    /// Started by `scripts/kafka start`, with these options besides.
    pub(crate) fn start(options: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("kafka-").tempdir().unwrap();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut broker = Broker { dir, options, address: String::new() };
        broker.run("0");
        broker
    }

    /// Again, with the data it had, where it was.
    pub(crate) fn start_again(&mut self) {
        let port = self.address.rsplit_once(':').unwrap().1.to_owned();
        self.run(&port);
    }

    pub(crate) fn stop(&self) {
        assert!(script("stop", self.dir.path()).status().unwrap().success());
    }

    /// Its process does nothing for a while.
    pub(crate) fn stand_still(&self, time: std::time::Duration) {
        let pid = std::fs::read_to_string(self.dir.path().join("pid")).unwrap();
        let signal = |name: &str| assert!(Command::new("kill").args([name, pid.trim()]).status().unwrap().success());
        signal("-STOP");
        std::thread::park_timeout(time);
        signal("-CONT");
    }

    fn run(&mut self, port: &str) {
        let output =
            script("start", self.dir.path()).args(["--java", "--port", port]).args(&self.options).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let address = said.lines().find_map(|line| line.strip_prefix("bootstrap="));
        address.unwrap_or_else(|| panic!("no broker: {errors}")).clone_into(&mut self.address);
    }

    /// How to get into its secure listener.
    pub(crate) fn secure(&self) -> KafkaConfig {
        let text = std::fs::read_to_string(self.dir.path().join("client.properties")).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let mut properties: BTreeMap<String, String> =
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        KafkaConfig { bootstrap_servers: properties.remove("bootstrap.servers").unwrap(), properties }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = script("stop", self.dir.path()).arg("--purge").output();
    }
}

fn script(command: &str, dir: &Path) -> Command {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka"));
    script.args([command, "--dir"]).arg(dir);
    script
}
