//! The audit log: who did what, when, and with what outcome. It is bounded by age and by number.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};

use crate::{clock::time, database::Database, error::Error, id::new_id, text::check_text};

/// The longest text of a field, in bytes; what is longer is cut.
const MAX_FIELD_BYTES: usize = 512;

/// After so many entries the log is cut to its bounds.
const PRUNE_EVERY: u64 = 1000;

/// Something that somebody did, or tried to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// Who: the user's name; nobody who is known if absent.
    pub actor: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The route, as it is declared: `/api/v1/alerts/rules/{id}`.
    pub route: String,
    /// To what: an id or a name.
    pub target: Option<String>,
    /// The HTTP status.
    pub outcome: u16,
    /// By which the same request is found in the logs.
    pub request_id: Option<String>,
}

/// A deed as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Given by the log.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub deed: Deed,
}

/// Which entries are looked for.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Of this user alone.
    pub actor: Option<String>,
    /// Older than this entry, by its time and id: where the page before ended.
    pub before: Option<(Timestamp, String)>,
}

/// How much the log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditBounds {
    /// Entries older than this are dropped.
    pub keep: Duration,
    /// Of the rest the newest so many stay; up to a thousand more, until they are counted again.
    pub most: u32,
}

impl Default for AuditBounds {
    /// 90 days, and a million entries.
    fn default() -> AuditBounds {
        AuditBounds { keep: Duration::from_secs(90 * 24 * 3600), most: 1_000_000 }
    }
}

/// The audit log in a database. Clones are the same log.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use highwater_metadata::{AuditBounds, AuditLog, AuditQuery, Database, Deed};
///
/// let log = AuditLog::new(Database::open(&"sqlite::memory:".parse()?).await?, AuditBounds::default());
/// log.record(Deed { actor: Some("ada".into()), method: "DELETE".into(), outcome: 204, ..Deed::default() }).await?;
/// let newest = log.list(&AuditQuery::default(), 50).await?;
/// assert_eq!(newest[0].deed.actor.as_deref(), Some("ada"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuditLog {
    database: Database,
    bounds: AuditBounds,
    recorded: Arc<AtomicU64>,
}

impl AuditLog {
    /// The one of this database.
    pub fn new(database: Database, bounds: AuditBounds) -> AuditLog {
        AuditLog { database, bounds, recorded: Arc::default() }
    }

    /// Notes a deed, and now and then drops what is beyond the bounds.
    pub async fn record(&self, deed: Deed) -> Result<AuditEntry, Error> {
        let entry = AuditEntry { id: new_id()?, at: self.database.now(), deed: bounded(deed) };
        sqlx::query(
            "INSERT INTO audit (id, at, actor, method, route, target, outcome, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&entry.id)
        .bind(entry.at.as_microsecond())
        .bind(&entry.deed.actor)
        .bind(&entry.deed.method)
        .bind(&entry.deed.route)
        .bind(&entry.deed.target)
        .bind(i64::from(entry.deed.outcome))
        .bind(&entry.deed.request_id)
        .execute(self.database.pool())
        .await?;
        if self.recorded.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            self.prune().await?;
        }
        Ok(entry)
    }

    /// Entries, newest first.
    pub async fn list(&self, query: &AuditQuery, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        check_text("actor", query.actor.as_deref().unwrap_or_default())?;
        let (at, id) = query.before.as_ref().map_or((i64::MAX, ""), |(at, id)| (at.as_microsecond(), id.as_str()));
        check_text("cursor", id)?;
        let rows = sqlx::query(
            "SELECT * FROM audit WHERE ($1 IS NULL OR actor = $1) AND (at < $2 OR (at = $2 AND id < $3))
             ORDER BY at DESC, id DESC LIMIT $4",
        )
        .bind(&query.actor)
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(self.database.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Drops what is beyond the bounds, and says how many entries that were.
    pub async fn prune(&self) -> Result<u64, Error> {
        let keep = i64::try_from(self.bounds.keep.as_micros()).unwrap_or(i64::MAX);
        let oldest = self.database.now().as_microsecond().saturating_sub(keep);
        let aged = sqlx::query("DELETE FROM audit WHERE at < $1").bind(oldest).execute(self.database.pool()).await?;
        let surplus = sqlx::query(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY at DESC, id DESC LIMIT $1 OFFSET $2)",
        )
        .bind(i64::MAX)
        .bind(i64::from(self.bounds.most))
        .execute(self.database.pool())
        .await?;
        Ok(aged.rows_affected() + surplus.rows_affected())
    }
}

/// Fields come from whoever calls: they are cut to a length, and lose what PostgreSQL cannot keep.
fn bounded(deed: Deed) -> Deed {
    let cut = |mut text: String| {
        text.truncate(text.floor_char_boundary(MAX_FIELD_BYTES));
        if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
    };
    Deed {
        actor: deed.actor.map(cut),
        method: cut(deed.method),
        route: cut(deed.route),
        target: deed.target.map(cut),
        outcome: deed.outcome,
        request_id: deed.request_id.map(cut),
    }
}

fn read(row: &AnyRow) -> Result<AuditEntry, Error> {
    let outcome: i64 = row.try_get("outcome")?;
    Ok(AuditEntry {
        id: row.try_get("id")?,
        at: time(row.try_get("at")?)?,
        deed: Deed {
            actor: row.try_get("actor")?,
            method: row.try_get("method")?,
            route: row.try_get("route")?,
            target: row.try_get("target")?,
            outcome: u16::try_from(outcome).map_err(|_| Error::Stored(format!("{outcome} is not an HTTP status")))?,
            request_id: row.try_get("request_id")?,
        },
    })
}
