//! [`Ledger`]: what changes about alerts within one transaction, whoever changes it: status, history, groups, notices.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use highwater_engine::{Name, Timestamp};
use highwater_metadata::{Transaction, is_id};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::Row as _;

use crate::{
    error::AlertingError,
    lifecycle::Transition,
    notify::{Group, Notice, NoticeAlert},
    route::Route,
    rule,
    secrets::Table,
    silences,
    store::Store,
    tracked::Tracked,
};

type Labels = BTreeMap<String, String>;

/// A transaction under way, and what it has read so far.
pub(crate) struct Ledger {
    transaction: Transaction,
    pub(crate) now: Timestamp,
    store: Store,
    /// by the rule's id
    routes: HashMap<Name, Arc<[Route]>>,
    groups: BTreeMap<Name, Group>,
}

impl Ledger {
    pub(crate) fn new(transaction: Transaction, now: Timestamp, store: Store) -> Ledger {
        Ledger { transaction, now, store, routes: HashMap::new(), groups: BTreeMap::new() }
    }

    pub(crate) fn transaction(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    pub(crate) async fn alert(&mut self, id: &str) -> Result<Option<Tracked>, AlertingError> {
        let row = sqlx::query("SELECT body FROM alerts WHERE id = $1").bind(id);
        let row = row.fetch_optional(&mut *self.transaction).await?;
        row.map(|row| read("alert", id, row.try_get::<&str, _>(0)?)).transpose()
    }

    /// Alerts of a rule that are not over.
    pub(crate) async fn open_alerts_of(&mut self, rule_id: &str) -> Result<Vec<Tracked>, AlertingError> {
        let rows = sqlx::query("SELECT body FROM alerts WHERE rule_id = $1 AND status <> 'resolved'").bind(rule_id);
        let rows = rows.fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| read("alert of rule", rule_id, row.try_get::<&str, _>(0)?)).collect()
    }

    /// Alerts that are not over, of which another job than this one spoke last.
    pub(crate) async fn open_alerts_not_of(&mut self, job: &str) -> Result<Vec<Tracked>, AlertingError> {
        let rows = sqlx::query("SELECT body FROM alerts WHERE job <> $1 AND status <> 'resolved'").bind(job);
        let rows = rows.fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| read("alert not of job", job, row.try_get::<&str, _>(0)?)).collect()
    }

    /// Writes down how an alert stands, and tells whoever is to be told. `job` is that of whoever says so, where it is
    /// the dataflow.
    pub(crate) async fn write(
        &mut self,
        mut tracked: Tracked,
        transition: Option<Transition>,
        job: Option<&str>,
    ) -> Result<(), AlertingError> {
        let Some(status) = tracked.life.status() else { return Ok(()) };
        self.tell(&mut tracked).await?;
        let changed_at = transition.as_ref().map(|_| self.now.as_micros());
        sqlx::query(
            "INSERT INTO alerts (id, rule_id, rule, job, status, since, changed_at, body) \
             VALUES ($1, $2, $3, COALESCE($4, ''), $5, $6, COALESCE($7, 0), $8) \
             ON CONFLICT (id) DO UPDATE SET rule_id = $2, rule = $3, job = COALESCE($4, alerts.job), status = $5, \
             since = $6, changed_at = COALESCE($7, alerts.changed_at), body = $8",
        )
        .bind(tracked.row.id.as_str())
        .bind(tracked.row.rule_id.as_str())
        .bind(tracked.row.rule.as_str())
        .bind(job)
        .bind(status.as_str())
        .bind(tracked.row.since.as_micros())
        .bind(changed_at)
        .bind(written(&tracked))
        .execute(&mut *self.transaction)
        .await?;
        match transition {
            Some(transition) => self.write_transition(&transition).await,
            None => Ok(()),
        }
    }

    async fn write_transition(&mut self, transition: &Transition) -> Result<(), AlertingError> {
        sqlx::query(
            "INSERT INTO alert_transitions (id, alert_id, sequence, from_status, to_status, at, cause, who, comment) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(transition.id.as_str())
        .bind(transition.alert_id.as_str())
        .bind(i64::try_from(transition.sequence).unwrap_or(i64::MAX))
        .bind(transition.from.map(|status| status.as_str()))
        .bind(transition.to.as_str())
        .bind(transition.at.as_micros())
        .bind(transition.cause.as_str())
        .bind(transition.who.as_deref())
        .bind(transition.comment.as_deref())
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Puts an alert into the groups that it is told with now; those that it was in before hear that it is over.
    async fn tell(&mut self, tracked: &mut Tracked) -> Result<(), AlertingError> {
        let alert = tracked.for_notice();
        let targets = self.targets(&alert).await?;
        let left: Vec<Name> = tracked.groups.iter().filter(|key| !targets.contains_key(*key)).cloned().collect();
        for key in left {
            let now = self.now;
            if let Some(group) = self.group(&key).await? {
                group.leave(&alert.fingerprint, now);
            }
            tracked.groups.remove(&key);
        }
        for (key, (labels, route)) in targets {
            if tracked.groups.contains(&key) || tracked.is_open() {
                self.tell_group(&key, labels, &route, alert.clone(), tracked.at).await?;
                tracked.groups.insert(key);
            }
        }
        Ok(())
    }

    /// The groups that an alert belongs to now.
    async fn targets(&mut self, alert: &NoticeAlert) -> Result<BTreeMap<Name, (Labels, Route)>, AlertingError> {
        let routes = self.routes(&alert.rule_id).await?;
        let target = |route: &Route| {
            let (key, labels) = Group::key_of(&route.receiver, &route.options, &alert.labels);
            (key, (labels, route.clone()))
        };
        Ok(routes.iter().map(target).collect())
    }

    async fn tell_group(
        &mut self,
        key: &Name,
        labels: Labels,
        route: &Route,
        alert: NoticeAlert,
        at: Timestamp,
    ) -> Result<(), AlertingError> {
        let now = self.now;
        if let Some(group) = self.group(key).await? {
            group.update(alert, at, now);
            return Ok(());
        }
        self.keep_receiver(route).await?;
        let Route { receiver, options, tells, .. } = route.clone();
        let mut group = Group::new(key.clone(), receiver, labels, options, tells, now);
        group.update(alert, at, now);
        self.groups.insert(key.clone(), group);
        Ok(())
    }

    /// Alerts that are not over go to whom they are to be told now: the configuration may say otherwise than before.
    pub(crate) async fn settle_routes(&mut self) -> Result<(), AlertingError> {
        let rows = sqlx::query("SELECT id, body FROM alerts WHERE status <> 'resolved'");
        for row in rows.fetch_all(&mut *self.transaction).await? {
            let tracked: Tracked = read("alert", row.try_get(0)?, row.try_get(1)?)?;
            let targets: BTreeSet<Name> = self.targets(&tracked.for_notice()).await?.into_keys().collect();
            if tracked.is_open() && tracked.groups != targets {
                self.write(tracked, None, None).await?;
            }
        }
        Ok(())
    }

    /// The rule's own channel, or whom the configuration names.
    async fn routes(&mut self, rule_id: &Name) -> Result<Arc<[Route]>, AlertingError> {
        if let Some(routes) = self.routes.get(rule_id) {
            return Ok(routes.clone());
        }
        let routes = match rule::load(&mut self.transaction, &self.store.secrets, rule_id).await? {
            Some(rule) => {
                let own = Route::of(&rule, &self.store.secrets);
                own.map_or_else(|| self.store.defaults.clone(), |route| [route].into())
            }
            // a rule that somebody made has an id, and this one is gone; one that a query has built in has a name
            None if is_id(rule_id) => [].into(),
            None => self.store.defaults.clone(),
        };
        self.routes.insert(rule_id.clone(), routes.clone());
        Ok(routes)
    }

    async fn keep_receiver(&mut self, route: &Route) -> Result<(), AlertingError> {
        sqlx::query("INSERT INTO receivers (id, channel, config) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
            .bind(route.receiver.as_str())
            .bind(route.channel.as_str())
            .bind(self.store.secrets.seal(Table::Receivers, &route.receiver, &route.config)?)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    async fn group(&mut self, key: &Name) -> Result<Option<&mut Group>, AlertingError> {
        if !self.groups.contains_key(key) {
            let row = sqlx::query("SELECT body FROM notice_groups WHERE id = $1").bind(key.as_str());
            if let Some(row) = row.fetch_optional(&mut *self.transaction).await? {
                self.groups.insert(key.clone(), read("group", key, row.try_get::<&str, _>(0)?)?);
            }
        }
        Ok(self.groups.get_mut(key))
    }

    /// Takes up the groups that are to be looked at, a number of them at once. Says whether there were as many.
    pub(crate) async fn take_due_groups(&mut self) -> Result<bool, AlertingError> {
        const AT_ONCE: i64 = 200;
        let rows = sqlx::query("SELECT id FROM notice_groups WHERE wake_at <= $1 ORDER BY wake_at LIMIT $2");
        let rows = rows.bind(self.now.as_micros()).bind(AT_ONCE).fetch_all(&mut *self.transaction).await?;
        for row in &rows {
            self.group(&row.try_get::<String, _>(0)?.into()).await?;
        }
        Ok(i64::try_from(rows.len()).is_ok_and(|taken| taken == AT_ONCE))
    }

    /// Looks at the groups that were touched, queues what is due, and makes all of it last.
    pub(crate) async fn commit(mut self) -> Result<(), AlertingError> {
        let silences = if self.groups.is_empty() {
            Vec::new()
        } else {
            silences::in_force(&mut self.transaction, self.now).await?
        };
        for mut group in std::mem::take(&mut self.groups).into_values() {
            if let Some(notice) = group.look(self.now, &silences) {
                self.queue(&notice).await?;
            }
            self.keep_group(&group).await?;
        }
        self.transaction.commit().await?;
        Ok(())
    }

    async fn queue(&mut self, notice: &Notice) -> Result<(), AlertingError> {
        if notice.is_repeated {
            // what waits says it already
            let waiting = sqlx::query("SELECT 1 FROM notices WHERE notice_group = $1 LIMIT 1");
            let waiting = waiting.bind(notice.group_key.as_str()).fetch_optional(&mut *self.transaction).await?;
            if waiting.is_some() {
                return Ok(());
            }
        }
        sqlx::query(
            "INSERT INTO notices (id, receiver, notice_group, created_at, due_at, attempts, body) \
             VALUES ($1, $2, $3, $4, $4, 0, $5) ON CONFLICT (id) DO NOTHING",
        )
        .bind(notice.id.as_str())
        .bind(notice.receiver.as_str())
        .bind(notice.group_key.as_str())
        .bind(notice.at.as_micros())
        .bind(written(notice))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn keep_group(&mut self, group: &Group) -> Result<(), AlertingError> {
        let Some(wake) = group.wake() else {
            sqlx::query("DELETE FROM notice_groups WHERE id = $1")
                .bind(group.key.as_str())
                .execute(&mut *self.transaction)
                .await?;
            return Ok(());
        };
        sqlx::query(
            "INSERT INTO notice_groups (id, receiver, wake_at, body) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET wake_at = $3, body = $4",
        )
        .bind(group.key.as_str())
        .bind(group.receiver.as_str())
        .bind(wake.as_micros())
        .bind(written(group))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

/// As JSON. What is stored has only keys that are texts, so that it always can be.
pub(crate) fn written<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads what [`written`] wrote.
pub(crate) fn read<T: DeserializeOwned>(what: &'static str, id: &str, text: &str) -> Result<T, AlertingError> {
    serde_json::from_str(text).map_err(|error| AlertingError::Stored {
        what,
        id: id.to_owned(),
        cause: error.to_string(),
    })
}
