//! [`Identity`]: who asks. So far it is an address; whoever signs in will be a user.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use warp::http::HeaderMap;

use crate::{error::Problem, state::State};

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever reaches the server.
    Anyone,
    /// Who runs it: without accounts, whoever is on its own machine.
    Admin,
}

/// Whom limits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// An address; of IPv6 the network of 64 bits, which one household has to itself.
    Address(IpAddr),
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) client: Client,
    is_admin: bool,
}

/// The other end of a connection, and what its request says of where it is going.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The authority of a target in absolute form, which outdoes the host header.
    pub(crate) authority: Option<String>,
}

impl Identity {
    /// The one place that tells who asks.
    pub(crate) fn of(state: &State, peer: &Peer, headers: &HeaderMap) -> Self {
        let address = origin(peer.address, headers, &state.proxies);
        // a proxy on this machine that is not configured speaks for others
        let is_forwarded = address == peer.address && headers.contains_key("x-forwarded-for");
        Identity { client: Client::of(address), is_admin: address.is_loopback() && !is_forwarded }
    }

    pub(crate) fn check(&self, access: Access) -> Result<(), Problem> {
        match access {
            Access::Anyone => Ok(()),
            Access::Admin if self.is_admin => Ok(()),
            Access::Admin => Err(Problem::forbidden("only from the server's own machine")),
        }
    }
}

/// The address that a request came from: what the last proxy that is not ours saw. A proxy that says nothing, or nothing
/// that can be read, counts itself.
fn origin(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    let mut address = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
    while is_proxy(address) {
        match hops.next().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

impl Client {
    fn of(address: IpAddr) -> Self {
        Client::Address(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address => address,
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Client::Address(address) = self;
        address.fmt(f)
    }
}

impl FromStr for Client {
    type Err = std::net::AddrParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Client::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_are_believed_of_proxies_alone() {
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let seen = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            forwarded.iter().for_each(|value| {
                headers.append("x-forwarded-for", value.parse().unwrap());
            });
            origin(peer.parse().unwrap(), &headers, &proxies).to_string()
        };
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"]), "203.0.113.7", "no proxy of ours");
        assert_eq!(seen("10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.1.1.1", &["6.6.6.6, 198.51.100.1, 10.2.2.2"]), "198.51.100.1", "the first is made up");
        assert_eq!(seen("10.1.1.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("::ffff:10.1.1.1", &["2001:db8::1"]), "2001:db8::1");
        for nothing in [&[][..], &["unknown"], &["198.51.100.1:80"], &[""]] {
            assert_eq!(seen("10.1.1.1", nothing), "10.1.1.1", "{nothing:?}");
        }
    }

    #[test]
    fn one_household_is_one_client() {
        let client = |text: &str| text.parse::<Client>().unwrap();
        assert_eq!(client("2001:db8:1:2:3::4"), client("2001:db8:1:2::"));
        assert_ne!(client("2001:db8:1:2::"), client("2001:db8:1:3::"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_eq!(client("2001:db8:1:2:3::4").to_string(), "2001:db8:1:2::");
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
