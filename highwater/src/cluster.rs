//! `--processes`, `--process` and `--hosts`: a job of several processes.

use std::{net::TcpListener, path::Path};

use anyhow::{Context, bail};
use highwater_engine::Cluster;

use crate::cli;

/// Where processes on one machine listen for each other, from process 0 on.
const FIRST_PORT: usize = 2101;

/// This process among the others; `None` where it is alone.
///
/// # Errors
/// Where the numbers do not fit together, or the file of hosts cannot be read or has too few.
pub(crate) fn of(arguments: &cli::Run) -> anyhow::Result<Option<Cluster>> {
    let cli::Run { processes, process, hosts, .. } = arguments;
    if process >= processes {
        bail!("--process {process}: processes are numbered from 0, the last of {processes} is {}", processes - 1);
    }
    let addresses = match hosts {
        Some(file) => read(file)?,
        None => (0..*processes).map(|process| format!("127.0.0.1:{}", FIRST_PORT + process)).collect(),
    };
    if addresses.len() < *processes {
        bail!("--hosts names {} addresses, one for each of {processes} processes is needed", addresses.len());
    }
    let addresses: Vec<String> = addresses.into_iter().take(*processes).collect();
    if *processes < 2 {
        return Ok(None);
    }
    if let Some(own) = addresses.get(*process) {
        // to say so now, and where: the dataflow would only once the others are there
        TcpListener::bind(own).with_context(|| format!("cannot listen for the other processes on {own}"))?;
    }
    Ok(Some(Cluster { process: *process, addresses }))
}

/// One `host:port` per line; empty lines and what follows a `#` do not count.
fn read(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let addresses: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    for address in &addresses {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            bail!("{}: {address:?} is no host:port", file.display());
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn arguments(processes: usize, process: usize, hosts: Option<PathBuf>) -> cli::Run {
        cli::Run { config: PathBuf::new(), processes, process, hosts, common: cli::Common::default() }
    }

    #[test]
    fn hosts_are_read_and_counted() {
        assert!(of(&arguments(1, 0, None)).unwrap().is_none());
        let cluster = of(&arguments(2, 1, None)).unwrap().unwrap();
        assert_eq!((cluster.process, cluster.addresses.join(" ")), (1, "127.0.0.1:2101 127.0.0.1:2102".into()));
        assert!(of(&arguments(2, 2, None)).unwrap_err().to_string().contains("the last of 2 is 1"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        std::fs::write(&file, "# ours\n127.0.0.1:0\n\nb:2101 # the other\n").unwrap();
        assert_eq!(of(&arguments(2, 0, Some(file.clone()))).unwrap().unwrap().addresses, ["127.0.0.1:0", "b:2101"]);
        assert!(of(&arguments(3, 0, Some(file.clone()))).unwrap_err().to_string().contains("2 addresses"));
        std::fs::write(&file, "a\nb:1").unwrap();
        assert!(of(&arguments(2, 0, Some(file))).unwrap_err().to_string().contains("\"a\" is no host:port"));
    }
}
