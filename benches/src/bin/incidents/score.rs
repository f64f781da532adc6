//! What was told against what was scripted.

use std::{collections::BTreeMap, io::Write, time::Duration};

use anyhow::Result;
use highwater_connectors::generator::{Incident, IncidentKind, schedule, services, upcoming};
use highwater_engine::{Name, Timestamp, seconds};
use highwater_operators::{Anomaly, Method};

/// What begins so soon after an incident is a part of it: queues empty, and what was held up comes.
const AFTERMATH: Duration = seconds(30);

/// How soon incidents were found, and what was told for nothing.
pub(crate) struct Score {
    /// by kind, after how long each was found, in windows from the one that it began in; none where it was not
    delays: Vec<(IncidentKind, Vec<Option<u64>>)>,
    /// by metric, and those that days and weeks alone find
    false_alarms: BTreeMap<Name, usize>,
    of_long_term: usize,
    service_days: f64,
}

impl Score {
    /// Of what was told from `from` to `to`, in windows of `window`.
    pub(crate) fn of(told: &[Anomaly], window: Duration, anchor: Timestamp, from: Timestamp, to: Timestamp) -> Self {
        let incidents = std::iter::successors(upcoming(anchor, from), |last| upcoming(anchor, last.from))
            .take_while(|incident| incident.until.plus(AFTERMATH) < to);
        let mut delays: Vec<(IncidentKind, Vec<Option<u64>>)> = Vec::new();
        for incident in incidents {
            let first =
                told.iter().filter(|anomaly| is_of(anomaly, &incident)).map(|anomaly| anomaly.detected_at).min();
            let delay =
                first.map(|at| at.since(incident.from.align(window)).as_micros().div_ceil(window.as_micros()) as u64);
            match delays.iter_mut().find(|(kind, _)| *kind == incident.kind) {
                Some((_, delays)) => delays.push(delay),
                None => delays.push((incident.kind, vec![delay])),
            }
        }
        let counted = told.iter().filter(|anomaly| anomaly.window_start >= from && anomaly.window_end <= to);
        let (mut false_alarms, mut of_long_term) = (BTreeMap::<Name, usize>::new(), 0);
        for anomaly in counted.filter(|anomaly| !is_explained(anomaly, anchor)) {
            *false_alarms.entry(anomaly.metric_name.clone()).or_default() += 1;
            of_long_term += usize::from(anomaly.methods == [Method::LongTerm]);
        }
        let service_days = services().len() as f64 * to.since(from).as_secs_f64() / 86_400.0;
        Score { delays, false_alarms, of_long_term, service_days }
    }

    /// Prints a line for the false alarms, one for each kind of incident, and one for all.
    pub(crate) fn print(&self, out: &mut impl Write) -> Result<()> {
        let alarms = self.false_alarms.values().sum::<usize>() as f64 / self.service_days;
        let by_metric: Vec<String> =
            self.false_alarms.iter().map(|(metric, alarms)| format!("{metric} {alarms}")).collect();
        let (by_metric, of_long_term) = (by_metric.join(", "), self.of_long_term);
        writeln!(
            out,
            "{alarms:.2} false alarms a service and day ({by_metric}; {of_long_term} by days and weeks alone)"
        )?;
        let all: Vec<_> = self.delays.iter().flat_map(|(_, delays)| delays).copied().collect();
        let of_kinds = self.delays.iter().map(|(kind, delays)| (kind.to_string(), delays.as_slice()));
        for (name, delays) in of_kinds.chain([("all together".to_owned(), all.as_slice())]) {
            let mut found: Vec<u64> = delays.iter().copied().flatten().collect();
            found.sort_unstable();
            let quantile = |share: usize| {
                let at = (found.len() * share / 100).min(found.len().saturating_sub(1));
                found.get(at).map_or_else(|| "-".to_owned(), u64::to_string)
            };
            writeln!(
                out,
                "  {name:16} {:5} of {:5} found; windows until then: {} in the middle, {} at the 95th percentile",
                found.len(),
                delays.len(),
                quantile(50),
                quantile(95)
            )?;
        }
        Ok(())
    }
}

/// Whether an anomaly shows an incident where it happened.
fn is_of(anomaly: &Anomaly, incident: &Incident) -> bool {
    anomaly.service.as_deref() == Some(incident.service)
        && anomaly.window_end > incident.from
        && anomaly.window_start < incident.until
        && anomaly.detected_at > incident.from
}

/// Whether something was wrong at the time, anywhere: callers suffer, too.
fn is_explained(anomaly: &Anomaly, anchor: Timestamp) -> bool {
    let mut at = anomaly.window_start.minus(AFTERMATH);
    while at < anomaly.window_end {
        if schedule(anchor, at).is_some() {
            return true;
        }
        at = at.plus(seconds(5));
    }
    false
}
