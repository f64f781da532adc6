//! [`Feed`]: what the dataflow is told of rules.

use std::{collections::BTreeMap, sync::Arc};

use highwater_engine::{Epoch, Input, InputError, Name};
use highwater_operators::RuleSpec;
use tokio::sync::Mutex;

use crate::{error::AlertingError, rule::Rules};

/// Rules on their way from the database into the dataflow. Clones are the same.
#[derive(Clone, Debug)]
pub struct Feed {
    rules: Rules,
    input: Input<Name, RuleSpec>,
    /// whoever reads the database first tells the dataflow first
    turn: Arc<Mutex<()>>,
}

/// Why the dataflow was not told.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The rules cannot be read.
    #[error(transparent)]
    Rules(#[from] AlertingError),
    /// The dataflow does not take them.
    #[error("the rule is stored, and is not in force before the next start: {0}")]
    Input(#[from] InputError),
}

impl Feed {
    pub(crate) fn new(rules: Rules, input: Input<Name, RuleSpec>) -> Feed {
        Feed { rules, input, turn: Arc::default() }
    }

    /// Tells of all rules, in place of those that the dataflow knows; in force from the epoch that is answered.
    ///
    /// # Errors
    /// Where the database fails, or the dataflow takes no rules.
    pub async fn all(&self) -> Result<Epoch, FeedError> {
        let _turn = self.turn.lock().await;
        let rules = self.rules.all().await?;
        let specs: BTreeMap<Name, RuleSpec> =
            rules.iter().filter_map(|rule| Some((rule.id.clone(), rule.spec()?))).collect();
        Ok(self.input.replace(specs).entered().await?)
    }

    /// Tells of one rule as it is now: made, changed, switched off or gone.
    ///
    /// # Errors
    /// Where the database fails, or the dataflow takes no rules.
    pub async fn one(&self, id: &str) -> Result<Epoch, FeedError> {
        let _turn = self.turn.lock().await;
        let spec = match self.rules.get(id).await {
            Ok(rule) => rule.spec(),
            Err(AlertingError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(self.input.set(Name::from(id), spec).entered().await?)
    }
}
