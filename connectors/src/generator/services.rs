//! The catalogue: the shop's services, what they log, and which work takes which way through them.
//!
//! Data only. A message is a text with `{variables}`; [`super::messages`] says which there are.

use highwater_engine::Level::{self, Debug, Error, Info, Warn};

/// A service of the shop.
pub(super) struct Service {
    pub(super) name: &'static str,
    /// How many hosts it runs on.
    pub(super) hosts: u8,
    /// The median of the time a call takes by itself, without the calls it makes, in milliseconds.
    pub(super) median_ms: f32,
    /// How widely that time is spread: the standard deviation of its logarithm.
    pub(super) spread: f32,
    /// Of a thousand calls, how many log something at DEBUG on their way.
    pub(super) debug: u16,
    /// Of a thousand calls, how many end with a warning.
    pub(super) warn: u16,
    /// Of a thousand calls, how many end with an error, apart from those that failed because a callee did.
    pub(super) error: u16,
    /// Whether its logs carry a region.
    pub(super) region: bool,
    /// Its messages, common ones first within a level. DEBUG says what happens on the way, all others how a call ended.
    pub(super) messages: &'static [(Level, &'static str)],
}

/// A kind of work, and the calls it consists of.
#[derive(Debug)]
pub(super) struct Work {
    /// Its share among all work, in arbitrary units.
    pub(super) weight: u32,
    pub(super) flow: Flow,
    /// The page or interface it comes in by; empty where that is none.
    pub(super) page: &'static str,
    /// Service and the place of the caller in this list; a caller stands before whom it calls. The first has none.
    pub(super) calls: &'static [(usize, usize)],
}

/// How work passes from service to service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Callers wait for their callees; a trace id and spans tie the logs together.
    Request,
    /// Each hands over to the next by a queue; a correlation id ties the logs together.
    Job,
    /// One log of a host about itself, tied to nothing.
    Heartbeat,
}

/// The most calls any kind of work has.
pub(super) const MAX_CALLS: usize = 6;

// places in `SERVICES`
pub(super) const FRONTEND: usize = 0;
pub(super) const GATEWAY: usize = 1;
pub(super) const AUTH: usize = 2;
pub(super) const USER: usize = 3;
pub(super) const CATALOG: usize = 4;
pub(super) const SEARCH: usize = 5;
pub(super) const RECOMMENDATION: usize = 6;
pub(super) const CART: usize = 7;
pub(super) const CHECKOUT: usize = 8;
pub(super) const PAYMENT: usize = 9;
pub(super) const INVENTORY: usize = 10;
pub(super) const ORDER: usize = 11;
pub(super) const SHIPPING: usize = 12;
pub(super) const NOTIFICATION: usize = 13;
pub(super) const SCHEDULER: usize = 14;

/// The place of the page view in [`WORK`]: what a traffic spike consists of.
pub(super) const PAGE_VIEW: usize = 0;

/// All work there is.
pub(super) static WORK: &[Work] = &[
    // a page from the cache
    Work { weight: 200, flow: Flow::Request, page: "/", calls: &[(FRONTEND, 0), (GATEWAY, 0)] },
    // a product page
    Work {
        weight: 160,
        flow: Flow::Request,
        page: "/products",
        calls: &[(FRONTEND, 0), (GATEWAY, 0), (CATALOG, 1), (INVENTORY, 2), (RECOMMENDATION, 1)],
    },
    // a search
    Work {
        weight: 120,
        flow: Flow::Request,
        page: "/search",
        calls: &[(FRONTEND, 0), (GATEWAY, 0), (SEARCH, 1), (CATALOG, 2)],
    },
    // a login
    Work {
        weight: 80,
        flow: Flow::Request,
        page: "/login",
        calls: &[(FRONTEND, 0), (GATEWAY, 0), (AUTH, 1), (USER, 2)],
    },
    // something goes into the cart
    Work {
        weight: 90,
        flow: Flow::Request,
        page: "/cart",
        calls: &[(FRONTEND, 0), (GATEWAY, 0), (CART, 1), (INVENTORY, 2)],
    },
    // a purchase
    Work {
        weight: 130,
        flow: Flow::Request,
        page: "/checkout",
        calls: &[(FRONTEND, 0), (GATEWAY, 0), (CHECKOUT, 1), (INVENTORY, 2), (PAYMENT, 2), (ORDER, 2)],
    },
    // the mobile application
    Work { weight: 90, flow: Flow::Request, page: "/api/v2/feed", calls: &[(GATEWAY, 0), (AUTH, 0), (CATALOG, 0)] },
    // where is my order
    Work {
        weight: 60,
        flow: Flow::Request,
        page: "/orders",
        calls: &[(FRONTEND, 0), (GATEWAY, 0), (ORDER, 1), (SHIPPING, 2)],
    },
    // an order leaves the house
    Work { weight: 35, flow: Flow::Job, page: "", calls: &[(ORDER, 0), (SHIPPING, 0), (NOTIFICATION, 1)] },
    // newsletters, the search index, stock
    Work { weight: 15, flow: Flow::Job, page: "", calls: &[(SCHEDULER, 0), (NOTIFICATION, 0)] },
    Work { weight: 15, flow: Flow::Job, page: "", calls: &[(SCHEDULER, 0), (CATALOG, 0), (SEARCH, 1)] },
    Work { weight: 15, flow: Flow::Job, page: "", calls: &[(SCHEDULER, 0), (INVENTORY, 0)] },
    // the service named here stands for any
    Work { weight: 120, flow: Flow::Heartbeat, page: "", calls: &[(SCHEDULER, 0)] },
];

/// What every host says about itself, without being asked.
pub(super) static HEARTBEATS: &[(Level, &str)] = &[
    (Info, "Heartbeat: up {count} s, heap {percent} %, {few} requests in flight"),
    (Info, "Connection pool: {few} active, {few} idle, 0 waiting"),
    (Info, "Garbage collection paused {few} ms, heap {percent} % after"),
    (Warn, "Garbage collection paused {count} ms, heap {percent} % after"),
    (Warn, "Clock is {count} ms off its peers, resynchronising"),
    (Debug, "Configuration unchanged at revision {count}"),
];

/// What a caller says of a callee it calls again.
pub(super) const RETRIED: &str = "Call to {callee} failed, attempt 2 of 3 succeeded after {ms} ms";
/// What a caller says of a callee that failed.
pub(super) const CALLEE_FAILED: &str = "Call to {callee} failed after {ms} ms: upstream returned 502";
/// What a caller says of a callee that does not answer in time.
pub(super) const TIMED_OUT: &str = "Call to {callee} timed out after {ms} ms, giving up on request of {user}";

/// The three parts of a message never seen before. Their numbers have no common divisor, so a message made of the parts
/// at (n mod 8, n mod 7, n mod 9) shares no part with its neighbours and returns after 504 cycles, more than three days.
pub(super) static NOVEL: (&[&str; 8], &[&str; 7], &[&str; 9]) = (
    &[
        "Token signing key {hex}",
        "Session table shard {few}",
        "The OIDC discovery document",
        "Refresh of the permission graph",
        "Hardware security module slot {few}",
        "Consent record for tenant {count}",
        "Audience claim",
        "Federated identity bridge",
    ],
    &[
        "was refused by",
        "disagrees with",
        "deadlocked against",
        "outlived",
        "could not be decrypted by",
        "lost its quorum in",
        "was overwritten by",
    ],
    &[
        "the standby vault",
        "a certificate that is not valid before tomorrow",
        "schema revision {count}",
        "an unknown issuer",
        "the replica in the other region, falling back to read-only",
        "itself, see error code E{count}",
        "three of five nodes",
        "a stale lease that nobody holds",
        "the clock of its peer",
    ],
);

/// All services. Error and warning rates differ on purpose; together they make about 70 % INFO, 15 % WARN, 10 % ERROR and
/// 5 % DEBUG.
pub(super) static SERVICES: [Service; 15] = [
    Service {
        name: "frontend",
        hosts: 8,
        median_ms: 9.0,
        spread: 0.5,
        debug: 49,
        warn: 125,
        error: 95,
        region: false,
        messages: &[
            (Info, "GET {page} 200 in {ms} ms for {user}"),
            (Info, "Rendered {page} in {ms} ms, {few} fragments from cache"),
            (Info, "POST {page} 302 in {ms} ms from {client}"),
            (Warn, "GET {page} 404 in {ms} ms from {client}"),
            (Warn, "Slow asset bundle for {page}: {count} KiB in {ms} ms"),
            (Error, "GET {page} 500 in {ms} ms for {user}: template rendering failed"),
            (Error, "Uncaught TypeError in hydrate({page}): props.items is undefined"),
            (Debug, "Feature flags for {user}: {few} of 41 enabled"),
        ],
    },
    Service {
        name: "api-gateway",
        hosts: 6,
        median_ms: 3.0,
        spread: 0.4,
        debug: 37,
        warn: 135,
        error: 105,
        region: false,
        messages: &[
            (Info, "Routed {page} in {ms} ms, status 200, {count} bytes"),
            (Info, "Routed {page} in {ms} ms, status 304"),
            (Info, "Token of {user} accepted, request forwarded in {ms} ms"),
            (Warn, "Rate limit at {percent} % for client {client}"),
            (Warn, "Deprecated API version v1 used by {client} on {page}"),
            (Error, "Upstream reset the connection for {page} after {ms} ms, status 502"),
            (Error, "No healthy upstream for {page}, status 503"),
            (Debug, "Circuit breaker {few} half-open, probing {peer}"),
        ],
    },
    Service {
        name: "auth-service",
        hosts: 4,
        median_ms: 18.0,
        spread: 0.5,
        debug: 73,
        warn: 185,
        error: 120,
        region: true,
        messages: &[
            (Info, "Login of {user} from {client} succeeded in {ms} ms"),
            (Info, "Session {hex} refreshed for {user}"),
            (Info, "Token issued for {user}, valid for {count} s"),
            (Warn, "Login of {user} from {client} failed: wrong password, attempt {few}"),
            (Warn, "Session {hex} of {user} moved to another address {client}"),
            (Error, "Account {user} locked after {few} failed logins from {client}"),
            (Error, "Token signature of session {hex} could not be verified"),
            (Debug, "Password hash upgraded for {user}, cost {few}"),
        ],
    },
    Service {
        name: "user-service",
        hosts: 3,
        median_ms: 7.0,
        spread: 0.6,
        debug: 98,
        warn: 115,
        error: 100,
        region: false,
        messages: &[
            (Info, "Profile of {user} loaded in {ms} ms"),
            (Info, "Preferences of {user} saved, {few} changed"),
            (Info, "Address {few} of {user} verified"),
            (Warn, "Profile of {user} has no verified e-mail address"),
            (Warn, "Replica lag of {count} ms, reading {user} from primary"),
            (Error, "Update of {user} lost a race at version {count}, not retried"),
            (Debug, "Query users_by_id took {ms} ms on {peer}"),
        ],
    },
    Service {
        name: "catalog-service",
        hosts: 5,
        median_ms: 12.0,
        spread: 0.6,
        debug: 61,
        warn: 115,
        error: 95,
        region: false,
        messages: &[
            (Info, "Product {sku} served in {ms} ms, revision {count}"),
            (Info, "Price of {sku} is {amount} EUR"),
            (Info, "Listing of {count} products built in {ms} ms"),
            (Warn, "Product {sku} has no translation for locale fr-CH"),
            (Warn, "Cache miss for {sku}, loaded from database in {ms} ms"),
            (Error, "Product {sku} is inconsistent: variant {few} has no price"),
            (Error, "Database {peer} closed the connection while loading {sku}"),
            (Debug, "Evicted {count} products from cache"),
        ],
    },
    Service {
        name: "search-service",
        hosts: 4,
        median_ms: 35.0,
        spread: 0.7,
        debug: 73,
        warn: 155,
        error: 115,
        region: false,
        messages: &[
            (Info, "Search for \"{term}\" found {count} products in {ms} ms"),
            (Info, "Suggested {few} completions for \"{term}\" in {ms} ms"),
            (Info, "Facets of {few} filters computed over {count} products"),
            (Warn, "Search for \"{term}\" found nothing, trying spelling corrections"),
            (Warn, "Segment {few} of the index is {percent} % deleted, merge is due"),
            (Error, "Query parser rejected \"{term}\": unbalanced quote in \"C:\\{hex}\\\""),
            (Error, "Shard {few} on {peer} did not answer within {ms} ms, partial results"),
            (Debug, "Query plan for \"{term}\": {few} shards, {count} postings"),
        ],
    },
    Service {
        name: "recommendation-service",
        hosts: 3,
        median_ms: 45.0,
        spread: 0.6,
        debug: 110,
        warn: 165,
        error: 120,
        region: false,
        messages: &[
            (Info, "Recommended {few} products for {user} in {ms} ms, model {version}"),
            (Info, "Similar products of {sku} read from cache"),
            (Info, "Feature vector of {user} updated, {count} events"),
            (Warn, "No history for {user}, falling back to bestsellers"),
            (Warn, "Model {version} is {count} minutes old"),
            (Error, "Scoring of {user} failed: tensor has {count} features, model expects 512"),
            (Error, "NullPointerException\n\tat shop.recommend.Ranker.rank(Ranker.java:{count})\n\tat shop.Worker.run"),
            (Debug, "Explored {count} candidates for {user}"),
        ],
    },
    Service {
        name: "cart-service",
        hosts: 4,
        median_ms: 6.0,
        spread: 0.5,
        debug: 61,
        warn: 115,
        error: 80,
        region: false,
        messages: &[
            (Info, "Added {sku} to the cart of {user}, {few} items, {amount} EUR"),
            (Info, "Removed {sku} from the cart of {user}"),
            (Info, "Cart of {user} merged after login, {few} items"),
            (Warn, "Price of {sku} changed to {amount} EUR while in the cart of {user}"),
            (Warn, "Cart of {user} is about to expire"),
            (Error, "Cart of {user} could not be saved: version conflict at {count}"),
            (Debug, "Cart of {user} read from {peer} in {ms} ms"),
        ],
    },
    Service {
        name: "checkout-service",
        hosts: 4,
        median_ms: 30.0,
        spread: 0.4,
        debug: 49,
        warn: 125,
        error: 90,
        region: true,
        messages: &[
            (Info, "Order {order} of {user} placed, {amount} EUR, in {ms} ms"),
            (Info, "Checkout of {user} confirmed, {few} items, {amount} EUR"),
            (Info, "Voucher applied to {order}, {percent} % off"),
            (Warn, "Address of {user} needs confirmation before {order} ships"),
            (Warn, "Checkout of {user} took {ms} ms, budget is 500 ms"),
            (Error, "Order {order} abandoned: total {amount} EUR differs from cart"),
            (Error, "Stock for {sku} was gone when {order} was placed"),
            (Debug, "State of {order} moved to step {few}"),
        ],
    },
    Service {
        name: "payment-service",
        hosts: 4,
        median_ms: 110.0,
        spread: 0.5,
        debug: 37,
        warn: 135,
        error: 82,
        region: true,
        messages: &[
            (Info, "Payment of {amount} EUR for {order} captured in {ms} ms"),
            (Info, "Card of {user} authorised for {amount} EUR"),
            (Info, "Refund of {amount} EUR for {order} queued"),
            (Warn, "Payment for {order} needs a second factor from {user}"),
            (Warn, "Acquirer answered in {ms} ms, close to its limit"),
            (Error, "Payment of {amount} EUR for {order} failed: acquirer returned code {count}"),
            (Error, "Card of {user} declined for {amount} EUR, order {order}"),
            (Error, "Connection to acquirer {peer} refused"),
            (Debug, "Risk score of {order} is {percent}"),
        ],
    },
    Service {
        name: "inventory-service",
        hosts: 4,
        median_ms: 8.0,
        spread: 0.5,
        debug: 61,
        warn: 175,
        error: 95,
        region: false,
        messages: &[
            (Info, "Stock of {sku} is {count}, read in {ms} ms"),
            (Info, "Reserved {few} of {sku} for {order}"),
            (Info, "Stock of {sku} corrected by {few} after count"),
            (Warn, "Stock of {sku} is low: {few} left"),
            (Warn, "Reservation for {order} expires in {count} s"),
            (Error, "Reservation of {sku} for {order} failed: {few} wanted, none left"),
            (Error, "Stock of {sku} would become negative in warehouse {few}"),
            (Debug, "Lock on {sku} held for {few} ms"),
        ],
    },
    Service {
        name: "order-service",
        hosts: 3,
        median_ms: 15.0,
        spread: 0.5,
        debug: 49,
        warn: 115,
        error: 75,
        region: false,
        messages: &[
            (Info, "Order {order} stored in {ms} ms, {few} lines"),
            (Info, "Order {order} is ready for dispatch"),
            (Info, "Status of {order} sent to {user}"),
            (Warn, "Order {order} waits for stock of {sku}"),
            (Warn, "Order {order} was read {few} times within a second"),
            (Error, "Order {order} could not be stored: deadlock on partition {few}"),
            (Debug, "Event {count} of {order} published"),
        ],
    },
    Service {
        name: "shipping-service",
        hosts: 2,
        median_ms: 60.0,
        spread: 0.7,
        debug: 49,
        warn: 175,
        error: 120,
        region: false,
        messages: &[
            (Info, "Parcel for {order} is on its way to {town}"),
            (Info, "Label for {order} printed in {ms} ms, {amount} kg"),
            (Info, "Route to {town} planned → {few} stops"),
            (Warn, "Parcel for {order} is delayed in {town}"),
            (Warn, "Carrier interface slow: {ms} ms for {order}"),
            (Error, "Carrier rejected the address of {order} in {town}"),
            (Debug, "Tariff table {version} used for {order}"),
        ],
    },
    Service {
        name: "notification-service",
        hosts: 2,
        median_ms: 80.0,
        spread: 0.6,
        debug: 73,
        warn: 195,
        error: 140,
        region: false,
        messages: &[
            (Info, "Mail about {order} sent to {user} in {ms} ms"),
            (Info, "Push message delivered to {few} devices of {user}"),
            (Info, "Newsletter batch of {count} handed over"),
            (Warn, "Mail server {peer} deferred the mail to {user}, trying again in {count} s"),
            (Warn, "Template \"order-shipped\" has no text for locale pt-BR"),
            (Error, "Mail to {user} bounced: mailbox unavailable"),
            (Debug, "Queue {few} holds {count} messages"),
        ],
    },
    Service {
        name: "scheduler",
        hosts: 2,
        median_ms: 150.0,
        spread: 0.8,
        debug: 98,
        warn: 125,
        error: 70,
        region: false,
        messages: &[
            (Info, "Job {job} finished in {ms} ms, {count} rows"),
            (Info, "Job {job} handed over to workers"),
            (Info, "Lease on {job} renewed"),
            (Warn, "Job {job} started {count} ms late"),
            (Warn, "Job {job} skipped: its previous run is still going"),
            (Error, "Job {job} failed with exit code {few} after {ms} ms"),
            (Debug, "Next run of {job} in {count} s"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_agree() {
        for (place, name) in [
            (FRONTEND, "frontend"),
            (GATEWAY, "api-gateway"),
            (AUTH, "auth-service"),
            (USER, "user-service"),
            (CATALOG, "catalog-service"),
            (SEARCH, "search-service"),
            (RECOMMENDATION, "recommendation-service"),
            (CART, "cart-service"),
            (CHECKOUT, "checkout-service"),
            (PAYMENT, "payment-service"),
            (INVENTORY, "inventory-service"),
            (ORDER, "order-service"),
            (SHIPPING, "shipping-service"),
            (NOTIFICATION, "notification-service"),
            (SCHEDULER, "scheduler"),
        ] {
            assert_eq!(SERVICES[place].name, name);
        }
    }

    #[test]
    fn every_service_has_six_messages_or_more_and_one_at_every_level() {
        for service in &SERVICES {
            assert!(service.messages.len() >= 6, "{}", service.name);
            for level in [Debug, Info, Warn, Error] {
                assert!(service.messages.iter().any(|(at, _)| *at == level), "{} at {level}", service.name);
            }
        }
    }

    #[test]
    fn callers_stand_before_their_callees() {
        for work in WORK {
            assert!((1..=MAX_CALLS).contains(&work.calls.len()));
            assert!(work.calls.iter().enumerate().skip(1).all(|(place, &(_, caller))| caller < place));
        }
    }
}
