//! The service graph of the generator's shop: the calls it makes, and no others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;

use highwater_connectors::generator::{Generator, Traffic};
use highwater_engine::{Name, Settings, Timestamp, Windowed, minutes, testing::replay};
use highwater_operators::{EdgeStats, catalog};
use highwater_queries::{ServiceGraph, Standard};

/// The calls that wait for an answer, as the generator's catalogue has them; what is handed over by a queue is none.
const CALLS: [&str; 16] = [
    "api-gateway > auth-service",
    "api-gateway > cart-service",
    "api-gateway > catalog-service",
    "api-gateway > checkout-service",
    "api-gateway > order-service",
    "api-gateway > recommendation-service",
    "api-gateway > search-service",
    "auth-service > user-service",
    "cart-service > inventory-service",
    "catalog-service > inventory-service",
    "checkout-service > inventory-service",
    "checkout-service > order-service",
    "checkout-service > payment-service",
    "frontend > api-gateway",
    "order-service > shipping-service",
    "search-service > catalog-service",
];

/// Ten minutes of the shop's logs as they would be read, 5,000 an epoch.
fn script() -> Vec<Vec<(u32, String)>> {
    let from: Timestamp = "2025-10-23T14:00:00Z".parse().unwrap();
    let traffic = Traffic { logs_per_second: 60.0, incidents: false, seasons: false, ..Traffic::default() };
    let mut generator = Generator::new(traffic, from);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if generator.next(&mut line) > from.plus(minutes(10)) {
            return lines.chunks(5_000).map(<[_]>::to_vec).collect();
        }
        lines.push((0, String::from_utf8(line).unwrap()));
    }
}

#[test]
fn the_shop_calls_as_it_is_made_to() {
    let queries = Standard { service_graph: ServiceGraph { share: 1.0 }, ..Standard::default() };
    let snapshots = replay(queries, &Settings::default(), &script()).unwrap();
    let rows = snapshots.last().unwrap().rows::<Windowed<(Name, Name)>, EdgeStats>(catalog::SERVICE_GRAPH).unwrap();
    let mut edges: BTreeMap<String, u64> = BTreeMap::new();
    for (row, stats) in rows.iter() {
        *edges.entry(format!("{} > {}", row.key.0, row.key.1)).or_default() += stats.calls;
        assert!(stats.errors <= stats.calls && stats.latency.count() == stats.calls, "{row:?}");
    }
    let of = |edge: &str| edges.get(edge).copied().unwrap_or(0);
    let found: Vec<&str> = edges.keys().map(String::as_str).collect();
    assert_eq!(found, CALLS);
    // work that passes through all of these makes each call once
    assert_eq!(of("checkout-service > payment-service"), of("api-gateway > checkout-service"));
    assert_eq!(of("search-service > catalog-service"), of("api-gateway > search-service"));
}
