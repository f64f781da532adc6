//! [`Ledger`]: what changes about alerts within one transaction, whoever changes it: status, history, groups, notices.

use std::collections::{BTreeMap, HashMap};

use highwater_engine::{Name, Timestamp};
use highwater_metadata::Transaction;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::Row as _;

use crate::{
    channel::{Channel, ChannelKind},
    error::AlertingError,
    id::id_of,
    lifecycle::Transition,
    notify::{Group, Notice, NotifyOptions, Tells},
    rule,
    rule::Rule,
    silences,
    tracked::Tracked,
};

/// Whom a rule's alerts are told to.
#[derive(Clone)]
struct Route {
    receiver: Name,
    channel: ChannelKind,
    config: String,
    options: NotifyOptions,
    tells: Tells,
}

impl Route {
    fn of(rule: &Rule) -> Option<Route> {
        let (kind, config) = (rule.draft.notification_channel?, &rule.draft.notification_config);
        let channel = match Channel::read(kind, config) {
            Ok(channel) => channel,
            Err(problem) => {
                tracing::error!(rule = %rule.id, %problem, "nobody is told of this rule's alerts: its channel cannot be read");
                return None;
            }
        };
        let config = config.0.to_string();
        let receiver = id_of(&[kind.as_str().as_bytes(), config.as_bytes()]);
        let options = channel.options(&rule.draft.notification);
        Some(Route { receiver, channel: kind, config, options, tells: channel.tells() })
    }
}

/// A transaction under way, and what it has read so far.
pub(crate) struct Ledger {
    transaction: Transaction,
    pub(crate) now: Timestamp,
    routes: HashMap<Name, Option<Route>>,
    groups: BTreeMap<Name, Group>,
}

impl Ledger {
    pub(crate) fn new(transaction: Transaction, now: Timestamp) -> Ledger {
        Ledger { transaction, now, routes: HashMap::new(), groups: BTreeMap::new() }
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

    /// Puts an alert into the group that its rule sends it to now; the one that it was in before hears that it is over.
    pub(crate) async fn tell(&mut self, tracked: &mut Tracked) -> Result<(), AlertingError> {
        let alert = tracked.for_notice();
        let route = self.route(&tracked.row.rule_id).await?;
        let target = route.map(|route| {
            let (key, labels) = Group::key_of(&route.receiver, &route.options, &alert.labels);
            (key, labels, route)
        });
        if let Some(left) = tracked.group.take_if(|group| target.as_ref().is_none_or(|(key, ..)| key != group)) {
            let (fingerprint, now) = (alert.fingerprint.clone(), self.now);
            if let Some(group) = self.group(&left).await? {
                group.leave(&fingerprint, now);
            }
        }
        let Some((key, labels, route)) = target else { return Ok(()) };
        if tracked.group.is_none() && !tracked.is_open() {
            return Ok(());
        }
        let (at, now) = (tracked.at, self.now);
        tracked.group = Some(key.clone());
        match self.group(&key).await? {
            Some(group) => group.update(alert, at, now),
            None => {
                self.keep_receiver(&route).await?;
                let mut group = Group::new(key.clone(), route.receiver, labels, route.options, route.tells, now);
                group.update(alert, at, now);
                self.groups.insert(key, group);
            }
        }
        Ok(())
    }

    async fn route(&mut self, rule_id: &Name) -> Result<Option<Route>, AlertingError> {
        if let Some(route) = self.routes.get(rule_id) {
            return Ok(route.clone());
        }
        let rule = rule::load(&mut self.transaction, rule_id).await?;
        let route = rule.as_ref().and_then(Route::of);
        self.routes.insert(rule_id.clone(), route.clone());
        Ok(route)
    }

    async fn keep_receiver(&mut self, route: &Route) -> Result<(), AlertingError> {
        sqlx::query("INSERT INTO receivers (id, channel, config) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
            .bind(route.receiver.as_str())
            .bind(route.channel.as_str())
            .bind(&route.config)
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
