//! The store as its users see it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use common::{Records, settings, start, wait_for_all, wait_until};
use highwater_engine::{Level, Timestamp};
use highwater_logstore::{
    Clause, Cursor, Field, LogId, Order, Predicate, Query, Search, StoreError, StoreSettings, StoredLog, Value,
};
use tempfile::tempdir;

fn text(field: Field, text: &str) -> Query {
    Query::Clause(Clause { field, predicate: Predicate::Is(Value::Text(text.to_owned())) })
}

fn shop() -> Vec<String> {
    [
        r#"{"timestamp":"2025-10-23T14:00:00Z","level":"INFO","service":"Cart","message":"item added","trace_id":"AB12","host":"h1","basket":{"items":3}}"#,
        r#"{"timestamp":"2025-10-23T14:00:01Z","level":"ERROR","service":"payment","message":"Payment failed: card declined","trace_id":"ab12","latency_ms":12.5}"#,
        r#"{"timestamp":"2025-10-23T14:00:02Z","level":"WARN","service":"payment","message":"retrying payment","correlation_id":"ab12","trace_id":"other"}"#,
        "not json at all, and a log all the same",
        "",
        r#"{"timestamp":"2025-10-23T14:00:03Z","level":"INFO","service":"cart","message":"item removed","span_id":"s1"}"#,
    ]
    .map(str::to_owned)
    .to_vec()
}

fn messages(logs: &[StoredLog]) -> Vec<&str> {
    logs.iter().map(|log| log.message.as_str()).collect()
}

#[test]
fn what_is_read_is_found_counted_and_shown() {
    let folder = tempdir().unwrap();
    let (_indexer, store) = start(&Records::new(vec![shop()]), &settings(folder.path()));
    let status = wait_for_all(&store);
    assert_eq!((status.logs, status.slices, status.failure), (5, 1, None));
    assert_eq!(status.positions["records"][&0], 6);

    let found = store.search(&Search { aggregate: true, limit: 2, ..Search::new(Query::All) }).unwrap();
    assert_eq!(found.total, 5);
    assert_eq!(messages(&found.logs), ["item removed", "retrying payment"]);
    assert_eq!(found.by_level[&Level::Info], 3);
    assert_eq!(found.by_service.top[0], ("payment".to_owned(), 2));
    assert_eq!(found.histogram.iter().map(|(_, count)| count).sum::<u64>(), 5);
    let next = store.search(&Search { after: found.next, limit: 10, ..Search::new(Query::All) }).unwrap();
    assert_eq!(next.logs.len(), 3);
    assert_eq!((next.total, next.next), (5, None));

    let found = store.search(&Search::new(text(Field::Message, "payment FAILED"))).unwrap();
    assert_eq!(messages(&found.logs), ["Payment failed: card declined"]);
    let log = &found.logs[0];
    assert_eq!(log.id, LogId::new("records", 0, 2));
    assert_eq!((log.level, log.latency_ms), (Level::Error, Some(12.5)));
    assert_eq!(store.get(log.id).unwrap().as_ref(), Some(log));
    assert_eq!(store.get(LogId::new("records", 0, 5)).unwrap(), None);
    assert_eq!(store.get(LogId::new("other", 0, 2)).unwrap(), None);

    let trace = store.trace("aB12", 100).unwrap();
    assert_eq!(messages(&trace), ["item added", "Payment failed: card declined", "retrying payment"]);
    let cart = store.search(&Search { order: Order::Oldest, ..Search::new(text(Field::Service, "CART")) }).unwrap();
    assert_eq!(messages(&cart.logs), ["item added", "item removed"]);
    assert_eq!(cart.logs[0].attributes["basket"]["items"], 3);
    let exported: Result<Vec<_>, _> = store.export(Search::new(Query::All)).collect();
    assert_eq!(exported.unwrap().len(), 5);
}

#[test]
fn bounds_in_time_are_from_and_before() {
    let folder = tempdir().unwrap();
    let (_indexer, store) = start(&Records::new(vec![shop()]), &settings(folder.path()));
    wait_for_all(&store);
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let (from, to) = (at("2025-10-23T14:00:01Z"), at("2025-10-23T14:00:03Z"));
    let found = store.search(&Search { from, to, aggregate: true, ..Search::new(Query::All) }).unwrap();
    assert_eq!(messages(&found.logs), ["retrying payment", "Payment failed: card declined"]);
    assert_eq!((found.total, found.by_level.len()), (2, 2));
    let error = store.search(&Search { limit: 10_001, ..Search::new(Query::All) });
    assert!(matches!(error, Err(StoreError::TooMany { .. })));
    assert!("1-2-3".parse::<Cursor>().is_err());
}

#[test]
fn a_search_takes_no_longer_than_it_may() {
    let folder = tempdir().unwrap();
    let patience = std::time::Duration::ZERO;
    let records = Records::new(vec![(0..200).map(|n| format!("log {n}")).collect()]);
    let (_indexer, store) = start(&records, &StoreSettings { search_patience: patience, ..settings(folder.path()) });
    wait_for_all(&store);
    assert!(matches!(store.search(&Search::new(Query::All)), Err(StoreError::TooSlow(_))));
    let mut export = store.export(Search::new(Query::All));
    assert!(export.next().unwrap().is_err());
    assert!(export.next().is_none());
}

#[test]
fn the_tail_hears_logs_as_they_are_read() {
    let folder = tempdir().unwrap();
    let records = Records::open();
    let (indexer, store) = start(&records, &settings(folder.path()));
    let mut tail = store.tail(10);
    records.push(0, "one");
    let heard = tail.blocking_next().unwrap();
    assert_eq!((messages(&heard.logs), heard.missed), (vec!["one"], 0));
    // what is counted may take a moment longer to be found
    wait_until(&store, |_| store.get(heard.logs[0].id).unwrap().is_some());
    assert_eq!(store.get(heard.logs[0].id).unwrap().unwrap(), heard.logs[0]);
    drop(indexer);
    assert_eq!(tail.blocking_next(), None);
    assert_eq!(store.tail(1).blocking_next(), None);
}

/// What can be found once all that was before a tail can be, and what it hears: together each log, once.
#[tokio::test]
async fn a_tail_goes_on_where_searches_end() {
    const LOGS: usize = 3000;
    let folder = tempdir().unwrap();
    let records = Records { at_once: 7, ..Records::open() };
    let (_indexer, store) = start(&records, &settings(folder.path()));
    let mut tails = Vec::new();
    for number in 0..LOGS {
        if number % 300 == 10 {
            // some while logs are on their way, some while none are
            tails.push(store.tail(LOGS));
        }
        if number % 900 == 0 {
            wait_until(&store, |status| status.logs == number as u64);
        }
        records.push(0, number.to_string());
    }
    let all = Search { order: Order::Oldest, limit: 10_000, ..Search::new(Query::All) };
    let mut turns = 0;
    for mut tail in tails {
        assert!(tail.began().clone().all_found().await);
        let mut numbers: Vec<String> = store
            .first(&all)
            .unwrap()
            .into_iter()
            .filter(|log| tail.began().is_after(log.id))
            .map(|log| log.message)
            .collect();
        numbers.sort_by_key(|number| number.parse::<usize>().unwrap());
        turns += usize::from(!numbers.is_empty());
        while numbers.len() < LOGS {
            let heard = tail.next().await.unwrap();
            assert_eq!(heard.missed, 0);
            let later = heard.logs.iter().filter(|log| !tail.began().is_after(log.id));
            numbers.extend(later.map(|log| log.message.clone()));
        }
        assert!(numbers.into_iter().eq((0..LOGS).map(|number| number.to_string())));
    }
    assert!(turns >= 3, "tails began after logs, too");
}

#[test]
fn a_folder_has_one_owner_and_one_format() {
    let folder = tempdir().unwrap();
    let settings = settings(folder.path());
    let (indexer, store) = start(&Records::new(vec![shop()]), &settings);
    let again = || {
        let (engine, registry) = (Default::default(), &mut Default::default());
        highwater_logstore::Indexer::start(Vec::new(), engine, settings.clone(), registry)
    };
    assert!(matches!(again(), Err(StoreError::InUse { .. })));
    wait_for_all(&store);
    drop((indexer, store));
    let meta = settings.path.join("0/meta.json");
    let written = std::fs::read_to_string(&meta).unwrap();
    std::fs::write(&meta, written.replace(r#"\"format\":1"#, r#"\"format\":2"#)).unwrap();
    assert!(matches!(again(), Err(StoreError::Format { found: 2, expected: 1, .. })));
    std::fs::write(&meta, "{").unwrap();
    assert!(matches!(again(), Err(StoreError::Damaged { .. })));
}
