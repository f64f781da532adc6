//! What is known of logs, as the base collections of other queries have it.

use std::time::Duration;

use differential_dataflow::{Hashable, VecCollection};
use highwater_engine::{Epoch, Name, Series, Window, minutes, seconds};
use highwater_operators::{Anomaly, Fact, Origin, ServiceStats};

use super::Sources;

/// A fact: from where, in the step of which length, which step.
pub(super) type Row = ((Origin, Duration, Window), Fact);

type Facts<'s> = VecCollection<'s, Epoch, Row, isize>;

/// The worker that has a fact.
pub(super) fn place(((origin, ..), _): &Row) -> u64 {
    origin.hashed()
}

/// All that rules can be measured on.
pub(super) fn of<'s>(sources: &Sources<'s>) -> Facts<'s> {
    let Sources { stats, templates, anomalies, hosts } = sources;
    let mut facts = of_services(&stats.live).concat(of_services(&stats.minutes));
    if let Some(counts) = templates {
        let step = counts.window();
        facts = facts.concat(counts.rows().map(move |(((service, id), window), seen)| {
            ((Origin::Template(service, id), step, window), Fact::Levels(seen.levels))
        }));
    }
    if let Some(hosts) = hosts {
        let step = hosts.window();
        facts = facts.concat(hosts.rows().map(move |(((service, host), window), stats)| {
            ((Origin::Host(service, host), step, window), Fact::Stats(stats))
        }));
    }
    if let Some(anomalies) = anomalies {
        facts = facts.concat(anomalies.clone().flat_map(of_anomaly));
    }
    facts
}

fn of_services<'s>(stats: &Series<'s, Name, ServiceStats>) -> Facts<'s> {
    let step = stats.window();
    stats.rows().map(move |((service, window), stats)| ((Origin::Service(service), step, window), Fact::Stats(stats)))
}

/// Its score in each step that it lasts.
fn of_anomaly(anomaly: Anomaly) -> impl Iterator<Item = Row> {
    let Anomaly { service, window_start, window_end, score, .. } = anomaly;
    let origin = Origin::Anomaly(service, Name::from(anomaly.id));
    [seconds(10), minutes(1)].into_iter().flat_map(move |step| {
        let origin = origin.clone();
        let first = Window::containing(window_start, step);
        let steps = std::iter::successors(Some(first), move |window| Some(window.later(step)));
        let lasting = steps.take_while(move |window| *window == first || window.start < window_end);
        lasting.map(move |window| ((origin.clone(), step, window), Fact::Score(score)))
    })
}
