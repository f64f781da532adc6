//! The audit log keeps what was done, in order, within its bounds: the same on both kinds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use common::HOSTILE;
use highwater_metadata::{AuditBounds, AuditLog, AuditQuery, Clock, Database, DatabaseUrl, Deed, on_each_kind};
use jiff::Timestamp;

on_each_kind!(pages_hold_each_entry_once, the_log_is_bounded_by_age_and_number, whatever_is_called_is_noted);

/// A clock that is a second further at each look.
fn ticking() -> Clock {
    let seconds = Arc::new(AtomicI64::new(1_700_000_000));
    Clock::new(move || Timestamp::from_second(seconds.fetch_add(1, Ordering::Relaxed)).unwrap())
}

fn deed(actor: &str, outcome: u16) -> Deed {
    Deed { actor: Some(actor.into()), method: "PUT".into(), route: "/rules/{id}".into(), outcome, ..Deed::default() }
}

async fn pages_hold_each_entry_once(url: DatabaseUrl) {
    let stopped = Clock::new(|| Timestamp::from_second(1_700_000_000).unwrap());
    for clock in [ticking(), stopped] {
        let database = Database::open(&url).await.unwrap().with_clock(clock);
        sqlx::query("DELETE FROM audit").execute(database.pool()).await.unwrap();
        let log = AuditLog::new(database, AuditBounds::default());
        for n in 0..30 {
            log.record(deed(if n % 3 == 0 { "ada" } else { "bob" }, 200 + n)).await.unwrap();
        }
        let mut query = AuditQuery { actor: Some("bob".into()), before: None };
        let mut outcomes = Vec::new();
        loop {
            let page = log.list(&query, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            query.before = Some((last.at, last.id.clone()));
            assert!(page.is_sorted_by_key(|entry| std::cmp::Reverse((entry.at, entry.id.clone()))));
            outcomes.extend(page.iter().map(|entry| entry.deed.outcome));
        }
        outcomes.sort_unstable();
        assert_eq!(outcomes, (200..230).filter(|outcome| (outcome - 200) % 3 != 0).collect::<Vec<_>>());
    }
}

async fn the_log_is_bounded_by_age_and_number(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap().with_clock(ticking());
    let kept = |keep, most| AuditLog::new(database.clone(), AuditBounds { keep: Duration::from_secs(keep), most });
    let all = kept(1_000_000, 1_000_000);
    for n in 0..50 {
        all.record(deed("ada", n)).await.unwrap();
    }
    assert_eq!(all.prune().await.unwrap(), 0);
    assert_eq!(kept(1_000_000, 30).prune().await.unwrap(), 20);
    let newest: Vec<u16> =
        all.list(&AuditQuery::default(), 100).await.unwrap().iter().map(|entry| entry.deed.outcome).collect();
    assert_eq!(newest, (20..50).rev().collect::<Vec<_>>());
    assert_eq!(kept(0, 30).prune().await.unwrap(), 30);

    // and by itself, at the thousandth entry
    let few = kept(1_000_000, 10);
    for n in 0..1000 {
        few.record(deed("ada", n)).await.unwrap();
    }
    assert_eq!(few.list(&AuditQuery::default(), 100).await.unwrap().len(), 10);
}

async fn whatever_is_called_is_noted(url: DatabaseUrl) {
    let log = AuditLog::new(Database::open(&url).await.unwrap(), AuditBounds::default());
    let long = "é".repeat(1000);
    for text in HOSTILE.iter().copied().chain(["", "a\0b", &long]) {
        let deed = Deed {
            actor: Some(text.into()),
            method: text.into(),
            route: text.into(),
            target: Some(text.into()),
            outcome: 404,
            request_id: Some(text.into()),
        };
        let entry = log.record(deed).await.unwrap();
        assert!(entry.deed.method.len() <= 512);
        let query = AuditQuery { actor: entry.deed.actor.clone(), before: None };
        assert_eq!(log.list(&query, 10).await.unwrap()[0].deed, entry.deed);
    }
}
