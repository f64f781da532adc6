//! [`Grouping`]: signs of the same time, along the service graph, are one incident.

use serde::{Deserialize, Serialize};

use super::incident::evidence;
use super::{Calls, Change, GroupingConfig, Incident, Sign};

/// The incidents that are open. A window at a time, in ascending order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    config: GroupingConfig,
    open: Vec<Incident>,
}

impl Grouping {
    /// Nothing seen yet.
    pub fn new(config: &GroupingConfig) -> Self {
        Grouping { config: *config, open: Vec::new() }
    }

    /// The incidents that are open, in the order in which they were opened.
    pub fn open(&self) -> &[Incident] {
        &self.open
    }

    /// The same, when nothing follows.
    pub fn into_open(self) -> Vec<Incident> {
        self.open
    }

    /// Takes the signs of one window: a series that belongs to an incident stays in it, others join an incident nearby that
    /// still grows, and where a service has enough of the rest, an incident is opened.
    pub fn step(
        &mut self,
        window: i64,
        signs: impl IntoIterator<Item = Sign>,
        calls: &Calls,
    ) -> Vec<(Change, Incident)> {
        let mut changes: Vec<_> = self.close(window).into_iter().map(|incident| (Change::Closed, incident)).collect();
        let mut free: Vec<Sign> =
            signs.into_iter().filter(|sign| sign.surprise >= 0.0 && !self.stays(window, sign)).collect();
        self.open.iter_mut().filter(|incident| incident.until >= window).for_each(|one| one.weigh(calls, &self.config));
        for at in self.join(window, &mut free, calls) {
            changes.push((Change::Grown, self.open[at].clone()));
        }
        while let Some(service) = self.opens(&free) {
            let incident = self.incident(window, service, &mut free, calls);
            changes.push((Change::Opened, incident.clone()));
            self.open.push(incident);
        }
        let excess = self.open.len().saturating_sub(self.config.most_open.max(1));
        changes.extend(self.open.drain(..excess).map(|incident| (Change::Closed, incident)));
        changes
    }

    fn close(&mut self, window: i64) -> Vec<Incident> {
        let config = self.config;
        self.open.extract_if(.., |incident| incident.is_over(window, &config)).collect()
    }

    /// Whether the sign is of a series that belongs to an incident and has not left it; then it is noted there.
    fn stays(&mut self, window: i64, sign: &Sign) -> bool {
        let config = self.config;
        self.open.iter_mut().any(|incident| incident.keeps(window, sign, &config))
    }

    /// Lets signs join incidents nearby, and those near them; says which incidents have grown.
    fn join(&mut self, window: i64, free: &mut Vec<Sign>, calls: &Calls) -> Vec<usize> {
        let config = self.config;
        let mut grown = Vec::new();
        for (at, incident) in self.open.iter_mut().enumerate().filter(|(_, incident)| incident.grows(window, &config)) {
            if incident.take(window, free, calls, &config) {
                grown.push(at);
            }
        }
        grown
    }

    /// The service with the most evidence among these signs, where that is enough.
    fn opens(&self, free: &[Sign]) -> Option<String> {
        let evidence = evidence(free, self.config.corroborating);
        let (service, most) = evidence.into_iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
        (most >= self.config.open_from).then_some(service)
    }

    fn incident(&self, window: i64, service: String, free: &mut Vec<Sign>, calls: &Calls) -> Incident {
        let mut incident = Incident::opened_by(service, window);
        incident.take(window, free, calls, &self.config);
        incident
    }
}
