//! [`Identity`]: who asks, and what they may do.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use highwater_accounts::{Action, Error as AccountError, Identity as Known, allows};
use http::{HeaderMap, header};
use ipnet::IpNet;

use crate::{error::Problem, state::State};

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever reaches the server.
    Anyone,
    /// Who may send logs.
    Ingest,
    /// Who may read.
    Read,
    /// Who may make something of their own, or act on what concerns all.
    Write,
    /// Who is known at all.
    Myself,
    /// Who runs it.
    Admin,
}

impl Access {
    fn action(self) -> Option<Action<'static>> {
        match self {
            Access::Anyone => None,
            Access::Ingest => Some(Action::Ingest),
            Access::Read => Some(Action::Read),
            Access::Write => Some(Action::Create),
            Access::Myself => Some(Action::SeeSelf),
            Access::Admin => Some(Action::Administer),
        }
    }
}

/// Whom limits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// An address; of IPv6 the network of 64 bits, which one household has to itself.
    Address(IpAddr),
    /// A user, wherever they are, by their id.
    User(u128),
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) client: Client,
    who: Who,
}

#[derive(Clone, Debug)]
enum Who {
    /// Somebody who showed a token.
    User(Box<Known>),
    /// Somebody at the server's own machine, where no login is asked for: who runs it.
    Local,
    /// Somebody elsewhere, where no login is asked for.
    Guest,
    /// Somebody who showed nothing, where a login is asked for.
    Stranger,
}

/// Whose things are that were made where no login is asked for.
const NOBODY: &str = "local";

/// The cookie in which browsers keep an access token.
pub(crate) const COOKIE: &str = "highwater_session";

/// The other end of a connection, and what its request says of where it is going.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The authority of a target in absolute form, which outdoes the host header.
    pub(crate) authority: Option<String>,
}

impl Identity {
    /// The one place that tells who asks. A token that shows nobody is an error, whoever may do what is asked for; with
    /// it, who is to be counted for it. A cookie that shows nobody, which browsers send unasked, is none.
    pub(crate) async fn of(state: &State, peer: &Peer, headers: &HeaderMap) -> Result<Self, Box<(Client, Problem)>> {
        let address = origin(peer.address, headers, &state.proxies);
        let client = Client::of(address);
        if let Some(accounts) = &state.accounts
            && let Some(shown) = shown(headers).map_err(|problem| Box::new((client, problem)))?
        {
            match accounts.authenticate(shown.token).await {
                Ok(known) => {
                    let user = u128::from_str_radix(&known.user, 16).map_or(client, Client::User);
                    return Ok(Identity { client: user, who: Who::User(Box::new(known)) });
                }
                // of a session that is over, or of another job on this host: it would keep its owner from logging in
                Err(AccountError::Unauthenticated(_)) if shown.is_cookie => {}
                Err(error) => return Err(Box::new((client, refusal(error)))),
            }
        }
        // a proxy on this machine that is not configured speaks for others
        let is_forwarded = address == peer.address && headers.contains_key("x-forwarded-for");
        let who = match () {
            () if state.login_required => Who::Stranger,
            () if address.is_loopback() && !is_forwarded => Who::Local,
            () => Who::Guest,
        };
        Ok(Identity { client, who })
    }

    pub(crate) fn check(&self, access: Access) -> Result<(), Problem> {
        access.action().map_or(Ok(()), |action| self.may(action))
    }

    /// Whether they may do something.
    pub(crate) fn may(&self, action: Action<'_>) -> Result<(), Problem> {
        match (&self.who, action) {
            (Who::User(known), action) => {
                allows(known, action).map_err(|refusal| Problem::forbidden(refusal.to_string()))
            }
            (Who::Stranger, _) => Err(Problem::unauthorized(
                "log in, or show an API token, in the header `Authorization: Bearer ..`",
                false,
            )),
            (Who::Local, Action::ChangePassword | Action::KeepSession | Action::ManageAccount { .. }) => {
                Err(Problem::forbidden("log in first: nobody is logged in"))
            }
            (Who::Local, _) => Ok(()),
            (
                Who::Guest,
                Action::Change { owner: NOBODY } | Action::Ingest | Action::Read | Action::Create | Action::SeeSelf,
            ) => Ok(()),
            (Who::Guest, _) => Err(Problem::forbidden("only from the server's own machine, or logged in")),
        }
    }

    /// The user, where one is known.
    pub(crate) fn user(&self) -> Option<&Known> {
        match &self.who {
            Who::User(known) => Some(known),
            _ => None,
        }
    }

    /// What others know them by, where they are known.
    pub(crate) fn known_name(&self) -> Option<&str> {
        (!matches!(self.who, Who::Stranger)).then(|| self.name())
    }

    /// Whose the things are that they make.
    pub(crate) fn owner(&self) -> &str {
        self.user().map_or(NOBODY, |known| &known.user)
    }

    /// What others know them by.
    pub(crate) fn name(&self) -> &str {
        self.user().map_or(NOBODY, |known| known.name.as_str())
    }
}

/// What is shown.
struct Shown<'a> {
    token: &'a str,
    is_cookie: bool,
}

/// A bearer token, or a browser's cookie.
fn shown(headers: &HeaderMap) -> Result<Option<Shown<'_>>, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let bearer = value.to_str().ok().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| Shown { token: token.trim(), is_cookie: false })
        });
        return bearer.map(Some).ok_or_else(|| {
            Problem::unauthorized("the header `Authorization` is not `Bearer`, a space, and a token", true)
        });
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let cookie = pairs.find(|(name, value)| *name == COOKIE && !value.is_empty());
    Ok(cookie.map(|(_, token)| Shown { token, is_cookie: true }))
}

fn refusal(error: AccountError) -> Problem {
    match error {
        AccountError::Unauthenticated(rejection) => Problem::unauthorized(&rejection.to_string(), true),
        error => Problem::accounts(error),
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
        match self {
            Client::Address(address) => address.fmt(f),
            Client::User(id) => write!(f, "user:{id:032x}"),
        }
    }
}

impl FromStr for Client {
    type Err = std::net::AddrParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let user = text.strip_prefix("user:").and_then(|id| u128::from_str_radix(id, 16).ok());
        user.map_or_else(|| text.parse().map(Client::of), |id| Ok(Client::User(id)))
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
