//! Whom notices may be sent to: nobody inside, unless the configuration says so.
//!
//! A rule's owner chooses where its notices go, and the server sends them; without a guard, it would knock at any door of
//! the network that it stands in. So each name is looked up here, each address is judged, and the connection goes to the
//! very address that was judged: looking it up again could give another.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
    time::Duration,
};

/// Most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// A network: `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network: it takes an address and the bits of it that count, such as 10.0.0.0/8")]
pub struct ParseNetworkError(String);

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Network, ParseNetworkError> {
        let wrong = || ParseNetworkError(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Network { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// Whether an address is one of it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Why nothing is sent there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GuardError {
    /// No address of that name.
    #[error("the host cannot be looked up")]
    NotFound,
    /// Looking it up takes too long.
    #[error("looking the host up takes too long")]
    Timeout,
    /// It leads inside.
    #[error("the host's address {0} is not a public one; allow its network in the configuration if it is meant")]
    Refused(IpAddr),
}

/// Judges addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    allowed: Vec<Network>,
}

impl Guard {
    /// A guard that lets through what is public, and these networks.
    pub(crate) fn new(allowed: Vec<Network>) -> Guard {
        Guard { allowed }
    }

    /// Whether an address may be sent to.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        is_public(plain) || self.allowed.iter().any(|network| network.contains(plain) || network.contains(address))
    }

    /// The addresses of a host that may be sent to: those that were judged.
    ///
    /// # Errors
    /// Where there are none, or one of them is refused: a name that leads both ways is up to something.
    pub(crate) fn resolve(&self, host: &str, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, GuardError> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let addresses = look_up(host, port, timeout)?;
        match addresses.iter().find(|address| !self.permits(address.ip())) {
            Some(refused) => Err(GuardError::Refused(refused.ip())),
            None if addresses.is_empty() => Err(GuardError::NotFound),
            None => Ok(addresses),
        }
    }
}

/// The system's resolver knows no time-out, so it gets a thread, and is left behind where it takes too long.
fn look_up(host: String, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, GuardError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (say, said) = std::sync::mpsc::sync_channel(1);
    let ask = move || {
        let found = (host.as_str(), port).to_socket_addrs();
        // nobody listens any more where it took too long
        let _ = say.send(found.map(|found| found.take(MOST_ADDRESSES).collect()));
    };
    std::thread::Builder::new().name("resolver".into()).spawn(ask).map_err(|_| GuardError::NotFound)?;
    said.recv_timeout(timeout).map_err(|_| GuardError::Timeout)?.map_err(|_| GuardError::NotFound)
}

/// Whether an address is one of the public Internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Not those of the special-purpose registry (RFC 6890 and its updates), nor multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a, b) == (169, 254)
        || (a, b) == (192, 168)
        || (a == 172 && b & 0xf0 == 16)
        || (a == 100 && b & 0xc0 == 64)
        || (a == 198 && b & 0xfe == 18)
        || [(192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113), (192, 88, 99)].contains(&(a, b, c)))
}

/// Only global unicast, 2000::/3, and of that nothing that leads on to an IPv4 address or is for documents.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_teredo_or_special = first == 0x2001 && second < 0x0200;
    let is_for_documents = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    let is_six_to_four = first == 0x2002;
    first & 0xe000 == 0x2000 && !is_teredo_or_special && !is_for_documents && !is_six_to_four
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_refused() {
        let guard = Guard::default();
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fec0::1",
        ] {
            assert!(!guard.permits(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(guard.permits(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn networks_are_read_and_let_through() {
        let guard = Guard::new(vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
        for (address, expected) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.1", true),
            ("127.0.0.1", false),
            ("::1", true),
            ("::2", false),
        ] {
            assert_eq!(guard.permits(address.parse().unwrap()), expected, "{address}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("127.0.0.1".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_leads_inside_is_refused() {
        let second = Duration::from_secs(5);
        let refused = Guard::default().resolve("localhost", 80, second);
        assert!(matches!(refused, Err(GuardError::Refused(address)) if address.is_loopback()), "{refused:?}");
        let loopback = vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        assert!(Guard::new(loopback).resolve("localhost", 80, second).is_ok());
        assert!(matches!(Guard::default().resolve("[::1]", 80, second), Err(GuardError::Refused(_))));
    }
}
