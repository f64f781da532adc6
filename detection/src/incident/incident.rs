//! [`Incident`]: the series that went wrong together.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Calls, GroupingConfig, Suspect, suspects};

/// A series that is out of line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// Whose.
    pub service: String,
    /// What is measured.
    pub metric: String,
    /// The last window, by number, in which it is known to be so.
    pub until: i64,
    /// How surprising: 0 is unremarkable. Signs of different series are compared by this.
    pub surprise: f64,
    /// What was seen.
    pub actual: f64,
    /// What was expected.
    pub expected: f64,
    /// Where a value would have been unremarkable: low and high.
    pub band: [f64; 2],
}

/// A series that belongs to an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The window in which it joined.
    pub since: i64,
    /// Its strangest sign; `until` is its latest.
    pub sign: Sign,
}

/// What went wrong at the same time, at services that call each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Says which incident it is: the window that it was opened in and the service that opened it.
    pub id: String,
    /// The window in which it was opened.
    pub opened: i64,
    /// The last window in which one of its series was out of line.
    pub until: i64,
    /// The greatest evidence that one of its services gave: the mean surprise of its most surprising series.
    pub evidence: f64,
    /// The services, the likely first cause first.
    pub suspects: Vec<Suspect>,
    /// The series, in the order in which they joined, the most surprising first.
    pub members: Vec<Member>,
}

/// What became of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It is new: this is the moment to tell somebody.
    Opened,
    /// More series belong to it than before.
    Grown,
    /// All its series are back in line.
    Closed,
}

impl Sign {
    fn is_of(&self, other: &Sign) -> bool {
        self.service == other.service && self.metric == other.metric
    }
}

impl Incident {
    /// Without members yet, but with a place on the service graph.
    pub(super) fn opened_by(service: String, window: i64) -> Self {
        Incident {
            id: format!("{window}:{service}"),
            opened: window,
            until: window,
            evidence: 0.0,
            suspects: vec![Suspect { service, blame: 1.0 }],
            members: Vec::new(),
        }
    }

    /// Whether series may still join.
    pub(super) fn grows(&self, window: i64, config: &GroupingConfig) -> bool {
        window.saturating_sub(self.opened) <= config.grows.into()
    }

    /// Whether it is quiet and nothing can join any more.
    pub(super) fn is_over(&self, window: i64, config: &GroupingConfig) -> bool {
        window.saturating_sub(self.until) > config.quiet.into() && !self.grows(window, config)
    }

    /// Whether the sign is of a series that belongs here and has not left; then what is new of it is noted.
    pub(super) fn keeps(&mut self, window: i64, sign: &Sign, config: &GroupingConfig) -> bool {
        let is_here = |member: &Member| window.saturating_sub(member.sign.until) <= config.quiet.into();
        let Some(member) = self.members.iter_mut().find(|member| member.sign.is_of(sign) && is_here(member)) else {
            return false;
        };
        if sign.surprise >= config.joins_from() {
            let until = member.sign.until.max(sign.until);
            if sign.surprise > member.sign.surprise {
                member.sign = sign.clone();
            }
            member.sign.until = until;
            self.until = self.until.max(until);
        }
        true
    }

    /// Takes the signs near it, and those near them; says whether there were any.
    pub(super) fn take(&mut self, window: i64, free: &mut Vec<Sign>, calls: &Calls, config: &GroupingConfig) -> bool {
        let mut services: BTreeSet<String> = self.suspects.iter().map(|suspect| suspect.service.clone()).collect();
        let before = self.members.len();
        loop {
            let is_near = |sign: &Sign| services.iter().any(|service| calls.near(service, &sign.service));
            let taken: Vec<Sign> =
                free.extract_if(.., |sign| sign.surprise >= config.joins_from() && is_near(sign)).collect();
            if taken.is_empty() {
                break;
            }
            services.extend(taken.iter().map(|sign| sign.service.clone()));
            self.until = taken.iter().map(|sign| sign.until).fold(self.until, i64::max);
            for sign in taken {
                if !self.keeps(window, &sign, config) {
                    self.members.push(Member { since: window, sign });
                }
            }
        }
        let has_grown = self.members.len() > before;
        if has_grown {
            let order = |one: &Member, other: &Member| {
                one.since.cmp(&other.since).then(other.sign.surprise.total_cmp(&one.sign.surprise))
            };
            self.members.sort_by(order);
            self.weigh(calls, config);
        }
        has_grown
    }

    /// Says anew, by all that is known now, how strong the evidence is and whom it points to.
    pub(super) fn weigh(&mut self, calls: &Calls, config: &GroupingConfig) {
        let evidence = evidence(self.members.iter().map(|member| &member.sign), config.corroborating);
        self.evidence = evidence.values().copied().fold(self.evidence, f64::max);
        self.suspects = suspects(&evidence, calls);
    }
}

/// Each service's evidence: the mean surprise of its most surprising series; those that it lacks count as unremarkable.
pub(super) fn evidence<'a>(signs: impl IntoIterator<Item = &'a Sign>, corroborating: usize) -> BTreeMap<String, f64> {
    let mut surprises: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for sign in signs {
        surprises.entry(&sign.service).or_default().push(sign.surprise);
    }
    let corroborating = corroborating.max(1);
    let mean = |mut surprises: Vec<f64>| {
        surprises.sort_by(|one, other| other.total_cmp(one));
        surprises.iter().take(corroborating).sum::<f64>() / corroborating as f64
    };
    surprises.into_iter().map(|(service, surprises)| (service.to_owned(), mean(surprises))).collect()
}
