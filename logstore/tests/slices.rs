//! Slices begin, are full and go; searches never notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::time::Duration;

use common::{Records, settings, start, wait_for_all, wait_until};
use highwater_engine::{Level, Timestamp, hours};
use highwater_logstore::{Keep, LogId, Order, Query, Search, StoreSettings, StoredLog};
use tempfile::tempdir;

/// A record of so many seconds before now.
fn record(number: u64, ago: u64) -> String {
    let at = Timestamp::now().minus(Duration::from_secs(ago));
    format!(r#"{{"timestamp":"{at}","level":"INFO","service":"s{}","message":"log {number}"}}"#, number % 3)
}

#[test]
fn full_slices_are_followed_by_new_ones_and_a_start_goes_on_with_the_last() {
    let folder = tempdir().unwrap();
    let records = Records { at_once: 10, ..Records::new(vec![(0..100).map(|n| record(n, 1000 - n)).collect()]) };
    let settings = StoreSettings { slice_logs: 20, commit_interval: Duration::ZERO, ..settings(folder.path()) };
    for start_number in 0..3_u64 {
        let (_indexer, store) = start(&records, &settings);
        let status = wait_for_all(&store);
        assert_eq!(status.logs, 100 + start_number);
        assert!(status.slices >= 3, "{status:?}");
        let all: Vec<_> = store.export(Search::new(Query::All)).map(Result::unwrap).collect();
        assert_eq!(all.len() as u64, 100 + start_number);
        assert!(all.windows(2).all(|two| two[0].timestamp > two[1].timestamp));
        records.push(0, record(200, 100 - start_number));
    }
}

#[test]
fn slices_go_when_all_their_logs_are_too_old() {
    let folder = tempdir().unwrap();
    let old = (0..50).map(|n| record(n, 7300));
    let records = Records { at_once: 10, ..Records::new(vec![old.chain((50..80).map(|n| record(n, 10))).collect()]) };
    let settings = StoreSettings {
        slice_logs: 10,
        retention: hours(2),
        commit_interval: Duration::ZERO,
        ..settings(folder.path())
    };
    let (_indexer, store) = start(&records, &settings);
    let status = wait_until(&store, |status| status.finished && status.logs == 30);
    assert!(status.oldest.unwrap() > Timestamp::now().minus(hours(1)));
    assert_eq!(store.search(&Search::new(Query::All)).unwrap().total, 30);
    assert!(!settings.path.join("0").exists());
    assert_eq!(store.get(LogId::new("records", 0, 1)).unwrap(), None);
    assert!(store.get(LogId::new("records", 0, 51)).unwrap().is_some());
}

#[test]
fn the_oldest_slices_go_when_there_is_too_much() {
    let folder = tempdir().unwrap();
    let records = Records { at_once: 50, ..Records::new(vec![(0..1000).map(|n| record(n, 2000 - n)).collect()]) };
    let settings = StoreSettings {
        slice_logs: 50,
        max_bytes: 100_000,
        commit_interval: Duration::ZERO,
        ..settings(folder.path())
    };
    let (_indexer, store) = start(&records, &settings);
    let status = wait_until(&store, |status| status.finished && status.bytes <= 100_000);
    assert!(status.slices > 1 && status.logs < 1000 && status.logs >= 50, "{status:?}");
    // what is left are the newest
    let left = store.search(&Search { order: Order::Oldest, ..Search::new(Query::All) }).unwrap();
    assert_eq!(left.logs[0].id.next_offset as u64, 1001 - left.total);
}

#[test]
fn pages_neither_repeat_nor_skip_while_logs_come_merge_and_go_into_new_slices() {
    let folder = tempdir().unwrap();
    let records = Records::open();
    let settings = StoreSettings { slice_logs: 400, commit_interval: Duration::ZERO, ..settings(folder.path()) };
    let (_indexer, store) = start(&records, &settings);
    let first = 300;
    (0..first).for_each(|n| records.push(0, record(n, 5000 - n)));
    wait_until(&store, |status| status.logs == first);
    for order in [Order::Newest, Order::Oldest] {
        let mut search = Search { limit: 25, order, ..Search::new(Query::All) };
        let place = |log: &StoredLog| (log.timestamp, log.id.key());
        let there: Vec<_> = store.export(search.clone()).map(|log| place(&log.unwrap())).collect();
        let mut seen = Vec::new();
        loop {
            let found = store.search(&search).unwrap();
            seen.extend(found.logs.iter().map(place));
            let logs = store.status().logs;
            // meanwhile others come, before and after, each batch a segment of its own
            (0..10).for_each(|n| records.push(0, record(n, n * 700)));
            wait_until(&store, |status| status.logs >= logs + 10);
            search.after = found.next;
            if found.next.is_none() || seen.len() > 5_000 {
                break;
            }
        }
        let is_in_order = |two: &[_]| if order == Order::Newest { two[0] > two[1] } else { two[0] < two[1] };
        assert!(seen.windows(2).all(is_in_order));
        assert!(there.iter().all(|log| seen.contains(log)));
    }
    assert!(store.status().slices > 1);
}

#[test]
fn what_is_not_kept_is_read_all_the_same() {
    let folder = tempdir().unwrap();
    let line = |n: u32| {
        let (level, service) = (Level::ALL[n as usize % 6], ["cart", "mail"][n as usize % 2]);
        format!(r#"{{"level":"{level}","service":"{service}","trace_id":"t{}","message":"m{n}"}}"#, n / 12)
    };
    let records = Records::new(vec![(0..1200).map(line).collect()]);
    let keep = Keep { level: Level::Warn, services: ["cart".to_owned()].into(), share: 0.5 };
    let (_indexer, store) = start(&records, &StoreSettings { keep, ..settings(folder.path()) });
    let status = wait_for_all(&store);
    assert_eq!(status.positions["records"][&0], 1200);
    let kept: Vec<_> = store.export(Search::new(Query::All)).map(Result::unwrap).collect();
    assert!(kept.iter().all(|log| log.level >= Level::Warn && log.service == "cart"));
    // of a trace all that is wanted or nothing: one log of six is grave enough and of the service
    let mut traces = std::collections::BTreeMap::<_, u32>::new();
    kept.iter().for_each(|log| *traces.entry(log.trace_id.clone()).or_default() += 1);
    let whole = (0..12).filter(|n| n % 6 >= Level::Warn as u32 && n % 2 == 0).count() as u32;
    assert!(traces.values().all(|count| *count == whole), "{whole} {traces:?}");
    assert!((25..75).contains(&traces.len()), "{}", traces.len());
}
