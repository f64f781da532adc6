//! How often a client may ask. Each class of calls has a bucket for each client, which fills at an even pace.
//!
//! Answers say how much is left as draft-ietf-httpapi-ratelimit-headers-10 has it: `RateLimit-Policy` and `RateLimit`.

use std::num::NonZeroU32;

use governor::Quota;
use http::{HeaderName, HeaderValue};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::{
    error::Problem,
    gate::{Full, Gate, Standing},
    identity::Client,
};

/// How often one client may ask; 0 is as often as it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Calls a minute, of those that the others do not count.
    pub per_minute: u32,
    /// Searches a minute: what the log store is searched for.
    pub search_per_minute: u32,
    /// Look-ups a minute: what views or an id answer at once.
    pub lookup_per_minute: u32,
    /// Attempts to sign in an hour.
    pub login_per_hour: u32,
    /// New accounts an hour.
    pub register_per_hour: u32,
    /// Bytes of logs a second, as they come; of ten seconds at once.
    pub ingest_bytes_per_second: u64,
    /// Clients that are told apart at once; further ones share one bucket.
    pub clients: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Rates {
            per_minute: 100,
            search_per_minute: 50,
            lookup_per_minute: 200,
            login_per_hour: 20,
            register_per_hour: 10,
            ingest_bytes_per_second: 32 << 20,
            clients: 10_000,
        }
    }
}

impl Rates {
    /// Everybody may ask as often as they like.
    pub const UNLIMITED: Rates = Rates {
        per_minute: 0,
        search_per_minute: 0,
        lookup_per_minute: 0,
        login_per_hour: 0,
        register_per_hour: 0,
        ingest_bytes_per_second: 0,
        clients: 1,
    };
}

/// What counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Never refused: what orchestrators and scrapers ask, and what costs nothing.
    Free,
    Usual,
    Search,
    Lookup,
    Login,
    Register,
    /// By bytes: see [`Gates::take_bytes`].
    Ingest,
}

impl Class {
    pub(crate) const LIMITED: [Class; 6] =
        [Class::Usual, Class::Search, Class::Lookup, Class::Login, Class::Register, Class::Ingest];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Class::Free => "free",
            Class::Usual => "default",
            Class::Search => "search",
            Class::Lookup => "lookup",
            Class::Login => "login",
            Class::Register => "register",
            Class::Ingest => "ingest",
        }
    }
}

/// Ingest is counted in these many bytes.
const INGEST_UNIT: u64 = 1024;
/// Seconds of ingest that may come at once.
const INGEST_BURST: u32 = 10;

/// Every class's buckets.
pub(crate) struct Gates {
    gates: Vec<(Class, Gate)>,
    refused: Family<ClassLabel, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

impl Gates {
    pub(crate) fn new(rates: &Rates, registry: &mut Registry) -> Self {
        let of = |count: u32, quota: fn(NonZeroU32) -> Quota| NonZeroU32::new(count).map(quota);
        let units = u32::try_from(rates.ingest_bytes_per_second.div_ceil(INGEST_UNIT)).unwrap_or(u32::MAX);
        let ingest = |units: NonZeroU32| {
            Quota::per_second(units).allow_burst(units.saturating_mul(NonZeroU32::MIN.saturating_add(INGEST_BURST - 1)))
        };
        let quotas = [
            (Class::Usual, of(rates.per_minute, Quota::per_minute)),
            (Class::Search, of(rates.search_per_minute, Quota::per_minute)),
            (Class::Lookup, of(rates.lookup_per_minute, Quota::per_minute)),
            (Class::Login, of(rates.login_per_hour, Quota::per_hour)),
            (Class::Register, of(rates.register_per_hour, Quota::per_hour)),
            (Class::Ingest, of(units, ingest)),
        ];
        let gate = |(class, quota): (Class, Option<Quota>)| Some((class, Gate::new(quota?, rates.clients)));
        let refused = Family::<ClassLabel, Counter>::default();
        registry.register("highwater_rate_limit_refusals", "Requests refused by rate limits", refused.clone());
        Gates { gates: quotas.into_iter().filter_map(gate).collect(), refused }
    }

    fn gate(&self, class: Class) -> Option<&Gate> {
        self.gates.iter().find(|(own, _)| *own == class).map(|(_, gate)| gate)
    }

    /// Counts one call; none where its class has no bounds, or is counted otherwise.
    pub(crate) fn take(&self, class: Class, client: Client) -> Result<Option<Standing>, Problem> {
        if class == Class::Ingest { Ok(None) } else { self.take_units(class, client, 1) }
    }

    /// Counts bytes of logs.
    pub(crate) fn take_bytes(&self, client: Client, bytes: u64) -> Result<Option<Standing>, Problem> {
        let units = u32::try_from(bytes.div_ceil(INGEST_UNIT)).unwrap_or(u32::MAX);
        self.take_units(Class::Ingest, client, units)
    }

    fn take_units(&self, class: Class, client: Client, units: u32) -> Result<Option<Standing>, Problem> {
        let Some(gate) = self.gate(class) else { return Ok(None) };
        let Some(units) = NonZeroU32::new(units) else { return Ok(None) };
        gate.take(client, units).map(Some).map_err(|Full { standing, wait }| {
            self.refused.get_or_create(&ClassLabel { class: class.name() }).inc();
            Problem::too_many(class, standing, wait)
        })
    }

    /// Where a client stands, class by class; nothing is counted.
    pub(crate) fn standings(&self, client: Client) -> impl Iterator<Item = (Class, Option<Standing>)> {
        Class::LIMITED.into_iter().map(move |class| (class, self.gate(class).map(|gate| gate.look(client))))
    }

    /// Forgets what one client has asked; whether anything was known of it.
    pub(crate) fn reset(&self, client: Client) -> bool {
        self.gates.iter().fold(false, |known, (_, gate)| gate.forget(client) || known)
    }

    /// Forgets what everybody has asked; of how many.
    pub(crate) fn reset_all(&self) -> usize {
        self.gates.iter().map(|(_, gate)| gate.forget_all()).max().unwrap_or(0)
    }
}

impl Standing {
    /// As headers of the draft.
    pub(crate) fn headers(self, class: Class) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let Standing { quota, window, remaining, reset } = self;
        let name = class.name();
        let (scale, unit) = if class == Class::Ingest { (INGEST_UNIT, ";qu=\"content-bytes\"") } else { (1, "") };
        let (quota, remaining) = (u64::from(quota) * scale, u64::from(remaining) * scale);
        let headers = [
            ("ratelimit-policy", format!("\"{name}\";q={quota};w={window}{unit}")),
            ("ratelimit", format!("\"{name}\";r={remaining};t={reset}")),
        ];
        let header =
            |(name, value): (_, String)| Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?));
        headers.into_iter().filter_map(header)
    }
}
