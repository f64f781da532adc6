//! View `incidents`: anomalies of the same time, along the service graph, with the likely first cause first.

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Flow, Name};
use highwater_operators::{Anomaly, catalog, incidents};

use crate::anomalies::Found;

/// Who calls whom.
pub type Calls<'s> = VecCollection<'s, Epoch, (Name, Name), isize>;

type Fact = Result<Anomaly, (Name, Name)>;

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, anomalies: &Found<'s>, calls: Option<Calls<'s>>) {
    // what explains an anomaly has no part in it
    let anomalies = anomalies.clone().map(|anomaly| ((), Ok(Anomaly { shifts: Vec::new(), ..anomaly })));
    let facts = match calls {
        Some(calls) => anomalies.concat(calls.map(|call| ((), Err(call)))),
        None => anomalies,
    };
    let found = facts.reduce(|(), facts: &[(&Fact, isize)], found| {
        let anomalies = facts.iter().filter_map(|(fact, _)| fact.as_ref().ok());
        let calls = facts.iter().filter_map(|(fact, _)| fact.as_ref().err()).map(|(caller, callee)| (caller, callee));
        found.extend(incidents(anomalies, calls).into_iter().map(|incident| (incident, 1)));
    });
    flow.table(catalog::INCIDENTS, found.map(|((), incident)| (Name::from(incident.id.as_str()), incident)));
}
