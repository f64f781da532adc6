//! [`Group`]: alerts that are told of together, and when. A pure function of what it was told and of the clock.

use std::collections::BTreeMap;

use highwater_engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Notice, NoticeAlert, NotifyOptions, Silence, Standing};
use crate::id::id_of;

/// What kind of news a channel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tells {
    /// Whether that somebody takes care of an alert is news.
    pub(crate) acknowledged: bool,
    /// Whether it has to hear again of what somebody takes care of, too.
    pub(crate) keeps_alive: bool,
}

/// Most changes of one alert that are remembered.
const MAX_FLIPS: usize = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    alert: NoticeAlert,
    /// what the receiver was told last, and when
    told: Option<(Standing, Timestamp)>,
    /// when it began or ended, in event time
    flips: Vec<Timestamp>,
}

/// Alerts of one receiver that are told of together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) key: Name,
    pub(crate) receiver: Name,
    labels: BTreeMap<String, String>,
    options: NotifyOptions,
    tells: Tells,
    members: BTreeMap<Name, Member>,
    /// when the group came to be: tells its notices from those of one that was forgotten
    born: Timestamp,
    /// how many notices there were
    number: u64,
    last_notice: Option<Timestamp>,
    /// when to look again
    wake: Option<Timestamp>,
}

impl Group {
    /// The key of the group that an alert of these labels belongs to, and the labels that make it.
    pub(crate) fn key_of(
        receiver: &Name,
        options: &NotifyOptions,
        labels: &BTreeMap<String, String>,
    ) -> (Name, BTreeMap<String, String>) {
        let labels: BTreeMap<String, String> = if options.is_each_by_itself() {
            labels.clone()
        } else {
            let label = |name: &String| Some((name.clone(), labels.get(name)?.clone()));
            options.group_by.iter().filter_map(label).collect()
        };
        let rest = serde_json::json!([options, labels]).to_string();
        (id_of(&[receiver.as_bytes(), rest.as_bytes()]), labels)
    }

    pub(crate) fn new(
        key: Name,
        receiver: Name,
        labels: BTreeMap<String, String>,
        options: NotifyOptions,
        tells: Tells,
        born: Timestamp,
    ) -> Self {
        let members = BTreeMap::new();
        Group { key, receiver, labels, options, tells, members, born, number: 0, last_notice: None, wake: None }
    }

    /// When to call [`Group::look`] next; never for one that can be forgotten.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        self.wake
    }

    /// Takes how an alert stands now. `at` is since when, in event time.
    pub(crate) fn update(&mut self, alert: NoticeAlert, at: Timestamp, now: Timestamp) {
        let is_idle = self.members.values().all(|member| !member.alert.standing.is_open() && !self.is_unsaid(member));
        let was = self.members.get(&alert.fingerprint).map(|member| member.alert.standing);
        let begins = alert.standing.is_open() && !was.is_some_and(Standing::is_open);
        let fingerprint = alert.fingerprint.clone();
        match self.members.get_mut(&fingerprint) {
            None if !begins => return,
            None => {
                let member = Member { told: None, flips: vec![at], alert };
                self.members.insert(fingerprint.clone(), member);
            }
            Some(member) if supersedes(&alert, &member.alert) => {
                if member.alert.standing.is_open() != alert.standing.is_open() {
                    member.flips.push(at);
                    let surplus = member.flips.len().saturating_sub(MAX_FLIPS);
                    member.flips.drain(..surplus);
                }
                member.alert = alert;
            }
            Some(_) => return,
        }
        let soon = now.plus(self.options.group_wait);
        // what comes into a group where nothing is wrong is like the first of a new one
        let calm = self.last_notice.filter(|_| !is_idle).map(|last| last.plus(self.options.group_interval));
        let wake = calm.map_or(soon, |calm| calm.max(soon));
        if self.wake.is_none() || self.members.get(&fingerprint).is_some_and(|member| self.is_unsaid(member)) {
            self.wake = Some(self.wake.map_or(wake, |set| set.min(wake)));
        }
    }

    /// Says of an alert that goes to somebody else from now on that it is over here.
    pub(crate) fn leave(&mut self, fingerprint: &Name, now: Timestamp) {
        let Some(member) = self.members.get_mut(fingerprint) else { return };
        if member.alert.standing.is_open() {
            member.alert.standing = Standing::Resolved;
            member.alert.ends_at = Some(now.max(member.alert.starts_at));
        }
        self.wake = Some(self.wake.unwrap_or(now).min(now.plus(self.options.group_wait)));
    }

    /// What is to be told now, if anything. Whoever calls it too early or too often is told nothing.
    pub(crate) fn look(&mut self, now: Timestamp, silences: &[Silence]) -> Option<Notice> {
        if self.wake.is_none_or(|wake| now < wake) {
            return None;
        }
        let is_muted = |member: &Member| silences.iter().any(|silence| silence.mutes(&member.alert.labels, now));
        let heard: Vec<Name> =
            self.members.iter().filter(|(_, member)| !is_muted(member)).map(|(name, _)| name.clone()).collect();
        let has_news = heard.iter().any(|name| self.is_news(name, now));
        let is_due = self.last_notice.is_none_or(|last| last.plus(self.options.repeat_interval) <= now);
        let nags = |name: &&Name| {
            self.members.get(*name).is_some_and(|member| {
                let is_cared_for = member.alert.standing == Standing::Acknowledged && !self.tells.keeps_alive;
                member.alert.standing.is_open() && !is_cared_for && member.told.is_some()
            })
        };
        let is_repeated = !has_news && is_due && heard.iter().any(|name| nags(&name) && !self.is_put_off(name, now));
        let notice = (has_news || is_repeated).then(|| self.notice(&heard, is_repeated, now));
        self.forget(now);
        self.wake = self.next_look(now);
        notice
    }

    /// When it is time to repeat what was said; sooner, where something is left to say, or to forget.
    fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let next = now.plus(self.options.group_interval);
        let is_settled = self.members.values().all(|member| member.alert.standing.is_open() && !self.is_unsaid(member));
        let repeat = self.last_notice.filter(|_| is_settled).map(|last| last.plus(self.options.repeat_interval));
        (!self.members.is_empty()).then(|| repeat.map_or(next, |repeat| repeat.max(next)))
    }

    fn notice(&mut self, heard: &[Name], is_repeated: bool, now: Timestamp) -> Notice {
        self.number += 1;
        self.last_notice = Some(now);
        let mut alerts = Vec::new();
        for name in heard {
            let is_told = self.is_news(name, now);
            let is_put_off = self.is_put_off(name, now);
            let Some(member) = self.members.get_mut(name) else { continue };
            let standing = told_as(self.tells, member.alert.standing);
            if is_put_off || !(is_told || standing.is_open()) {
                continue;
            }
            let score = flap_score(member, &self.options, now);
            let mut alert = member.alert.clone();
            if score >= self.options.flap_threshold {
                alert.flapping = Some(score);
                let window = crate::duration::show(self.options.flap_window);
                let what = format!("began or ended {score} times within {window}: told of once per {window}");
                alert.annotations.insert("flapping".to_owned(), what);
            }
            alerts.push(alert);
            member.told = Some((standing, now));
        }
        Notice {
            id: id_of(&[self.key.as_bytes(), &self.born.as_micros().to_be_bytes(), &self.number.to_be_bytes()]),
            receiver: self.receiver.clone(),
            group_key: self.key.clone(),
            group_labels: self.labels.clone(),
            at: now,
            is_repeated,
            alerts,
            title: self.options.title.clone(),
            text: self.options.text.clone(),
        }
    }

    /// Whether the receiver knows something else of it, and may be told now.
    fn is_news(&self, name: &Name, now: Timestamp) -> bool {
        self.members.get(name).is_some_and(|member| self.is_unsaid(member)) && !self.is_put_off(name, now)
    }

    /// Whether the receiver knows something else of it.
    fn is_unsaid(&self, member: &Member) -> bool {
        is_unsaid(member, self.tells, &self.options)
    }

    /// Whether it flaps and was told of within the time over which that is counted.
    fn is_put_off(&self, name: &Name, now: Timestamp) -> bool {
        self.members.get(name).is_some_and(|member| {
            flap_score(member, &self.options, now) >= self.options.flap_threshold
                && member.told.is_some_and(|(_, at)| now < at.plus(self.options.flap_window))
        })
    }

    /// Lets go what is over, told, and calm.
    fn forget(&mut self, now: Timestamp) {
        let (tells, options) = (self.tells, &self.options);
        self.members.retain(|_, member| {
            member.alert.standing.is_open() || is_unsaid(member, tells, options) || flap_score(member, options, now) > 0
        });
    }
}

fn is_unsaid(member: &Member, tells: Tells, options: &NotifyOptions) -> bool {
    let standing = told_as(tells, member.alert.standing);
    match member.told {
        None => standing.is_open(),
        Some((told, _)) if told == standing => false,
        Some((told, _)) => standing.is_open() || (told.is_open() && options.send_resolved),
    }
}

/// A channel that knows no acknowledgements is told that it fires.
fn told_as(tells: Tells, standing: Standing) -> Standing {
    if standing == Standing::Acknowledged && !tells.acknowledged { Standing::Firing } else { standing }
}

/// How often an alert began or ended within the window that ends now.
fn flap_score(member: &Member, options: &NotifyOptions, now: Timestamp) -> u32 {
    let from = now.minus(options.flap_window);
    u32::try_from(member.flips.iter().filter(|at| **at > from).count()).unwrap_or(u32::MAX)
}

/// Whether what is said of one alert holds for the fingerprint, of which another alert was told before: what is open
/// counts more than what is over, then what began later.
fn supersedes(new: &NoticeAlert, old: &NoticeAlert) -> bool {
    new.alert_id == old.alert_id || (new.standing.is_open(), new.starts_at) >= (old.standing.is_open(), old.starts_at)
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
