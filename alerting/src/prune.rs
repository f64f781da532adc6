//! Lets go of what is old, so that the database does not grow for ever.

use std::time::Duration;

use highwater_metadata::Database;

use crate::{clock, error::AlertingError};

/// Most notices that may wait for one receiver, and most dead letters.
const MOST_WAITING: i64 = 10_000;
const MOST_DEAD: i64 = 10_000;

/// Deletes alerts that ended, silences, and dead letters, each longer ago than `retention`; what waits for a receiver beyond
/// the bound, the oldest first; and receivers that nothing is for.
pub(crate) async fn prune(database: &Database, retention: Duration) -> Result<(), AlertingError> {
    let before = clock::now().minus(retention).as_micros();
    let mut transaction = database.begin().await?;
    for statement in [
        "DELETE FROM alerts WHERE status = 'resolved' AND changed_at < $1",
        "DELETE FROM silences WHERE ends_at < $1",
        "DELETE FROM dead_letters WHERE died_at < $1",
    ] {
        sqlx::query(statement).bind(before).execute(&mut *transaction).await?;
    }
    for (statement, most) in [
        (
            "INSERT INTO dead_letters (id, receiver, notice_group, created_at, died_at, attempts, reason, body) \
             SELECT id, receiver, notice_group, created_at, due_at, attempts, 'too many wait for this receiver', body \
             FROM (SELECT n.*, ROW_NUMBER() OVER (PARTITION BY receiver ORDER BY created_at DESC, id DESC) AS place \
             FROM notices n) AS placed WHERE place > $1 ON CONFLICT (id) DO NOTHING",
            MOST_WAITING,
        ),
        (
            "DELETE FROM dead_letters WHERE id IN (SELECT id FROM (SELECT id, \
             ROW_NUMBER() OVER (ORDER BY died_at DESC, id DESC) AS place FROM dead_letters) AS placed WHERE place > $1)",
            MOST_DEAD,
        ),
    ] {
        sqlx::query(statement).bind(most).execute(&mut *transaction).await?;
    }
    for statement in [
        "DELETE FROM notices WHERE id IN (SELECT id FROM dead_letters)",
        "DELETE FROM receivers WHERE id NOT IN (SELECT receiver FROM notice_groups) \
         AND id NOT IN (SELECT receiver FROM notices) AND id NOT IN (SELECT receiver FROM dead_letters)",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
