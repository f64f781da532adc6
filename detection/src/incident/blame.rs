//! [`suspects`]: where trouble that many services show most likely began.
//!
//! Trouble travels from the called to the caller: who calls a slow service is slow. So blame travels the other way. Each
//! service starts with its own evidence, keeps a share of it and passes the rest on to those it calls; the shares are as
//! the squares of the evidence, so that somebody quiet is not blamed for having many callers. What has come to rest is the
//! blame. Around a cycle of calls it goes a bounded number of times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Calls;

/// A service that may be the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// Which service.
    pub service: String,
    /// Its share of all blame, 0 to 1.
    pub blame: f64,
}

/// The services by their share of the blame, the likely first cause first; equals by name.
///
/// ```
/// use std::collections::BTreeMap;
/// use highwater_detection::incident::{Calls, suspects};
/// let calls = Calls::of([("web", "cart"), ("web", "mail"), ("cart", "store")]);
/// let evidence = BTreeMap::from([("web".to_owned(), 9.0), ("cart".to_owned(), 8.0), ("store".to_owned(), 8.5)]);
/// let order: Vec<_> = suspects(&evidence, &calls).into_iter().map(|suspect| suspect.service).collect();
/// assert_eq!(order, ["store", "cart", "web"]);
/// ```
pub fn suspects(evidence: &BTreeMap<String, f64>, calls: &Calls) -> Vec<Suspect> {
    let weight = |service: &str| evidence.get(service).map_or(0.0, |evidence| evidence * evidence);
    let mut travelling: BTreeMap<&str, f64> = evidence
        .iter()
        .filter(|(_, evidence)| **evidence > 0.0)
        .map(|(service, own)| (service.as_str(), *own))
        .collect();
    let mut resting: BTreeMap<&str, f64> = travelling.keys().map(|service| (*service, 0.0)).collect();
    for _ in 0..ROUNDS.min(evidence.len()) {
        let mut next: BTreeMap<&str, f64> = BTreeMap::new();
        for (service, blame) in travelling {
            let total = weight(service) + calls.callees(service).map(weight).sum::<f64>();
            for callee in calls.callees(service).filter(|callee| weight(callee) > 0.0) {
                *next.entry(callee).or_default() += blame * weight(callee) / total;
            }
            *resting.entry(service).or_default() += blame * weight(service) / total;
        }
        travelling = next;
    }
    for (service, blame) in travelling {
        *resting.entry(service).or_default() += blame;
    }
    ranked(&resting)
}

/// No chain of calls that matters is longer.
const ROUNDS: usize = 16;

fn ranked(resting: &BTreeMap<&str, f64>) -> Vec<Suspect> {
    let total: f64 = resting.values().sum();
    let mut suspects: Vec<Suspect> = resting
        .iter()
        .map(|(service, blame)| Suspect { service: (*service).to_owned(), blame: blame / total.max(f64::MIN_POSITIVE) })
        .collect();
    suspects.sort_by(|one, other| other.blame.total_cmp(&one.blame));
    suspects
}
