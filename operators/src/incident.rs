//! [`IncidentRecord`]: anomalies of the same time, at services that call each other, with the likely first cause first.

use std::{collections::BTreeMap, time::Duration};

use highwater_detection::incident::{Calls, GroupingConfig, Sign, Stretch, Suspect, group};
use highwater_engine::{Name, Timestamp, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Anomaly, Real, Severity};

/// Anomalies that are one incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct IncidentRecord {
    /// Says which incident it is: when it began, and where it showed first.
    pub id: String,
    /// Where the first window of its first anomaly starts.
    pub started_at: Timestamp,
    /// Where the last window of its last anomaly ends.
    pub ended_at: Timestamp,
    /// The highest severity of its anomalies.
    pub severity: Severity,
    /// Its services, the likely first cause first.
    pub suspects: Vec<SuspectRecord>,
    /// The ids of its anomalies, in the order in which they began, [`IncidentRecord::MOST_ANOMALIES`] at most.
    pub anomalies: Vec<String>,
    /// The same as a sentence.
    pub description: String,
}

/// A service of an incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SuspectRecord {
    /// Which service.
    pub service: Name,
    /// Its share of the blame, 0 to 1: trouble is passed on to those that a service calls.
    pub blame: Real,
}

/// Incidents are told by windows of this length.
const WINDOW: Duration = seconds(10);
/// For two minutes after it was opened an incident grows, and a minute after its last anomaly it is over.
const GROUPING: GroupingConfig =
    GroupingConfig { corroborating: 1, open_from: 0.0, join_from: 0.0, grows: 12, quiet: 6, most_open: 64 };
/// No anomaly is surer than this: what was never there before has a score of 1, whose odds would be infinite.
const SUREST: f64 = 0.95;

impl IncidentRecord {
    /// Anomalies that are listed.
    pub const MOST_ANOMALIES: usize = 100;
}

/// The incidents of these anomalies, by the time that they began. Those of all services together belong to none: they say
/// nothing of where. An anomaly's weight is the odds of its score, score / (1 − score). A function of its arguments
/// alone, whatever their order.
pub fn incidents<'a>(
    anomalies: impl IntoIterator<Item = &'a Anomaly>,
    calls: impl IntoIterator<Item = (&'a Name, &'a Name)>,
) -> Vec<IncidentRecord> {
    let calls = Calls::of(calls.into_iter().map(|(caller, callee)| (caller.as_str(), callee.as_str())));
    // what belongs together is told by the metric's name: here the anomaly's own, which no other has
    let by_id: BTreeMap<&str, &Anomaly> =
        anomalies.into_iter().filter(|anomaly| anomaly.service.is_some()).map(|one| (one.id.as_str(), one)).collect();
    let stretches = by_id.values().filter_map(|anomaly| stretch(anomaly));
    let grouped = group(stretches, &calls, &GROUPING);
    grouped
        .into_iter()
        .filter_map(|incident| {
            let ids = incident.members.iter().map(|member| member.sign.metric.as_str());
            let members: Vec<&Anomaly> = ids.filter_map(|id| by_id.get(id).copied()).collect();
            record(&members, incident.suspects)
        })
        .collect()
}

fn stretch(anomaly: &Anomaly) -> Option<Stretch> {
    let number = |at: Timestamp| at.as_micros().div_euclid(WINDOW.as_micros() as i64);
    let score = (*anomaly.score).clamp(0.0, SUREST);
    let sign = Sign {
        service: anomaly.service.as_ref()?.to_string(),
        metric: anomaly.id.clone(),
        until: number(anomaly.window_end.minus(Duration::from_micros(1))),
        surprise: score / (1.0 - score),
        actual: *anomaly.actual_value,
        expected: *anomaly.expected_value,
        band: anomaly.evidence.band.map(|end| end.0),
    };
    Some(Stretch { first: number(anomaly.window_start), sign })
}

fn record(members: &[&Anomaly], suspects: Vec<Suspect>) -> Option<IncidentRecord> {
    let mut members = members.to_vec();
    members.sort_by_key(|anomaly| (anomaly.window_start, &anomaly.id));
    let first = members.first()?;
    let started_at = first.window_start;
    let ended_at = members.iter().map(|anomaly| anomaly.window_end).max()?;
    let severity = members.iter().map(|anomaly| anomaly.severity).max()?;
    let suspects: Vec<SuspectRecord> = suspects
        .into_iter()
        .map(|Suspect { service, blame }| SuspectRecord { service: Name::from(service), blame: blame.into() })
        .collect();
    let cause = suspects.first().map_or_else(|| Name::from(""), |suspect| suspect.service.clone());
    Some(IncidentRecord {
        id: format!("{started_at}:{}", first.service.as_deref().unwrap_or_default()),
        started_at,
        ended_at,
        severity,
        description: describe(&members, &cause, suspects.len()),
        anomalies: members.iter().take(IncidentRecord::MOST_ANOMALIES).map(|anomaly| anomaly.id.clone()).collect(),
        suspects,
    })
}

fn describe(members: &[&Anomaly], cause: &Name, services: usize) -> String {
    let mut metrics: Vec<&str> = members.iter().map(|anomaly| anomaly.metric_name.as_str()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let (anomalies, metrics) = (members.len(), metrics.join(", "));
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (of, at) = (plural(anomalies), plural(services));
    format!(
        "{anomalies} anomal{} ({metrics}) of {services} service{at}, likely first cause {cause}",
        if of.is_empty() { "y" } else { "ies" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detection, History, Subject, detect};
    use highwater_engine::Window;

    fn anomaly(service: &str, metric: &str, from: i64, value: f64) -> Anomaly {
        let of = Subject { metric: Name::from(metric), service: Some(Name::from(service)), size: WINDOW };
        let config = Detection { z_score: History::windows(60), ..Detection::default() }.floor(1.0);
        let calm = [98.0, 102.0, 100.0, 97.0, 103.0, 101.0, 99.0, 100.0].into_iter().cycle().take(40);
        let start = Timestamp::from_millis(0).plus(WINDOW * from as u32).minus(WINDOW * 40);
        let windows = std::iter::successors(Some(Window { start }), |window| Some(window.later(WINDOW)));
        let series: Vec<_> = windows.zip(calm.chain([value])).collect();
        detect(&of, &series, &[], &config).remove(0)
    }

    #[test]
    fn a_failing_service_and_its_callers_are_one_incident_and_it_is_blamed() {
        let [web, cart, store, mail] = ["web", "cart", "store", "mail"].map(Name::from);
        let calls = [(&web, &cart), (&cart, &store)];
        let anomalies = [
            anomaly("web", "latency", 102, 300.0),
            anomaly("store", "error_rate", 100, 500.0),
            anomaly("cart", "error_rate", 101, 400.0),
            anomaly("mail", "log_volume", 101, 0.0),
        ];
        let found = incidents(&anomalies, calls);
        assert_eq!(incidents(anomalies.iter().rev(), calls), found);
        let [shop, other] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&*shop.suspects[0].service, shop.suspects.len(), shop.anomalies.len()), ("store", 3, 3));
        assert_eq!((shop.started_at, &*shop.id), (anomalies[1].window_start, "1970-01-01T00:16:40.000Z:store"));
        assert_eq!(shop.description, "3 anomalies (error_rate, latency) of 3 services, likely first cause store");
        assert_eq!((other.suspects[0].service.clone(), other.anomalies.len()), (mail, 1));
    }

    #[test]
    fn what_comes_long_after_is_another_incident() {
        let anomalies = [anomaly("store", "error_rate", 100, 500.0), anomaly("store", "error_rate", 160, 500.0)];
        assert_eq!(incidents(&anomalies, []).len(), 2);
        let mut of_all = anomalies[0].clone();
        of_all.service = None;
        assert_eq!(incidents([&of_all], []), []);
    }
}
