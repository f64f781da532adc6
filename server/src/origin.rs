//! Who may ask: a web page elsewhere must not reach through its reader's browser.

use http::{HeaderMap, header};

use crate::{cors, error::Problem, identity::Peer, state::State};

/// A server on loopback answers to loopback's names only: a web page elsewhere can point its own name here.
pub(crate) fn check_host(state: &State, peer: &Peer, headers: &HeaderMap) -> Result<(), Problem> {
    if !state.address.ip().is_loopback() {
        return Ok(());
    }
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    for host in host.into_iter().chain(peer.authority.as_deref()) {
        if !is_own(state, host) {
            return Err(Problem::misdirected(host));
        }
    }
    Ok(())
}

fn is_own(state: &State, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_loopback = name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    is_loopback || state.hosts.iter().any(|known| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host))
}

/// A browser says which page it acts for; only our own, and those that are configured, may write or listen in.
pub(crate) fn check_origin(state: &State, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.to_str().unwrap_or("?").split_once("://").map(|(_, authority)| authority);
    if (authority.is_some() && authority == host) || cors::is_welcome(state, origin) {
        return Ok(());
    }
    Err(Problem::forbidden("a page of another origin may not do this"))
}
