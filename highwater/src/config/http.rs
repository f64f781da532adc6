//! `[http]`: who may ask, how often, and over what.

use highwater_server::{IpNet, Rates, Tls};

use super::{
    tree::{Node, Section},
    values::{text, texts, whole},
};

/// What HTTP is told besides where it listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Http {
    /// Origins whose pages may ask, too.
    pub(crate) origins: Vec<String>,
    /// Proxies that are believed about whom they ask for.
    pub(crate) proxies: Vec<IpNet>,
    /// How often each client may ask.
    pub(crate) rates: Rates,
    /// What TLS is spoken with; `None` for none.
    pub(crate) tls: Option<Tls>,
}

impl Http {
    /// What addresses begin with.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// The tables inside `[http]`, and its lists.
pub(super) fn read_http(section: &mut Section<'_>) -> Http {
    let mut http = Http::default();
    section.set("origins", &mut http.origins, origins);
    section.set("trusted_proxies", &mut http.proxies, networks);

    let mut limits = section.section("limits");
    let Rates { per_minute, search_per_minute, lookup_per_minute, login_per_hour, register_per_hour, .. } =
        &mut http.rates;
    for (key, bound) in [
        ("per_minute", per_minute),
        ("search_per_minute", search_per_minute),
        ("lookup_per_minute", lookup_per_minute),
        ("login_per_hour", login_per_hour),
        ("register_per_hour", register_per_hour),
    ] {
        limits.set(key, bound, whole(0..=1_000_000_000));
    }
    limits.set("ingest_bytes_per_second", &mut http.rates.ingest_bytes_per_second, whole(0..=1 << 40));
    limits.set("clients", &mut http.rates.clients, whole(1..=10_000_000));
    limits.finish();

    let mut tls = section.section("tls");
    let (certificate, key) = (tls.get("certificate", text), tls.get("key", text));
    http.tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Tls { certificate: certificate.into(), key: key.into() }),
        (None, None) => None,
        (Some(_), None) => {
            tls.complain("needs the key \"key\": the file of the certificate's private key");
            None
        }
        (None, Some(_)) => {
            tls.complain("needs the key \"certificate\": the file of the certificate that the key is for");
            None
        }
    };
    tls.finish();
    http
}

/// Origins as browsers say them: a scheme, a host, and a port where it is not the scheme's own.
fn origins(node: &Node) -> Result<Vec<String>, String> {
    let is_origin = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_fit = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && !b"/?#@*\\".contains(&byte);
        host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_fit))
    };
    texts(node).ok().filter(|list| list.iter().all(is_origin)).ok_or_else(|| {
        "a list of origins as browsers say them, like [\"https://dash.example.org\"]: small letters, no path, no *"
            .to_owned()
    })
}

fn networks(node: &Node) -> Result<Vec<IpNet>, String> {
    let network = |text: &String| text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)).ok();
    let list = texts(node).ok().and_then(|list| list.iter().map(network).collect());
    list.ok_or_else(|| "a list of addresses or networks, like [\"10.0.0.0/8\", \"192.0.2.7\"]".to_owned())
}
