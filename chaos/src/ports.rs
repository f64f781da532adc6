//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below those that outgoing connections get: one of these would now and then be there first, or connect to itself.
const PORTS: std::ops::Range<u16> = 15_000..30_000;
/// So many are tried for each that is wanted.
const TRIES: usize = 100;

/// So many ports of the loopback address that are free for now.
///
/// # Errors
/// Where none are.
pub fn free(count: usize) -> Result<Vec<u16>> {
    // held until all are found, so that they differ
    let mut held = Vec::new();
    for _ in 0..count * TRIES {
        if held.len() == count {
            break;
        }
        let port = fastrand::u16(PORTS);
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(|listener| (port, listener)));
    }
    if held.len() < count {
        bail!("only {} of {count} ports are free", held.len());
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ() {
        let mut ports = free(5).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 5);
    }
}
