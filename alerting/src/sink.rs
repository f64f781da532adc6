//! [`AlertSink`]: what the dataflow says of alerts, written down with the epoch in which it said so.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use highwater_engine::{Batch, Epoch, Name, Sink, SinkError};
use highwater_metadata::Transaction;
use highwater_operators::Alert;
use sqlx::Row as _;
use tokio::runtime::Handle;

use crate::{
    error::AlertingError,
    ledger::Ledger,
    lifecycle::Life,
    row::{ALERTS, PENDING, fingerprint},
    store::Store,
    tracked::{News, Tracked},
};

/// How long to wait before the same is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes each commit's changes of the views `alerts` and `pending_alerts`, in one transaction together with the epoch: what
/// comes again changes nothing. Runs on a thread of its own, outside of any runtime.
pub struct AlertSink {
    store: Store,
    runtime: Handle,
    job: Name,
}

impl AlertSink {
    pub(crate) fn new(store: Store, runtime: Handle) -> AlertSink {
        AlertSink { store, runtime, job: Name::from("") }
    }

    async fn progress(&self, job: &str) -> Result<Option<Epoch>, AlertingError> {
        let row = sqlx::query("SELECT epoch FROM alerting_progress WHERE job = $1").bind(job);
        let row = row.fetch_optional(self.store.database.pool()).await?;
        row.map(|row| Ok(epoch_of(row.try_get(0)?))).transpose()
    }

    async fn holds_nothing(&self) -> Result<bool, AlertingError> {
        let row =
            sqlx::query("SELECT 1 FROM alerting_progress LIMIT 1").fetch_optional(self.store.database.pool()).await?;
        Ok(row.is_none())
    }

    async fn apply(&self, batch: &Batch) -> Result<(), AlertingError> {
        let news = news_of(batch)?;
        if news.is_empty() {
            return Ok(());
        }
        let mut ledger = self.store.ledger().await?;
        let done = progress_within(ledger.transaction(), &self.job).await?;
        if done.is_some_and(|done| batch.epoch <= done) {
            return Ok(());
        }
        if done.is_none() {
            self.end_what_others_said(&mut ledger, &news).await?;
        }
        self.hear(&mut ledger, news).await?;
        set_progress(ledger.transaction(), &self.job, batch.epoch).await?;
        ledger.commit().await
    }

    /// Another job's state knew of alerts that this one, which begins, says nothing of.
    async fn end_what_others_said(
        &self,
        ledger: &mut Ledger,
        news: &BTreeMap<Name, News>,
    ) -> Result<(), AlertingError> {
        for mut alert in ledger.open_alerts_not_of(&self.job).await? {
            if !news.contains_key(&alert.row.id) {
                let transition = alert.hear_nothing(ledger.now);
                ledger.write(alert, transition, Some(&self.job)).await?;
            }
        }
        Ok(())
    }

    /// What is gone first: an alert that late logs moved takes the place of the one that it was.
    async fn hear(&self, ledger: &mut Ledger, news: BTreeMap<Name, News>) -> Result<(), AlertingError> {
        let mut withdrawn: BTreeMap<Name, Life> = BTreeMap::new();
        let (known, new) = self.known_and_new(ledger, news).await?;
        let mut turned = Vec::new();
        for (mut alert, news) in known {
            let before = alert.life.clone();
            let transition = alert.hear(news, ledger.now);
            if alert.is_withdrawn() {
                withdrawn.insert(fingerprint(&alert.row), before);
            }
            turned.push((alert, transition));
        }
        for (row, news) in new {
            let life = withdrawn.get(&fingerprint(&row)).map_or_else(Life::default, Life::in_place_of);
            let mut alert = Tracked::new(row, life);
            let transition = alert.hear(news, ledger.now);
            turned.push((alert, transition));
        }
        // what is over first, so that what takes its place is what its group knows in the end
        turned.sort_by_key(|(alert, _)| alert.is_open());
        for (alert, transition) in turned {
            ledger.write(alert, transition, Some(&self.job)).await?;
        }
        Ok(())
    }

    async fn known_and_new(
        &self,
        ledger: &mut Ledger,
        news: BTreeMap<Name, News>,
    ) -> Result<(Vec<(Tracked, News)>, Vec<(Alert, News)>), AlertingError> {
        let (mut known, mut new) = (Vec::new(), Vec::new());
        for (id, news) in news {
            match (ledger.alert(&id).await?, news.row().cloned()) {
                (Some(alert), _) => known.push((alert, news)),
                (None, Some(row)) => new.push((row, news)),
                // gone before it was ever heard of
                (None, None) => {}
            }
        }
        Ok((known, new))
    }

    fn failed(&self, error: AlertingError) -> SinkError {
        let failed = SinkError::new(self.name(), error.to_string());
        match error {
            AlertingError::Database(_) => failed.again(PAUSE).because(error),
            _ => failed.because(error),
        }
    }
}

/// What a commit says, by alert.
fn news_of(batch: &Batch) -> Result<BTreeMap<Name, News>, AlertingError> {
    let mut all: BTreeMap<Name, News> = BTreeMap::new();
    let views = BTreeSet::from([ALERTS, PENDING]);
    for change in batch.changes.iter().filter(|change| views.contains(change.view.as_str())) {
        let id = change.record.key_text();
        let row = change.record.value.clone().map(serde_json::from_value::<Alert>).transpose();
        let row = row.map_err(|error| AlertingError::Stored {
            what: "a row of a view",
            id: id.clone(),
            cause: error.to_string(),
        })?;
        let news = all.entry(id.into()).or_default();
        if change.view.as_str() == ALERTS { news.in_alerts = Some(row) } else { news.in_pending = Some(row) }
    }
    Ok(all)
}

async fn progress_within(transaction: &mut Transaction, job: &str) -> Result<Option<Epoch>, AlertingError> {
    let row = sqlx::query("SELECT epoch FROM alerting_progress WHERE job = $1").bind(job);
    row.fetch_optional(&mut **transaction).await?.map(|row| Ok(epoch_of(row.try_get(0)?))).transpose()
}

async fn set_progress(transaction: &mut Transaction, job: &str, epoch: Epoch) -> Result<(), AlertingError> {
    sqlx::query(
        "INSERT INTO alerting_progress (job, epoch) VALUES ($1, $2) ON CONFLICT (job) DO UPDATE SET epoch = $2",
    )
    .bind(job)
    .bind(i64::try_from(epoch).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn epoch_of(stored: i64) -> Epoch {
    Epoch::try_from(stored).unwrap_or_default()
}

impl Sink for AlertSink {
    fn name(&self) -> Name {
        Name::from("alerting")
    }

    fn empty_views(&mut self) -> Result<Vec<Name>, SinkError> {
        let is_empty = self.runtime.block_on(self.holds_nothing()).map_err(|error| self.failed(error))?;
        Ok(if is_empty { vec![ALERTS.into(), PENDING.into()] } else { Vec::new() })
    }

    fn resume(&mut self, job: &Name, delivered: Option<Epoch>) -> Result<Option<Epoch>, SinkError> {
        self.job = job.clone();
        let done = self.runtime.block_on(self.progress(job)).map_err(|error| self.failed(error))?;
        Ok(done.max(delivered))
    }

    fn deliver(&mut self, batches: &[Batch]) -> Result<(), SinkError> {
        for batch in batches {
            self.runtime.block_on(self.apply(batch)).map_err(|error| self.failed(error))?;
        }
        self.store.bell.ring();
        Ok(())
    }
}
