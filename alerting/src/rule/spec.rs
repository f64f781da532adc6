//! [`RuleSpec`]: what the dataflow needs to know of a rule.

use highwater_engine::Name;
use highwater_operators::{Real, RuleSpec};

use super::{Rule, RuleDraft};

impl Rule {
    /// The rule for the dataflow; none of one that is switched off.
    pub fn spec(&self) -> Option<RuleSpec> {
        self.draft.is_active.then(|| self.draft.spec(self.id.clone()))
    }
}

impl RuleDraft {
    /// The rule for the dataflow, under this id.
    pub fn spec(&self, id: Name) -> RuleSpec {
        RuleSpec {
            id,
            name: self.name.as_str().into(),
            description: self.description.clone(),
            severity: self.severity,
            labels: self.labels.clone(),
            metric: self.metric,
            condition: self.condition,
            // absence has none
            threshold: Real::from(self.threshold.unwrap_or_default()),
            clear_threshold: self.clear_threshold.map(Real::from),
            time_window: self.time_window,
            hold: self.hold,
            keep_firing_for: self.keep_firing_for,
            levels: self.levels.clone(),
            services: self.services.clone(),
            group_by: self.group_by,
            no_data: self.no_data,
            evaluate: self.evaluate,
        }
    }
}
